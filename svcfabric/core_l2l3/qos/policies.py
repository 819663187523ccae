"""The use cases of policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core, check_revision
from svcfabric.core_l2l3.qos import holders
from svcfabric.core_l2l3.qos.models import qos_policies
from svcfabric.core_l2l3.qos.reader import OBJECT_TYPE, POLICIES
from svcfabric.core_l2l3.rbac import sharing
from svcfabric.db.base import new_id, now

# Who has it on something of his own needs it too, as clients expect.
SHAREABLE = sharing.Shareable(
    object_type=OBJECT_TYPE,
    label=POLICIES.label,
    table=qos_policies,
    users=lambda conn, policy_id, _action: holders.projects(conn, policy_id),
    owner_needs=True,
)


class Policies:
    """``api.resource.Handler`` of policies."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none, without rules yet."""

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            rows = [_new(body) for body in bodies]
            self._core.check_quota(conn, "qos_policy", rows)
            for row in rows:
                if row["default_of"]:
                    _refuse_second_default(conn, row["default_of"])
            conn.execute(qos_policies.insert(), rows)
            sharing.made(conn, SHAREABLE, rows)
            return [POLICIES.row(row, is_default=row["default_of"] is not None) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One policy the caller may use: his, or shared."""
        with self._core.database.read() as conn:
            return POLICIES.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Policies the caller may use; none after one that he may not know of, whether it is there or not."""
        with self._core.database.read() as conn:
            try:
                return POLICIES.list(conn, ctx, query)
            except errors.NotFound:  # clients walk on from an administrator's last page as somebody else
                if ctx.is_admin:
                    raise
                return []

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what is said of a policy, whose it is to use, and whether it is its project's default."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = POLICIES.lock(conn, ctx, ident)
            check_revision(row, if_match)
            values = POLICIES.changes(row, body)
            sharing.set_shared(conn, SHAREABLE, row, body)
            if body.get("is_default", row["is_default"]) != row["is_default"]:
                values["default_of"] = row["project_id"] if body["is_default"] else None
                if body["is_default"]:
                    _refuse_second_default(conn, row["project_id"])
            if values:
                store(conn, ident, values)
            return POLICIES.get(conn, ctx, ident)

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a policy that is on nothing, with its rules."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = POLICIES.lock(conn, ctx, ident)
            check_revision(row, if_match)
            holder = holders.first(conn, ident)
            if holder:
                raise errors.InUse(f"QoS Policy {ident} is used by {holder}.", neutron_type="QosPolicyInUse")
            sharing.forget(conn, ident)
            conn.execute(qos_policies.delete().where(qos_policies.c.id == ident))

        self._core.write(work)


def store(conn: sa.Connection, ident: str, values: Mapping[str, Any]) -> None:
    """Store a policy's changed columns, as its next revision."""
    stamp = {"revision_number": qos_policies.c.revision_number + 1, "updated_at": now()}
    conn.execute(qos_policies.update().where(qos_policies.c.id == ident).values(**values, **stamp))


def _new(body: Row) -> dict[str, Any]:
    stamp = now()
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body.get("name", ""),
        "description": body.get("description", ""),
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": body.get("tags") or [],
        "shared": body.get("shared", False),
        "default_of": body["project_id"] if body.get("is_default") else None,
        "rules": [],
    }


def _refuse_second_default(conn: sa.Connection, project_id: str) -> None:
    held = sa.select(qos_policies.c.id).where(qos_policies.c.default_of == project_id)
    if conn.execute(held).first():
        raise errors.Conflict(
            f"A default QoS policy exists for project {project_id}.", neutron_type="QoSPolicyDefaultAlreadyExists"
        )
