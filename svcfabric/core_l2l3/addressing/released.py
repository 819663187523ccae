"""What is remembered of addresses that ports gave back, and from when on."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3 import pools
from svcfabric.core_l2l3.addressing import policies
from svcfabric.core_l2l3.addressing.models import ip_cursors, ip_released
from svcfabric.core_l2l3.models import ip_allocations, ports, subnets
from svcfabric.core_l2l3.topology import Subnet
from svcfabric.db.base import Id, now

MOST_FREE = 8192  # free addresses that are remembered at once
FEW = 64  # a subnet of which less than this part is free counts as nearly full
CURSOR = (
    sa.select(ip_cursors.c.position).where(ip_cursors.c.subnet_id == sa.bindparam("subnet", type_=Id)).with_for_update()
)


def begin(conn: sa.Connection, subnet_id: str, position: int = 0) -> None:
    """Start a subnet's memory."""
    conn.execute(ip_cursors.insert().values(subnet_id=subnet_id, position=position))


def claim(conn: sa.Connection, subnet: Subnet, wanted: Mapping[str, str]) -> None:
    """Clients name these addresses: {address: project of the port}.

    Raises ``errors.Conflict`` for one that is held back from everybody but the project that had it.
    """
    columns = (ip_released.c.address, ip_released.c.project_id, ip_released.c.held_until)
    stmt = sa.select(*columns).where(ip_released.c.subnet_id == subnet.id, ip_released.c.address.in_(list(wanted)))
    found = conn.execute(stmt).all()
    named, stamp = policies.recycling()[subnet.policies[1]].named, now()
    for row in found:
        held = row.held_until is not None and (named or row.held_until > stamp)
        if held and row.project_id != wanted[row.address]:
            raise errors.Conflict(
                f"IP address {row.address} of subnet {subnet.id} was given back not long ago and is held back by the "
                f"subnet's recycling policy '{subnet.policies[1]}'.",
                neutron_type="IpAddressAlreadyAllocated",
            )
    if found:
        forget(conn, subnet.id, [row.address for row in found])


def forget(conn: sa.Connection, subnet_id: str, addresses: Sequence[str]) -> None:
    """These addresses are taken again."""
    mine = (ip_released.c.subnet_id == subnet_id, ip_released.c.address.in_(list(addresses)))
    conn.execute(ip_released.delete().where(*mine))


def release(conn: sa.Connection, port_ids: Sequence[str], addresses: Collection[str] | None = None) -> None:
    """Ports are about to lose their addresses (or those named): call before the rows of ``ip_allocations`` go."""
    stmt = (
        sa.select(ip_allocations.c.address, ports.c.project_id, *_SUBNET_COLUMNS)
        .join(subnets, subnets.c.id == ip_allocations.c.subnet_id)
        .join(ports, ports.c.id == ip_allocations.c.port_id)
        .where(ip_allocations.c.port_id.in_(list(port_ids)), subnets.c.ip_memory.is_(True))
    )
    stamp = now()
    rows: list[dict[str, Any]] = []
    for row in conn.execute(stmt).all():
        at = pools.number(row.address)
        if (addresses is None or row.address in addresses) and pools.holds(pools.from_json(row.allocation_pools), at):
            rows += _rows(_subnet_of(dict(row._mapping)), [(at, row.project_id)], stamp)
    for subnet_id, mine in itertools.groupby(sorted(rows, key=lambda r: r["subnet_id"]), lambda r: r["subnet_id"]):
        forget(conn, subnet_id, [row["address"] for row in mine])
    _remember(conn, rows)


_SUBNET_COLUMNS = (
    subnets.c.id,
    subnets.c.ip_version,
    subnets.c.allocation_pools,
    subnets.c.allocation_policy,
    subnets.c.recycling_policy,
    subnets.c.recycling_delay,
)


