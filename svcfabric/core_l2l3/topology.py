"""Networks with their subnets as the use cases handle them: one query for any number."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.context import Context
from svcfabric.core_l2l3.models import networks, subnets
from svcfabric.core_l2l3.schemas.network import MIN_MTU
from svcfabric.db.base import Id
from svcfabric.spi.l2l3 import Segment

AUTO = ("slaac", "dhcpv6-stateless")  # address modes in which hosts make their own addresses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet. ``pools``: as stored, [{"start", "end"}].

    ``policies``: how addresses are handed out, how they come back, after how many seconds. ``memory``: whether
    that needs ``addressing.memory``. ``service_types``: the device owners it is for; none means all.
    """

    id: str
    network_id: str
    project_id: str
    ip_version: int
    cidr: str
    gateway_ip: str | None
    address_mode: str | None
    pools: list[dict[str, str]]
    ra_mode: str | None = None
    enable_dhcp: bool = True
    service_types: Sequence[str] = ()
    policies: tuple[str, str, int] = ("random", "at_once", 0)
    memory: bool = False

    @property
    def auto(self) -> bool:
        """Whether addresses follow from the MAC instead of being handed out."""
        return self.address_mode in AUTO or self.ra_mode in AUTO

    @property
    def prefix_length(self) -> int:
        return int(self.cidr.rpartition("/")[2])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network and its subnets, oldest first. ``shared``: with all projects; ``everyone``: all know of it."""

    id: str
    project_id: str
    shared: bool
    external: bool
    admin_state_up: bool
    segment: Segment
    subnets: tuple[Subnet, ...] = ()
    everyone: bool = False
    qos_policy_id: str | None = None
    port_security_enabled: bool = True

    @property
    def tunnelled(self) -> bool:
        """Whether hosts reach each other through VXLAN: they then must know where each port is."""
        return self.segment.type == "vxlan"

    def visible(self, ctx: Context) -> bool:
        """Whether the caller may know of it without a policy just for him (``rbac.networks.may_see``)."""
        return self.everyone or ctx.sees(self.project_id)

    def subnet(self, ident: str) -> Subnet | None:
        """One of its subnets."""
        return next((subnet for subnet in self.subnets if subnet.id == ident), None)


NETWORK_COLUMNS = (
    networks.c.id,
    networks.c.project_id,
    networks.c.shared,
    networks.c.external,
    networks.c.everyone,
    networks.c.admin_state_up,
    networks.c.network_type,
    networks.c.physical_network,
    networks.c.segmentation_id,
    networks.c.mtu,
    networks.c.qos_policy_id,
    networks.c.port_security_enabled,
)
SUBNET_COLUMNS = (
    subnets.c.id,
    subnets.c.network_id,
    subnets.c.project_id,
    subnets.c.ip_version,
    subnets.c.cidr,
    subnets.c.gateway_ip,
    subnets.c.ipv6_address_mode,
    subnets.c.allocation_pools,
    subnets.c.ipv6_ra_mode,
    subnets.c.enable_dhcp,
    subnets.c.service_types,
    subnets.c.allocation_policy,
    subnets.c.recycling_policy,
    subnets.c.recycling_delay,
    subnets.c.ip_memory,
)
_IDS = sa.bindparam("ids", expanding=True, type_=Id)
_NETWORKS = (
    sa.select(*NETWORK_COLUMNS, *SUBNET_COLUMNS)
    .select_from(networks.outerjoin(subnets, subnets.c.network_id == networks.c.id))
    .where(networks.c.id.in_(_IDS))
    .order_by(subnets.c.created_at, subnets.c.id)
)
_SUBNETS = sa.select(*SUBNET_COLUMNS).where(subnets.c.id.in_(_IDS))


def segment_of(network_id: str, kind: str, physical_network: str, segmentation_id: int, mtu: int) -> Segment:
    """The wire under a network, as specs tell it. No interface has a smaller MTU than IPv4 needs."""
    mtu = max(mtu, MIN_MTU[4])
    return Segment(network_id=network_id, type=kind, vni=segmentation_id, physical_network=physical_network, mtu=mtu)


def load_networks(conn: sa.Connection, ids: Collection[str]) -> dict[str, Network]:
    """Networks with their subnets, by id; those that do not exist are left out."""
    found: dict[str, Network] = {}
    children: dict[str, list[Subnet]] = {}
    split = len(NETWORK_COLUMNS)
    for row in conn.execute(_NETWORKS, {"ids": list(ids)}).all():
        ident = row[0]
        if ident not in found:
            found[ident] = _network(row[:split])
            children[ident] = []
        if row[split] is not None:
            children[ident].append(subnet_of(row[split:]))
    return {
        ident: dataclasses.replace(network, subnets=tuple(children[ident])) if children[ident] else network
        for ident, network in found.items()
    }


def load_subnets(conn: sa.Connection, ids: Collection[str]) -> dict[str, Subnet]:
    """Subnets by id; those that do not exist are left out."""
    if not ids:
        return {}
    return {row[0]: subnet_of(row) for row in conn.execute(_SUBNETS, {"ids": list(ids)}).all()}


def subnet_of(row: Any) -> Subnet:
    """A row of ``SUBNET_COLUMNS``."""
    return Subnet(
        id=row[0],
        network_id=row[1],
        project_id=row[2],
        ip_version=row[3],
        cidr=row[4],
        gateway_ip=row[5],
        address_mode=row[6],
        pools=row[7],
        ra_mode=row[8],
        enable_dhcp=row[9],
        service_types=row[10],
        policies=(row[11], row[12], row[13]),
        memory=row[14],
    )


def _network(row: Any) -> Network:
    ident, project_id, shared, external, everyone, up, kind, physical, vni, mtu, qos_policy_id, filtered = row
    return Network(
        id=ident,
        project_id=project_id,
        shared=shared,
        external=external,
        everyone=everyone,
        admin_state_up=up,
        segment=segment_of(ident, kind, physical, vni, mtu),
        qos_policy_id=qos_policy_id,
        port_security_enabled=filtered,
    )


def subnet_ids(ports: Collection[Mapping[str, Any]]) -> set[str]:
    """The subnets that ports (rows with ``fixed_ips``) have addresses of."""
    return {ip["subnet_id"] for port in ports for ip in port["fixed_ips"]}
