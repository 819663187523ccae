"""The use cases of security groups' rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core, check_revision, forbidden
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.reader import Reader
from svcfabric.core_l2l3.security import placing, rule_checks, templates
from svcfabric.core_l2l3.security.defaults import DefaultGroups, see_to
from svcfabric.core_l2l3.security.models import address_groups, security_group_rules, security_groups
from svcfabric.core_l2l3.security.readers import ADDRESS_GROUPS, GROUPS, RULES
from svcfabric.db.base import now

_GROUP = (security_groups.c.id, security_groups.c.project_id, security_groups.c.default_of)


class SecurityGroupRules:
    """``api.resource.Handler`` of rules."""

    def __init__(self, core: Core, defaults: DefaultGroups) -> None:
        self._core = core
        self._defaults = defaults

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create rules of one group, all or none; hosts where the group is in force learn of them."""
        _refuse_mixed(bodies)
        wanted = [rule_checks.canonical(body) for body in bodies]
        rows = [templates.rule_row(rule, rule["project_id"]) for rule in wanted]
        if len({row["digest"] for row in rows}) < len(rows):
            raise errors.InUse(
                "Duplicate Security Group Rule in POST: two of them say the same.",
                neutron_type="DuplicateSecurityGroupRuleInPost",
            )
        group_id = rows[0]["security_group_id"]
        tries = 0

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            nonlocal tries
            tries += 1
            group = _locked(conn, ctx, group_id, rows)
            if tries > 1:  # a unique constraint has refused one: which?
                _refuse_existing(conn, group_id, rows)
            self._core.check_quota(conn, "security_group_rule", rows)
            conn.execute(security_group_rules.insert(), rows)
            _revise(conn, group_id)
            placing.rules_added(conn, changed, self._core.settings.driver, group_id, rows)
            of_group = {"security_group_project_id": group.project_id}
            return [RULES.row(row, belongs_to_default_sg=group.default_of is not None, **of_group) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One rule of the caller's, or of a group of his."""
        with self._core.database.read() as conn:
            return RULES.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The caller's rules, and those of his groups, his default group's among them."""
        see_to(self._core, self._defaults, ctx, query)
        with self._core.database.read() as conn:
            return RULES.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Rules stay as they were made."""
        raise errors.BadRequest("A security group rule cannot be changed: make another, and delete this one.")

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a rule; hosts where its group is in force learn of it."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = RULES.get(conn, ctx, ident)
            check_revision(row, if_match)
            remote = row["remote_group_id"]
            _lock_groups(conn, {row["security_group_id"], *([remote] if remote else [])})
            gone = conn.execute(security_group_rules.delete().where(security_group_rules.c.id == ident))
            if not gone.rowcount:
                raise RULES.not_found(ident)
            _revise(conn, row["security_group_id"])
            placing.rule_removed(conn, changed, row)

        self._core.write(work)


def _refuse_mixed(bodies: Sequence[Row]) -> None:
    if len({body["security_group_id"] for body in bodies}) > 1:
        raise rule_checks.invalid(
            "Rules made in one request must be of one security group.", "SecurityGroupNotSingleGroupRules"
        )
    if len({body["project_id"] for body in bodies}) > 1:
        raise rule_checks.invalid(
            "Rules made in one request must be of one project.", "SecurityGroupRulesNotSingleProject"
        )


def _locked(conn: sa.Connection, ctx: Context, group_id: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """The group of new rules; it and those they refer to stay as they are until the transaction ends.

    The lock on a group that is referred to makes ports wait that are about to join it: they then see the rule, or
    the rule sees them.
    """
    remotes = {row["remote_group_id"] for row in rows if row["remote_group_id"] is not None}
    found = _lock_groups(conn, {group_id, *remotes})
    _check_seen(conn, ctx, GROUPS, {ident: group.project_id for ident, group in found.items()}, {group_id, *remotes})
    if not ctx.sees(found[group_id].project_id):
        raise forbidden("create_security_group_rule")
    lists = sorted({row["remote_address_group_id"] for row in rows} - {None})
    if lists:
        _lock_lists(conn, ctx, lists)
    return found[group_id]


def _lock_groups(conn: sa.Connection, ids: set[str]) -> dict[str, Any]:
    stmt = sa.select(*_GROUP).where(security_groups.c.id.in_(sorted(ids))).order_by(security_groups.c.id)
    return {row.id: row for row in conn.execute(stmt.with_for_update())}


def _lock_lists(conn: sa.Connection, ctx: Context, ids: Sequence[str]) -> None:
    stmt = sa.select(address_groups.c.id, address_groups.c.project_id).where(address_groups.c.id.in_(ids))
    found = {row.id: row.project_id for row in conn.execute(stmt.order_by(address_groups.c.id).with_for_update())}
    _check_seen(conn, ctx, ADDRESS_GROUPS, found, ids)


def _check_seen(
    conn: sa.Connection, ctx: Context, reader: Reader, owners: Mapping[str, str], ids: Collection[str]
) -> None:
    """Raise ``errors.NotFound`` unless all are there and the caller's or shared with him. ``owners``: project by id."""
    foreign = {ident for ident in ids if ident not in owners or not ctx.sees(owners[ident])}
    if foreign:
        foreign -= access.granted_to(conn, ctx.project_id, foreign & owners.keys())
    if foreign:
        raise reader.not_found(min(foreign))


def _refuse_existing(conn: sa.Connection, group_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    stmt = sa.select(security_group_rules.c.id).where(
        security_group_rules.c.security_group_id == group_id,
        security_group_rules.c.digest.in_([row["digest"] for row in rows]),
    )
    known = conn.execute(stmt.limit(1)).scalar()
    if known is not None:
        raise errors.InUse(
            f"Security group rule already exists. Rule id is {known}.", neutron_type="SecurityGroupRuleExists"
        )


def _revise(conn: sa.Connection, group_id: str) -> None:
    """A group changes with its rules."""
    values = {"revision_number": security_groups.c.revision_number + 1, "updated_at": now()}
    conn.execute(security_groups.update().where(security_groups.c.id == group_id).values(**values))
