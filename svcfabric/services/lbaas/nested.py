"""Objects inside a body (a whole tree in one request, a batch of members) against their attribute tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from svcfabric import errors
from svcfabric.api.checks import shown
from svcfabric.api.resource import ABSENT, REQUIRED, Attribute, Check, Row

IGNORED = frozenset({"project_id", "tenant_id"})  # children belong to their parent's project


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """An object: its attributes (those with ``post``) and the nodes below it, single or in a list.

    ``reference``: an object that holds nothing but a name stands for one defined elsewhere.
    """

    attributes: tuple[Attribute, ...]
    one: Mapping[str, Node] = dataclasses.field(default_factory=dict)
    many: Mapping[str, Node] = dataclasses.field(default_factory=dict)
    reference: bool = False

    def schema(self) -> dict[str, Any]:
        """JSON Schema, for the OpenAPI document."""
        properties: dict[str, Any] = {a.name: dict(a.check.schema) for a in self.attributes if a.post}
        properties |= {name: node.schema() for name, node in self.one.items()}
        properties |= {name: {"type": "array", "items": node.schema()} for name, node in self.many.items()}
        required = [a.name for a in self.attributes if a.post and a.default is REQUIRED]
        found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**found, "required": required} if required and not self.reference else found


def check_of(node: Node, name: str) -> Check:
    """A list of such objects as an attribute's check; refusals name the path of the field."""
    return Check(
        convert=lambda value: checked_list(node, value, name), schema={"type": "array", "items": node.schema()}
    )


def checked_list(node: Node, value: Any, path: str) -> list[Row]:
    """Objects of a list, checked, with their defaults. ``null`` is the empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise _refuse(path, value, "Value not a valid list")
    return [checked(node, item, f"{path}[{number}]") for number, item in enumerate(value)]


def checked(node: Node, value: Any, path: str) -> Row:
    """One object, checked, with its defaults. Raises ``errors.InvalidInput`` naming the path of the field."""
    if not isinstance(value, dict):
        raise _refuse(path, value, "Value not a valid dict")
    if node.reference and set(value) == {"name"}:
        return {"name": _value(_named(node, "name"), value["name"], path)}
    known = {a.name: a for a in node.attributes if a.post}
    unknown = [key for key in value if key not in known.keys() | node.one.keys() | node.many.keys() | IGNORED]
    if unknown:
        raise errors.BadRequest(f"Unknown attribute for argument {path}: {shown(', '.join(unknown))}")
    row = {name: _given(attribute, value, path) for name, attribute in known.items()}
    row = {name: found for name, found in row.items() if found is not ABSENT}
    for name, below in node.one.items():
        row[name] = None if value.get(name) is None else checked(below, value[name], f"{path}.{name}")
    for name, below in node.many.items():
        row[name] = checked_list(below, value.get(name), f"{path}.{name}")
    return row


def _named(node: Node, name: str) -> Attribute:
    return next(a for a in node.attributes if a.name == name)


def _given(attribute: Attribute, value: Mapping[str, Any], path: str) -> Any:
    given = value.get(attribute.name)
    if attribute.default is REQUIRED:
        if given is None:
            raise _refuse(f"{path}.{attribute.name}", None, "Mandatory field missing.")
    elif attribute.name not in value or (given is None and attribute.reset is not ABSENT):
        return attribute.default() if callable(attribute.default) else attribute.default
    return _value(attribute, given, path)


def _value(attribute: Attribute, given: Any, path: str) -> Any:
    try:
        return attribute.check.convert(given)
    except ValueError as reason:
        raise _refuse(f"{path}.{attribute.name}", given, getattr(reason, "octavia", str(reason))) from None


def _refuse(path: str, value: Any, rule: str) -> errors.InvalidInput:
    return errors.InvalidInput(f"Invalid input for field/attribute {path}. Value: '{shown(value)}'. {rule}")
