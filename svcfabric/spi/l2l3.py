"""Specs of the core: a network's segment, a port, a router, a floating IP on one host.

Addresses are strings without a prefix length unless the name says ``cidr``; MACs are lower-case,
colon-separated. Kept small on purpose: no spec grows with its siblings.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from svcfabric.spi.spec import Spec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The wire under a network. ``type``: ``vxlan`` (``vni`` set) or ``flat`` (``physical_network`` set)."""

    network_id: str
    type: str
    vni: int = 0
    physical_network: str = ""
    mtu: int = 1450


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One fixed address with what its holder must know of the subnet. ``gateway`` is "" for none."""

    address: str
    prefix_length: int
    subnet_id: str = ""
    gateway: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route: ``destination`` is a CIDR."""

    destination: str
    nexthop: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """An interface of an inserted function (router, load balancer) on a network's bridge."""

    port_id: str
    mac: str
    segment: Segment
    addresses: tuple[Address, ...] = ()
    admin_state_up: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec(Spec):
    """A network where it is present. ``vteps``: tunnel endpoints of the other hosts that have it (for
    broadcast and unknown destinations)."""

    kind: ClassVar[str] = "network"

    segment: Segment
    vteps: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PortSpec(Spec):
    """A port as one host sees it.

    On the host it is bound to, ``vtep`` is "" and the host has its wire. On the others ``vtep`` is
    where frames for it go: a static forwarding entry and suppressed ARP.
    ``wire``: ``veth`` (the driver makes the pair; the free end waits to be plugged) or ``leg`` (the
    function that owns the port makes it).
    """

    kind: ClassVar[str] = "port"

    segment: Segment
    mac: str
    addresses: tuple[Address, ...] = ()
    admin_state_up: bool = True
    wire: str = "veth"
    vtep: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RouterSpec(Spec):
    """A router in a namespace of its own. ``gateway``: the leg on the external network, or None."""

    kind: ClassVar[str] = "router"

    legs: tuple[Leg, ...] = ()
    gateway: Leg | None = None
    enable_snat: bool = True
    routes: tuple[Route, ...] = ()
    admin_state_up: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FloatingIPSpec(Spec):
    """One floating address at one router: 1:1 NAT between ``floating_address`` and ``fixed_address``."""

    kind: ClassVar[str] = "floatingip"

    router_id: str
    floating_address: str
    fixed_address: str
