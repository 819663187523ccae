"""The OpenAPI 3.1 document, from the declarations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

import svcfabric
from svcfabric.api.query import TAGS
from svcfabric.api.resource import ABSENT, REQUIRED, Action, Api, Attribute, Dialect, Resource
from svcfabric.api.routing import has_tag_paths
from svcfabric.api.rules import rule_of

_VARIABLE = re.compile(r"\{(\w+)\}")
_ERROR = {
    Dialect.NEUTRON: {
        "type": "object",
        "properties": {
            "NeutronError": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("type", "message", "detail")},
            }
        },
    },
    Dialect.OCTAVIA: {
        "type": "object",
        "properties": {
            "faultcode": {"type": "string", "enum": ["Client", "Server"]},
            "faultstring": {"type": "string"},
            "debuginfo": {"type": ["string", "null"]},
        },
    },
    Dialect.NATIVE: {
        "type": "object",
        "properties": {
            "error": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("code", "title", "message")},
            }
        },
    },
}


def document(apis: Sequence[Api]) -> bytes:
    """JSON text. Only the canonical prefix of each API is described."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for api in apis:
        schemas[f"{api.dialect.value}-error"] = _ERROR[api.dialect]
        for resource in api.resources:
            schemas.update(_schemas(api, resource))
            _add_resource(paths, api, resource)
        for action in api.actions:
            _add(paths, api.prefixes[0] + action.path, action.method, _action(api, action))
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "svcfabric", "version": _version(), "license": {"name": "Apache-2.0"}},
            "servers": [{"url": "/"}],
            "tags": [{"name": api.title} for api in apis],
            "security": [{"token": []}, {"basic": []}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                    "basic": {"type": "http", "scheme": "basic"},
                },
            },
        }
    )


def _version() -> str:
    return getattr(svcfabric, "__version__", "0")


def _name(api: Api, resource: Resource, suffix: str = "") -> str:
    return f"{api.dialect.value}-{resource.name}{suffix}"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas(api: Api, resource: Resource) -> dict[str, Any]:
    attributes = resource.attributes
    shown = {a.name: _property(a) for a in attributes if a.visible}
    if "project_id" in shown:
        shown["tenant_id"] = shown["project_id"]
    return {
        _name(api, resource): {"type": "object", "properties": shown},
        _name(api, resource, "-create"): _body([a for a in attributes if a.post], create=True),
        _name(api, resource, "-update"): _body([a for a in attributes if a.put], create=False),
    }


def _property(attribute: Attribute) -> dict[str, Any]:
    made: dict[str, Any] = dict(attribute.check.schema)
    if attribute.doc:
        made["description"] = attribute.doc
    if not attribute.post and not attribute.put:
        made["readOnly"] = True
    if attribute.extension:
        made["x-extension"] = attribute.extension
    return made


def _body(attributes: Sequence[Attribute], *, create: bool) -> dict[str, Any]:
    properties = {a.name: _input(a, create) for a in attributes}
    if "project_id" in properties:
        properties["tenant_id"] = properties["project_id"]
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [a.name for a in attributes if a.default is REQUIRED]
    if create and required:
        schema["required"] = required
    return schema


def _input(attribute: Attribute, create: bool) -> dict[str, Any]:
    made = _property(attribute)
    default = attribute.default
    if create and default not in (REQUIRED, ABSENT, None) and not callable(default):
        made["default"] = default
    return made


