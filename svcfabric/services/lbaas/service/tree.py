"""A load balancer with all that is below it: made in one request, shown in full, its statuses as a tree."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.api.resource import Row
from svcfabric.context import Context
from svcfabric.db.base import now
from svcfabric.services.lbaas import faults, rules
from svcfabric.services.lbaas.models import healthmonitors, listeners, members, pools
from svcfabric.services.lbaas.service import listeners as listeners_service
from svcfabric.services.lbaas.service import members as members_service
from svcfabric.services.lbaas.service import monitors as monitors_service
from svcfabric.services.lbaas.service import pools as pools_service
from svcfabric.services.lbaas.service.desk import Desk
from svcfabric.services.lbaas.service.views import LISTENERS, MEMBERS, MONITORS, POOLS

GENERATION = 1  # a load balancer that is made now


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a create asks for below the load balancer.

    ``listeners``: (path, body, name of the default pool or None); ``pools``: (path, body) by name, all named.
    """

    listeners: tuple[tuple[str, Row, str | None], ...]
    pools: Mapping[str, tuple[str, Row]]

    def __bool__(self) -> bool:
        return bool(self.listeners or self.pools)

    def counts(self) -> dict[str, int]:
        """How many of each resource."""
        bodies = [body for _, body in self.pools.values()]
        return {
            "listener": len(self.listeners),
            "pool": len(bodies),
            "member": sum(len(body["members"]) for body in bodies),
            "healthmonitor": sum(body["healthmonitor"] is not None for body in bodies),
        }


@dataclasses.dataclass(frozen=True, slots=True)
class _NewPool:
    """What rows of members and monitors need of a pool that is made in the same request."""

    id: str
    project_id: str
    loadbalancer_id: str


def plan(listener_bodies: Sequence[Row], pool_bodies: Sequence[Row]) -> Plan:
    """Lift the pools out of the listeners and resolve names. Pure.

    Raises ``errors.BadRequest`` for a pool without a name, a name used twice, a name that is defined nowhere,
    a pair of protocols that does not fit, a port used twice (``errors.Conflict``); each with its path.
    """
    found: dict[str, tuple[str, Row]] = {}
    for path, body in _pools(listener_bodies, pool_bodies):
        if body["name"] in found:
            raise faults.invalid(
                f"Pool names must be unique when creating a fully populated loadbalancer. (in {path}.name)"
            )
        found[body["name"]] = (path, body)
    planned = tuple(_listeners(listener_bodies, found))
    _distinct_ports(planned)
    return Plan(planned, found)


