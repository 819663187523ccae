"""Specs of the core: a network's segment, a port, a router, a floating IP on one host.

Addresses are strings without a prefix length unless the name says ``cidr``; MACs are lower-case,
colon-separated. Kept small on purpose: no spec grows with its siblings.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from svcfabric.spi.security import PortSecurity
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
class Qos:
    """Limits on one wire; 0 means no limit. Directions as its holder sees them: ``egress`` is what it sends.

    ``*_kbps`` in kbit/s, ``*_burst_kb`` in kbit, ``*_kpps`` in 1,000 packets/s; ``dscp``: the mark of all that
    it sends, -1 for none.
    """

    egress_kbps: int = 0
    egress_burst_kb: int = 0
    ingress_kbps: int = 0
    ingress_burst_kb: int = 0
    egress_kpps: int = 0
    egress_burst_kpps: int = 0
    ingress_kpps: int = 0
    ingress_burst_kpps: int = 0
    dscp: int = -1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DhcpOption:
    """One DHCP option: ``name`` as dnsmasq names it or its number, ``version`` 4 or 6."""

    name: str
    value: str
    version: int = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DhcpHost:
    """What DHCP says to one port beside its addresses; ``device_id``: whom the metadata it asks for is about."""

    hostname: str = ""
    options: tuple[DhcpOption, ...] = ()
    device_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DnsName:
    """What the DNS of its network calls a port. ``name``: relative; "" for one that follows from each address.

    ``domains``: those in which it has that name, without a dot at the end; an address leads back to the first.
    """

    name: str = ""
    domains: tuple[str, ...] = ()

    @staticmethod
    def default(address: str) -> str:
        """The name of an address whose port has none."""
        return f"host-{address.replace('.', '-').replace(':', '-')}".rstrip("-")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RaPrefix:
    """A prefix in a router's advertisements. ``mode``: ``slaac``, ``dhcpv6-stateful`` or ``dhcpv6-stateless``."""

    cidr: str
    mode: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RouterAdvertisement:
    """What a router says of itself on one leg (RFC 4861). Its MTU is the segment's."""

    prefixes: tuple[RaPrefix, ...] = ()
    dns_nameservers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """An interface of an inserted function (router, load balancer) on a network's bridge.

    ``scope4``, ``scope6``: the address scope of the network's addresses of that family, "" for none. A router
    forwards between two legs only within one (or none), and translates nothing within one.
    """

    port_id: str
    mac: str
    segment: Segment
    addresses: tuple[Address, ...] = ()
    admin_state_up: bool = True
    ra: RouterAdvertisement | None = None
    scope4: str = ""
    scope6: str = ""


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
    function that owns the port makes it). ``security``: None for a port that is not filtered; ``dhcp``: None
    for one that DHCP does not know. Both, and ``qos``, only where the port is bound. ``dns``: None for no names.
    """

    kind: ClassVar[str] = "port"

    segment: Segment
    mac: str
    addresses: tuple[Address, ...] = ()
    admin_state_up: bool = True
    wire: str = "veth"
    vtep: str = ""
    security: PortSecurity | None = None
    qos: Qos = Qos()
    dhcp: DhcpHost | None = None
    dns: DnsName | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConntrackHelper:
    """A kernel connection tracking helper (``ftp``, ``tftp``, …) for a port (``protocol``: tcp or udp)."""

    helper: str
    protocol: str
    port: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RouterSpec(Spec):
    """A router in a namespace of its own. ``gateway``: the leg on the external network, or None.

    ``gateway_qos``: limits of what has no floating IP, both ways, at the gateway.
    """

    kind: ClassVar[str] = "router"

    legs: tuple[Leg, ...] = ()
    gateway: Leg | None = None
    enable_snat: bool = True
    routes: tuple[Route, ...] = ()
    admin_state_up: bool = True
    helpers: tuple[ConntrackHelper, ...] = ()
    gateway_qos: Qos = Qos()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PortForward:
    """Ports ``external_first`` to ``external_last`` of a floating address go to the inside ones, in order."""

    protocol: str
    external_first: int
    external_last: int
    address: str
    first: int
    last: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FloatingIPSpec(Spec):
    """One floating address at one router: 1:1 NAT between ``floating_address`` and ``fixed_address``.

    With ``forwards`` there is no ``fixed_address`` (""): only those ports lead inside.
    """

    kind: ClassVar[str] = "floatingip"

    router_id: str
    floating_address: str
    fixed_address: str
    forwards: tuple[PortForward, ...] = ()
    qos: Qos = Qos()
