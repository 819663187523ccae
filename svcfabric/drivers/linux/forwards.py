"""Port forwarding as elements of the router's NAT maps: text, as a pure function of what should be.

A range that keeps its numbers, or that leads to one port, is one element; another is one element per port. Elements
come and go one by one, so that no other forwarding is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from svcfabric.drivers.linux.nat import TABLE
from svcfabric.spi.l2l3 import PortForward

PORTS, SPANS, SAME = "m_ports", "m_spans", "m_same"
NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
_NAMES = {str(number): name for name, number in NUMBERS.items()}

Elements = dict[tuple[str, str], str]  # (map, key) -> value

_KEY = "ipv4_addr . inet_proto . inet_service"
_LOOKUP = "ip daddr . meta l4proto . th dport map"
MAPS = (
    f"add map {TABLE} {PORTS} {{ type {_KEY} : ipv4_addr . inet_service; }}",
    f"add map {TABLE} {SPANS} {{ type {_KEY} : ipv4_addr . inet_service; flags interval; }}",
    f"add map {TABLE} {SAME} {{ type {_KEY} : ipv4_addr; flags interval; }}",
)
_PORTED = f"meta l4proto {{ {', '.join(NUMBERS)} }}"
RULES = (
    f"{_PORTED} dnat ip to {_LOOKUP} @{PORTS}",
    f"{_PORTED} dnat ip to {_LOOKUP} @{SPANS}",
    f"{_PORTED} dnat to {_LOOKUP} @{SAME}",
)


def elements(floating: str, forwards: Iterable[PortForward]) -> Elements:
    """What the maps hold for one floating address. Raises ``ValueError`` for a protocol without ports."""
    return {(name, key): value for each in forwards for name, key, value in _of(floating, each)}


def _of(floating: str, forward: PortForward) -> Iterator[tuple[str, str, str]]:
    if forward.protocol not in NUMBERS:
        raise ValueError(f"protocol {forward.protocol!r} has no ports to forward")
    start = f"{floating} . {forward.protocol} . "
    first, last = forward.external_first, forward.external_last
    if first == last:
        yield PORTS, f"{start}{first}", f"{forward.address} . {forward.first}"
    elif forward.first == forward.last:
        yield SPANS, f"{start}{first}-{last}", f"{forward.address} . {forward.first}"
    elif forward.first == first:
        yield SAME, f"{start}{first}-{last}", forward.address
    else:
        for port in range(first, last + 1):
            yield PORTS, f"{start}{port}", f"{forward.address} . {forward.first + port - first}"


def changes(before: Elements, after: Elements) -> str:
    """nft text from the elements that are there to those that should be."""
    gone = [each for each in before.items() if after.get(each[0]) != each[1]]
    new = [each for each in after.items() if before.get(each[0]) != each[1]]
    return "".join(_line("delete", *each) for each in gone) + "".join(_line("add", *each) for each in new)


def _line(verb: str, place: tuple[str, str], value: str) -> str:
    name, key = place
    return f"{verb} element {TABLE} {name} {{ {key} : {value} }}\n"


def listed(listing: Iterable[Mapping[str, Any]]) -> Elements:
    """The elements of all floating addresses, out of ``nft.list_json`` of the router's table."""
    found: Elements = {}
    for item in listing:
        name = item.get("map", {}).get("name")
        if name in (PORTS, SPANS, SAME):
            for key, value in item["map"].get("elem", []):
                address, protocol, port = (_text(part) for part in key["concat"])
                found[name, f"{address} . {_NAMES.get(protocol, protocol)} . {port}"] = _text(value)
    return found


def mine(found: Elements, floating: str) -> Elements:
    """Those of one floating address."""
    return {place: value for place, value in found.items() if place[1].startswith(f"{floating} . ")}


def _text(value: Any) -> str:
    if isinstance(value, dict) and "concat" in value:
        return " . ".join(_text(part) for part in value["concat"])
    if isinstance(value, dict) and "range" in value:
        return "-".join(str(end) for end in value["range"])
    return str(value)
