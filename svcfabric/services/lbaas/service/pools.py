"""Pools: members that share a listener's traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.services.lbaas import faults, rules
from svcfabric.services.lbaas.models import listeners, members, pools
from svcfabric.services.lbaas.service.children import balancer_of, born, change, forget, locate
from svcfabric.services.lbaas.service.desk import Desk, Kicks, Rows
from svcfabric.services.lbaas.service.views import POOLS

_OWN = ("name", "description", "admin_state_up", "tags", "protocol", "lb_algorithm")


class Pools:
    """The use cases of pools (``api.resource.Handler``)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One pool."""
        with self._desk.database.read() as conn:
            return POOLS.one(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> Rows:
        """A page of pools."""
        with self._desk.database.read() as conn:
            return POOLS.page(conn, ctx, query)

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> Rows:
        """Make pools, on a load balancer or as a listener's default. ``errors.Conflict`` if that has one."""
        return self._desk.write(lambda conn, kicks: [self._create(conn, ctx, body, kicks) for body in bodies])

    def _create(self, conn: sa.Connection, ctx: Context, body: Row, kicks: Kicks) -> Row:
        listener_id = body["listener_id"]
        if body["loadbalancer_id"]:
            balancer = balancer_of(conn, ctx, body["loadbalancer_id"])
        elif listener_id:
            balancer = balancer_of(conn, ctx, locate(conn, ctx, listeners, faults.LISTENER, listener_id))
        else:
            raise faults.invalid("Must provide at least one of: loadbalancer_id, listener_id")
        generation = self._desk.change(conn, balancer.id, kicks)
        if listener_id:
            _free(conn, balancer.id, listener_id, body["protocol"])
        self._desk.charge(conn, balancer.project_id, {"pool": 1})
        values = row_of(body, balancer.id, balancer.project_id, generation, balancer.provider)
        conn.execute(pools.insert(), [values])
        if listener_id:
            change(conn, listeners, listener_id, generation, {"default_pool_id": values["id"]})
        return POOLS.some(conn, pools.c.id == values["id"])[0]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what ``body`` names."""

        def work(conn: sa.Connection, kicks: Kicks) -> Row:
            loadbalancer_id = locate(conn, ctx, pools, faults.POOL, ident)
            generation = self._desk.change(conn, loadbalancer_id, kicks)
            balancer = balancer_of(conn, ctx, loadbalancer_id)
            current = conn.execute(sa.select(pools).where(pools.c.id == ident)).first()
            if current is None:
                raise faults.missing(faults.POOL, ident)
            values = {name: body[name] for name in _OWN if name in body}
            if "lb_algorithm" in values:
                rules.algorithm(balancer.provider, values["lb_algorithm"])
            if "session_persistence" in body:
                values["session_persistence"] = _persistence(current, body["session_persistence"])
            change(conn, pools, ident, generation, values)
            return POOLS.some(conn, pools.c.id == ident)[0]

        return self._desk.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete it with its members and monitor; listeners lose it as their default."""

        def work(conn: sa.Connection, kicks: Kicks) -> None:
            loadbalancer_id = locate(conn, ctx, pools, faults.POOL, ident)
            if self._desk.leaving(conn, loadbalancer_id):
                return
            generation = self._desk.change(conn, loadbalancer_id, kicks)
            conn.execute(
                listeners.update()
                .where(listeners.c.default_pool_id == ident)
                .values(default_pool_id=None, changed_generation=generation)
            )
            gone = conn.execute(sa.select(members.c.id).where(members.c.pool_id == ident)).scalars().all()
            conn.execute(pools.delete().where(pools.c.id == ident))
            forget(conn, [ident, *gone])

        self._desk.write(work)


def row_of(
    body: Mapping[str, Any], loadbalancer_id: str, project_id: str, generation: int, provider: str
) -> dict[str, Any]:
    """A new pool's columns, checked against the rules."""
    rules.algorithm(provider, body["lb_algorithm"])
    given = body["session_persistence"]
    return {
        **{name: body[name] for name in _OWN},
        **born(project_id, loadbalancer_id, generation),
        "session_persistence": rules.persistence(body["protocol"], given) if given is not None else None,
    }


def _persistence(current: Any, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    kept = (current.session_persistence or {}).get("type")
    return rules.persistence(current.protocol, {**given, "type": given.get("type") or kept})


def _free(conn: sa.Connection, loadbalancer_id: str, listener_id: str, protocol: str) -> None:
    wanted = sa.and_(listeners.c.id == listener_id, listeners.c.loadbalancer_id == loadbalancer_id)
    row = conn.execute(sa.select(listeners.c.protocol, listeners.c.default_pool_id).where(wanted)).first()
    if row is None:
        raise faults.missing(faults.LISTENER, listener_id)
    rules.pair(row.protocol, protocol)
    if row.default_pool_id:
        raise faults.duplicate_pool()
