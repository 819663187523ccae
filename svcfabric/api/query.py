"""The query string of a list: filters, tag filters, sorting, paging, field selection."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Attribute, Dialect, ListQuery, Resource
from svcfabric.api.words import Words

Params = Mapping[str, Any]  # Falcon's: name -> text, or a list of texts when repeated

PAGING = frozenset({"limit", "marker", "page_reverse", "sort_key", "sort_dir", "sort", "fields"})
SINCE = "changed_since"
TAGS = {"tags": "tags", "tags-any": "tags_any", "not-tags": "not_tags", "not-tags-any": "not_tags_any"}
MAX_MARKER = 255


class QueryRules:
    """What may stand in the query string of one resource's list. Made once; ``parse`` is pure.

    ``max_page``: rows a page holds at most, also when the client asks for more or for all; 0 for no bound.
    """

    def __init__(self, resource: Resource, dialect: Dialect, max_page: int = 0) -> None:
        self.resource = resource
        self.words = Words(dialect)
        self.max_page = max_page
        # A resource may declare an attribute of the same name as a tag filter; it then is that filter.
        self._filters = {a.name: a for a in resource.attributes if a.filterable}
        self._sortable = {a.name for a in resource.attributes if a.sortable}
        self._names = {a.name for a in resource.attributes}
        self._plain = PAGING | (TAGS.keys() if resource.tags else set())
        self._dated = dialect is Dialect.NEUTRON and "updated_at" in self._names
        if self._dated:
            self._plain |= {SINCE}
        if "project_id" in self._filters:
            self._filters["tenant_id"] = self._filters["project_id"]
        self._empty = ListQuery(sorts=resource.default_sort, limit=max_page or None)

    def parse(self, params: Params) -> ListQuery:
        """The checked query. Raises ``errors.BadRequest`` naming the parameter.

        ``sorts`` is the resource's default order when the client names none. The empty string as a filter
        value means "empty or null": None is among the values handed down.
        """
        if not params:
            return self._empty
        limit, marker, reverse = self._page(params)
        tags, filters = self._tags(params), self._filtered(params)
        return ListQuery(
            filters=filters,
            sorts=self._sorts(params) or self.resource.default_sort,
            limit=limit,
            marker=marker,
            reverse=reverse,
            changed_since=self._changed_since(params),
            fields=self.fields(params),
            **tags,
        )

    def fields(self, params: Params) -> frozenset[str]:
        """Attributes the handler should fill: those asked for, and ``id``; empty means all."""
        names = set(asked(params))
        if not names:
            return frozenset()
        if "tenant_id" in names:
            names.add("project_id")
        return frozenset((names & self._names) | {"id"})

    def _page(self, params: Params) -> tuple[int | None, str | None, bool]:
        text = one(params, "limit")
        limit = 0
        if text:
            if not (text.isascii() and text.isdigit() and len(text) <= 18) and not self._unlimited(text):
                raise self.words.bad_limit(text)
            limit = 0 if self._unlimited(text) else int(text)
        if self.max_page:
            limit = min(limit, self.max_page) or self.max_page
        marker = one(params, "marker") or None
        if marker is not None and (len(marker) > MAX_MARKER or not marker.isprintable()):
            raise self.words.bad_marker(marker)
        return limit or None, marker, one(params, "page_reverse").lower() == "true"

    def _unlimited(self, text: str) -> bool:
        return self.words.octavia and (text == "infinite" or (text.startswith("-") and text[1:].isdigit()))

    def _sorts(self, params: Params) -> tuple[tuple[str, str], ...]:
        keys, dirs = self._pairs(params)
        keys = ["project_id" if key == "tenant_id" else key for key in keys]
        unknown = [key for key in keys if key not in self._sortable]
        if unknown:
            raise self.words.bad_sort_key(unknown)
        wrong = [text for text in dirs if text not in ("asc", "desc")]
        if wrong:
            raise self.words.bad_sort_dir(wrong)
        return tuple(zip(keys, dirs, strict=True))

    def _pairs(self, params: Params) -> tuple[list[str], list[str]]:
        if not self.words.octavia:
            keys, dirs = _given(params, "sort_key"), _given(params, "sort_dir")
            if len(keys) != len(dirs):
                raise self.words.uneven_sorts()
            return keys, dirs
        pairs = [item.partition(":") for text in many(params, "sort") for item in text.split(",") if item]
        if pairs:
            return [key for key, _, _ in pairs], [(way or "asc").lower() for _, _, way in pairs]
        keys = [key for text in many(params, "sort_key") for key in text.split(",") if key]
        dirs = [way.lower() for text in many(params, "sort_dir") for way in text.split(",") if way]
        return keys, (dirs + ["asc"] * len(keys))[: len(keys)]

    def _tags(self, params: Params) -> dict[str, tuple[str, ...]]:
        if not self.resource.tags:
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for name, field in TAGS.items():
            values = tuple(tag for text in many(params, name) for tag in text.split(",") if tag)
            if any("\0" in tag for tag in values):
                raise self.words.refused(name, values, ValueError("a string must not contain the NUL character"))
            if values:
                found[field] = values
        return found

    def _changed_since(self, params: Params) -> datetime.datetime | None:
        text = one(params, SINCE) if self._dated else ""
        if not text:
            return None
        try:
            moment: datetime.datetime = checks.timestamp().convert(text)
        except ValueError:
            raise errors.InvalidInput(
                f"Invalid input for operation: The input {SINCE} must be in the following format: YYYY-MM-DDTHH:MM:SSZ."
            ) from None
        return moment

    def _filtered(self, params: Params) -> dict[str, tuple[Any, ...]]:
        filters: dict[str, tuple[Any, ...]] = {}
        unknown = []
        for name, given in params.items():
            if name in self._plain:
                continue
            attribute = self._filters.get(name)
            if attribute is None:
                unknown.append(name)
                continue
            values = self._values(name, attribute, given if isinstance(given, list) else [given])
            known = filters.get(attribute.name)
            # project_id and tenant_id both given: both must hold
            filters[attribute.name] = values if known is None else tuple(v for v in values if v in known)
        if unknown:
            raise self.words.bad_filter(unknown)
        return filters

    def _values(self, name: str, attribute: Attribute, texts: Sequence[str]) -> tuple[Any, ...]:
        parse = attribute.check.parse or attribute.check.convert
        values: list[Any] = []
        for text in texts:
            if not text:
                values += ["", None] if _plain_text(attribute) else [None]
                continue
            try:
                values.append(parse(text))
            except ValueError as reason:
                raise self.words.refused(name, text, reason) from None
        return tuple(values)


def _plain_text(attribute: Attribute) -> bool:
    schema = attribute.check.schema
    kind = schema.get("type")
    return (kind == "string" or (isinstance(kind, list) and "string" in kind)) and "format" not in schema


def asked(params: Params) -> tuple[str, ...]:
    """The client's ``fields``, in its order; names nobody declared included."""
    if "fields" not in params:
        return ()
    return tuple(dict.fromkeys(name for text in many(params, "fields") for name in text.split(",") if name))


def many(params: Params, name: str) -> list[str]:
    """All values of a parameter."""
    value = params.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def one(params: Params, name: str) -> str:
    """The last value of a parameter; empty when absent."""
    values = many(params, name)
    return values[-1] if values else ""


def _given(params: Params, name: str) -> list[str]:
    return [text for text in many(params, name) if text]
