"""DHCP by dnsmasq, one process per network and host, and metadata by one small process per host.

===========  ===================================================================================================
module       what it is for
===========  ===================================================================================================
``driver``   what the agent calls
``render``   dnsmasq's configuration as text, a pure function
``daemon``   one network's dnsmasq: start, adopt, reread
``leases``   leases of those who are gone: release them, so that others may have the addresses
``border``   nothing of the server crosses to other hosts, each of which has the same
``metadata`` the driver's side of metadata: sockets in every network's namespace, handed to the process
``proxy``    that process: who asks, forwarded and signed; standard library only
``neighbour``  the MAC address behind an address, asked by netlink
===========  ===================================================================================================
"""
