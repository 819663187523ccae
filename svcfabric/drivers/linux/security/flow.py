"""A tracked connection as the rules see it, by who began it."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator

from svcfabric.drivers.linux.security.base import essential
from svcfabric.drivers.linux.security.services import ICMP, ICMPV6, protocol_of, span
from svcfabric.spi.security import SecurityRule

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Its first packet. ``source_port``, ``port``: of protocols that have them; ``icmp``: (id, type, code) or None."""

    zone: int
    source: Address
    destination: Address
    protocol: int
    source_port: int = 0
    port: int = 0
    icmp: tuple[int, int, int] | None = None

    @property
    def essential(self) -> bool:
        """Whether it passes whatever the rules are."""
        return essential(self.protocol, self.source_port, self.port)


class Policy:
    """A group's rules, sorted so that those about a flow are found at once."""

    def __init__(self, rules: Iterable[SecurityRule]) -> None:
        self._found: dict[tuple[str, int, int], list[tuple[int, int, int, SecurityRule]]] = {}
        for rule in rules:
            protocol = protocol_of(rule)
            low, high = span(rule) or (-1, 1 << 16)
            message = rule.first if protocol in (ICMP, ICMPV6) else -1
            self._found.setdefault((rule.direction, rule.version, protocol), []).append((low, high, message, rule))

    def about(self, direction: str, flow: Flow) -> Iterator[SecurityRule]:
        """The rules of that direction that let such packets through, if the other side is right."""
        port, message = (flow.port, -1) if flow.icmp is None else (flow.icmp[2], flow.icmp[1])
        for protocol in (-1, flow.protocol):
            for low, high, wanted, rule in self._found.get((direction, flow.source.version, protocol), ()):
                if low <= port <= high and wanted in (-1, message):
                    yield rule
