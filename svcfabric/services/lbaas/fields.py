"""Value rules of the load-balancer API that reach a daemon's configuration: shapes, never free text."""

from __future__ import annotations

import re
from typing import Any

from svcfabric.api import checks
from svcfabric.api.checks import Refused, shown
from svcfabric.api.resource import Check

# One line without control characters; quotes and all scripts are a tenant's to use in a name.
_LINE = re.compile("[^\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\ud800-\udfff]*")
_TEXT = re.compile("[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\ud800-\udfff]*")
_PATH = re.compile(r"/(?:[A-Za-z0-9\-._~!$&()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_CODES = re.compile(r"[1-5][0-9]{2}(?: *, *[1-5][0-9]{2}){0,49}|[1-5][0-9]{2}-[1-5][0-9]{2}")
_COOKIE = re.compile(r"[A-Za-z0-9!#$%&*+.^_`|~-]{1,255}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\.?\Z){_LABEL}(?:\.{_LABEL})*\.?")
_VERSIONS = {"1.0": 1.0, "1.1": 1.1}


def name() -> Check:
    """A name: one line."""
    return _shaped(_LINE, 255, "Value must not hold control characters")


def text() -> Check:
    """A description: line breaks and tabs are fine."""
    return _shaped(_TEXT, 255, "Value must not hold control characters other than line breaks and tabs")


def tag() -> Check:
    """A label: one line that says something."""
    return _shaped(_LINE, 255, "Value must not hold control characters", min=1)


def url_path() -> Check:
    """The path (and query) a monitor asks for, as it stands in a request."""
    return _shaped(_PATH, 1024, "Value must be a valid URL Path string")


def cookie_name() -> Check:
    """A cookie's name: an HTTP token without quotes."""
    return _shaped(_COOKIE, 255, "Value must be a cookie name: letters, digits and !#$%&*+.^_`|~-")


def domain_name() -> Check:
    """A host name."""
    return _shaped(_DOMAIN, 255, "Value must be a host name")


def expected_codes() -> Check:
    """``200``, ``200,202`` or ``200-204``."""
    inner = _shaped(_CODES, 255, "Value should be an HTTP status, a list like 200,202 or a range like 200-204")

    def convert(value: Any) -> str:
        found: str = inner.convert(value)
        first, dash, last = found.partition("-")
        if dash and int(first) > int(last):
            raise Refused(
                f"'{shown(found)}' is a range that goes downwards", "Value should be a range that goes upwards"
            )
        return found

    return Check(convert=convert, schema=inner.schema, parse=inner.parse)


def http_version() -> Check:
    """1.0 or 1.1, a number in the API; stored as text."""

    def convert(value: Any) -> str:
        for stored, number in _VERSIONS.items():
            if value == number and not isinstance(value, bool):
                return stored
        raise Refused(f"'{shown(value)}' is not in [1.0, 1.1]", "Value should be one of: 1.0, 1.1")

    def parse(value: str) -> str:
        return value

    return Check(convert=convert, schema={"type": "number", "enum": [1.0, 1.1]}, parse=parse)


def address() -> Check:
    """An IP address, kept as the client wrote it; compare its ``rules.canonical`` form."""
    inner = checks.ip_address()

    def convert(value: Any) -> str:
        inner.convert(value)
        return str(value)

    return Check(convert=convert, schema=inner.schema, parse=inner.parse)


def cidr() -> Check:
    """A prefix, stored with its host bits cleared; a bare address stands for itself."""
    inner = checks.cidr(kind="CIDR")

    def convert(value: Any) -> Any:
        if isinstance(value, str) and "/" not in value:
            value = f"{value}/{128 if ':' in value else 32}"
        return inner.convert(value)

    return Check(convert=convert, schema=inner.schema, parse=inner.parse)


def header_values() -> Check:
    """Headers to insert: name to the words "true" or "false"."""

    def word(value: Any) -> str:
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value
        raise Refused(f"'{shown(value)}' is neither 'true' nor 'false'", "Value should be the string true or false")

    keys = checks.string(255, 1)
    values = Check(convert=word, schema={"type": "string", "enum": ["true", "false"]})
    return checks.string_map(keys, values, max=32)


def only(value: Any, reason: str) -> Check:
    """An attribute that clients may name, but only with the one value that means nothing is wanted."""

    def convert(given: Any) -> Any:
        if given == value and type(given) is type(value):
            return given
        raise Refused(f"'{shown(given)}': {reason}", reason)

    return Check(convert=convert, schema={"enum": [value, None]})


def _shaped(pattern: re.Pattern[str], max: int, rule: str, *, min: int = 0) -> Check:
    inner = checks.string(max, min)

    def convert(value: Any) -> str:
        found: str = inner.convert(value)
        if pattern.fullmatch(found) is None:
            raise Refused(f"'{shown(found)}': {rule}", rule)
        return found

    return Check(convert=convert, schema=inner.schema, parse=inner.parse)
