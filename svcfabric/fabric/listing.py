"""A page of a list, as services read theirs: filters, tags, order, marker, limit, in two statements at most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.db import page


def rows_of(
    conn: sa.Connection,
    stmt: sa.Select[Any],
    columns: Mapping[str, sa.ColumnElement[Any]],
    query: ListQuery,
    *,
    ident: sa.ColumnElement[Any],
    tags: sa.ColumnElement[Any] | None = None,
) -> list[Row]:
    """The rows of ``stmt`` (all that the caller may see, labelled like ``columns``) that the query asks for.

    ``ident``: the column a marker is looked up in; ``tags``: the column of tags, for a resource that has any.
    Raises ``errors.BadRequest`` for a marker that is no such row.
    """
    marker = None
    if query.marker:
        marker = conn.execute(stmt.where(ident == query.marker)).mappings().first()
        if marker is None:
            raise errors.BadRequest(f"Supplied pagination marker '{query.marker}' is not valid.")
    stmt = stmt.where(*page.where(columns, query.filters))
    if tags is not None:
        stmt = stmt.where(
            *page.where_tags(
                tags,
                tags=query.tags,
                tags_any=query.tags_any,
                not_tags=query.not_tags,
                not_tags_any=query.not_tags_any,
            )
        )
    stmt = page.order_and_page(
        stmt,
        columns,
        sorts=query.sorts,
        limit=query.limit,
        marker=None if marker is None else dict(marker),
        reverse=query.reverse,
    )
    rows = [dict(row) for row in conn.execute(stmt).mappings()]
    return rows[::-1] if query.reverse else rows
