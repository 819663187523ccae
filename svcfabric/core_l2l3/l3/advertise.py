"""What routers say of themselves on their interfaces' networks: router advertisements of IPv6 subnets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Changed
from svcfabric.core_l2l3.models import ip_allocations, ports, subnets
from svcfabric.fabric import instances
from svcfabric.spi.l2l3 import Leg, RaPrefix, RouterAdvertisement

TOLD = frozenset({"dns_nameservers"})  # what of a subnet an advertisement says and an update can change
Legs = Mapping[str, Sequence[Leg]]


def advertising(conn: sa.Connection, legs: Legs) -> dict[str, tuple[Leg, ...]]:
    """Inner legs, by router, with what they advertise: the subnets whose ``ipv6_ra_mode`` is set. At most one query."""
    ids = {
        address.subnet_id
        for mine in legs.values()
        for leg in mine
        for address in leg.addresses
        if ":" in address.address
    }
    known = _load(conn, sorted(ids)) if ids else {}
    return {router_id: tuple(_with(leg, known) for leg in mine) for router_id, mine in legs.items()}


def subnet_changed(conn: sa.Connection, changed: Changed, subnet_id: str) -> None:
    """What advertisements say of a subnet has changed: its routers learn of it."""
    stmt = (
        sa.select(ports.c.router_id)
        .join(ip_allocations, ip_allocations.c.port_id == ports.c.id)
        .where(ip_allocations.c.subnet_id == subnet_id, ports.c.router_id.is_not(None))
    )
    ids = sorted(set(conn.execute(stmt).scalars()))
    instances.touch_many(conn, ids)
    changed.update(ids)


def _load(conn: sa.Connection, ids: Sequence[str]) -> dict[str, tuple[RaPrefix, list[str]]]:
    stmt = sa.select(subnets.c.id, subnets.c.cidr, subnets.c.ipv6_ra_mode, subnets.c.dns_nameservers)
    rows = conn.execute(stmt.where(subnets.c.id.in_(ids), subnets.c.ipv6_ra_mode.is_not(None))).all()
    return {row.id: (RaPrefix(cidr=row.cidr, mode=row.ipv6_ra_mode), row.dns_nameservers) for row in rows}


def _with(leg: Leg, known: Mapping[str, tuple[RaPrefix, list[str]]]) -> Leg:
    mine = [known[address.subnet_id] for address in leg.addresses if address.subnet_id in known]
    if not mine:
        return leg
    servers = dict.fromkeys(server for _, listed in mine for server in listed if ":" in server)
    told = RouterAdvertisement(prefixes=tuple(prefix for prefix, _ in mine), dns_nameservers=tuple(servers))
    return dataclasses.replace(leg, ra=told)
