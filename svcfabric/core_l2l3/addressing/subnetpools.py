"""The use cases of subnet pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.addressing import pool_rules, prefixes, scope_rules
from svcfabric.core_l2l3.addressing.models import subnetpools
from svcfabric.core_l2l3.addressing.readers import SUBNETPOOLS
from svcfabric.core_l2l3.addressing.shareables import POOL
from svcfabric.core_l2l3.core import Changed, Core, check_revision
from svcfabric.core_l2l3.l3 import scoped
from svcfabric.core_l2l3.models import subnets
from svcfabric.core_l2l3.rbac import sharing
from svcfabric.db.base import new_id, now

Values = dict[str, Any]


class SubnetPools:
    """``api.resource.Handler`` of subnet pools."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none."""
        rows = [_new(body) for body in bodies]

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            self._core.check_quota(conn, "subnetpool", bodies)
            for row in rows:
                if row["is_default"]:
                    _refuse_second_default(conn, row)
                scope_rules.check(conn, ctx, row)
                conn.execute(subnetpools.insert().values(**row))
            sharing.made(conn, POOL, rows)
            return [_shown(SUBNETPOOLS.row(row)) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One pool the caller may see: his, or shared with him."""
        with self._core.database.read() as conn:
            return _shown(SUBNETPOOLS.get(conn, ctx, ident))

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Pools the caller may see."""
        with self._core.database.read() as conn:
            return [_shown(row) for row in SUBNETPOOLS.list(conn, ctx, query)]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a pool. It keeps what it has of prefixes; its networks follow it into another scope."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = SUBNETPOOLS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            after = store(conn, ctx, row, body)
            if after["address_scope_id"] != row["address_scope_id"]:
                scoped.tell_of_pool(conn, changed, ident)
            return _shown(after)

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a pool that no subnet is of."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = SUBNETPOOLS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            used = sa.select(subnets.c.id).where(subnets.c.subnetpool_id == ident)
            if conn.execute(used.limit(1)).first():
                raise errors.BadRequest(
                    "Unable to delete subnet pool: Subnet pool has existing allocations.",
                    neutron_type="SubnetPoolDeleteError",
                )
            sharing.forget(conn, ident)
            conn.execute(subnetpools.delete().where(subnetpools.c.id == ident))

        self._core.write(work)


def store(conn: sa.Connection, ctx: Context, row: Row, body: Mapping[str, Any]) -> Row:
    """Change a locked pool to what ``body`` says; returns its row."""
    body = dict(body)
    if "prefixes" in body:
        body["prefixes"] = pool_rules.extended(row["ip_version"], row["prefixes"], body["prefixes"])
    lengths = pool_rules.lengths(row["ip_version"], {name: body.get(name, row[name]) for name in pool_rules.LENGTHS})
    values = SUBNETPOOLS.changes(row, body | lengths)
    if not values:
        return row
    after = row | values
    if values.get("is_default"):
        _refuse_second_default(conn, after)
    scope_rules.check_owner(conn, ctx, row)
    if values.keys() & {"prefixes", "address_scope_id"}:
        scope_rules.check(conn, ctx, after)
    if "address_scope_id" in values:
        scope_rules.rescope(conn, row, values["address_scope_id"])
    values |= {"revision_number": row["revision_number"] + 1, "updated_at": now()}
    conn.execute(subnetpools.update().where(subnetpools.c.id == row["id"]).values(**values))
    return row | values


def _shown(row: Row) -> Row:
    """As clients know it: lengths are text."""
    return row | {name: str(row[name]) for name in pool_rules.LENGTHS if name in row}


def _new(body: Row) -> Values:
    stamp = now()
    version = pool_rules.family(body["prefixes"])
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body["name"],
        "description": body.get("description", ""),
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": body.get("tags") or [],
        "shared": body.get("shared", False),
        "is_default": body.get("is_default", False),
        "ip_version": version,
        "prefixes": prefixes.compacted(body["prefixes"]),
        "default_quota": body.get("default_quota"),
        "address_scope_id": body.get("address_scope_id"),
        **pool_rules.lengths(version, body),
    }


def _refuse_second_default(conn: sa.Connection, pool: Mapping[str, Any]) -> None:
    stmt = sa.select(subnetpools.c.id).where(
        subnetpools.c.is_default.is_(True),
        subnetpools.c.ip_version == pool["ip_version"],
        subnetpools.c.id != pool["id"],
    )
    if conn.execute(stmt).first():
        raise errors.InvalidInput(
            "Invalid input for operation: A default subnetpool for this IP family has already been set. Only one "
            "default may exist per IP family."
        )
