"""What of the servers' state goes over a reload."""

from __future__ import annotations

import dataclasses

from svcfabric.drivers.haproxy.render import server_numbers
from svcfabric.drivers.haproxy.serverstate import EMPTY, carried
from tests import lbspecs as lb

HEAD = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight ..."
one, two = lb.member(11), lb.member(12)
SPEC = lb.simple(one, two, healthmonitor=lb.monitor(max_retries=2))
NUMBERS = server_numbers(SPEC.pools[0])


def line(member, *, state=2, admin=0, weight=1, health=4, number=None) -> str:
    number = NUMBERS[member.id] if number is None else number
    name = f"3 pool-{SPEC.pools[0].id} {number} member-{member.id} {member.address}"
    return f"{name} {state} {admin} {weight} 1 60 6 3 {health} 6 0 0 1 - 80 - 0 0 - - 0"


def dump(*lines: str) -> str:
    return "\n".join([HEAD, *lines, "", ""])


def kept(text: str) -> list[list[str]]:
    lines = text.splitlines()
    assert lines[:2] == HEAD.splitlines()
    return [each.split() for each in lines[2:]]


def test_health_is_kept():
    found = kept(carried(dump(line(one, state=0, health=1), line(two)), SPEC, SPEC))
    assert [(each[5], each[12]) for each in found] == [("0", "1"), ("2", "4")]


def test_the_new_weight_wins_over_the_running_one():
    new = lb.with_members(SPEC, dataclasses.replace(one, weight=9), two)
    (found,) = kept(carried(dump(line(one, weight=5)), SPEC, new))
    assert found[7:9] == ["9", "9"]


def test_new_numbers_win():
    (found,) = kept(carried(dump(line(one, number=77)), SPEC, SPEC))
    assert found[2] == str(NUMBERS[one.id])


def test_members_that_are_out_or_go_out_or_moved_start_afresh():
    assert not kept(carried(dump(line(one, admin=1, state=0)), SPEC, SPEC))
    assert not kept(carried(dump(line(one, admin=5, state=0)), SPEC, SPEC))
    out = lb.with_members(SPEC, dataclasses.replace(one, admin_state_up=False))
    assert not kept(carried(dump(line(one)), SPEC, out))
    moved = lb.with_members(SPEC, dataclasses.replace(one, protocol_port=81))
    assert not kept(carried(dump(line(one)), SPEC, moved))
    assert not kept(carried(dump(line(one)), SPEC, lb.with_members(SPEC, two)))


def test_without_a_monitor_nobody_stays_down_for_ever():
    assert not kept(carried(dump(line(one, state=0, health=0)), SPEC, lb.with_pool(SPEC, healthmonitor=None)))


def test_a_changed_monitor_keeps_the_verdict_but_not_the_count():
    new = lb.with_pool(SPEC, healthmonitor=lb.monitor(max_retries=3, max_retries_down=2))
    found = kept(carried(dump(line(one, state=0, health=1), line(two, health=4)), SPEC, new))
    assert [(each[5], each[12]) for each in found] == [("0", "0"), ("2", "4")]


def test_nothing_known():
    assert carried("", SPEC, SPEC) == EMPTY
