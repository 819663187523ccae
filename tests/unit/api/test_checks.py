# ruff: noqa: E501  (tables of exact sentences)
from __future__ import annotations

import contextlib
import datetime
import time
from typing import Any

import pytest

from svcfabric.api import checks
from svcfabric.api.checks import Refused

UUID = "11111111-2222-3333-4444-555555555abc"

GOOD: list[tuple[Any, Any, Any]] = [
    (checks.string(), "", ""),
    (checks.string(3), "äöü", "äöü"),
    (checks.string(), "two\nlines\t", "two\nlines\t"),
    (checks.string(min=1), "a", "a"),
    (checks.uuid(), UUID, UUID),
    (checks.uuid(), UUID.upper(), UUID),
    (checks.uuid(), UUID.replace("-", ""), UUID),
    (checks.uuid(nullable=True), None, None),
    (checks.boolean(), True, True),
    (checks.boolean(), "False", False),
    (checks.boolean(), "yes", True),
    (checks.boolean(), 0, False),
    (checks.strict_boolean(), False, False),
    (checks.integer(), 5, 5),
    (checks.integer(), "-7", -7),
    (checks.integer(), 3.0, 3),
    (checks.integer(1, 3), 3, 3),
    (checks.enum(["A", "B"]), "B", "B"),
    (checks.enum(["tcp"], ignore_case=True), "TCP", "tcp"),
    (checks.ip_address(), "10.0.0.1", "10.0.0.1"),
    (checks.ip_address(), "2001:DB8:0::1", "2001:db8::1"),
    (checks.ip_address(4), "10.0.0.1", "10.0.0.1"),
    (checks.cidr(), "10.0.0.77/24", "10.0.0.0/24"),
    (checks.cidr(), "2001:db8::5/64", "2001:db8::/64"),
    (checks.mac(), "FA-16-3E-00-00-01", "fa:16:3e:00:00:01"),
    (checks.mac(), "fa163e000001", "fa:16:3e:00:00:01"),
    (checks.list_of(checks.integer()), [1, "2"], [1, 2]),
    (checks.mapping({"a": checks.integer(), "b": checks.string()}, ["a"], {"b": "x"}), {"a": 1}, {"a": 1, "b": "x"}),
    (checks.string_map(checks.string(5), checks.string()), {"k": "v"}, {"k": "v"}),
    (checks.json_object(), {"any": [1, {"thing": None}]}, {"any": [1, {"thing": None}]}),
    (checks.nullable(checks.integer(1)), None, None),
    (checks.regex("[a-z]+"), "abc", "abc"),
    (checks.uri(), "https://example.com:8443/x?y=1", "https://example.com:8443/x?y=1"),
    (checks.timestamp(), "2026-01-01T01:00:00+01:00", datetime.datetime(2026, 1, 1)),
]


@pytest.mark.parametrize(("check", "value", "stored"), GOOD)
def test_takes(check: checks.Check, value: Any, stored: Any) -> None:
    found = check.convert(value)
    assert found == stored
    assert type(found) is type(stored)


