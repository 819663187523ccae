"""Putting policies on things: who may, what cannot be, and that a policy stays as it is until it is done.

Whoever puts a policy on something, or binds what has one, holds the policy until his transaction ends; whoever
changes its rules locks it. So no host is left with rules that were changed while it was sent others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.core_l2l3.qos.models import qos_policies
from svcfabric.core_l2l3.qos.reader import POLICIES
from svcfabric.core_l2l3.qos.rule_kinds import Rule, unenforced
from svcfabric.core_l2l3.rbac import access

_HELD = sa.select(qos_policies.c.id, qos_policies.c.project_id, qos_policies.c.shared, qos_policies.c.rules)


def hold(conn: sa.Connection, ids: Iterable[str | None]) -> dict[str, Any]:
    """Keep policies from changing until the transaction ends; their rows by id. No ids: no question asked."""
    wanted = sorted({ident for ident in ids if ident})
    if not wanted:
        return {}
    stmt = _HELD.where(qos_policies.c.id.in_(wanted)).order_by(qos_policies.c.id).with_for_update(read=True)
    return {row.id: row for row in conn.execute(stmt)}


def use(conn: sa.Connection, ctx: Context, wanted: Iterable[str | None], holder: str) -> None:
    """May the caller put these policies on something (in words: "the port")? Without any, no question is asked.

    Raises ``errors.NotFound`` for a policy he does not see, ``errors.Conflict`` for one no host can enforce.
    """
    ids = {ident for ident in wanted if ident}
    _refuse_unusable(conn, ctx, hold(conn, ids), ids, holder)


def change(conn: sa.Connection, ctx: Context, holder: str, old: str | None, new: str | None) -> None:
    """May the caller take the old policy off something, and put the new one on it? Raises as ``use`` does.

    What an administrator has put on it is not the tenant's to take off.
    """
    found = hold(conn, (old, new))
    if old in found and not _sees(conn, ctx, found[old]):
        raise errors.Forbidden(
            f"Failed to remove policy {old} because you are not authorized.",
            neutron_type="PolicyRemoveAuthorizationError",
        )
    _refuse_unusable(conn, ctx, found, {new} if new else set(), holder)


def refuse_unenforced(rules: Collection[Rule], holder: str) -> None:
    """Raise ``errors.Conflict`` when no host can do what the rules say."""
    types = unenforced(list(rules))
    if types:
        network = "network" in holder
        raise errors.Conflict(
            f"Rule {types[0]} is not supported by {holder}: no driver here guarantees a minimum.",
            neutron_type="QosRuleNotSupportedByNetwork" if network else "QosRuleNotSupported",
        )


def give_defaults(conn: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Fill in the default policies of the projects of new networks (rows by column name) that name none."""
    wanting = [row for row in rows if row["qos_policy_id"] is None]
    if not wanting:
        return
    column = qos_policies.c.default_of
    stmt = sa.select(column, qos_policies.c.id).where(column.in_({row["project_id"] for row in wanting}))
    found = {project: ident for project, ident in conn.execute(stmt)}
    for row in wanting:
        row["qos_policy_id"] = found.get(row["project_id"])


def _refuse_unusable(
    conn: sa.Connection, ctx: Context, found: Mapping[str, Any], ids: Collection[str], holder: str
) -> None:
    """As ``use``, of policies that are held (rows by id)."""
    for ident in sorted(ids):
        if ident not in found or not _sees(conn, ctx, found[ident]):
            raise POLICIES.not_found(ident)
        refuse_unenforced(found[ident].rules, holder)


def _sees(conn: sa.Connection, ctx: Context, row: Any) -> bool:
    return bool(row.shared) or ctx.sees(row.project_id) or bool(access.granted(conn, ctx, [row.id]))
