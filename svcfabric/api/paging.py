"""The ``<collection>_links`` of a list: where the next and the previous page are."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence

from svcfabric.api.query import Params, many
from svcfabric.api.resource import Dialect, ListQuery, Row

Link = dict[str, str]


def links(dialect: Dialect, url: str, params: Params, query: ListQuery, rows: Sequence[Row]) -> list[Link] | None:
    """Links of a page, or None when the answer has no such key.

    The network API: only with a limit; "next" unless a forward page came short, "previous" unless a backward
    one did (an empty page links back without a marker, to the last page). The others: "next" when the page is
    full or was reached backwards, "previous" when a marker was given, nothing for an empty page.
    """
    if dialect is Dialect.NEUTRON:
        return _neutron(url, params, query, rows) if query.limit else None
    if not rows or not query.limit:
        return []
    full = len(rows) >= query.limit
    keep = [("limit", str(query.limit)), *_kept(params, {"limit"})]
    back, ahead = (full, query.marker is not None) if query.reverse else (query.marker is not None, full)
    found = []
    if back:
        found.append(_link("previous", url, [*keep, ("marker", rows[0]["id"]), ("page_reverse", "True")]))
    if ahead:
        found.append(_link("next", url, [*keep, ("marker", rows[-1]["id"])]))
    return found


def _neutron(url: str, params: Params, query: ListQuery, rows: Sequence[Row]) -> list[Link]:
    short = len(rows) < (query.limit or 0)
    keep = _kept(params, set())
    if "limit" not in params:  # a page the server imposed
        keep.append(("limit", str(query.limit)))
    found = []
    if query.reverse or not short:
        found.append(_link("next", url, keep + ([("marker", rows[-1]["id"])] if rows else [])))
    if not query.reverse or not short:
        marker = [("marker", rows[0]["id"])] if rows else []
        found.append(_link("previous", url, [*keep, *marker, ("page_reverse", "True")]))
    return found


def _kept(params: Params, dropped: set[str]) -> list[tuple[str, str]]:
    dropped |= {"marker", "page_reverse"}
    return [(name, value) for name in params if name not in dropped for value in many(params, name)]


def _link(rel: str, url: str, params: Sequence[tuple[str, str]]) -> Link:
    return {"rel": rel, "href": f"{url}?{urllib.parse.urlencode(params)}"}
