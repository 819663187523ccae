"""Lists and objects of checked values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from svcfabric.api.checks.reason import Refused, shown
from svcfabric.api.resource import Check


def list_of(check: Check, *, max: int | None = None, min: int = 0, unique: bool = False) -> Check:
    """A list whose items all pass ``check``."""
    item = check.convert

    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Refused(f"'{shown(value)}' is not a list", f"Value not a valid list: {shown(value)}")
        if len(value) < min:
            raise Refused("List should not be empty" if min == 1 else f"List should have at least {min} items")
        if max is not None and len(value) > max:
            raise Refused(f"List should have at most {max} items")
        items = [item(v) for v in value]
        if unique:
            _refuse_duplicates(items)
        return items

    schema: dict[str, Any] = {"type": "array", "items": check.schema}
    if max is not None:
        schema["maxItems"] = max
    if min:
        schema["minItems"] = min
    return Check(convert=convert, schema=schema, parse=check.parse or check.convert)


def _refuse_duplicates(items: list[Any]) -> None:
    """In time that grows with the list, not with its square: the list is a stranger's."""
    seen: set[Any] = set()
    repeated = set()
    for item in items:
        # dictionaries, lists and times are as alike as their texts
        key = item if isinstance(item, str) else orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
        if key in seen:
            repeated.add(str(item))
        seen.add(key)
    if repeated:
        raise Refused(f"Duplicate items in the list: '{shown(', '.join(sorted(repeated)))}'")


def mapping(
    fields: Mapping[str, Check],
    required: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
    *,
    rule: Callable[[dict[str, Any]], None] | None = None,
) -> Check:
    """A JSON object with these keys and no others; a refused value is told with its key.

    ``defaults`` fills keys not given. ``rule`` looks at the converted object and may raise ``Refused``.
    """

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(f"'{shown(value)}' is not a dictionary", f"Value not a valid dict: {shown(value)}")
        unknown = [k for k in value if k not in fields]
        if unknown:
            names = shown(", ".join(unknown))
            raise Refused(f"Unexpected keys supplied: {names}", f"Unknown attribute: {names}")
        missing = [k for k in required if k not in value]
        if missing:
            names = ", ".join(missing)
            raise Refused(f"Required keys not specified: {names}", f"Mandatory field missing: {names}")
        converted = dict(defaults) if defaults else {}
        for key, given in value.items():
            try:
                converted[key] = fields[key].convert(given)
            except ValueError as refused:
                raise Refused(f"{key}: {refused}", f"{key}: {getattr(refused, 'octavia', refused)}") from None
        if rule is not None:
            rule(converted)
        return converted

    properties = {name: dict(check.schema) for name, check in fields.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    return Check(convert=convert, schema=schema)


def string_map(keys: Check, values: Check, max: int = 100) -> Check:
    """A JSON object used as a dictionary: every key passes ``keys``, every value ``values``."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(f"'{shown(value)}' is not a dictionary", f"Value not a valid dict: {shown(value)}")
        if len(value) > max:
            raise Refused(f"a dictionary should have at most {max} keys")
        return {keys.convert(k): values.convert(v) for k, v in value.items()}

    return Check(convert=convert, schema={"type": "object", "additionalProperties": values.schema})


def json_object(max_bytes: int = 4095) -> Check:
    """Any JSON object whose text is at most ``max_bytes`` long (``binding:profile`` and its like)."""

    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Refused(f"'{shown(value)}' is not a dictionary", f"Value not a valid dict: {shown(value)}")
        text = orjson.dumps(value)
        if len(text) > max_bytes:
            raise Refused(f"the object exceeds maximum length of {max_bytes}")
        if b"\\u0000" in text:
            raise Refused("a string must not contain the NUL character")
        return value

    return Check(convert=convert, schema={"type": "object"})
