"""A filtered port: what is remembered of it, its elements in maps and sets. Pure."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Collection
from typing import Any

from svcfabric.drivers.linux import names as interfaces
from svcfabric.drivers.linux.security import antispoof, names
from svcfabric.drivers.linux.security.shapes import Network
from svcfabric.spi.l2l3 import PortSpec


@dataclasses.dataclass(frozen=True)
class GuardedPort:
    """A port that is filtered on this host.

    ``number``: the port's in marks; ``zone``: its network's connection tracking zone. Both are unique on the
    host. ``claims``: (MAC, CIDR or address) pairs it may send from.
    """

    id: str
    network: str
    mac: str
    claims: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    number: int
    zone: int

    @classmethod
    def of(cls, spec: PortSpec, number: int, zone: int) -> GuardedPort:
        """The port of a spec with ``security``. Raises ``ValueError`` for addresses that are none."""
        assert spec.security is not None
        claims = [(spec.mac, each.address) for each in spec.addresses]
        claims += [(each.mac or spec.mac, each.cidr) for each in spec.security.pairs]
        port = cls(
            id=names.checked(spec.id),
            network=spec.segment.network_id,
            mac=spec.mac.lower(),
            claims=tuple((mac.lower(), cidr) for mac, cidr in claims),
            groups=tuple(names.checked(each) for each in spec.security.groups),
            number=number,
            zone=zone,
        )
        assert port.sources  # checks the addresses
        return port

    @classmethod
    def read(cls, record: dict[str, Any]) -> GuardedPort:
        """The port in a record made by ``record``."""
        claims = tuple((mac, cidr) for mac, cidr in record["claims"])
        return cls(**{**record, "claims": claims, "groups": tuple(record["groups"])})

    def record(self) -> dict[str, Any]:
        """As JSON."""
        plain = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return {**plain, "claims": [list(each) for each in self.claims], "groups": list(self.groups)}

    @functools.cached_property
    def sources(self) -> dict[str, list[Network]]:
        """{MAC: networks} it may send from."""
        # its own MAC even when it has no address
        return antispoof.sources([*self.claims, (self.mac, str(antispoof.link_local(self.mac)))])

    @property
    def wide(self) -> bool:
        """Whether it may send from CIDRs."""
        return any(each.prefixlen < each.max_prefixlen for networks in self.sources.values() for each in networks)

    @property
    def bridge(self) -> str:
        """The interface of its network's bridge."""
        return interfaces.bridge(self.network)

    @property
    def tap(self) -> str:
        """Its interface."""
        return interfaces.tap(self.id)

    @property
    def policy(self) -> str:
        """What ports in the same groups have in common."""
        return hashlib.sha256(" ".join(sorted(self.groups)).encode()).hexdigest()[:16]


def policy_rules(port: GuardedPort, direction: str) -> list[str]:
    """Statements of the chain of the port's policy."""
    return [*(f"jump {names.bare(names.group_chain(each, direction))}" for each in sorted(set(port.groups))), "drop"]


def elements(port: GuardedPort, stateful: bool) -> dict[tuple[str, str], str]:
    """The port's elements: {(map or set, key): value}, with the value "" in sets."""
    mark, tap, bridge = str(mark_of(port, stateful)), f'"{port.tap}"', f'"{port.bridge}"'
    found = {
        (names.IN, tap): mark,
        (names.OUT, tap): mark,
        (names.FROM, mark): f"goto {names.bare(names.policy_chain(port.policy, 'egress'))}",
        (names.TO, mark): f"goto {names.bare(names.policy_chain(port.policy, 'ingress'))}",
        (names.ZONE, bridge): str(port.zone),
        **antispoof.elements(port.tap, port.sources),
    }
    if port.wide:
        found[names.WIDE, tap] = f"goto {names.bare(names.spoofing_chain(port.id))}"
    if stateful:
        found |= {(names.TRACKED, f"{bridge} . {mac}"): "" for mac in port.sources}
    return found


def mark_of(port: GuardedPort, stateful: bool) -> int:
    """The mark of frames from (or to) the port."""
    return port.number | (names.STATEFUL if stateful else 0)


def number_for(key: str, limit: int, taken: Collection[int]) -> int:
    """A number from 1 to ``limit`` for an id: always the same one unless it is taken."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % limit + 1
    while number in taken:
        number = number % limit + 1
    return number
