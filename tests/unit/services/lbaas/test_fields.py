from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcfabric.drivers.haproxy import validity
from svcfabric.services.lbaas import fields

GOOD = [
    (fields.name(), ["", "a b", 'Bob\'s "LB"', "名前　二", "x" * 255]),
    (fields.text(), ["two\nlines\tand a tab"]),
    (fields.url_path(), ["/", "/a/b?c=d&e=%20", "/~x;y=1,2", "/" + "a" * 1023]),
    (fields.cookie_name(), ["JSESSIONID", "my_cookie", "a.b-c~d"]),
    (fields.domain_name(), ["a", "www.example.com", "a_b.example.", "x1-y.z9"]),
    (fields.expected_codes(), ["200", "200,204", "200, 204", "200-204", "200-200"]),
    (fields.http_version(), [1.0, 1.1, 1]),
    (fields.cidr(), ["10.0.0.0/8", "2001:db8::/32"]),
    (fields.address(), ["10.0.0.1", "2001:db8:0:0:0:0:0:1"]),
    (fields.header_values(), [{}, {"X-Forwarded-For": "true", "X-Forwarded-Port": "False"}]),
]
BAD = [
    (fields.name(), ["a\nb", "a\0b", "a\rb", "\x1b[31m", "a\u2028b", "x" * 256, 5, None, ["a"]]),
    (fields.text(), ["a\0b", "a\x1bb", "x" * 256, {}]),
    (
        fields.url_path(),
        ["", "a", "/a b", "/a\n", "/a\t", '/"', "/'", "/\\", "/%zz", "/%2", "/é", "/#f", "/`", "/" * 1025],
    ),
    (fields.url_path(), ["http://host/a", "//\x7f", "/<x>", "/{x}", 7, None]),
    (fields.cookie_name(), ["", "a b", "a;b", "a,b", "a=b", 'a"b', "a'b", "a\nb", "a\\b", "é", "x" * 256, 5]),
    (fields.domain_name(), ["", "-a", "a-", ".a", "a..b", "a b", "a\n", "a\nb", "x" * 64, "é.example", "a/b", '"a"']),
    (
        fields.expected_codes(),
        ["", "20", "2000", "600", "099", "200,", "200-", "204-200", "200\n", "200,\n204", "２００"],
    ),
    (fields.http_version(), [0.9, 1.2, 2, "1.1", True, None]),
    (fields.cidr(), ["10.0.0.0/33", "x", "", "10.0.0.0/8\n", 7, "fe80::%eth0/64"]),
    (fields.address(), ["10.0.0.256", "10.0.0", "fe80::1%eth0", "10.0.0.1\n", "", 167772161]),
    (
        fields.header_values(),
        [{"a": True}, {"a": "yes"}, [], {"": "true"}, {"a\0": "true"}, {str(i): "true" for i in range(33)}],
    ),
    (fields.only([], "not here"), [["x"], {}, "", 0]),
    (fields.only(False, "not here"), [True, 0, "false"]),
]


@pytest.mark.parametrize("check, values", GOOD)
def test_taken(check, values):
    for value in values:
        check.convert(value)


@pytest.mark.parametrize("check, values", BAD)
def test_refused_with_a_reason_in_both_dialects(check, values):
    for value in values:
        with pytest.raises(ValueError) as caught:
            check.convert(value)
        assert str(caught.value) and getattr(caught.value, "octavia", "x"), value


def test_what_is_kept_as_written_and_what_is_not():
    assert fields.address().convert("2001:db8:0:0::1") == "2001:db8:0:0::1"
    assert fields.address().parse("2001:db8:0:0::1") == "2001:db8::1"
    assert fields.cidr().convert("10.1.2.3/8") == "10.0.0.0/8"
    assert fields.cidr().convert("10.1.2.3") == "10.1.2.3/32"
    assert fields.cidr().convert("2001:db8::1") == "2001:db8::1/128"
    assert fields.http_version().convert(1.1) == "1.1"


# what the API takes must be of a shape the daemon's driver takes
SHAPES = [
    (fields.url_path(), validity._PATH),
    (fields.cookie_name(), validity._COOKIE),
    (fields.domain_name(), validity._DOMAIN),
]


@given(st.text(max_size=40), st.sampled_from(SHAPES))
def test_whatever_passes_here_passes_the_driver(text, shape):
    check, pattern = shape
    for candidate in (text, "/" + text, "a" + text):
        try:
            taken = check.convert(candidate)
        except ValueError:
            continue
        assert pattern.fullmatch(taken), taken
