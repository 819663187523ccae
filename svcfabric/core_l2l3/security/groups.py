"""The use cases of security groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core, check_revision
from svcfabric.core_l2l3.rbac import sharing
from svcfabric.core_l2l3.security import placing, templates
from svcfabric.core_l2l3.security.defaults import DefaultGroups, see_to
from svcfabric.core_l2l3.security.models import port_security_groups, security_group_rules, security_groups
from svcfabric.core_l2l3.security.readers import GROUPS, rules_of
from svcfabric.db.base import new_id, now

RULES = "security_group_rules"


class SecurityGroups:
    """``api.resource.Handler`` of security groups."""

    def __init__(self, core: Core, defaults: DefaultGroups) -> None:
        self._core = core
        self._defaults = defaults

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none, with the rules that templates give them; their projects' default groups come first."""

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            self._defaults.ensure(conn, {body["project_id"] for body in bodies})
            rows = [_new(body) for body in bodies]
            found = templates.load(conn, default=False)
            rules = [rule for row in rows for rule in templates.rules_of(row, found)]
            self._core.check_quota(conn, "security_group", rows)
            if rules:
                self._core.check_quota(conn, "security_group_rule", rules)
            conn.execute(security_groups.insert(), rows)
            if rules:
                conn.execute(security_group_rules.insert(), rules)
            inside = rules_of(conn, [row["id"] for row in rows])
            return [{**GROUPS.row(row, shared=False), RULES: inside[row["id"]]} for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One group with its rules."""
        with self._core.database.read() as conn:
            return _whole(conn, [GROUPS.get(conn, ctx, ident)])[0]

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The caller's groups, his default group among them from the first time on."""
        see_to(self._core, self._defaults, ctx, query)
        with self._core.database.read() as conn:
            rows = GROUPS.list(conn, ctx, query)
            return rows if query.fields and RULES not in query.fields else _whole(conn, rows)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a group. Whether it is stateful stays while ports are in it."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = GROUPS.lock(conn, ctx, ident)
            default_of = row.pop("default_of")
            check_revision(row, if_match)
            values = GROUPS.changes(row, body)
            if "name" in values and default_of is not None:
                raise errors.InUse(
                    "Updating default security group not allowed: its name stays.",
                    neutron_type="SecurityGroupCannotUpdateDefault",
                )
            if "stateful" in values:
                _refuse_used(conn, ident)
            if values:
                values |= {"revision_number": row["revision_number"] + 1, "updated_at": now()}
                conn.execute(security_groups.update().where(security_groups.c.id == ident).values(**values))
                row |= values
            return _whole(conn, [row])[0]

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a group that no port is in, with its rules and those that refer to it."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = GROUPS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            if row["default_of"] is not None and not ctx.is_admin:
                raise errors.InUse(
                    "Insufficient rights for removing default security group.",
                    neutron_type="SecurityGroupCannotRemoveDefault",
                )
            _refuse_used(conn, ident)
            placing.forget_remote(conn, changed, ident)
            sharing.forget(conn, ident)
            conn.execute(security_groups.delete().where(security_groups.c.id == ident))

        self._core.write(work)


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
        "stateful": body.get("stateful", True),
        "default_of": None,
    }


def _whole(conn: sa.Connection, rows: list[Row]) -> list[Row]:
    if not rows:
        return rows
    inside = rules_of(conn, [row["id"] for row in rows])
    return [{**row, RULES: inside[row["id"]]} for row in rows]


def _refuse_used(conn: sa.Connection, ident: str) -> None:
    used = sa.select(port_security_groups.c.port_id).where(port_security_groups.c.security_group_id == ident)
    port_id = conn.execute(used.limit(1)).scalar()
    if port_id is not None:
        raise errors.InUse(
            f"Security Group {ident} in use: port {port_id} is in it.", neutron_type="SecurityGroupInUse"
        )
