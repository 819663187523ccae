"""Value rules for attribute declarations. Each factory returns a ``Check``.

``convert`` raises ``Refused`` (a ``ValueError``) whose text is the reason as clients of the network API know
it; ``Refused.octavia`` is the same reason in the load-balancer API's words. Strings never hold NUL (no
database stores it). ``parse`` is lenient for identifiers: a filter by something that is no UUID finds
nothing instead of failing, as clients expect.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from svcfabric.api.resource import Check

SHOWN = 512  # longest piece of a refused value repeated in an error
MAX_INT = 2**63 - 1
TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MAC = re.compile(r"[0-9a-f]{2}([:-]?)(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}")
_HEX = re.compile(r"[^0-9a-f]")


class Refused(ValueError):
    """Why a value is refused. ``octavia``: the same in the load-balancer API's words."""

    def __init__(self, reason: str, octavia: str = "") -> None:
        super().__init__(reason)
        self.octavia = octavia or reason


def shown(value: object) -> str:
    """A refused value as errors repeat it: cut when long."""
    text = str(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused(f"'{shown(value)}' is not a valid string", "Value should be string")
    if "\0" in value:
        raise Refused("a string must not contain the NUL character")
    return value


def _lenient(value: str) -> str:
    return _text(value)


def string(max: int = 255, min: int = 0, *, oneline: bool = False) -> Check:
    """Text of at most ``max`` and at least ``min`` characters; ``oneline`` refuses control characters."""

    def convert(value: Any) -> str:
        text = _text(value)
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
    return Check(convert=convert, schema=schema, parse=_lenient)


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
    check = Check(convert=_to_uuid, schema={"type": "string", "format": "uuid"}, parse=_lenient)
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


def ip_address(version: int | None = None) -> Check:
    """An address of family 4, 6 or either, stored in canonical form. No leading zeros, no zone index."""
    words = f"IPv{version}" if version else "IPv4 or IPv6"

    def convert(value: Any) -> str:
        try:
            address = ipaddress.ip_address(value) if isinstance(value, str) and "%" not in value else None
        except ValueError:
            address = None
        if address is None or version not in (None, address.version):
            kind = f"IPv{version}" if version else "IP"
            raise Refused(f"'{shown(value)}' is not a valid {kind} address", f"Value should be {words} format")
        return str(address)

    def parse(value: str) -> str:
        try:
            return str(ipaddress.ip_address(_text(value)))
        except Refused:
            raise
        except ValueError:
            return value

    formats: list[dict[str, Any]] = [{"format": "ipv4"}, {"format": "ipv6"}]
    schema = (
        {"type": "string", **formats[0 if version == 4 else 1]} if version else {"type": "string", "anyOf": formats}
    )
    return Check(convert=convert, schema=schema, parse=parse)


def cidr(version: int | None = None, *, host_bits: bool = True, kind: str = "IP subnet") -> Check:
    """A prefix ``address/length``, stored with its host bits cleared; without ``host_bits`` they are refused."""

    def convert(value: Any) -> str:
        network = None
        if isinstance(value, str) and "%" not in value and value.partition("/")[2].isdigit():
            try:
                network = ipaddress.ip_network(value, strict=not host_bits)
            except ValueError:
                network = None
        if network is None or version not in (None, network.version):
            family = f"IPv{version}" if version else "IPv4 or IPv6"
            raise Refused(f"'{shown(value)}' is not a valid {kind}", f"Value should be {family} CIDR format")
        return str(network)

    return Check(convert=convert, schema={"type": "string", "format": "cidr"}, parse=_lenient)


def mac() -> Check:
    """An Ethernet address, stored as lower-case pairs with colons. All zeros is refused."""

    def convert(value: Any) -> str:
        text = value.lower() if isinstance(value, str) else ""
        if _MAC.fullmatch(text):
            digits = _HEX.sub("", text)
            if int(digits, 16):
                return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
        raise Refused(f"'{shown(value)}' is not a valid MAC address")

    def parse(value: str) -> str:
        try:
            return convert(value)
        except ValueError:
            return _text(value)

    return Check(convert=convert, schema={"type": "string", "pattern": "^([0-9a-f]{2}:){5}[0-9a-f]{2}$"}, parse=parse)


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
        convert=convert, schema={"type": "string", "pattern": f"^(?:{pattern})$", "maxLength": max}, parse=_lenient
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

    return Check(convert=convert, schema={"type": "string", "format": "uri", "maxLength": max}, parse=_lenient)


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
    try:
        repeated = len(set(items)) != len(items)
    except TypeError:  # dictionaries
        repeated = any(item in items[:i] for i, item in enumerate(items))
    if repeated:
        names = sorted({str(item) for i, item in enumerate(items) if item in items[:i]})
        raise Refused(f"Duplicate items in the list: '{shown(', '.join(names))}'")


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
    import orjson

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


def timestamp() -> Check:
    """A moment in UTC; ISO 8601 in filters. Rows hold naive UTC ``datetime`` values."""

    def convert(value: Any) -> datetime.datetime:
        try:
            moment = datetime.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise Refused(f"'{shown(value)}' is not a valid ISO 8601 time") from None
        return moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment

    return Check(convert=convert, schema={"type": "string", "format": "date-time"})
