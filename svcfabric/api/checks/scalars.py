"""Text, identifiers, truth, numbers, choices, times."""

from __future__ import annotations

import datetime
import re
import urllib.parse
from collections.abc import Collection, Iterable
from typing import Any

from svcfabric.api.checks.reason import Refused, shown, text_of
from svcfabric.api.resource import Check

MAX_INT = 2**63 - 1
TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEX = re.compile(r"[^0-9a-f]")


def string(max: int = 255, min: int = 0, *, oneline: bool = False) -> Check:
    """Text of at most ``max`` and at least ``min`` characters; ``oneline`` refuses control characters."""

    def convert(value: Any) -> str:
        text = text_of(value)
        if len(text) > max:
            raise Refused(
                f"'{shown(text)}' exceeds maximum length of {max}",
                f"Value should have a maximum character requirement of {max}",
            )
        if len(text) < min or (min and not text.strip()):
            raise Refused(
                f"'{shown(text)}' Blank strings are not permitted",
                f"Value should have a minimum character requirement of {min}",
            )
        if oneline and not text.isprintable():
            raise Refused(
                f"Multi-line string is not allowed: '{shown(text)}'", "Value must not hold control characters"
            )
        return text

    schema: dict[str, Any] = {"type": "string", "maxLength": max}
    if min:
        schema["minLength"] = min
    return Check(convert=convert, schema=schema, parse=text_of)


def nullable(check: Check) -> Check:
    """``null`` too. In a filter the empty string stands for it (see ``query``)."""
    inner = check.convert

    def convert(value: Any) -> Any:
        return None if value is None else inner(value)

    schema = dict(check.schema)
    kind = schema.get("type")
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif isinstance(kind, list):
        schema["type"] = [*kind, "null"]
    return Check(convert=convert, schema=schema, parse=check.parse or inner)


def uuid(*, nullable: bool = False) -> Check:
    """A UUID, stored in lower case with dashes."""
    check = Check(convert=_to_uuid, schema={"type": "string", "format": "uuid"}, parse=text_of)
    return _nullable(check) if nullable else check


_nullable = nullable  # the parameter above hides the factory


def _to_uuid(value: Any) -> str:
    if isinstance(value, str):
        if _UUID.fullmatch(value):
            return value
        text = value.lower()
        if _UUID.fullmatch(text):
            return text
        if len(text) == 32 and not _HEX.search(text):
            return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    raise Refused(f"'{shown(value)}' is not a valid UUID", "Value should be UUID format")


def boolean() -> Check:
    """true/false, and what Neutron's clients send for them: "true", "False", "1", 0, "yes", ..."""

    def convert(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, (str, int)):
            text = str(value).strip().lower()
            if text in TRUE:
                return True
            if text in FALSE:
                return False
        raise Refused(
            f"'{shown(value)}' cannot be converted to boolean", f"Value not an unambiguous boolean: {shown(value)}"
        )

    return Check(convert=convert, schema={"type": "boolean"})


def strict_boolean() -> Check:
    """A JSON boolean and nothing else; filters take the words ``boolean`` takes."""

    def convert(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise Refused(
            f"'{shown(value)}' is not a valid boolean value", f"Value not an unambiguous boolean: {shown(value)}"
        )

    return Check(convert=convert, schema={"type": "boolean"}, parse=boolean().convert)


def integer(min: int | None = None, max: int | None = None) -> Check:
    """A whole number within inclusive bounds; a decimal string is taken, a boolean or fraction is not."""
    low, high = -MAX_INT if min is None else min, MAX_INT if max is None else max

    def convert(value: Any) -> int:
        number = _to_int(value)
        if number < low:
            raise Refused(
                f"'{shown(number)}' is too small - must be at least '{low}'",
                f"Value should be greater or equal to {low}",
            )
        if number > high:
            raise Refused(
                f"'{shown(number)}' is too large - must be no larger than '{high}'",
                f"Value should be lower or equal to {high}",
            )
        return number

    schema: dict[str, Any] = {"type": "integer"}
    if min is not None:
        schema["minimum"] = min
    if max is not None:
        schema["maximum"] = max
    return Check(convert=convert, schema=schema)


def _to_int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.removeprefix("-").isdigit():
        return int(value)
    raise Refused(f"'{shown(value)}' is not an integer", f"Wrong type. Expected an integer, got '{shown(value)}'")


def enum(values: Iterable[str], *, ignore_case: bool = False) -> Check:
    """One of the given strings; ``ignore_case`` stores the declared spelling whatever the client's."""
    known = {(v.lower() if ignore_case else v): v for v in values}
    names = list(known.values())

    def convert(value: Any) -> str:
        key = value.lower() if ignore_case and isinstance(value, str) else value
        if isinstance(key, str) and key in known:
            return known[key]
        raise Refused(f"'{shown(value)}' is not in {names}", f"Value should be one of: {', '.join(names)}")

    return Check(convert=convert, schema={"type": "string", "enum": names})


def regex(pattern: str, max: int = 255, *, reason: str = "") -> Check:
    """Text that the pattern matches whole. ``reason`` replaces the default words ("'x' is not a valid input")."""
    compiled = re.compile(pattern)
    text = string(max)

    def convert(value: Any) -> str:
        found: str = text.convert(value)
        if compiled.fullmatch(found) is None:
            octavia = reason or f"Value should match the pattern {pattern}"
            raise Refused(f"'{shown(found)}' {reason or 'is not a valid input'}", octavia)
        return found

    return Check(
        convert=convert, schema={"type": "string", "pattern": f"^(?:{pattern})$", "maxLength": max}, parse=text_of
    )


def uri(schemes: Collection[str] = ("http", "https"), max: int = 255) -> Check:
    """An absolute URI with a host and one of the schemes; no blanks or control characters."""
    text = string(max)

    def convert(value: Any) -> str:
        found: str = text.convert(value)
        try:
            parts = urllib.parse.urlsplit(found)
            good = parts.scheme.lower() in schemes and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good or not found.isprintable() or " " in found:
            raise Refused(f"'{shown(found)}' is not a valid URL", "Value must be a valid URL string")
        return found

    return Check(convert=convert, schema={"type": "string", "format": "uri", "maxLength": max}, parse=text_of)


def timestamp() -> Check:
    """A moment in UTC; ISO 8601 in filters. Rows hold naive UTC ``datetime`` values."""

    def convert(value: Any) -> datetime.datetime:
        try:
            moment = datetime.datetime.fromisoformat(value)
            return moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (TypeError, ValueError, OverflowError):  # the last: a zone takes it out of the years there are
            raise Refused(f"'{shown(value)}' is not a valid ISO 8601 time") from None

    return Check(convert=convert, schema={"type": "string", "format": "date-time"})
