"""Specs of what a network tells its ports: DHCP, DHCPv6, metadata; and a router's advertisements.

DHCP is answered on every host that has the network, for the ports bound there, at one address: nothing to
schedule, nothing to fail over, and no request crosses the tunnel.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from svcfabric.spi.l2l3 import DnsName, Leg, Route
from svcfabric.spi.spec import Spec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DhcpSubnet:
    """One subnet served. ``mode``: ``dhcpv4``, ``dhcpv6-stateful`` or ``dhcpv6-stateless``."""

    subnet_id: str
    cidr: str
    mode: str = "dhcpv4"
    gateway: str = ""
    dns_nameservers: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DhcpSpec(Spec):
    """DHCP of one network on one host; ``id`` is the instance's own. The same ``leg`` on every host.

    ``lease``: seconds. ``metadata``: whether 169.254.169.254 and fe80::a9fe:a9fe answer on the leg.
    ``dns_domain``: the one ports are told. ``dns``: the leg's own name, and the domains in which the network's
    ports have theirs (``PortSpec.dns``); None when no names are answered.
    """

    kind: ClassVar[str] = "dhcp"

    leg: Leg
    subnets: tuple[DhcpSubnet, ...] = ()
    dns_domain: str = ""
    lease: int = 86400
    metadata: bool = True
    dns: DnsName | None = None
