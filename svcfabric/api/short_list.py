"""A page of a list that is short and not in a table of its own."""

from __future__ import annotations

from collections.abc import Sequence

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row


def page(rows: Sequence[Row], query: ListQuery) -> list[Row]:
    """The part of a short list (its rows have an ``id``) that a query asks for.

    Raises ``errors.BadRequest`` for a marker that is no row of it.
    """
    found = [row for row in rows if all(row[name] in values for name, values in query.filters.items())]
    for name, direction in reversed([*query.sorts, ("id", "asc")]):
        found.sort(key=lambda row: row[name], reverse=direction == "desc")
    if query.reverse:
        found.reverse()
    if query.marker:
        places = [place for place, row in enumerate(found) if row["id"] == query.marker]
        if not places:
            raise errors.BadRequest(f"Supplied pagination marker '{query.marker}' is not valid.")
        found = found[places[0] + 1 :]
    found = found[: query.limit]
    return found[::-1] if query.reverse else found
