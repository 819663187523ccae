"""Whatever text a spec holds, the configuration has the same directives as a tame one, or is refused."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svcfabric.drivers.haproxy.changes import changes
from svcfabric.drivers.haproxy.render import Limits, Paths, render
from svcfabric.errors import InvalidInput
from svcfabric.spi.lbaas import LoadBalancerSpec, SessionPersistence
from tests import lbspecs as lb

LIMITS = Limits()
NASTY = st.one_of(
    st.text(),
    st.text(alphabet="abc/.-%$#{}'\"\\ \t\r\n\0\x0b\x1b[](),;:=&?", max_size=40),
    st.sampled_from(["\n    server evil 127.0.0.1:1", "/a\n}", "' \"", "$(reboot)", "%[src]", "\u2028x", "a b", "é"]),
)
member = lb.member(11)
TAME = lb.balancer(
    lb.listener(
        uses=lb.pool(), allowed_cidrs=("192.0.2.0/24",), insert_headers=(("X-Forwarded-For", "true"),), name="web"
    ),
    lb.pool(
        member,
        session_persistence=SessionPersistence(type="APP_COOKIE", cookie_name="SESSION"),
        healthmonitor=lb.monitor(http_version="1.1", domain_name="example.org"),
    ),
)


def words(line: str) -> list[str]:
    """A line as HAProxy's parser cuts it (``$`` is plain outside of double quotes, which are never rendered)."""
    found, word, quoted, escaped, begun = [], "", False, False, False
    for char in line:
        if escaped:
            word, escaped = word + char, False
        elif quoted:
            if char == "'":
                quoted = False
            else:
                word += char
        elif char == "\\":
            escaped = begun = True
        elif char == "'":
            quoted = begun = True
        elif char == "#":
            break
        elif char == " ":
            if begun:
                found.append(word)
            word, begun = "", False
        else:
            assert char != '"'
            word, begun = word + char, True
    assert not quoted
    assert not escaped
    return [*found, word] if begun else found


def directives(text: str) -> list[str]:
    assert text.isascii()
    assert all(char == "\n" or char.isprintable() for char in text)
    return [line[0] for each in text.split("\n") if (line := words(each))]


def rendered(spec: LoadBalancerSpec) -> str | None:
    try:
        return render(spec, Paths(), LIMITS)
    except InvalidInput as exc:
        assert ": must" in exc.message or "must " in exc.message or "needs" in exc.message
        return None


def in_pool(**changed):
    return lb.with_pool(TAME, **changed)


def in_monitor(**changed):
    return in_pool(healthmonitor=dataclasses.replace(TAME.pools[0].healthmonitor, **changed))


def in_member(**changed):
    return lb.with_members(TAME, dataclasses.replace(member, **changed))


PLACES = {
    "name": lambda text: dataclasses.replace(TAME, name=text),
    "listener name": lambda text: lb.with_listener(TAME, name=text),
    "pool name": lambda text: in_pool(name=text),
    "member name": lambda text: in_member(name=text),
    "project": lambda text: dataclasses.replace(TAME, project_id=text),
    "id": lambda text: dataclasses.replace(TAME, id=text),
    "member id": lambda text: in_member(id=text),
    "path": lambda text: in_monitor(url_path=text),
    "absolute path": lambda text: in_monitor(url_path="/" + text),
    "domain": lambda text: in_monitor(domain_name=text),
    "codes": lambda text: in_monitor(expected_codes=text),
    "method": lambda text: in_monitor(http_method=text),
    "version": lambda text: in_monitor(http_version=text),
    "cookie": lambda text: in_pool(session_persistence=SessionPersistence(type="APP_COOKIE", cookie_name=text)),
    "address": lambda text: in_member(address=text),
    "zone": lambda text: in_member(address="fe80::1%" + text),
    "monitor address": lambda text: in_member(monitor_address=text),
    "weight": lambda text: in_member(weight=text),
    "port": lambda text: lb.with_listener(TAME, protocol_port=text),
    "limit": lambda text: lb.with_listener(TAME, connection_limit=text),
    "cidr": lambda text: lb.with_listener(TAME, allowed_cidrs=(text,)),
    "header": lambda text: lb.with_listener(TAME, insert_headers=((text, "true"),)),
    "header value": lambda text: lb.with_listener(TAME, insert_headers=(("X-Forwarded-For", text),)),
    "algorithm": lambda text: in_pool(lb_algorithm=text),
    "vip": lambda text: dataclasses.replace(TAME, vip=lb.vip(text)),
}
EXPECTED = directives(render(TAME, Paths(), LIMITS))


@pytest.mark.parametrize("place", PLACES)
def test_no_text_makes_another_directive(place):
    @settings(max_examples=150, deadline=None)
    @given(NASTY)
    @example("")
    def holds(text):
        spec = PLACES[place](text)
        found = rendered(spec)
        if found is not None:
            wanted = [each for each in EXPECTED if (place, each) != ("header value", "option") or text == "true"]
            got = directives(found)
            if place == "header value" and text == "false":
                assert got.count("option") == EXPECTED.count("option") - 1
            else:
                assert got == wanted
            for command in changes(TAME, spec, LIMITS).commands if spec.id == TAME.id else ():
                assert "\n" not in command
                assert command.isascii()

    holds()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_a_path_reaches_haproxy_as_it_is(text):
    found = rendered(in_monitor(url_path="/" + text))
    assert found is not None
    line = next(each for each in found.splitlines() if "http-check send" in each)
    assert words(line)[5] == "/" + text
