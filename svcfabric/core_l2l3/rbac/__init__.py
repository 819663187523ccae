"""Sharing: which projects besides the owner a policy lets at a network, security group, pool, …"""
