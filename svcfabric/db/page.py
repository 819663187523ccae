"""List queries: filters, tag filters, sorting and keyset paging, as one SQL statement.

Works on any selectable; ``columns`` maps the API's attribute names to SQL expressions, so that a computed
status can be filtered and sorted like a stored value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

Columns = Mapping[str, sa.ColumnElement[Any]]


def where(columns: Columns, filters: Mapping[str, Sequence[Any]]) -> list[sa.ColumnElement[bool]]:
    """One condition per filter: equal to any of its values (None: is null)."""
    return [_any_of(columns[name], values) for name, values in filters.items()]


def _any_of(column: sa.ColumnElement[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    present = [value for value in values if value is not None]
    nulls = len(present) < len(values)
    if not present:
        return column.is_(None) if nulls else sa.false()
    match = column == present[0] if len(present) == 1 else column.in_(present)
    return sa.or_(match, column.is_(None)) if nulls else match


def where_tags(
    column: sa.ColumnElement[Any],
    *,
    tags: Sequence[str] = (),
    tags_any: Sequence[str] = (),
    not_tags: Sequence[str] = (),
    not_tags_any: Sequence[str] = (),
) -> list[sa.ColumnElement[bool]]:
    """Tag filters over a JSON text column: all of, any of, not all of, none of."""
    result: list[sa.ColumnElement[bool]] = [_has(column, tag) for tag in tags]
    if tags_any:
        result.append(sa.or_(*(_has(column, tag) for tag in tags_any)))
    if not_tags:
        result.append(sa.not_(sa.and_(*(_has(column, tag) for tag in not_tags))))
    if not_tags_any:
        result.append(sa.not_(sa.or_(*(_has(column, tag) for tag in not_tags_any))))
    return result


def _has(column: sa.ColumnElement[Any], tag: str) -> sa.ColumnElement[bool]:
    # The tag as a JSON string, quotes included, can stand in the text only as a whole element.
    # Binary comparison: MariaDB's LIKE follows the column's collation, set to a binary one by ``base.Json``'s users.
    return sa.type_coerce(column, sa.Text()).contains(orjson.dumps(tag).decode(), autoescape=True)


def order_and_page(
    stmt: sa.Select[Any],
    columns: Columns,
    *,
    sorts: Sequence[tuple[str, str]],
    limit: int | None = None,
    marker: Mapping[str, Any] | None = None,
    reverse: bool = False,
) -> sa.Select[Any]:
    """Add ordering (``id`` breaks ties), the keyset condition after ``marker`` (a row) and the limit.

    With ``reverse`` the statement walks towards the first page: its rows come nearest first, and the
    caller turns them round (``rows[::-1]``).
    """
    keys = [*sorts, *([] if any(name == "id" for name, _ in sorts) else [("id", "asc")])]
    ascending = [(columns[name], name, (direction == "asc") != reverse) for name, direction in keys]
    if marker is not None:
        stmt = stmt.where(_after(ascending, marker))
    for column, _name, up in ascending:
        # NULL first when ascending, on every database alike.
        stmt = (
            stmt.order_by(
                sa.case((column.is_(None), 0), else_=1).asc() if up else sa.case((column.is_(None), 0), else_=1).desc()
            )
            if _nullable(column)
            else stmt
        )
        stmt = stmt.order_by(column.asc() if up else column.desc())
    return stmt.limit(limit) if limit else stmt


def _nullable(column: sa.ColumnElement[Any]) -> bool:
    return bool(getattr(column, "nullable", True))


def _after(
    keys: Sequence[tuple[sa.ColumnElement[Any], str, bool]], marker: Mapping[str, Any]
) -> sa.ColumnElement[bool]:
    options: list[sa.ColumnElement[bool]] = []
    equal: list[sa.ColumnElement[bool]] = []
    for column, name, up in keys:
        value = marker[name]
        options.append(sa.and_(*equal, _beyond(column, value, up)))
        equal.append(column.is_(None) if value is None else column == value)
    return sa.or_(*options)


def _beyond(column: sa.ColumnElement[Any], value: Any, up: bool) -> sa.ColumnElement[bool]:
    if value is None:
        return column.is_not(None) if up else sa.false()
    if isinstance(value, bool):  # SQLAlchemy compares the constants only for equality
        value = sa.literal(value, column.type)
    if up:
        return column > value
    return sa.or_(column < value, column.is_(None)) if _nullable(column) else column < value
