"""Operating status out of rows of ``show stat``."""

from __future__ import annotations

import dataclasses

import pytest

from svcfabric.drivers.haproxy import status
from svcfabric.drivers.haproxy.runtime import statistics
from tests import lbspecs as lb

one, two = lb.member(11), lb.member(12)
SPEC = lb.simple(one, two, healthmonitor=lb.monitor())
LB, LISTENER, POOL, MONITOR = SPEC.id, SPEC.listeners[0].id, SPEC.pools[0].id, SPEC.pools[0].healthmonitor.id


def rows(first="UP", second="UP", backend="UP", frontend="OPEN", spec=SPEC):
    text = [
        "# pxname,svname,scur,status,weight,",
        f"listener-{LISTENER},FRONTEND,0,{frontend},,",
        f"pool-{POOL},member-{one.id},0,{first},1,",
        f"pool-{POOL},member-{two.id},0,{second},1,",
        f"pool-{POOL},BACKEND,0,{backend},2,",
    ]
    return statistics("\n".join(text) + "\n\n")


def found(spec=SPEC, **given):
    said = status.statuses(spec, rows(**given))
    return [said[each] for each in (one.id, two.id, POOL, LISTENER, LB)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ["ONLINE", "ONLINE", "ONLINE", "ONLINE", "ONLINE"]),
        ({"first": "UP 1/3"}, ["ONLINE", "ONLINE", "ONLINE", "ONLINE", "ONLINE"]),
        ({"first": "DOWN"}, ["ERROR", "ONLINE", "DEGRADED", "ONLINE", "DEGRADED"]),
        ({"first": "DOWN 1/2"}, ["ERROR", "ONLINE", "DEGRADED", "ONLINE", "DEGRADED"]),
        ({"first": "DOWN", "second": "DOWN", "backend": "DOWN"}, ["ERROR", "ERROR", "ERROR", "ONLINE", "ERROR"]),
        ({"first": "MAINT"}, ["OFFLINE", "ONLINE", "ONLINE", "ONLINE", "ONLINE"]),
        ({"frontend": "FULL"}, ["ONLINE", "ONLINE", "ONLINE", "DEGRADED", "DEGRADED"]),
    ],
)
def test_members_pool_listener_and_load_balancer(given, wanted):
    assert found(**given) == wanted


def test_weight_zero_drains():
    spec = lb.with_members(SPEC, dataclasses.replace(one, weight=0), two)
    assert found(spec)[0] == "DRAINING"


def test_without_a_monitor():
    for monitor in (None, lb.monitor(admin_state_up=False)):
        spec = lb.with_pool(SPEC, healthmonitor=monitor)
        assert found(spec, first="no check", second="no check")[:3] == ["NO_MONITOR", "NO_MONITOR", "ONLINE"]


def test_what_is_switched_off_is_offline():
    assert found(lb.with_pool(SPEC, admin_state_up=False))[:3] == ["OFFLINE", "OFFLINE", "OFFLINE"]
    assert found(lb.with_listener(SPEC, admin_state_up=False))[3:] == ["OFFLINE", "ONLINE"]
    said = status.statuses(dataclasses.replace(SPEC, admin_state_up=False), None)
    assert set(said.values()) == {"OFFLINE"}


def test_what_is_not_reported():
    said = status.statuses(SPEC, [])
    assert [said[each] for each in (one.id, POOL, MONITOR, LISTENER, LB)] == [
        "OFFLINE",
        "OFFLINE",
        "OFFLINE",
        "ERROR",
        "ERROR",
    ]
    assert status.statuses(SPEC, None)[LB] == "ERROR"


def test_a_pool_nobody_uses_is_offline_and_does_not_worry_the_load_balancer():
    spec = lb.with_listener(SPEC, default_pool_id="")
    assert found(spec, first="DOWN", second="DOWN", backend="DOWN")[2:] == ["OFFLINE", "ONLINE", "ONLINE"]


def test_what_haproxy_lacks_and_has_too_much():
    assert not status.missing(SPEC, rows())
    assert status.missing(lb.with_members(SPEC, one, two, lb.member(13)), rows())
    assert status.missing(dataclasses.replace(SPEC, listeners=(*SPEC.listeners, lb.listener(81))), rows())
    extra = status.unknown_servers(lb.with_members(SPEC, one), rows())
    assert [each["svname"] for each in extra] == [f"member-{two.id}"]
