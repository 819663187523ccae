"""The use cases of templates: the rules that new groups begin with. Administrators' alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core, check_revision
from svcfabric.core_l2l3.security import rule_checks
from svcfabric.core_l2l3.security.models import address_groups, security_groups
from svcfabric.core_l2l3.security.models import default_security_group_rules as templates
from svcfabric.core_l2l3.security.readers import ADDRESS_GROUPS, DEFAULT_RULES, GROUPS
from svcfabric.db.base import new_id, now

_USES = ("used_in_default_sg", "used_in_non_default_sg")


class DefaultRules:
    """``api.resource.Handler`` of templates."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none. Groups that are there already keep their rules."""

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            rows = []
            for body in bodies:
                row = _new(rule_checks.canonical(body))
                _refuse_unknown(conn, row)
                _refuse_existing(conn, row)
                conn.execute(templates.insert(), [row])
                rows.append(row)
            return [DEFAULT_RULES.get(conn, ctx, row["id"]) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One template: everybody may know what his groups begin with."""
        with self._core.database.read() as conn:
            return DEFAULT_RULES.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """All templates."""
        with self._core.database.read() as conn:
            return DEFAULT_RULES.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Templates stay as they were made."""
        raise errors.BadRequest("A default security group rule cannot be changed: make another, and delete this one.")

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a template. Groups that are there already keep their rules."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            check_revision(DEFAULT_RULES.get(conn, ctx, ident), if_match)
            conn.execute(templates.delete().where(templates.c.id == ident))

        self._core.write(work)


def _new(rule: Row) -> dict[str, Any]:
    stamp = now()
    parent = rule["remote_group_id"] == rule_checks.PARENT
    names = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
    return {
        "id": new_id(),
        "description": rule["description"],
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        **{name: rule[name] for name in (*names, "remote_address_group_id", *_USES)},
        "digest": rule_checks.digest(rule),
        "remote_is_parent": parent,
        "remote_group_id": None if parent else rule["remote_group_id"],
    }


def _refuse_unknown(conn: sa.Connection, row: dict[str, Any]) -> None:
    for name, table, reader in (
        ("remote_group_id", security_groups, GROUPS),
        ("remote_address_group_id", address_groups, ADDRESS_GROUPS),
    ):
        ident = row[name]
        if ident is not None and not conn.execute(sa.select(table.c.id).where(table.c.id == ident)).first():
            raise reader.not_found(ident)


def _refuse_existing(conn: sa.Connection, row: dict[str, Any]) -> None:
    """No kind of group may begin with the same rule twice."""
    kinds = [templates.c[name].is_(True) for name in _USES if row[name]]
    stmt = sa.select(templates.c.id).where(templates.c.digest == row["digest"], sa.or_(sa.false(), *kinds))
    known = conn.execute(stmt.limit(1)).scalar()
    if known is not None:
        raise errors.InUse(
            f"Default Security group rule already exists. Rule id is {known}.",
            neutron_type="DefaultSecurityGroupRuleExists",
        )
