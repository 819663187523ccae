"""Listeners: where a load balancer takes connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.services.lbaas import faults, rules
from svcfabric.services.lbaas.models import listeners, pools
from svcfabric.services.lbaas.service.children import balancer_of, born, change, locate, remove
from svcfabric.services.lbaas.service.desk import Desk, Kicks, Rows
from svcfabric.services.lbaas.service.views import LISTENERS

TIMEOUTS = ("timeout_client_data", "timeout_member_connect", "timeout_member_data", "timeout_tcp_inspect")
_OWN = ("name", "description", "admin_state_up", "tags", "protocol", "protocol_port", "connection_limit")


class Listeners:
    """The use cases of listeners (``api.resource.Handler``)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One listener."""
        with self._desk.database.read() as conn:
            return LISTENERS.one(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> Rows:
        """A page of listeners."""
        with self._desk.database.read() as conn:
            return LISTENERS.page(conn, ctx, query)

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> Rows:
        """Make listeners. ``errors.Conflict`` when the port is taken."""
        return self._desk.write(lambda conn, kicks: [self._create(conn, ctx, body, kicks) for body in bodies])

    def _create(self, conn: sa.Connection, ctx: Context, body: Row, kicks: Kicks) -> Row:
        balancer = balancer_of(conn, ctx, body["loadbalancer_id"])
        generation = self._desk.change(conn, balancer.id, kicks)
        rules.listener(body["protocol"], body, [balancer.vip_address])
        default_pool(conn, balancer.id, body["protocol"], body["default_pool_id"])
        self._desk.charge(conn, balancer.project_id, {"listener": 1})
        values = row_of(body, balancer.id, balancer.project_id, generation, self._desk.timeouts)
        insert(conn, [values])
        return LISTENERS.some(conn, listeners.c.id == values["id"])[0]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what ``body`` names."""

        def work(conn: sa.Connection, kicks: Kicks) -> Row:
            loadbalancer_id = locate(conn, ctx, listeners, faults.LISTENER, ident)
            generation = self._desk.change(conn, loadbalancer_id, kicks)
            balancer = balancer_of(conn, ctx, loadbalancer_id)
            current = conn.execute(sa.select(listeners).where(listeners.c.id == ident)).first()
            if current is None:
                raise faults.missing(faults.LISTENER, ident)
            rules.listener(current.protocol, body, [balancer.vip_address])
            default_pool(conn, loadbalancer_id, current.protocol, body.get("default_pool_id"))
            values = {name: body[name] for name in (*_OWN, "default_pool_id", "insert_headers") if name in body}
            values |= {name: _time(body, name, self._desk.timeouts) for name in TIMEOUTS if name in body}
            if "allowed_cidrs" in body:
                values["allowed_cidrs"] = body["allowed_cidrs"] or None
            change(conn, listeners, ident, generation, values)
            return LISTENERS.some(conn, listeners.c.id == ident)[0]

        return self._desk.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete it; its default pool stays."""

        def work(conn: sa.Connection, kicks: Kicks) -> None:
            loadbalancer_id = locate(conn, ctx, listeners, faults.LISTENER, ident)
            remove(conn, self._desk, listeners, ident, loadbalancer_id, kicks)

        self._desk.write(work)


def default_pool(conn: sa.Connection, loadbalancer_id: str, protocol: str, pool_id: str | None) -> None:
    """The pool is one of the same load balancer and fits the listener's protocol."""
    if pool_id is None:
        return
    wanted = sa.and_(pools.c.id == pool_id, pools.c.loadbalancer_id == loadbalancer_id)
    found = conn.execute(sa.select(pools.c.protocol).where(wanted)).scalar()
    if found is None:
        raise faults.missing(faults.POOL, pool_id)
    rules.pair(protocol, found)


def row_of(
    body: Mapping[str, Any], loadbalancer_id: str, project_id: str, generation: int, timeouts: Mapping[str, int]
) -> dict[str, Any]:
    """A new listener's columns."""
    return {
        **{name: body[name] for name in _OWN},
        **{name: _time(body, name, timeouts) for name in TIMEOUTS},
        **born(project_id, loadbalancer_id, generation),
        "transport": rules.TRANSPORTS[body["protocol"]],
        "default_pool_id": body["default_pool_id"],
        "insert_headers": body["insert_headers"],
        "allowed_cidrs": body["allowed_cidrs"] or None,
    }


def insert(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store new listeners. ``errors.Conflict`` for a port that is taken."""
    try:
        conn.execute(listeners.insert(), rows)
    except IntegrityError as error:
        columns = [f"lbaas_listeners.{name}" for name in ("loadbalancer_id", "transport", "protocol_port")]
        if faults.violates(error, "uq_lbaas_listeners_port", *columns):
            raise faults.duplicate_listener(rows[0]["protocol"], rows[0]["protocol_port"]) from None
        raise


def _time(body: Mapping[str, Any], name: str, timeouts: Mapping[str, int]) -> int:
    return timeouts[name] if body[name] is None else int(body[name])