def _pools(listener_bodies: Sequence[Row], pool_bodies: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    everywhere = [(f"pools[{number}]", body) for number, body in enumerate(pool_bodies)]
    everywhere += [
        (f"listeners[{number}].default_pool", body["default_pool"])
        for number, body in enumerate(listener_bodies)
        if body["default_pool"]
    ]
    for path, body in everywhere:
        if not body["name"]:
            raise faults.invalid(f"Pools must be named when creating a fully populated loadbalancer. (in {path}.name)")
        if len(body) > 1:  # more than a name: a definition
            yield path, body


def _listeners(bodies: Sequence[Row], found: Mapping[str, tuple[str, Row]]) -> Iterator[tuple[str, Row, str | None]]:
    for number, body in enumerate(bodies):
        path = f"listeners[{number}]"
        if body["default_pool_id"]:
            # a pool that exists is another load balancer's
            with rules.at(f"{path}.default_pool_id"):
                raise faults.missing(faults.POOL, body["default_pool_id"])
        name = body["default_pool"]["name"] if body["default_pool"] else None
        if name is not None:
            with rules.at(f"{path}.default_pool"):
                if name not in found:
                    raise faults.invalid(f"Pool '{name}' was referenced but no full definition was found.")
                rules.pair(body["protocol"], found[name][1]["protocol"])
        yield path, body, name


def _distinct_ports(planned: Sequence[tuple[str, Row, str | None]]) -> None:
    seen: dict[tuple[str, int], str] = {}
    for path, body, _ in planned:
        key = (rules.TRANSPORTS[body["protocol"]], body["protocol_port"])
        if key in seen:
            with rules.at(f"{path}.protocol_port"):
                raise faults.duplicate_listener(seen[key], body["protocol_port"])
        seen[key] = body["protocol"]


def insert(conn: sa.Connection, ctx: Context, desk: Desk, planned: Plan, balancer: Mapping[str, Any]) -> None:
    """Store all of a plan below a new load balancer: one statement per table."""
    if not planned:
        return
    ident, project_id = balancer["id"], balancer["project_id"]
    pool_rows: list[dict[str, Any]] = []
    member_rows: list[dict[str, Any]] = []
    monitor_rows: list[dict[str, Any]] = []
    ids: dict[str, str] = {}
    for name, (path, body) in planned.pools.items():
        with rules.at(path):
            row = pools_service.row_of(body, ident, project_id, GENERATION, balancer["provider"])
            members_service.check_subnets(conn, ctx, desk, body["members"])
        pool_rows.append(row)
        ids[name] = row["id"]
        made = _NewPool(row["id"], project_id, ident)
        for number, member in enumerate(body["members"]):
            with rules.at(f"{path}.members[{number}]"):
                member_rows.append(members_service.row_of(member, made, GENERATION))
        if body["healthmonitor"] is not None:
            with rules.at(f"{path}.healthmonitor"):
                monitor_rows.append(monitors_service.row_of(body["healthmonitor"], made, GENERATION))
    listener_rows = [_listener_row(desk, balancer, path, body, name, ids) for path, body, name in planned.listeners]
    if pool_rows:
        conn.execute(pools.insert(), _in_order(pool_rows))
    if listener_rows:
        listeners_service.insert(conn, _in_order(listener_rows))
    if member_rows:
        members_service.insert(conn, _in_order(member_rows))
    if monitor_rows:
        monitors_service.insert(conn, monitor_rows)


def _listener_row(
    desk: Desk, balancer: Mapping[str, Any], path: str, body: Row, pool: str | None, ids: Mapping[str, str]
) -> dict[str, Any]:
    with rules.at(path):
        rules.listener(body["protocol"], body, [balancer["vip_address"]])
    whole = {**body, "default_pool_id": ids[pool] if pool is not None else None}
    return listeners_service.row_of(whole, balancer["id"], balancer["project_id"], GENERATION, desk.timeouts)


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows a microsecond apart, so that they are listed as they were given."""
    start = now()
    for number, row in enumerate(rows):
        row["created_at"] = start + datetime.timedelta(microseconds=number)
    return rows


def expanded(conn: sa.Connection, balancer: Row) -> Row:
    """A load balancer with its children in full instead of their ids: five queries."""
    ident = balancer["id"]
    below = {row["id"]: row for row in _whole(MEMBERS.some(conn, members.c.loadbalancer_id == ident))}
    monitor_rows = _whole(MONITORS.some(conn, healthmonitors.c.loadbalancer_id == ident))
    monitors = {row["pools"][0]["id"]: row for row in monitor_rows}
    pool_rows = _whole(POOLS.some(conn, pools.c.loadbalancer_id == ident))
    for row in pool_rows:
        row["members"] = [below[each["id"]] for each in row["members"]]
        if row["id"] in monitors:
            row["healthmonitor"] = monitors[row["id"]]
    return {
        **balancer,
        "listeners": _whole(LISTENERS.some(conn, listeners.c.loadbalancer_id == ident)),
        "pools": pool_rows,
    }


def _whole(rows: list[Row]) -> list[Row]:
    return [{**row, "tenant_id": row["project_id"]} for row in rows]


def statuses(conn: sa.Connection, balancer: Row) -> Row:
    """The status tree: what listeners lead to, in seven queries whatever its size."""
    ident = balancer["id"]
    below = {row["id"]: row for row in MEMBERS.some(conn, members.c.loadbalancer_id == ident)}
    monitors = {row["pools"][0]["id"]: row for row in MONITORS.some(conn, healthmonitors.c.loadbalancer_id == ident)}
    by_id = {row["id"]: row for row in POOLS.some(conn, pools.c.loadbalancer_id == ident)}
    trees = []
    for listener in LISTENERS.some(conn, listeners.c.loadbalancer_id == ident):
        pool = by_id.get(listener["default_pool_id"])
        trees.append({**_status(listener), "pools": [_pool_status(pool, below, monitors)] if pool else []})
    return {"statuses": {"loadbalancer": {**_status(balancer), "listeners": trees}}}


def _pool_status(pool: Row, below: Mapping[str, Row], monitors: Mapping[str, Row]) -> Row:
    shown = _status(pool)
    monitor = monitors.get(pool["id"])
    if monitor is not None:
        shown["health_monitor"] = {**_status(monitor), "type": monitor["type"]}
    shown["members"] = [
        {**_status(member), "address": member["address"], "protocol_port": member["protocol_port"]}
        # read a moment apart: a member that came or went between is in one of the two only
        for member in (below[each["id"]] for each in pool["members"] if each["id"] in below)
    ]
    return shown


def _status(row: Row) -> Row:
    return {name: row[name] for name in ("id", "name", "provisioning_status", "operating_status")}
