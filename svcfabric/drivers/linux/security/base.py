"""The tables themselves: maps, sets and base chains that all ports share. Pure.

Essentials pass whatever the groups say: DHCP's requests and answers, neighbour discovery, multicast
membership. Servers' side of DHCP and router advertisements never pass from a filtered port.
"""

from __future__ import annotations

from svcfabric.drivers.linux.security import names

#: of the bridge namespace. Or a connection that was cut would begin anew, the other way round, with whatever its
#: server sends next. What belongs to no connection has to pass the rules, packet by packet.
SYSCTLS = {"net/netfilter/nf_conntrack_tcp_loose": "0"}

_STATEFUL = f"meta mark & {names.STATEFUL:#x} != 0"
_KNOWN = f"{_STATEFUL} ct state established,related accept"
# last: what has a zone can no longer be left untracked
_ZONED = f"ct zone set iifname map @{names.bare(names.ZONE)}"
_IGMP = 2

_AT = "iifname . ether saddr"


def _within(name: str) -> str:
    return f"@{names.bare(name)}"


CHAINS = {
    f"{names.BRIDGE} c_wide": (
        "",
        [f"iifname vmap {_within(names.WIDE)}", "drop"],
    ),
    f"{names.BRIDGE} c_in": (
        "type filter hook prerouting priority -300; policy accept;",
        [
            "meta mark set 0",
            f"meta mark set iifname map {_within(names.IN)}",
            "meta mark 0 accept",
            # nothing but ARP and IP; no VLAN tags, behind which the rules would not look
            "ether type != { ip, ip6, arp } drop",
            f"{_AT} . ip saddr {_within(names.SOURCES4)} accept",
            # this nft knows no name for the target of an advertisement
            f"icmpv6 type 136 {_AT} . @th,64,128 != {_within(names.TARGETS)} goto c_wide",
            f"{_AT} . ip6 saddr {_within(names.SOURCES6)} accept",
            f"{_AT} != {_within(names.MACS)} drop",
            f"iifname . arp saddr ether . arp saddr ip {_within(names.SOURCES4)} accept",
            f"arp saddr ip 0.0.0.0 iifname . arp saddr ether {_within(names.MACS)} accept",
            "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
            "ip6 saddr :: icmpv6 type { 131, 132, 133, 135, 143 } accept",
            "goto c_wide",
        ],
    ),
    f"{names.BRIDGE} c_out": (
        "type filter hook forward priority -300; policy accept;",
        [
            "meta mark set 0",
            f"meta mark set oifname map {_within(names.OUT)}",
            "meta mark != 0 ether type != { ip, ip6, arp } drop",
        ],
    ),
    f"{names.INET} c_track": (
        "type filter hook prerouting priority -300; policy accept;",
        [
            # nothing can answer these in a way that would belong to them
            "meta pkttype { broadcast, multicast } notrack accept",
            f"{_STATEFUL} {_ZONED} accept",
            f"iifname . ether daddr @{names.bare(names.TRACKED)} {_ZONED} accept",
            "notrack",
        ],
    ),
    f"{names.INET} c_from": (
        "type filter hook prerouting priority -100; policy accept;",
        [
            "meta mark 0 accept",
            _KNOWN,
            "udp sport . udp dport { 67 . 68, 547 . 546 } drop",
            "icmpv6 type 134 drop",
            "udp sport . udp dport { 68 . 67, 546 . 547 } accept",
            "icmpv6 type { 130, 131, 132, 133, 135, 136, 143 } accept",
            f"meta l4proto {_IGMP} accept",
            f"meta mark vmap @{names.bare(names.FROM)}",
            "drop",
        ],
    ),
    f"{names.INET} c_to": (
        "type filter hook forward priority 0; policy accept;",
        [
            "meta mark 0 accept",
            _KNOWN,
            "udp sport . udp dport { 67 . 68, 547 . 546 } accept",
            "icmpv6 type { 130, 131, 132, 134, 135, 136, 143 } accept",
            f"meta l4proto {_IGMP} accept",
            f"meta mark vmap @{names.bare(names.TO)}",
            "drop",
        ],
    ),
}

SETS = {
    names.IN: ("map", "type ifname : mark;"),
    names.OUT: ("map", "type ifname : mark;"),
    names.MACS: ("set", "type ifname . ether_addr;"),
    names.SOURCES4: ("set", "type ifname . ether_addr . ipv4_addr;"),
    names.SOURCES6: ("set", "type ifname . ether_addr . ipv6_addr;"),
    names.TARGETS: ("set", "typeof iifname . ether saddr . @th,64,128;"),
    names.WIDE: ("map", "type ifname : verdict;"),
    names.ZONE: ("map", "typeof iifname : ct zone;"),
    names.FROM: ("map", "type mark : verdict;"),
    names.TO: ("map", "type mark : verdict;"),
    names.TRACKED: ("set", "type ifname . ether_addr;"),
}


def made() -> str:
    """nft text that makes the tables, or sets their base chains' rules anew; disturbs nothing that is there."""
    lines = [f"add table {each}" for each in (names.BRIDGE, names.INET)]
    lines += [f"add {what} {name} {{ {definition} }}" for name, (what, definition) in SETS.items()]
    for name, (definition, _) in CHAINS.items():
        lines += [f"add chain {name} {{ {definition} }}" if definition else f"add chain {name}", f"flush chain {name}"]
    lines += [f"add rule {name} {each}" for name, (_, rules) in CHAINS.items() for each in rules]
    return "\n".join(lines) + "\n"


def gone() -> str:
    """nft text that takes the tables away, whether they are there or not."""
    return "".join(f"add table {each}\ndelete table {each}\n" for each in (names.BRIDGE, names.INET))


def essential(protocol: int, source_port: int, port: int) -> bool:
    """Whether such a packet, to one address, passes whatever the rules are (see ``CHAINS``), answers included."""
    pairs = {(68, 67), (546, 547), (67, 68), (547, 546)}
    return protocol == _IGMP or (protocol == 17 and (source_port, port) in pairs)
