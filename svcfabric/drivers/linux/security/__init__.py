"""Security groups on bridge ports: stateful filtering and anti-spoofing by nftables.

All bridges of a host are in one namespace, so addresses overlap there and only interfaces say who is meant.
A frame's way, and what decides about it:

1. ``bridge`` prerouting: what comes in at a filtered port's interface is marked with the port's number, and
   dropped if it may not send that (MAC, ARP, source addresses). Frames from elsewhere (tunnels, legs of routers)
   have mark 0.
2. ``inet`` prerouting, reached through br_netfilter, which only bridges with filtered ports have switched on:
   each network has a connection tracking zone; what belongs to a known connection passes; anything else has
   to pass the sender's egress rules.
3. ``bridge`` forward, once for each copy of a flooded frame: the mark becomes the number of the filtered port
   it goes out to, or 0.
4. ``inet`` forward: connections again, then the receiver's ingress rules.

A port is elements of maps and sets, no more; ports in the same groups share a policy, whose chains jump to the
groups'. Sets belong to groups' members and address lists. A chain or set that something refers to is made empty
when what should be in it has not arrived yet.
"""
