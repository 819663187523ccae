"""How rows are read: one statement with the computed statuses in it, then the ids of children, whatever the number."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.fabric import instances, listing
from svcfabric.fabric.models import observations
from svcfabric.services.lbaas import faults

Finish = Callable[[sa.Connection, list[Row]], None]


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """One resource's rows. ``columns``: SQL by API name. ``finish`` completes rows that were read.

    ``extra``: columns that ``finish`` needs and takes out again.
    """

    noun: str
    table: sa.Table
    columns: Mapping[str, sa.ColumnElement[Any]]
    finish: Finish
    extra: Mapping[str, sa.ColumnElement[Any]] = dataclasses.field(default_factory=dict)
    _base: sa.Select[Any] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        chosen = [column.label(name) for name, column in {**self.columns, **self.extra}.items()]
        object.__setattr__(self, "_base", sa.select(*chosen).select_from(self.table))

    def one(self, conn: sa.Connection, ctx: Context, ident: str, *conditions: sa.ColumnElement[bool]) -> Row:
        """A row the caller may see. Raises ``errors.NotFound``."""
        rows = self.some(conn, self.table.c.id == ident, *self._visible(ctx), *conditions)
        if not rows:
            raise faults.missing(self.noun, ident)
        return rows[0]

    def some(self, conn: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Row]:
        """All rows that meet the conditions, oldest first."""
        stmt = self._base.where(*conditions).order_by(self.table.c.created_at, self.table.c.id)
        return self._completed(conn, [dict(row) for row in conn.execute(stmt).mappings()])

    def page(
        self, conn: sa.Connection, ctx: Context, query: ListQuery, *conditions: sa.ColumnElement[bool]
    ) -> list[Row]:
        """A page of a list. Raises ``errors.BadRequest`` for a marker that is no such row."""
        mine = self._base.where(*self._visible(ctx), *conditions)
        rows = listing.rows_of(conn, mine, self.columns, query, ident=self.table.c.id, tags=self.table.c.tags)
        return self._completed(conn, rows)

    def _visible(self, ctx: Context) -> list[sa.ColumnElement[bool]]:
        return [] if ctx.is_admin else [self.table.c.project_id == ctx.project_id]

    def _completed(self, conn: sa.Connection, rows: list[Row]) -> list[Row]:
        if rows:
            self.finish(conn, rows)
        for row in rows:
            # What no host has yet is not "changed"; what one has was, when it got there.
            if row["provisioning_status"] == "PENDING_CREATE":
                row["updated_at"] = None
        return rows


def plain(table: sa.Table, *names: str) -> dict[str, sa.ColumnElement[Any]]:
    """Columns that are stored as they are shown."""
    return {name: table.c[name] for name in names}


def times(table: sa.Table) -> dict[str, sa.ColumnElement[Any]]:
    """When it was made and last changed; the end of the creation is a change, too."""
    return {
        "created_at": table.c.created_at,
        "updated_at": sa.func.coalesce(table.c.updated_at, table.c.created_at, type_=table.c.created_at.type),
    }


def child_status(table: sa.Table) -> sa.ColumnElement[str]:
    """``provisioning_status`` of a child."""
    return instances.status(table.c.loadbalancer_id, table.c.created_generation, table.c.changed_generation)


def observed(table: sa.Table) -> sa.ColumnElement[str | None]:
    """The newest operating status a host has reported, or null."""
    seen = observations.alias()
    return (
        sa.select(seen.c.status)
        .where(seen.c.object_id == table.c.id, seen.c.status != "")
        .order_by(seen.c.observed_at.desc())
        .limit(1)
        .scalar_subquery()
    )


def operating(table: sa.Table) -> sa.ColumnElement[str]:
    """As observed; OFFLINE when switched off or never observed."""
    return sa.case((table.c.admin_state_up.is_(False), "OFFLINE"), else_=sa.func.coalesce(observed(table), "OFFLINE"))


def ids_by(
    conn: sa.Connection, parent: sa.ColumnElement[Any], table: sa.Table, rows: Sequence[Row], key: str = "id"
) -> dict[str, list[dict[str, str]]]:
    """``[{"id": ...}]`` of the rows of ``table`` below each row, by the row's ``key``: one query."""
    wanted = [row[key] for row in rows]
    found: dict[str, list[dict[str, str]]] = {}
    stmt = sa.select(parent.label("parent"), table.c.id).where(parent.in_(wanted))
    for above, ident in conn.execute(stmt.order_by(table.c.created_at, table.c.id)):
        found.setdefault(above, []).append({"id": ident})
    return found
