"""A router's nft table of limits: which class on the gateway leg a packet is in, packet rates, marks. Pure.

Floating addresses with limits have two chains each, by the number of their class; the gateway's limits are for
what has no floating address. All of it is on the gateway leg's own hooks, where addresses are the outside's.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from svcfabric.drivers.linux.qos import port_rules
from svcfabric.spi.l2l3 import Qos

TABLE = "netdev sf_qos"
OUT, IN = f"{TABLE} c_out", f"{TABLE} c_in"
GATEWAY_CLASS = 2
FIRST_CLASS = 16
LIMITED, OPEN = "limited", "open"

_IP = "meta protocol { ip, ip6 }"
# What the router and its neighbours say to each other is nobody's traffic.
_LINK = "ip6 daddr { fe80::/10, ff00::/8 } accept"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the limits are: the gateway leg and the ifb device, (name, index) each."""

    leg: tuple[str, int]
    ifb: tuple[str, int]


def base(place: Place, gateway: Qos, floating: Iterable[str]) -> str:
    """nft text of the table with the gateway's limits; the chains of floating addresses stay as they are.

    ``floating``: all floating addresses of the router, which the gateway's limits are not for.
    """
    addresses = ", ".join(sorted(floating))
    lines = [
        f"add table {TABLE}",
        f"add map {TABLE} v_out {{ type ipv4_addr : verdict; }}",
        f"add map {TABLE} v_in {{ type ipv4_addr : verdict; }}",
        f"add set {TABLE} s_floating {{ type ipv4_addr; }}",
        *([f"add element {TABLE} s_floating {{ {addresses} }}"] if addresses else []),
        *_chain(OUT, "egress", place, _outgoing(gateway), comment_of(place, gateway)),
        *_chain(IN, "ingress", place, _incoming(gateway, place.ifb[0])),
    ]
    return "\n".join(lines) + "\n"


def comment_of(place: Place, gateway: Qos) -> str:
    """What the table's first rule remarks: a digest of all ``base`` depends on, and whether the gateway is limited."""
    digest = hashlib.sha256(f"{place} {gateway}".encode()).hexdigest()[:32]
    return f"{digest} {OPEN if gateway == Qos() else LIMITED}"


def comment_in(listing: Iterable[Mapping[str, Any]]) -> str:
    """That remark out of ``nft.list_json`` of ``chain OUT``; "" without any."""
    return next((str(each["rule"]["comment"]) for each in listing if "comment" in each.get("rule", {})), "")


def classes_in(listing: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The classes' numbers by floating address, out of ``nft.list_json`` of the map ``v_out``."""
    elements = [element for each in listing for element in each.get("map", {}).get("elem", ())]
    return {str(address): int(verdict["goto"]["target"].removeprefix("c_out")) for address, verdict in elements}


def class_of(floating: str, known: Mapping[str, int]) -> int:
    """The number of an address's class: the one it has, or the first that is free."""
    number, taken = known.get(floating, FIRST_CLASS), set(known.values())
    while floating not in known and number in taken:
        number += 1
    return number


def put(floating: str, number: int, qos: Qos, ifb: str) -> str:
    """nft text that limits a floating address; its class has that number."""
    outgoing, incoming = port_rules.sent(qos), port_rules.received(qos)
    if qos.egress_kbps:
        outgoing.append(f"meta priority set 1:{number:x}")
    if qos.ingress_kbps:
        incoming += [f"meta priority set 1:{number:x}", f'fwd to "{ifb}"']
    lines = []
    for chain, verdicts, key, statements in _chains(floating, number, outgoing, incoming):
        lines += [f"add chain {chain}", f"flush chain {chain}"]
        lines += [f"add rule {chain} {each}" for each in statements]
        lines.append(f"add element {verdicts} {{ {key} }}")
    return "\n".join([*lines, _known(floating)]) + "\n"


def know(floating: str) -> str:
    """nft text: this address is a floating one, without limits of its own."""
    return _known(floating) + "\n"


def drop(floating: str, number: int, *, gone: bool) -> str:
    """nft text that ends an address's limits, whether they are there or not (number 0: there are none).

    ``gone``: the address is no floating one of the router any more.
    """
    lines = []
    for chain, verdicts, key, _ in _chains(floating, number, (), ()) if number else ():
        lines += [f"add chain {chain}", f"add element {verdicts} {{ {key} }}", f"delete element {verdicts} {{ {key} }}"]
        lines += [f"flush chain {chain}", f"delete chain {chain}"]
    lines.append(_known(floating))
    if gone:
        lines.append(f"delete element {TABLE} s_floating {{ {floating} }}")
    return "\n".join(lines) + "\n"


def _known(floating: str) -> str:
    return f"add element {TABLE} s_floating {{ {floating} }}"


def _chains(
    floating: str, number: int, outgoing: Sequence[str], incoming: Sequence[str]
) -> tuple[tuple[str, str, str, Sequence[str]], ...]:
    out, into = f"c_out{number}", f"c_in{number}"
    return (
        (f"{TABLE} {out}", f"{TABLE} v_out", f"{floating} : goto {out}", outgoing),
        (f"{TABLE} {into}", f"{TABLE} v_in", f"{floating} : goto {into}", incoming),
    )


def _chain(name: str, hook: str, place: Place, statements: Sequence[str], comment: str = "") -> list[str]:
    """A base chain, made anew: the leg it hangs on may be another."""
    definition = f'type filter hook {hook} device "{place.leg[0]}" priority 0; policy accept;'
    # no class, unless something below says which: forwarding sets a priority of its own
    first = "meta priority set 1:0" + (f' comment "{comment}"' if comment else "")
    return [
        f"add chain {name}",
        f"flush chain {name}",
        f"delete chain {name}",
        f"add chain {name} {{ {definition} }}",
        *(f"add rule {name} {each}" for each in (first, *statements)),
    ]


def _outgoing(gateway: Qos) -> list[str]:
    statements = ["ip saddr vmap @v_out"]
    if gateway == Qos():
        return statements
    statements += ["ip saddr @s_floating accept", _LINK]
    statements += [each if each.startswith("ip") else f"{_IP} {each}" for each in port_rules.sent(gateway)]
    if gateway.egress_kbps:
        statements.append(f"{_IP} meta priority set 1:{GATEWAY_CLASS:x}")
    return statements


def _incoming(gateway: Qos, ifb: str) -> list[str]:
    statements = ["ip daddr vmap @v_in"]
    if gateway == Qos():
        return statements
    statements += ["ip daddr @s_floating accept", _LINK]
    statements += [f"{_IP} {each}" for each in port_rules.received(gateway)]
    if gateway.ingress_kbps:
        statements += [f"{_IP} meta priority set 1:{GATEWAY_CLASS:x}", f'{_IP} fwd to "{ifb}"']
    return statements
