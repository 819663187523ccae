"""How many addresses networks have and have handed out."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping, Sequence
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

DETAILS = "ip_availability_details"
COUNTED = ("total_ips_in_subnet", "total_ips_in_allocation_pool", "used_ips_in_subnet", "used_ips_in_allocation_pool")

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
    Attribute(
        name=DETAILS,
        check=checks.json_object(),
        filterable=False,
        extension="network-ip-availability-details",
        doc="Addresses there are and that ports have, in the subnets and in their allocation pools.",
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
            detailed = not query.fields or DETAILS in query.fields
            by_network = _subnets(conn, [row["id"] for row in rows], versions, detailed=detailed)
        return [row | _summed(by_network.get(row["id"], [])) for row in rows]

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


def _summed(mine: Sequence[Row]) -> Row:
    """What a network says, from what its subnets do."""
    return {
        "total_ips": _exact(sum(subnet["total_ips"] for subnet in mine)),
        "used_ips": sum(subnet["used_ips"] for subnet in mine),
        "subnet_ip_availability": [
            {**subnet, "total_ips": _exact(subnet["total_ips"]), DETAILS: _exactly(subnet[DETAILS])} for subnet in mine
        ],
        DETAILS: _exactly({name: sum(subnet[DETAILS][name] for subnet in mine) for name in COUNTED}),
    }


def _exactly(counts: Row) -> Row:
    return {name: _exact(number) for name, number in counts.items()}


def _subnets(conn: sa.Connection, ids: list[str], versions: Sequence[Any], *, detailed: bool) -> dict[str, list[Row]]:
    """Subnets with their counts, by network. ``detailed``: look at each address, to tell those outside pools."""
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
    ranges = {row.id: pools.from_json(row.allocation_pools) for row in rows}
    used = _used(conn, ranges, detailed=detailed)
    found: dict[str, list[Row]] = {}
    for row in rows:
        total, (taken, pooled) = pools.size(ranges[row.id]), used.get(row.id, (0, 0))
        one = {
            "subnet_id": row.id,
            "subnet_name": row.name,
            "ip_version": row.ip_version,
            "cidr": row.cidr,
            "total_ips": total,
            "used_ips": taken,
            DETAILS: dict(zip(COUNTED, (_hosts(row.cidr), total, taken, pooled), strict=True)),
        }
        found.setdefault(row.network_id, []).append(one)
    return found


def _hosts(cidr: str) -> int:
    """Addresses of a prefix, an IPv4 network's own and its broadcast address aside."""
    net = ipaddress.ip_network(cidr)
    return max(0, net.num_addresses - 2) if net.version == 4 else net.num_addresses


def _used(
    conn: sa.Connection, ranges: Mapping[str, Sequence[pools.Pool]], *, detailed: bool
) -> dict[str, tuple[int, int]]:
    """How many addresses of each subnet ports have: of all, and of its pools (as many, unless ``detailed``)."""
    mine = ip_allocations.c.subnet_id.in_(list(ranges))
    if not detailed:
        count = sa.select(ip_allocations.c.subnet_id, sa.func.count()).group_by(ip_allocations.c.subnet_id)
        return {subnet_id: (number, number) for subnet_id, number in conn.execute(count.where(mine))}
    used: dict[str, tuple[int, int]] = {}
    for subnet_id, address in conn.execute(sa.select(ip_allocations.c.subnet_id, ip_allocations.c.address).where(mine)):
        taken, pooled = used.get(subnet_id, (0, 0))
        used[subnet_id] = taken + 1, pooled + pools.holds(ranges[subnet_id], pools.number(address))
    return used
