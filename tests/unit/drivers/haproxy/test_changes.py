"""From spec to spec: runtime commands or a reload."""

from __future__ import annotations

import dataclasses

import pytest

from svcfabric.drivers.haproxy.changes import Changes, changes
from svcfabric.drivers.haproxy.render import Limits, server_numbers
from svcfabric.spi.lbaas import SessionPersistence
from tests import lbspecs as lb

LIMITS = Limits(maxconn=2000)
one, two, three = lb.member(11), lb.member(12), lb.member(13)
SPEC = lb.simple(one, two, healthmonitor=lb.monitor(delay=5))
POOL = f"pool-{lb.ident(0x500)}"


def ref(member) -> str:
    return f"{POOL}/member-{member.id}"


def way(old, new) -> Changes:
    return changes(old, new, LIMITS)


def test_nothing_to_do():
    assert way(SPEC, SPEC) == Changes()
    assert way(SPEC, dataclasses.replace(lb.with_pool(SPEC, name="new"), name="new")) == Changes()


def test_a_new_member_is_added_and_enabled():
    number = server_numbers(lb.pool(three))[three.id]
    found = way(SPEC, lb.with_members(SPEC, one, two, three))
    assert found.commands == (
        f"add server {ref(three)} 192.0.2.13:80 id {number} weight 1 check inter 5s rise 1 fall 3; "
        f"enable health {ref(three)}; enable server {ref(three)}",
    )
    assert not found.leaving
    assert not found.reload


def test_a_member_that_is_out_is_added_but_not_enabled():
    out = dataclasses.replace(three, admin_state_up=False)
    (command,) = way(SPEC, lb.with_members(SPEC, one, two, out)).commands
    assert "enable health" in command
    assert "enable server" not in command


def test_a_new_member_gets_its_cookie_before_its_first_request():
    spec = lb.with_pool(SPEC, session_persistence=SessionPersistence(type="HTTP_COOKIE"))
    (command,) = way(spec, lb.with_members(spec, one, two, three)).commands
    steps = [step.split()[0:2] for step in command.split("; ")]
    assert steps == [["add", "server"], ["set", "dynamic-cookie-key"], ["enable", "health"], ["enable", "server"]]


def test_a_member_leaves_after_others_came():
    found = way(SPEC, lb.with_members(SPEC, one, three))
    assert [each.split()[0] for each in found.commands] == ["add", "set"]
    assert found.commands[1] == f"set server {ref(two)} state maint"
    assert found.leaving == (ref(two),)


def test_weight_and_admin_state():
    heavy = dataclasses.replace(one, weight=0)
    out = dataclasses.replace(two, admin_state_up=False)
    assert way(SPEC, lb.with_members(SPEC, heavy, out)).commands == (
        f"set server {ref(one)} weight 0",
        f"set server {ref(two)} state maint",
    )
    assert way(lb.with_members(SPEC, one, out), SPEC).commands == (f"set server {ref(two)} state ready",)


def test_a_pools_admin_state_is_its_members():
    down = lb.with_pool(SPEC, admin_state_up=False)
    assert [each.rsplit(" ", 1)[1] for each in way(SPEC, down).commands] == ["maint", "maint"]
    assert [each.rsplit(" ", 1)[1] for each in way(down, SPEC).commands] == ["ready", "ready"]


def test_the_order_of_members_does_not_matter():
    assert way(SPEC, lb.with_members(SPEC, two, one)) == Changes()


def test_connection_limit():
    name = f"listener-{SPEC.listeners[0].id}"
    limited = lb.with_listener(SPEC, connection_limit=7)
    assert way(SPEC, limited).commands == (f"set maxconn frontend {name} 7",)
    assert way(limited, SPEC).commands == (f"set maxconn frontend {name} 2000",)


NEEDS_RELOAD = {
    "port": lambda s: lb.with_listener(s, protocol_port=81),
    "protocol": lambda s: lb.with_listener(s, protocol="TCP"),
    "listener off": lambda s: lb.with_listener(s, admin_state_up=False),
    "no pool": lambda s: lb.with_listener(s, default_pool_id=""),
    "client timeout": lambda s: lb.with_listener(s, timeout_client_data=1),
    "member timeout": lambda s: lb.with_listener(s, timeout_member_data=1),
    "cidrs": lambda s: lb.with_listener(s, allowed_cidrs=("192.0.2.0/24",)),
    "headers": lambda s: lb.with_listener(s, insert_headers=(("X-Forwarded-For", "true"),)),
    "listener": lambda s: dataclasses.replace(s, listeners=(*s.listeners, lb.listener(81))),
    "no listener": lambda s: dataclasses.replace(s, listeners=()),
    "pool": lambda s: dataclasses.replace(s, pools=(*s.pools, lb.pool(number=0x501))),
    "algorithm": lambda s: lb.with_pool(s, lb_algorithm="SOURCE_IP"),
    "persistence": lambda s: lb.with_pool(s, session_persistence=SessionPersistence(type="SOURCE_IP")),
    "no monitor": lambda s: lb.with_pool(s, healthmonitor=None),
    "monitor off": lambda s: lb.with_pool(s, healthmonitor=lb.monitor(admin_state_up=False)),
    "monitor type": lambda s: lb.with_pool(s, healthmonitor=lb.monitor("TCP", delay=5)),
    "monitor delay": lambda s: lb.with_pool(s, healthmonitor=lb.monitor(delay=6)),
    "backup": lambda s: lb.with_members(s, dataclasses.replace(one, backup=True), two),
    "address": lambda s: lb.with_members(s, dataclasses.replace(one, address="192.0.2.99"), two),
    "monitor port": lambda s: lb.with_members(s, dataclasses.replace(one, monitor_port=99), two),
    "vip": lambda s: dataclasses.replace(s, vip=lb.vip("192.0.2.77")),
}


@pytest.mark.parametrize("name", NEEDS_RELOAD)
def test_structure_needs_a_reload(name):
    new = NEEDS_RELOAD[name](SPEC)
    for found in (way(SPEC, new), way(new, SPEC)):
        assert found.reload
        assert not found.commands


def test_a_monitor_of_an_empty_pool_may_change_its_times_without_a_reload():
    empty = lb.with_members(SPEC)
    assert way(empty, lb.with_pool(empty, healthmonitor=lb.monitor(delay=6))) == Changes()
