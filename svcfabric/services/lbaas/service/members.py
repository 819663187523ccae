"""Members: one costs a row and a generation, however many its pool has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.services.lbaas import faults, rules
from svcfabric.services.lbaas.models import members, pools
from svcfabric.services.lbaas.service.children import born, change, locate, remove
from svcfabric.services.lbaas.service.desk import Desk, Kicks, Rows
from svcfabric.services.lbaas.service.views import MEMBERS

MUTABLE = ("name", "admin_state_up", "tags", "weight", "backup", "monitor_address", "monitor_port")
_OWN = (*MUTABLE, "address", "protocol_port", "subnet_id")


class Members:
    """The use cases of a pool's members (``api.resource.Handler``; ``parent`` is the pool)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One member."""
        with self._desk.database.read() as conn:
            return MEMBERS.one(conn, ctx, ident, members.c.pool_id == parent)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> Rows:
        """A page of the pool's members."""
        with self._desk.database.read() as conn:
            pool_of(conn, ctx, parent or "")
            return MEMBERS.page(conn, ctx, query, members.c.pool_id == parent)

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> Rows:
        """Add members. ``errors.Conflict`` when one is at that address and port."""
        return self._desk.write(lambda conn, kicks: self._create(conn, ctx, bodies, parent or "", kicks))

    def _create(self, conn: sa.Connection, ctx: Context, bodies: Sequence[Row], pool_id: str, kicks: Kicks) -> Rows:
        pool = pool_of(conn, ctx, pool_id)
        generation = self._desk.change(conn, pool.loadbalancer_id, kicks)
        check_subnets(conn, ctx, self._desk, bodies)
        self._desk.charge(conn, pool.project_id, {"member": len(bodies)})
        rows = [row_of(body, pool, generation) for body in bodies]
        insert(conn, rows)
        return MEMBERS.some(conn, members.c.id.in_([row["id"] for row in rows]))

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what ``body`` names."""

        def work(conn: sa.Connection, kicks: Kicks) -> Row:
            loadbalancer_id = self._located(conn, ctx, ident, parent or "")
            generation = self._desk.change(conn, loadbalancer_id, kicks)
            change(conn, members, ident, generation, {name: body[name] for name in MUTABLE if name in body})
            rows = MEMBERS.some(conn, members.c.id == ident)
            if not rows:
                raise faults.missing(faults.MEMBER, ident)
            return rows[0]

        return self._desk.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Take it out of the pool."""

        def work(conn: sa.Connection, kicks: Kicks) -> None:
            loadbalancer_id = self._located(conn, ctx, ident, parent or "")
            remove(conn, self._desk, members, ident, loadbalancer_id, kicks)

        self._desk.write(work)

    def _located(self, conn: sa.Connection, ctx: Context, ident: str, pool_id: str) -> str:
        pool_of(conn, ctx, pool_id)
        found = conn.execute(sa.select(members.c.pool_id).where(members.c.id == ident)).scalar()
        if found != pool_id:
            raise faults.missing(faults.MEMBER, ident)
        return locate(conn, ctx, members, faults.MEMBER, ident)


def pool_of(conn: sa.Connection, ctx: Context, ident: str) -> Any:
    """The pool (id, project_id, loadbalancer_id) the caller may see; ``errors.NotFound``."""
    stmt = sa.select(pools.c.id, pools.c.project_id, pools.c.loadbalancer_id).where(pools.c.id == ident)
    row = conn.execute(stmt).first()
    if row is None or not ctx.sees(row.project_id):
        raise faults.missing(faults.POOL, ident, foreign=row is not None)
    return row


def check_subnets(conn: sa.Connection, ctx: Context, desk: Desk, bodies: Sequence[Mapping[str, Any]]) -> None:
    """Every subnet that members name is one the caller may use: each looked up once."""
    for subnet_id in dict.fromkeys(body["subnet_id"] for body in bodies if body.get("subnet_id")):
        try:
            desk.network.subnet(conn, ctx, subnet_id)
        except errors.NotFound:
            raise faults.missing("Subnet", subnet_id) from None


def row_of(body: Mapping[str, Any], pool: Any, generation: int) -> dict[str, Any]:
    """A new member's columns; ``pool`` has id, project_id and loadbalancer_id."""
    rules.member_address(body["address"])
    return {
        **{name: body[name] for name in _OWN},
        **born(pool.project_id, pool.loadbalancer_id, generation),
        "pool_id": pool.id,
        "canonical_address": rules.canonical(body["address"]),
    }


def insert(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store new members. ``errors.Conflict`` for an address and port that are taken."""
    seen = set()
    for row in rows:
        endpoint = (row["pool_id"], row["canonical_address"], row["protocol_port"])
        if endpoint in seen:
            raise faults.duplicate_member(row["address"], row["protocol_port"])
        seen.add(endpoint)
    try:
        conn.execute(members.insert(), rows)
    except IntegrityError as error:
        columns = [f"lbaas_members.{name}" for name in ("pool_id", "canonical_address", "protocol_port")]
        if not faults.violates(error, "uq_lbaas_members_endpoint", *columns):
            raise
        # a batch has looked for those that are there: only a member that comes alone gets here
        raise faults.duplicate_member(rows[0]["address"], rows[0]["protocol_port"]) from None