def _subnet_of(row: Mapping[str, Any]) -> Subnet:
    """As much of a subnet as ``_rows`` needs."""
    return Subnet(
        id=row["id"],
        network_id="",
        project_id="",
        ip_version=row["ip_version"],
        cidr="",
        gateway_ip=None,
        address_mode=None,
        pools=row["allocation_pools"],
        policies=(row["allocation_policy"], row["recycling_policy"], row["recycling_delay"]),
    )


def _rows(
    subnet: Subnet, given_back: Sequence[tuple[int, str]], stamp: datetime.datetime, *, hold: bool = True
) -> list[dict[str, Any]]:
    """Rows of ``ip_released`` for addresses with the project that had them."""
    name, recycled, delay = subnet.policies
    rank, recycling = policies.allocation()[name].rank, policies.recycling()[recycled]
    seconds = recycling.hold(delay)
    until = stamp + datetime.timedelta(seconds=seconds) if hold and (seconds > 0 or recycling.named) else None
    when = stamp.replace(tzinfo=datetime.UTC).timestamp()
    return [
        {
            "subnet_id": subnet.id,
            "address": pools.text(number, subnet.ip_version),
            "rank": rank(number, when if hold else None),
            "project_id": project_id,
            "released_at": stamp,
            "held_until": until,
        }
        for number, project_id in given_back
    ]


def _remember(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        conn.execute(ip_released.insert(), list(rows))


def fill(conn: sa.Connection, subnet: Subnet, free: Sequence[int]) -> None:
    """Remember free addresses as nobody's."""
    _remember(conn, _rows(subnet, [(at, "") for at in free], now(), hold=False))


def first_of(ranges: Sequence[pools.Pool], count: int) -> list[int]:
    """The first addresses of some ranges."""
    every = itertools.chain.from_iterable(range(first, last + 1) for first, last in ranges)
    return list(itertools.islice(every, count))


def tighten(conn: sa.Connection, subnet: Subnet, taken: Collection[int]) -> None:
    """Remember from now on what is free in a subnet whose few free addresses guessing no longer finds.

    ``taken``: every address that is. Does nothing when there are many, or none.
    """
    ranges = pools.from_json(subnet.pools)
    gaps = pools.gaps(ranges, taken)
    if not 0 < pools.size(gaps) <= min(MOST_FREE, pools.size(ranges) // FEW):
        return
    if conn.execute(CURSOR, {"subnet": subnet.id}).scalar() is not None:
        return  # another has just done so
    begin(conn, subnet.id, pools.size(ranges))
    conn.execute(subnets.update().where(subnets.c.id == subnet.id).values(ip_memory=True))
    fill(conn, subnet, first_of(gaps, MOST_FREE))


def change(conn: sa.Connection, row: Mapping[str, Any]) -> None:
    """A subnet's pools or policies have changed to those of ``row``: begin its order anew, keep what was given back."""
    position = conn.execute(CURSOR, {"subnet": row["id"]}).scalar()
    mine = ip_released.c.subnet_id == row["id"]
    if not row["ip_memory"]:
        conn.execute(ip_released.delete().where(mine))
        conn.execute(ip_cursors.delete().where(ip_cursors.c.subnet_id == row["id"]))
        return
    if position is None:
        begin(conn, row["id"])
    else:
        conn.execute(ip_cursors.update().where(ip_cursors.c.subnet_id == row["id"]).values(position=0))
    columns = (ip_released.c.address, ip_released.c.project_id, ip_released.c.released_at)
    known = conn.execute(sa.select(*columns).where(mine)).all()
    if not known:
        return
    conn.execute(ip_released.delete().where(mine))
    subnet, ranges = _subnet_of(row), pools.from_json(row["allocation_pools"])
    kept: list[dict[str, Any]] = []
    for one in known:
        at = pools.number(one.address)
        if pools.holds(ranges, at):
            kept += _rows(subnet, [(at, one.project_id)], one.released_at)
    _remember(conn, kept)
