"""What routers do beyond routing and source NAT: port forwarding, conntrack helpers, router advertisements,
floating IP pools, moving by hand, failover.
"""
