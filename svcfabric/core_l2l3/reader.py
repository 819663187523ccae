"""Reads one resource's rows: one SELECT for a show, one for a list, with what the caller may see in its WHERE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.db import page
from svcfabric.db.base import Id, Name

Expression = sa.ColumnElement[Any]
Values = Mapping[str, Any]
Conditions = list[sa.ColumnElement[bool]]
Filter = Callable[[Sequence[Any]], sa.ColumnElement[bool]]
# The caller's project, for columns and conditions that depend on who asks.
CALLER = sa.bindparam("caller_project", type_=Name)
_IDENT = sa.bindparam("ident", type_=Id)


class Reader:
    """How a resource's rows come out of the database.

    ``columns``: SQL expression by API attribute, in the order rows show them. ``internal``: further ones, which
    only rows from ``lock`` have and which the use case takes out before it shows the row. ``visible``: what a
    caller who is no administrator sees, given his project as an expression. ``filters``: conditions of
    attributes that are no plain comparison. ``finish`` reshapes a row in place. ``stored``: the table's column behind
    an attribute that is shown as something computed from it; ``row`` takes its value, ``changes`` leaves it alone.
    """

    def __init__(
        self,
        label: str,
        table: sa.FromClause,
        columns: Mapping[str, Expression],
        *,
        internal: Mapping[str, Expression] | None = None,
        source: sa.FromClause | None = None,
        visible: Callable[[Expression], sa.ColumnElement[bool]] | None = None,
        filters: Mapping[str, Filter] | None = None,
        finish: Callable[[Row], None] | None = None,
        stored: Mapping[str, sa.Column[Any]] | None = None,
    ) -> None:
        self.label, self.table, self.columns = label, table, dict(columns)
        self._source = table if source is None else source
        self._finish = finish
        self._filters = dict(filters or {})
        self._names = tuple(self.columns)
        self.plain = {name: column for name, column in self.columns.items() if isinstance(column, sa.Column)}
        self._stored = {**self.plain, **(stored or {})}
        self._visible = (visible or (lambda project: table.c.project_id == project))(CALLER)
        self._all = sa.select(*self.columns.values()).select_from(self._source)
        one = self._all.where(table.c.id == _IDENT)
        self._one, self._one_visible = one, one.where(self._visible)
        self._internal = tuple(internal or ())
        locked = one.add_columns(*(internal or {}).values()).with_for_update(of=table)
        self._locked, self._locked_visible = locked, locked.where(self._visible)

    def not_found(self, ident: str) -> errors.NotFound:
        """The error for a row that is not there or that the caller may not know of."""
        return errors.NotFound.of(self.label, ident)

    def get(self, conn: sa.Connection, ctx: Context, ident: str, values: Values | None = None) -> Row:
        """One row. ``values``: of parameters that ``columns`` hold. Raises ``errors.NotFound``."""
        return self._fetch(conn, ctx, ident, (self._one, self._one_visible), self._names, values)

    def lock(self, conn: sa.Connection, ctx: Context, ident: str) -> Row:
        """One row, kept from changing until the transaction ends. Raises ``errors.NotFound``."""
        row = self._fetch(conn, ctx, ident, (self._locked, self._locked_visible), self._names + self._internal)
        if not ctx.sees(row.get("project_id", ctx.project_id)):
            # What lets him at another's may have ended while he waited: PostgreSQL looks again at the locked row only.
            self.get(conn, ctx, ident)
        return row

    def list(self, conn: sa.Connection, ctx: Context, query: ListQuery, values: Values | None = None) -> list[Row]:
        """Rows in the query's order. ``values``: of parameters that ``columns`` hold."""
        parameters = {**_project(ctx), **(values or {})}
        names = self._names
        if query.fields and self._finish is None:
            wanted = query.fields | {"id", "project_id"}
            names = tuple(name for name in names if name in wanted)
        stmt = self._all if names is self._names else self._some(names)
        stmt = stmt.where(*self._conditions(ctx, query))
        marker = self._marker(conn, ctx, query, parameters) if query.marker else None
        stmt = page.order_and_page(
            stmt, self.columns, sorts=query.sorts, limit=query.limit, marker=marker, reverse=query.reverse
        )
        rows = [dict(zip(names, row, strict=True)) for row in conn.execute(stmt, parameters).all()]
        if self._finish is not None:
            for row in rows:
                self._finish(row)
        return rows[::-1] if query.reverse else rows

    def row(self, values: Mapping[str, Any], **computed: Any) -> Row:
        """The row that storing ``values`` (by column name) makes, as a show would give it.

        ``computed``: values, by API attribute, of what is no plain column. For resources without ``finish``.
        """
        return {
            name: values[self._stored[name].name] if name in self._stored else computed[name] for name in self.columns
        }

    def changes(self, row: Row, body: Mapping[str, Any]) -> dict[str, Any]:
        """Column values for those plain attributes of ``body`` that differ from ``row``."""
        changed = {}
        for name, value in body.items():
            column = self.plain.get(name)
            if column is not None and row[name] != value:
                changed[column.name] = value
        return changed

    def _some(self, names: Iterable[str]) -> sa.Select[Any]:
        return sa.select(*(self.columns[name] for name in names)).select_from(self._source)

    def _conditions(self, ctx: Context, query: ListQuery) -> Conditions:
        conditions = [] if ctx.is_admin else [self._visible]
        plain = {name: values for name, values in query.filters.items() if name not in self._filters}
        conditions += page.where(self.columns, plain)
        conditions += [self._filters[name](values) for name, values in query.filters.items() if name in self._filters]
        if query.changed_since is not None:
            conditions.append(self.columns["updated_at"] >= query.changed_since)
        if query.tags or query.tags_any or query.not_tags or query.not_tags_any:
            conditions += page.where_tags(
                self.columns["tags"],
                tags=query.tags,
                tags_any=query.tags_any,
                not_tags=query.not_tags,
                not_tags_any=query.not_tags_any,
            )
        return conditions

    def _marker(self, conn: sa.Connection, ctx: Context, query: ListQuery, parameters: Values) -> Row:
        names = list(dict.fromkeys([*(name for name, _ in query.sorts), "id"]))
        stmt = self._some(names).where(self.table.c.id == _IDENT)
        if not ctx.is_admin:
            stmt = stmt.where(self._visible)
        found = conn.execute(stmt, {**parameters, "ident": query.marker}).first()
        if found is None:
            raise self.not_found(str(query.marker))
        return dict(zip(names, found, strict=True))

    def _fetch(
        self,
        conn: sa.Connection,
        ctx: Context,
        ident: str,
        stmts: tuple[sa.Select[Any], sa.Select[Any]],
        names: tuple[str, ...],
        values: Values | None = None,
    ) -> Row:
        whole, visible = stmts
        parameters = {"ident": ident, **_project(ctx), **(values or {})}
        found = conn.execute(whole if ctx.is_admin else visible, parameters).first()
        if found is None:
            raise self.not_found(ident)
        row = dict(zip(names, found, strict=True))
        if self._finish is not None:
            self._finish(row)
        return row


def _project(ctx: Context) -> dict[str, str]:
    return {"caller_project": ctx.project_id}