BAD: list[tuple[Any, Any, str, str]] = [
    (checks.string(3), "abcd", "'abcd' exceeds maximum length of 3", "Value should have a maximum character requirement of 3"),
    (checks.string(), 5, "'5' is not a valid string", "Value should be string"),
    (checks.string(), "a\0", "a string must not contain the NUL character", ""),
    (checks.string(min=1), " ", "' ' Blank strings are not permitted", "Value should have a minimum character requirement of 1"),
    (checks.string(oneline=True), "a\nb", "Multi-line string is not allowed: 'a\nb'", "Value must not hold control characters"),
    (checks.uuid(), "x", "'x' is not a valid UUID", "Value should be UUID format"),
    (checks.uuid(), None, "'None' is not a valid UUID", "Value should be UUID format"),
    (checks.uuid(), "g" * 32, f"'{'g' * 32}' is not a valid UUID", "Value should be UUID format"),
    (checks.boolean(), "maybe", "'maybe' cannot be converted to boolean", "Value not an unambiguous boolean: maybe"),
    (checks.boolean(), None, "'None' cannot be converted to boolean", "Value not an unambiguous boolean: None"),
    (checks.strict_boolean(), "true", "'true' is not a valid boolean value", "Value not an unambiguous boolean: true"),
    (checks.integer(), "x", "'x' is not an integer", "Wrong type. Expected an integer, got 'x'"),
    (checks.integer(), True, "'True' is not an integer", "Wrong type. Expected an integer, got 'True'"),
    (checks.integer(), 1.5, "'1.5' is not an integer", "Wrong type. Expected an integer, got '1.5'"),
    (checks.integer(), "٣", "'٣' is not an integer", "Wrong type. Expected an integer, got '٣'"),
    (checks.integer(1), 0, "'0' is too small - must be at least '1'", "Value should be greater or equal to 1"),
    (checks.integer(max=9), 10, "'10' is too large - must be no larger than '9'", "Value should be lower or equal to 9"),
    (checks.enum(["A", "B"]), "C", "'C' is not in ['A', 'B']", "Value should be one of: A, B"),
    (checks.ip_address(), "10.0.0.01", "'10.0.0.01' is not a valid IP address", "Value should be IPv4 or IPv6 format"),
    (checks.ip_address(), "fe80::1%eth0", "'fe80::1%eth0' is not a valid IP address", "Value should be IPv4 or IPv6 format"),
    (checks.ip_address(), 167772161, "'167772161' is not a valid IP address", "Value should be IPv4 or IPv6 format"),
    (checks.ip_address(6), "10.0.0.1", "'10.0.0.1' is not a valid IPv6 address", "Value should be IPv6 format"),
    (checks.cidr(), "10.0.0.0", "'10.0.0.0' is not a valid IP subnet", "Value should be IPv4 or IPv6 CIDR format"),
    (checks.cidr(), "10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0' is not a valid IP subnet", "Value should be IPv4 or IPv6 CIDR format"),
    (checks.cidr(host_bits=False, kind="CIDR"), "10.0.0.1/8", "'10.0.0.1/8' is not a valid CIDR", "Value should be IPv4 or IPv6 CIDR format"),
    (checks.mac(), "00:00:00:00:00:00", "'00:00:00:00:00:00' is not a valid MAC address", ""),
    (checks.mac(), "fa:16-3e:00:00:01", "'fa:16-3e:00:00:01' is not a valid MAC address", ""),
    (checks.list_of(checks.uuid()), "x", "'x' is not a list", "Value not a valid list: x"),
    (checks.list_of(checks.uuid()), ["x"], "'x' is not a valid UUID", "Value should be UUID format"),
    (checks.list_of(checks.string(), unique=True), ["a", "b", "a"], "Duplicate items in the list: 'a'", ""),
    (checks.list_of(checks.json_object(), unique=True), [{"a": 1}, {"a": 1}], "Duplicate items in the list: '{'a': 1}'", ""),
    (checks.list_of(checks.string(), min=1), [], "List should not be empty", ""),
    (checks.list_of(checks.string(), max=1), ["a", "b"], "List should have at most 1 items", ""),
    (checks.mapping({"a": checks.integer()}), [], "'[]' is not a dictionary", "Value not a valid dict: []"),
    (checks.mapping({"a": checks.integer()}), {"b": 1}, "Unexpected keys supplied: b", "Unknown attribute: b"),
    (checks.mapping({"a": checks.integer()}, ["a"]), {}, "Required keys not specified: a", "Mandatory field missing: a"),
    (checks.mapping({"a": checks.integer()}), {"a": "x"}, "a: 'x' is not an integer", "a: Wrong type. Expected an integer, got 'x'"),
    (checks.json_object(10), {"a": "0123456789"}, "the object exceeds maximum length of 10", ""),
    (checks.json_object(), {"a": "\0"}, "a string must not contain the NUL character", ""),
    (checks.regex("[a-z]+"), "A", "'A' is not a valid input", "Value should match the pattern [a-z]+"),
    (checks.uri(), "ftp://x/", "'ftp://x/' is not a valid URL", "Value must be a valid URL string"),
    (checks.uri(), "http://a b/", "'http://a b/' is not a valid URL", "Value must be a valid URL string"),
    (checks.uri(), "http://[::1/", "'http://[::1/' is not a valid URL", "Value must be a valid URL string"),
    (checks.uri(), "http://a:99999/", "'http://a:99999/' is not a valid URL", "Value must be a valid URL string"),
    (checks.timestamp(), "yesterday", "'yesterday' is not a valid ISO 8601 time", ""),
    (checks.timestamp(), "0001-01-01T00:00:00+14:00", "'0001-01-01T00:00:00+14:00' is not a valid ISO 8601 time", ""),
    (checks.list_of(checks.json_object(), unique=True), [{"a": 1, "b": 2}, {"b": 2, "a": 1}], "Duplicate items in the list: '{'b': 2, 'a': 1}'", ""),
]  # fmt: skip


@pytest.mark.parametrize(("check", "value", "reason", "octavia"), BAD)
def test_refuses(check: checks.Check, value: Any, reason: str, octavia: str) -> None:
    with pytest.raises(Refused) as caught:
        check.convert(value)
    assert str(caught.value) == reason
    assert caught.value.octavia == (octavia or reason)


def test_a_long_list_is_looked_through_once() -> None:
    texts = checks.list_of(checks.string(), unique=True)
    objects = checks.list_of(checks.json_object(), unique=True)
    began = time.thread_time()
    for many in (["a"] * 200_000, [str(number) for number in range(200_000)]):
        with contextlib.suppress(Refused):
            texts.convert(many)
    objects.convert([{"a": number} for number in range(50_000)])
    assert time.thread_time() - began < 5  # 0.5 s on an idle machine; in the square of it: an hour


def test_a_long_value_is_not_repeated_whole() -> None:
    with pytest.raises(Refused) as caught:
        checks.integer().convert("x" * 100_000)
    assert len(str(caught.value)) < 600


def test_a_mapping_may_have_a_rule_of_its_own() -> None:
    def ordered(value: dict[str, Any]) -> None:
        if value["first"] > value["last"]:
            raise Refused("first must not be above last")

    check = checks.mapping({"first": checks.integer(), "last": checks.integer()}, ["first", "last"], rule=ordered)
    assert check.convert({"first": 1, "last": 2}) == {"first": 1, "last": 2}
    with pytest.raises(Refused, match="first must not be above last"):
        check.convert({"first": 2, "last": 1})


def test_filters_by_identifier_are_lenient() -> None:
    assert checks.uuid().parse("no uuid") == "no uuid"
    assert checks.ip_address().parse("10.0.0") == "10.0.0"
    assert checks.ip_address().parse("2001:DB8::1") == "2001:db8::1"
    assert checks.mac().parse("FA:16:3E:00:00:01") == "fa:16:3e:00:00:01"
    with pytest.raises(Refused):
        checks.uuid().parse("\0")


def test_nullable_says_so_in_its_schema() -> None:
    assert checks.nullable(checks.integer(1)).schema == {"type": ["integer", "null"], "minimum": 1}
    assert checks.nullable(checks.enum(["A"])).schema == {"type": ["string", "null"], "enum": ["A", None]}
