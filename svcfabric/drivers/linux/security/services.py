"""What rules let through apart from addresses: protocols, destination ports, ICMP messages. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from svcfabric.spi.security import SecurityRule

ICMP, ICMPV6 = 1, 58
WITH_PORTS = frozenset({6, 17, 33, 132, 136})

Ranges = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Services:
    """The union of what some rules let through.

    ``ports``: protocol -> ranges of destination ports; ``messages``: ICMP type -> ranges of codes. Ranges are
    inclusive, sorted, and neither touch nor overlap.
    """

    anything: bool = False
    protocols: frozenset[int] = frozenset()
    ports: Mapping[int, Ranges] = dataclasses.field(default_factory=dict)
    messages: Mapping[int, Ranges] = dataclasses.field(default_factory=dict)


def protocol_of(rule: SecurityRule) -> int:
    """The rule's IP protocol number, -1 for any. ICMP in IPv6 is ICMPv6, by whichever number it is called."""
    if not rule.protocol:
        return -1
    number = int(rule.protocol)
    if not 0 <= number <= 255:
        raise ValueError(f"rule: protocol {number} is not between 0 and 255")
    return ICMPV6 if number == ICMP and rule.version == 6 else number


def icmp_of(version: int) -> int:
    """The protocol number of ICMP in that version of IP."""
    return ICMP if version == 4 else ICMPV6


def span(rule: SecurityRule) -> tuple[int, int] | None:
    """The destination ports, or ICMP codes, that the rule lets through; None for all (and for all of the protocol)."""
    if rule.first < 0:
        return None
    protocol = protocol_of(rule)
    if protocol in WITH_PORTS:
        low, high = rule.first, rule.last if rule.last >= 0 else rule.first
        limit = 65535
    elif protocol == icmp_of(rule.version):
        low, high = (rule.last, rule.last) if rule.last >= 0 else (0, 255)
        limit = 255
        if rule.first > limit:
            raise ValueError(f"rule: ICMP type {rule.first} is over 255")
    else:
        raise ValueError(f"rule: ports of protocol {rule.protocol or 'any'}")
    if not low <= high <= limit:
        raise ValueError(f"rule: {low} to {high} is no range up to {limit}")
    return low, high


def services(rules: Iterable[SecurityRule]) -> Services:
    """What the rules, all of one version of IP, let through together. Raises ``ValueError`` for senseless ones."""
    anything, protocols = False, set()
    ports: dict[int, list[tuple[int, int]]] = {}
    messages: dict[int, list[tuple[int, int]]] = {}
    for rule in rules:
        protocol, allowed = protocol_of(rule), span(rule)
        if protocol < 0:
            anything = True
        elif allowed is None:
            protocols.add(protocol)
        elif protocol in WITH_PORTS:
            ports.setdefault(protocol, []).append(allowed)
        else:
            messages.setdefault(rule.first, []).append(allowed)
    if anything:
        return Services(anything=True)
    if protocols & {ICMP, ICMPV6}:
        messages = {}
    return Services(
        protocols=frozenset(protocols),
        ports={each: merged(found) for each, found in ports.items() if each not in protocols},
        messages={each: merged(found) for each, found in messages.items()},
    )


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same numbers in as few ranges as possible, sorted."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)
