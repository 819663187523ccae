"""DHCP: answered on every host that has the network, for the ports bound there, at one address (see ADR 0007).

A network with a subnet that wants DHCP has a port for it once it is on a host, bound nowhere: its id is the
instance's, which is placed wherever the network is. The instance's hosts make the same leg of it.
"""
