"""IP protocols as rules name them (IANA)."""

from __future__ import annotations

ANY = "any"
NUMBERS = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "hopopt": 0,
    "icmp": 1,
    "igmp": 2,
    "ip": 0,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "vrrp": 112,
}
ICMP, ICMPV6 = 1, 58
WITH_PORTS = {NUMBERS[name]: name.upper() for name in ("dccp", "sctp", "tcp", "udp", "udplite")}
IPV6_ONLY = frozenset(NUMBERS[name] for name in NUMBERS if name.startswith("ipv6-"))
# Names and numbers clients use for ICMPv6 in IPv6 rules, and what they are stored as.
_ICMPV6_NAMES = {"icmp": "ipv6-icmp", "icmpv6": "ipv6-icmp", "1": "58"}


def canonical(protocol: str | None, ethertype: str) -> str | None:
    """The protocol as stored: ICMP of an IPv6 rule is ICMPv6."""
    if protocol is not None and ethertype == "IPv6":
        return _ICMPV6_NAMES.get(protocol, protocol)
    return protocol


def number(protocol: str) -> int:
    """The number of a name or number."""
    found = NUMBERS.get(protocol)
    return int(protocol) if found is None else found


def matched(protocol: str | None) -> str:
    """What packets are compared with: a number as text, "" for any. ``ip`` and 0 have always meant any."""
    if protocol in (None, "ip", "0"):
        return ""
    return str(number(protocol or ""))