def _add_resource(paths: dict[str, dict[str, Any]], api: Api, resource: Resource) -> None:
    path = api.prefixes[0] + resource.path
    item = path + "/{id}"
    one = {"type": "object", "properties": {resource.name: _ref(_name(api, resource))}}
    many = {"type": "array", "items": _ref(_name(api, resource))}
    listed = {"type": "object", "properties": {resource.collection: many}}
    create, update = _ref(_name(api, resource, "-create")), _ref(_name(api, resource, "-update"))
    wrapped: dict[str, Any] = {"type": "object", "properties": {resource.name: create}, "required": [resource.name]}
    if resource.bulk and resource.collection != resource.name:
        bulk = {
            "type": "object",
            "properties": {resource.collection: {"type": "array", "items": create}},
            "required": [resource.collection],
        }
        wrapped = {"anyOf": [wrapped, bulk]}
    changed = {"type": "object", "properties": {resource.name: update}, "required": [resource.name]}
    table: dict[str, tuple[str, str, int, Any, Any]] = {
        "list": (path, "GET", 200, listed, None),
        "create": (path, "POST", 201, one, wrapped),
        "get": (item, "GET", 200, one, None),
        "update": (item, "PUT", 200, one, changed),
        "delete": (item, "DELETE", 204, None, None),
    }
    for operation, (where, method, status, answer, body) in table.items():
        if operation in resource.operations:
            described = _operation(api, f"{operation} {resource.name}", status, answer, body)
            described["x-policy"] = rule_of(api.dialect, resource, operation)
            if operation == "list":
                described["parameters"] = _query(resource)
            _add(paths, where, method, described)
    if has_tag_paths(api.dialect, resource):
        tagged = api.prefixes[0] + resource.tag_path + "/{id}" if resource.tag_path else item
        _add_tags(paths, api, resource, tagged + "/tags")


def _add_tags(paths: dict[str, dict[str, Any]], api: Api, resource: Resource, path: str) -> None:
    tags = {
        "type": "object",
        "properties": {"tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["tags"],
    }
    name = f"tags of {resource.name}"
    _add(paths, path, "GET", _operation(api, f"list {name}", 200, tags, None))
    _add(paths, path, "PUT", _operation(api, f"replace {name}", 200, tags, tags))
    _add(paths, path, "POST", _operation(api, f"add {name}", 201, tags, tags))
    _add(paths, path, "DELETE", _operation(api, f"remove all {name}", 204, None, None))
    for method, verb, status in (
        ("GET", "look for one of", 204),
        ("PUT", "add one to", 201),
        ("DELETE", "remove", 204),
    ):
        _add(paths, path + "/{tag}", method, _operation(api, f"{verb} {name}", status, None, None))


def _query(resource: Resource) -> list[dict[str, Any]]:
    names = [a.name for a in resource.attributes if a.filterable]
    found = [_parameter(name, {"type": "array", "items": {"type": "string"}}) for name in names]
    if resource.tags:
        found += [_parameter(name, {"type": "string"}) for name in TAGS if name not in names]
    sortable = [a.name for a in resource.attributes if a.sortable]
    found += [
        _parameter("limit", {"type": "integer", "minimum": 0}),
        _parameter("marker", {"type": "string"}),
        _parameter("page_reverse", {"type": "boolean"}),
        _parameter("fields", {"type": "array", "items": {"type": "string"}}),
    ]
    if sortable:
        found += [
            _parameter("sort_key", {"type": "array", "items": {"type": "string", "enum": sortable}}),
            _parameter("sort_dir", {"type": "array", "items": {"type": "string", "enum": ["asc", "desc"]}}),
        ]
    return found


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def _action(api: Api, action: Action) -> dict[str, Any]:
    summary = action.doc.split(". ")[0] or action.rule
    answer: dict[str, Any] | None = None if action.status == 204 else {}
    body = None if action.method in ("GET", "DELETE") else dict(action.schema or {})
    described = _operation(api, summary, action.status, answer, body)
    if action.doc:
        described["description"] = action.doc
    described["x-policy"] = action.rule
    if body is not None and not action.schema:
        described["requestBody"]["required"] = False
    return described


def _operation(api: Api, summary: str, status: int, answer: Any, body: Any) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if answer is not None:
        good["content"] = {"application/json": {"schema": answer}}
    error = {"application/json": {"schema": _ref(f"{api.dialect.value}-error")}}
    made: dict[str, Any] = {
        "summary": summary,
        "tags": [api.title],
        "responses": {str(status): good, "default": {"description": "Refused or failed", "content": error}},
    }
    if body is not None:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


def _add(paths: dict[str, dict[str, Any]], path: str, method: str, operation: dict[str, Any]) -> None:
    # Two declarations may call the same variable differently; the document knows a path once.
    same = _VARIABLE.sub("{}", path)
    path = next((known for known in paths if _VARIABLE.sub("{}", known) == same), path)
    place = paths.setdefault(path, {})
    names = _VARIABLE.findall(path)
    if names:
        place["parameters"] = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    place[method.lower()] = operation
