"""Cut connections: forget what a namespace's connection table has of certain addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from svcfabric.drivers.linux import ctnetlink, netns


def cut(namespace: str, outside: str, inside: str) -> int:
    """Forget all connections translated between the addresses ``outside`` and ``inside``; how many.

    The next packet of such a connection meets the rules as they are now. Cut after the rules changed.
    """
    floating, fixed = ipaddress.ip_address(outside), ipaddress.ip_address(inside)

    def translated(first: ctnetlink.Tuple, answer: ctnetlink.Tuple) -> bool:
        return first.destination == floating or (first.source == fixed and answer.destination == floating)

    return netns.run_in(namespace, _cut, floating.packed, translated)


def cut_ports(namespace: str, outside: str, spans: Iterable[tuple[int, int, int]]) -> int:
    """Forget all connections to certain ports of the address ``outside``; how many.

    ``spans``: (protocol's number, first port, last port).
    """
    floating, wanted = ipaddress.ip_address(outside), list(spans)

    def led_on(first: ctnetlink.Tuple, _answer: ctnetlink.Tuple) -> bool:
        return first.destination == floating and any(
            first.protocol == protocol and low <= first.port <= high for protocol, low, high in wanted
        )

    return netns.run_in(namespace, _cut, floating.packed, led_on)


def _cut(address: bytes, wrong: Callable[[ctnetlink.Tuple, ctnetlink.Tuple], bool]) -> int:
    found = []
    for entry in ctnetlink.entries([address]):
        first, answer = ctnetlink.original(entry), ctnetlink.reply(entry)
        if first is not None and answer is not None and wrong(first, answer):
            found.append(entry)
    ctnetlink.delete(found)
    return len(found)
