"""Who sees what is shared, as SQL: conditions and columns for ``reader.Reader``, and a look-up for use cases.

A policy for one project is looked up by an index that starts with the project: for a project nobody shares with,
that is one probe per statement, however many policies there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from svcfabric.context import Context
from svcfabric.core_l2l3.rbac.models import rbac_policies
from svcfabric.core_l2l3.reader import CALLER, Expression

SHARED, EXTERNAL = "access_as_shared", "access_as_external"
EVERYONE = "*"


class _Among(FunctionElement[bool]):
    """``key`` is one of the ids a subquery finds, in the form each database can use an index for beside an OR."""

    type = sa.Boolean()
    name = "among"
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """Itself: "(… IN …) = 1", as for a column of truth values, could use no index."""
        return self


@compiles(_Among)
def _in(element: Any, compiler: Any, **options: Any) -> str:
    key, ids = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({key} IN {ids})"


@compiles(_Among, "postgresql")
def _any_of_array(element: Any, compiler: Any, **options: Any) -> str:
    key, ids = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({key} = ANY (ARRAY{ids}))"


def _among_granted(key: Expression, project: Expression, object_type: str, actions: Sequence[str]) -> Expression:
    ids = (
        sa.select(rbac_policies.c.object_id)
        .where(
            rbac_policies.c.target_project == project,
            rbac_policies.c.object_type == sa.literal_column(f"'{object_type}'"),
            rbac_policies.c.action.in_([sa.literal_column(f"'{action}'") for action in actions]),
        )
        .correlate(None)
        .scalar_subquery()
    )
    return _Among(key, ids)


def visible(
    object_type: str, table: sa.Table, *, key: str = "id", everyone: str = "shared", actions: Sequence[str] = (SHARED,)
) -> Callable[[Expression], sa.ColumnElement[bool]]:
    """What a project sees, for ``Reader(visible=)``: its own, what everybody sees, and what a policy lets it at.

    ``key``: the column with the shared object's id; ``everyone``: the one that says that all see it.
    """

    def condition(project: Expression) -> sa.ColumnElement[bool]:
        granted = _among_granted(table.c[key], project, object_type, actions)
        return sa.or_(table.c.project_id == project, table.c[everyone].is_(True), granted)

    return condition


def shared(object_type: str, table: sa.Table, *, key: str = "id", column: str = "shared") -> Expression:
    """The attribute ``shared`` as the caller sees it: with everybody, or with his project by a policy."""
    granted = _among_granted(table.c[key], CALLER, object_type, (SHARED,))
    return sa.type_coerce(sa.or_(table.c[column].is_(True), granted), sa.Boolean())


def granted(
    conn: sa.Connection, ctx: Context, object_ids: Collection[str], actions: Sequence[str] = (SHARED,)
) -> set[str]:
    """Those of the objects that a policy for just the caller's project lets it at; one query.

    For use cases that have found a row that is neither the caller's nor everybody's.
    """
    if not object_ids or not ctx.project_id:
        return set()
    stmt = sa.select(rbac_policies.c.object_id).where(
        rbac_policies.c.object_id.in_(list(object_ids)),
        rbac_policies.c.action.in_(list(actions)),
        rbac_policies.c.target_project == ctx.project_id,
    )
    return set(conn.execute(stmt).scalars())
