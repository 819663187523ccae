"""Networks, subnets, ports, routers, floating IPs: the bundled core, with the network API its clients know."""
