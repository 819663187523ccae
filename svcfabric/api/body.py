"""A request body against its declaration: defaults, required, read-only, every value checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcfabric.api.resource import ABSENT, REQUIRED, Attribute, Dialect, Resource, Row
from svcfabric.api.words import Words
from svcfabric.context import Context


class BodyRules:
    """What may stand in a body of one resource. Made once; its methods are pure."""

    def __init__(self, resource: Resource, dialect: Dialect, max_bulk: int = 1000) -> None:
        self.resource = resource
        self.words = Words(dialect)
        self.max_bulk = max_bulk
        self._attributes = {a.name: a for a in resource.attributes}
        self._has_project = "project_id" in self._attributes
        self._required = [a.name for a in resource.attributes if a.post and a.default is REQUIRED]
        self._defaults = [
            a for a in resource.attributes if a.post and a.default is not REQUIRED and a.default is not ABSENT
        ]

    def created(self, ctx: Context, payload: Any) -> tuple[list[Row], list[frozenset[str]], bool]:
        """Bodies of a create, the attributes each named, and whether the request was a list.

        Raises ``errors.BadRequest``, naming the attribute and the rule.
        """
        resource, words = self.resource, self.words
        payload = self._object(payload)
        if resource.collection in payload and resource.collection != resource.name:
            items = self._items(payload[resource.collection])
            bulk = True
        else:
            items = [self._wrapped(payload)]
            bulk = False
        bodies = [self._new(ctx, item) for item in items]
        if not bodies:
            raise words.empty_bulk()
        return bodies, [self._named(item) for item in items], bulk

    def changed(self, ctx: Context, payload: Any) -> Row:
        """The body of an update: what it names, checked; ``null`` reset where the declaration says so."""
        given = self._own(ctx, self._wrapped(self._object(payload)))
        for name in given:
            if not self._attributes[name].put:
                raise self.words.read_only(self.resource.name, name)
        return {name: self._value(self._attributes[name], value) for name, value in given.items()}

    def _object(self, payload: Any) -> Mapping[str, Any]:
        if not isinstance(payload, dict):
            raise self.words.no_wrapper(self.resource.name) if payload is None else self.words.not_object()
        return payload

    def _items(self, listed: Any) -> list[Mapping[str, Any]]:
        resource, words = self.resource, self.words
        if not resource.bulk:
            raise words.no_bulk()
        if not isinstance(listed, list):
            raise words.wrapped_not_object(resource.collection, listed)
        if not listed:
            raise words.empty_bulk()
        if len(listed) > self.max_bulk:
            raise words.big_bulk(self.max_bulk)
        for item in listed:
            if not isinstance(item, dict):
                raise words.wrapped_not_object(resource.name, item)
        return [self._wrapped(item) if resource.name in item and len(item) == 1 else item for item in listed]

    def _wrapped(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        resource, words = self.resource, self.words
        if resource.name not in payload:
            raise words.no_wrapper(resource.name)
        if len(payload) > 1:
            raise words.stray_wrapper([name for name in payload if name != resource.name])
        given = payload[resource.name]
        if not isinstance(given, dict):
            raise words.wrapped_not_object(resource.name, given)
        return given

    def _own(self, ctx: Context, given: Mapping[str, Any]) -> dict[str, Any]:
        """The body with ``tenant_id`` folded into ``project_id`` and no unknown attribute."""
        given = dict(given)
        if self._has_project and "tenant_id" in given:
            tenant = given.pop("tenant_id")
            if given.setdefault("project_id", tenant) != tenant:
                raise self.words.two_projects()
        if self._has_project and "project_id" in given:
            self._may_own(ctx, given["project_id"])
        unknown = [name for name in given if name not in self._attributes]
        if unknown:
            raise self.words.unrecognized(self.resource.name, unknown)
        return given

    def _may_own(self, ctx: Context, project_id: Any) -> None:
        if project_id != ctx.project_id and not ctx.is_admin and "service" not in ctx.roles:
            raise self.words.foreign_project()

    def _new(self, ctx: Context, item: Mapping[str, Any]) -> Row:
        given = self._own(ctx, item)
        words, attributes = self.words, self._attributes
        for name in self._required:
            if name not in given:
                raise words.required(name)
        for name in given:
            if not attributes[name].post:
                raise words.not_in_post(self.resource.name, name)
        body = {a.name: made(a.default) for a in self._defaults}
        for name, value in given.items():
            attribute = attributes[name]
            if value is None and attribute.reset is not ABSENT and attribute.default is not REQUIRED:
                continue  # null says "the default"
            body[name] = self._value(attribute, value)
        if self._has_project and not body.get("project_id"):
            if not ctx.project_id and attributes["project_id"].post:
                raise words.no_project()
            body["project_id"] = ctx.project_id
        return body

    def _named(self, item: Mapping[str, Any]) -> frozenset[str]:
        """Attributes the client set to something other than the default: policy looks at these."""
        known = self._attributes
        return frozenset(
            name for name, value in item.items() if name in known and value != made_or_none(known[name].default)
        )

    def _value(self, attribute: Attribute, value: Any) -> Any:
        if value is None and attribute.reset is not ABSENT:
            return made(attribute.reset)
        try:
            return attribute.check.convert(value)
        except ValueError as reason:
            raise self.words.refused(attribute.name, value, reason) from None


def made(default: Any) -> Any:
    """A default's value; a callable makes a fresh one."""
    return default() if callable(default) else default


def made_or_none(default: Any) -> Any:
    """As ``made``, None where the declaration has no default."""
    return None if default in (REQUIRED, ABSENT) else made(default)
