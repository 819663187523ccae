"""Quality of service: limits of bandwidth and packet rate, DSCP marks.

A port is limited at the bridge's end of its wire (``ports``), in the bridge namespace, where its holder cannot
reach. What it receives waits in a shaper (htb) on that interface. What it sends arrives there: an nftables rule
forwards it to an ifb device with a shaper, behind which the kernel takes it back in as if nothing had happened.
Packet rates and marks are rules of the same table, one table a port.

Floating IPs and a router's gateway are limited on the gateway leg (``gateways``), in the router's namespace: one
shaper (htb) for what goes out, one on an ifb device for what comes in, a class in each for each limited address.

Nothing here is there without a policy; changing a limit drops no packet that waits.
"""
