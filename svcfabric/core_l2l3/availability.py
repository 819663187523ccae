"""How many addresses networks have and have handed out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Attribute, ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import pools
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.models import ip_allocations, networks, subnets
from svcfabric.core_l2l3.reader import Reader

ATTRIBUTES = (
    Attribute(name="id", check=checks.uuid(), doc="The network, too."),
    Attribute(name="network_id", check=checks.uuid(), sortable=True, doc="The network."),
    Attribute(name="network_name", check=checks.string(), sortable=True, doc="Its name."),
    Attribute(name="project_id", check=checks.string(), sortable=True, doc="Its project."),
    Attribute(name="ip_version", check=checks.integer(4, 6), visible=False, doc="Count subnets of one family only."),
    Attribute(name="total_ips", check=checks.integer(0), filterable=False, doc="Addresses in its allocation pools."),
    Attribute(name="used_ips", check=checks.integer(0), filterable=False, doc="Addresses ports have."),
    Attribute(
        name="subnet_ip_availability",
        check=checks.list_of(checks.json_object()),
        filterable=False,
        doc="The same by subnet.",
    ),
)
READER = Reader(
    "Network",
    networks,
    {
        "id": networks.c.id,
        "network_id": networks.c.id,
        "network_name": networks.c.name,
        "project_id": networks.c.project_id,
    },
    visible=lambda _project: sa.false(),
)


class Availability:
    """``api.resource.Handler`` of ``network-ip-availabilities``, which only administrators see."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """It follows from the networks."""
        raise errors.BadRequest("network_ip_availability cannot be created")

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One network's."""
        rows = self.list(ctx, ListQuery(filters={"network_id": (ident,)}))
        if not rows:
            raise errors.NotFound.of("Network", ident)
        return rows[0]

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Networks with their subnets' use: three queries, however many."""
        filters = dict(query.filters)
        versions = filters.pop("ip_version", ())
        with self._core.database.read() as conn:
            rows = READER.list(conn, ctx, dataclasses.replace(query, filters=filters, fields=frozenset()))
            by_network = _subnets(conn, [row["id"] for row in rows], versions)
        for row in rows:
            mine = by_network.get(row["id"], [])
            row["total_ips"] = _exact(sum(subnet["total_ips"] for subnet in mine))
            row["used_ips"] = sum(subnet["used_ips"] for subnet in mine)
            row["subnet_ip_availability"] = [{**subnet, "total_ips": _exact(subnet["total_ips"])} for subnet in mine]
        return rows

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """It follows from the networks."""
        raise errors.BadRequest("network_ip_availability cannot be changed")

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """It follows from the networks."""
        raise errors.BadRequest("network_ip_availability cannot be deleted")


def _exact(number: int) -> int | orjson.Fragment:
    """A count as JSON shows it, also when an IPv6 prefix holds more than 64 bits can say."""
    return number if number < 2**63 else orjson.Fragment(str(number))


def _subnets(conn: sa.Connection, ids: list[str], versions: Sequence[Any]) -> dict[str, list[Row]]:
    stmt = sa.select(
        subnets.c.id,
        subnets.c.network_id,
        subnets.c.name,
        subnets.c.ip_version,
        subnets.c.cidr,
        subnets.c.allocation_pools,
    ).where(subnets.c.network_id.in_(ids))
    if versions:
        stmt = stmt.where(subnets.c.ip_version.in_(list(versions)))
    rows = conn.execute(stmt.order_by(subnets.c.created_at, subnets.c.id)).all()
    count = sa.select(ip_allocations.c.subnet_id, sa.func.count()).group_by(ip_allocations.c.subnet_id)
    counted = conn.execute(count.where(ip_allocations.c.subnet_id.in_([row.id for row in rows]))).all()
    used: dict[str, int] = {subnet_id: number for subnet_id, number in counted}
    found: dict[str, list[Row]] = {}
    for row in rows:
        one = {
            "subnet_id": row.id,
            "subnet_name": row.name,
            "ip_version": row.ip_version,
            "cidr": row.cidr,
            "total_ips": pools.size(pools.from_json(row.allocation_pools)),
            "used_ips": used.get(row.id, 0),
        }
        found.setdefault(row.network_id, []).append(one)
    return found
