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


def _among_granted(
    key: Expression, project: Expression, object_type: str, actions: Sequence[str], *, everyone: bool = False
) -> Expression:
    """``everyone``: policies for everybody count, too."""
    target = rbac_policies.c.target_project
    ids = (
        sa.select(rbac_policies.c.object_id)
        .where(
            target.in_([project, sa.literal_column(f"'{EVERYONE}'")]) if everyone else target == project,
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

    ``key``: the column with the shared object's id; ``everyone``: the one that says that all see it, "" where
    only the policies do.
    """

    def condition(project: Expression) -> sa.ColumnElement[bool]:
        granted = _among_granted(table.c[key], project, object_type, actions, everyone=not everyone)
        public = [table.c[everyone].is_(True)] if everyone else []
        return sa.or_(table.c.project_id == project, *public, granted)

    return condition


def shared(object_type: str, table: sa.Table, *, key: str = "id", column: str = "shared") -> Expression:
    """The attribute ``shared`` as the caller sees it: with everybody, or with his project by a policy.

    ``column``: as ``everyone`` of ``visible``.
    """
    granted = _among_granted(table.c[key], CALLER, object_type, (SHARED,), everyone=not column)
    public = [table.c[column].is_(True)] if column else []
    return sa.type_coerce(sa.or_(*public, granted), sa.Boolean())


def has_policies(table: sa.Table) -> Expression:
    """Whether there are policies of a row, so that a delete without any needs no statement for them."""
    return sa.exists(sa.select(rbac_policies.c.id).where(rbac_policies.c.object_id == table.c.id)).correlate(table)


def granted(
    conn: sa.Connection, ctx: Context, object_ids: Collection[str], actions: Sequence[str] = (SHARED,)
) -> set[str]:
    """Those of the objects that a policy for just the caller's project lets it at; one query.

    For use cases that have found a row that is neither the caller's nor everybody's.
    """
    return _granted(conn, [ctx.project_id], object_ids, actions) if ctx.project_id else set()


def hold(conn: sa.Connection, table: sa.Table, object_ids: Collection[str]) -> None:
    """Keep sharing of these rows from ending until the transaction does; what policies say is asked afterwards.

    Any number of transactions may hold a row, as any number may store what refers to it.
    """
    stmt = sa.select(table.c.id).where(table.c.id.in_(list(object_ids))).order_by(table.c.id)
    conn.execute(stmt.with_for_update(read=True, key_share=True)).all()


def granted_to(conn: sa.Connection, project_id: str, object_ids: Collection[str]) -> set[str]:
    """Those of the objects that are shared with a project, by a policy for it or for everybody; one query."""
    return _granted(conn, [project_id, EVERYONE], object_ids, (SHARED,))


def _granted(
    conn: sa.Connection, targets: Sequence[str], object_ids: Collection[str], actions: Sequence[str]
) -> set[str]:
    if not object_ids:
        return set()
    stmt = sa.select(rbac_policies.c.object_id).where(
        rbac_policies.c.object_id.in_(list(object_ids)),
        rbac_policies.c.action.in_(list(actions)),
        rbac_policies.c.target_project.in_(list(targets)),
    )
    return set(conn.execute(stmt).scalars())
