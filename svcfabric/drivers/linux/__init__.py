"""The host kit all local drivers use, and the core L2/L3 drivers. No process per item, no ``ip`` command.

======================  =====================================================================================
module                  what it is for
======================  =====================================================================================
``fault``               ``HostFault`` and its kinds; ``guarded`` turns what a driver raises into a report
``host``                ``Host``: the names an agent uses on its machine, its bridge namespace, its locks
``netns``               make, delete, list namespaces; run a function (or a netlink socket) inside one
``link``, ``names``     find, list and delete links by name; how interfaces are named
``sysctl``              per-namespace sysctls; the machine-wide neighbour limits
``segment``             a network's bridge and its VXLAN device or physical interface
``leg``                 an interface of an inserted function: veth from its namespace to a network's bridge
``forwarding``          static forwarding entries and suppressed ARP on a network's bridge
``arp``                 gratuitous ARP and unsolicited neighbour advertisements
``address``, ``route``  the addresses of an interface, the routes of a namespace: exactly these
``nft``                 atomic nftables changes through libnftables, inside a namespace
``conntrack``           cut the connections that use an address
``process``             daemons that outlive the agent and are adopted by the next one
``files``, ``records``  files swapped by rename; one small JSON file per instance
``wire``, ``plug``      a port's own veth pair; put its free end into a namespace (a server's, say)
``dhcp_hosts``          what DHCP and metadata know of the ports here, as files
``nat``                 a router's NAT rules as text, a pure function
``l2``                  the drivers of networks and ports
``l3``, ``floating``    the drivers of routers and floating IPs
======================  =====================================================================================

``None`` as a namespace always means the agent's own, i.e. that of the process's main thread.
"""
