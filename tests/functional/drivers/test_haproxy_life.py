"""HAProxy's life: changes without loss, refusals, crashes, restarts of the agent, the end."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import shutil
import signal
import socket
import time

import pytest

from svcfabric.drivers.haproxy import instance, runtime, serverstate
from svcfabric.drivers.haproxy.changes import changes
from svcfabric.drivers.haproxy.render import Limits, Paths, render
from svcfabric.drivers.linux import leg, netns, process
from tests import lbbeds
from tests import lbspecs as lb


def web(bed: lbbeds.Bed, *members, **more):
    """A spec with an HTTP listener on port 80."""
    one = lb.pool(*members, **more)
    return lb.balancer(lb.listener(uses=one), one, vip=bed.vip())


def servers(bed: lbbeds.Bed, spec) -> set[tuple[str, ...]]:
    """What HAProxy says its servers are."""
    return serverstate.comparable(runtime.ask(bed.of(spec) / "admin.sock", "show servers state"))


def counters(bed: lbbeds.Bed, spec) -> dict[str, int]:
    return dict(bed.observe(spec).counters[spec.listeners[0].id])


# ---- nothing is lost ----------------------------------------------------------------------------------------


def test_twenty_reloads_and_two_hundred_commands_under_load_lose_nothing(lb_bed):
    members = [lb_bed.server(number) for number in (11, 12, 13, 14)]
    spec = web(lb_bed, *members[:3], healthmonitor=lb.monitor())
    lb_bed.apply(spec)
    chance = random.Random(7)
    reloads = commands = 0
    with lb_bed.load(rate=800, connections=32, close=0.5) as load:
        for step in range(220):
            if step % 11 == 10:
                new = lb.with_listener(spec, timeout_client_data=spec.listeners[0].timeout_client_data + 1)
                if step % 2:
                    more = (*new.listeners[:1], lb.listener(8000 + step))
                    new = dataclasses.replace(new, listeners=more)
            else:
                weights = [dataclasses.replace(each, weight=chance.randint(1, 9)) for each in members]
                new = lb.with_members(spec, *chance.sample(weights, chance.randint(2, 4)))
            way = changes(spec, new, Limits())
            reloads += bool(way.reload)
            commands += len(way.commands)
            lb_bed.apply(new)
            spec = new
            time.sleep(0.02)
        counts = load.stop()
    assert (counts.failed, counts.resets) == (0, 0), counts.errors
    assert counts.sent > 2000
    assert reloads == 20
    assert commands >= 200
    assert lb_bed.config(spec) == render(spec, Paths(), lb_bed.driver._limits)
    assert not lb_bed.observe(spec).drifted


def test_any_small_change_ends_where_a_fresh_start_would(lb_bed):
    """Random pairs: runtime commands from the first to the second, then the second from nothing."""
    tried = 0
    for seed in range(25):
        chance = lb.Chance(seed, lb_bed.vip(port_id=lb.ident(0xBB)))
        old = chance.spec()
        new = chance.small_change(old)
        lb_bed.apply(old)
        pids = lb_bed.pids()
        lb_bed.apply(new)
        assert lb_bed.pids() == pids, f"seed {seed}: no reload"
        tried += bool(changes(old, new, Limits()).commands)
        lb_bed.until(lambda new=new: lb_bed.observe(new))
        by_commands, text = servers(lb_bed, new), lb_bed.config(new)
        frontends = _limits(lb_bed, new)
        lb_bed.driver.remove(new.id)
        lb_bed.apply(new)
        assert by_commands == servers(lb_bed, new), f"seed {seed}"
        assert frontends == _limits(lb_bed, new), f"seed {seed}"
        assert text == lb_bed.config(new)
        lb_bed.driver.remove(new.id)
    assert tried > 15


def _limits(bed, spec) -> dict[str, str]:
    rows = runtime.show_statistics(bed.of(spec) / "admin.sock")
    return {row["pxname"]: row["slim"] for row in rows if row["svname"] == "FRONTEND"}


def test_health_goes_over_a_reload_in_both_directions(lb_bed):
    well, sick = lb_bed.server(11), lb_bed.server(12)
    open(lb_bed.down_file(12), "w").close()
    # slow to come back: without its state the sick one would be up for the first checks
    spec = web(
        lb_bed, well, sick, healthmonitor=lb.monitor(url_path="/health", max_retries=10, max_retries_down=2, delay=1)
    )
    lb_bed.apply(spec)
    lb_bed.until(lambda: lb_bed.status(spec, sick.id) == "ERROR")
    for step in range(3):
        new = lb.with_listener(spec, timeout_client_data=1000 + step)
        lb_bed.apply(new)
        assert lb_bed.status(new, sick.id) == "ERROR"
        assert lb_bed.status(new, well.id) == "ONLINE"
        assert lb_bed.spread(10) == {"s11": 10}
    # also with another monitor, and for a member whose weight was set while it ran
    heavy = lb.with_members(new, dataclasses.replace(well, weight=9), sick)
    lb_bed.apply(heavy)
    other = lb.with_pool(
        lb.with_members(heavy, well, sick), healthmonitor=lb.monitor(url_path="/health?", max_retries=9, delay=1)
    )
    lb_bed.apply(other)
    assert lb_bed.status(other, sick.id) == "ERROR"
    assert {each[-4] for each in servers(lb_bed, other)} == {"1"}, "the new weight, not the one set before"


# ---- refusals -----------------------------------------------------------------------------------------------


def test_a_refused_configuration_leaves_the_last_good_one_running(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    pids, text = lb_bed.pids(), lb_bed.config(spec)
    lb_bed.new_driver(http_reuse="sometimes")  # what HAProxy does not know
    report = lb_bed.driver.apply(lb.with_listener(spec, timeout_client_data=1))
    assert (report.ok, report.retry, report.code) == (False, False, "haproxy.config_refused")
    assert report.error == "The load balancer's configuration was refused; what ran before runs on."
    assert "[ALERT]" in report.detail
    assert "'http-reuse' only supports 'never'" in report.detail
    assert lb_bed.pids() == pids
    assert lb_bed.config(spec) == text
    assert lb_bed.spread(2) == {"s11": 2}
    assert lb_bed.status(spec, spec.id) == "ONLINE"
    assert not list(lb_bed.of(spec).glob("haproxy-2.*")), "nothing is left of the attempt"
    lb_bed.new_driver(http_reuse="always")
    lb_bed.apply(lb.with_listener(spec, timeout_client_data=1))
    assert lb_bed.spread(2) == {"s11": 2}


def test_a_refused_first_configuration(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.new_driver(http_reuse="sometimes")
    report = lb_bed.driver.apply(spec)
    assert (report.ok, report.retry, report.code) == (False, False, "haproxy.config_refused")
    lb_bed.new_driver(http_reuse="safe")
    lb_bed.apply(spec)
    assert lb_bed.spread(2) == {"s11": 2}


def test_a_spec_that_must_not_reach_haproxy_touches_nothing(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    pids = lb_bed.pids()
    report = lb_bed.driver.apply(lb.with_pool(spec, healthmonitor=lb.monitor(url_path="/\n    server x 10.0.0.1:80")))
    assert (report.ok, report.retry, report.code) == (False, False, "haproxy.bad_spec")
    assert "url_path: must start with /" in report.error
    assert lb_bed.pids() == pids
    assert lb_bed.spread(2) == {"s11": 2}


def test_an_address_in_use_may_be_free_later(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    namespace = lb_bed.host.namespace("lb", spec.id)
    more = dataclasses.replace(spec, listeners=(*spec.listeners, lb.listener(81, uses=spec.pools[0])))
    with contextlib.closing(netns.run_in(namespace, socket.create_server, (lbbeds.VIP, 81))):
        report = lb_bed.driver.apply(more)
        assert (report.ok, report.retry, report.code) == (False, True, "haproxy.bind_refused")
        assert lb_bed.spread(2) == {"s11": 2}
    lb_bed.apply(more)
    assert lb_bed.spread(2, port=81) == {"s11": 2}


# ---- crashes and restarts -----------------------------------------------------------------------------------


def test_a_killed_haproxy_is_seen_and_replaced(lb_bed):
    spec = web(lb_bed, lb_bed.server(11), healthmonitor=lb.monitor())
    lb_bed.apply(spec)
    lb_bed.spread(5)
    before = counters(lb_bed, spec)
    (pid,) = lb_bed.pids()
    os.kill(pid, signal.SIGKILL)
    lb_bed.until(lambda: not lb_bed.pids())
    seen = lb_bed.observe(spec)
    assert seen.drifted
    assert seen.statuses[spec.id] == "ERROR"
    assert (lb_bed.of(spec) / "admin.sock").exists(), "a stale socket lies about"
    lb_bed.apply(spec)
    assert lb_bed.spread(2) == {"s11": 2}
    assert not lb_bed.observe(spec).drifted
    after = counters(lb_bed, spec)
    assert after["total_connections"] == before["total_connections"] + 2


def test_a_hanging_haproxy_is_replaced(lb_bed, monkeypatch):
    monkeypatch.setattr(runtime, "TIMEOUT", 0.3)
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    (pid,) = lb_bed.pids()
    os.kill(pid, signal.SIGSTOP)
    assert lb_bed.observe(spec).drifted
    lb_bed.apply(spec)
    assert lb_bed.spread(2) == {"s11": 2}
    assert pid not in lb_bed.pids()


def test_a_new_driver_adopts_what_runs(lb_bed):
    one, two = lb_bed.server(11), lb_bed.server(12)
    spec = web(lb_bed, one, two, healthmonitor=lb.monitor())
    lb_bed.apply(spec)
    lb_bed.spread(4)
    before, pids = counters(lb_bed, spec), lb_bed.pids()
    lb_bed.new_driver()
    assert not lb_bed.observe(spec).drifted
    assert counters(lb_bed, spec) == before
    lb_bed.apply(spec)
    assert lb_bed.pids() == pids
    # and it goes on with commands, not with a reload
    lb_bed.new_driver()
    lb_bed.apply(lb.with_members(spec, one))
    assert lb_bed.pids() == pids
    assert lb_bed.spread(2) == {"s11": 2}


def test_a_new_driver_after_one_that_died_half_way_makes_sure(lb_bed):
    one, two, third = (lb_bed.server(number) for number in (11, 12, 13))
    spec = web(lb_bed, one, two)
    lb_bed.apply(spec)
    # the commands were given, the files not yet written
    socket_path = lb_bed.of(spec) / "admin.sock"
    for command in changes(spec, lb.with_members(spec, two, third), Limits()).commands:
        runtime.do(socket_path, command)
    (lb_bed.of(spec) / "applied.json").unlink()
    lb_bed.new_driver()
    assert lb_bed.observe(spec).drifted
    lb_bed.apply(lb.with_members(spec, one, third))
    assert lb_bed.spread(4) == {"s11": 2, "s13": 2}
    assert not lb_bed.observe(spec).drifted


def test_a_process_started_by_an_agent_that_died_before_it_could_note_it(lb_bed):
    """It serves with a configuration of its own; the next agent must neither overlook it nor leave it listening."""
    old = web(lb_bed, lb_bed.server(11))
    new = lb.with_listener(old, timeout_client_data=4321)
    lb_bed.apply(old)
    applied = (lb_bed.of(old) / "applied.json").read_text()
    lb_bed.apply(new)
    (stranger,) = (process.adopt(each.parent, each.stem) for each in lb_bed.of(new).glob("haproxy-*.pid"))
    # as it was when the new process had just started: its record is missing, the old one's papers are there
    process.forget(stranger.workdir, stranger.name)
    (lb_bed.of(new) / "applied.json").write_text(applied)
    lb_bed.new_driver()
    with lb_bed.load(rate=200, connections=4, close=1.0) as load:
        lb_bed.apply(new)
        time.sleep(0.3)
        counts = load.stop()
    assert (counts.failed, counts.resets) == (0, 0), counts.errors
    assert lb_bed.pids() != [stranger.pid]
    lb_bed.until(lambda: not stranger.alive())  # or two would answer, each in its own way
    assert not lb_bed.observe(new).drifted


def test_nobody_without_a_record_outlives_a_removal(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    (stranger,) = (process.adopt(each.parent, each.stem) for each in lb_bed.of(spec).glob("haproxy-*.pid"))
    process.forget(stranger.workdir, stranger.name)
    lb_bed.new_driver()
    assert lb_bed.driver.remove(spec.id).ok
    lb_bed.until(lambda: not stranger.alive())
    assert lb_bed.traces() == []


def test_a_new_way_to_render_is_a_reload(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    pids = lb_bed.pids()
    lb_bed.new_driver(http_reuse="always")
    lb_bed.apply(spec)
    assert lb_bed.pids() != pids
    assert "http-reuse always" in lb_bed.config(spec)


def test_a_server_put_in_by_hand_is_put_out(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    path = lb_bed.of(spec) / "admin.sock"
    backend = f"pool-{spec.pools[0].id}"
    runtime.do(path, f"add server {backend}/stranger 10.9.0.99:80; enable server {backend}/stranger")
    lb_bed.observe(spec)
    lb_bed.until(lambda: lb_bed.observe(spec) and "stranger" not in runtime.ask(path, "show servers state"))
    runtime.do(path, f"set server {backend}/member-{spec.pools[0].members[0].id} state maint")
    assert lb_bed.status(spec, spec.pools[0].members[0].id) == "OFFLINE"


def test_a_lost_namespace_is_made_again(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    (pid,) = lb_bed.pids()
    netns.delete(lb_bed.host.namespace("lb", spec.id))
    assert lb_bed.observe(spec).drifted
    lb_bed.apply(spec)
    assert lb_bed.spread(2) == {"s11": 2}
    assert pid not in lb_bed.pids()


def test_a_lost_leg_is_made_again(lb_bed, monkeypatch):
    monkeypatch.setattr(instance, "_HOUSEKEEPING", 0.0)
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    pids = lb_bed.pids()
    assert not lb_bed.observe(spec).drifted
    leg.remove_leg(lb_bed.host, spec.vip.port_id)
    lb_bed.until(lambda: lb_bed.observe(spec).drifted)
    lb_bed.apply(spec)
    lb_bed.until(lambda: lb_bed.spread(1), 3)
    assert not lb_bed.observe(spec).drifted
    assert lb_bed.pids() == pids


def test_haproxy_has_no_privilege_and_sees_no_files(lb_bed):
    lb_bed.apply(spec := web(lb_bed, lb_bed.server(11)))
    (pid,) = lb_bed.pids()
    with open(f"/proc/{pid}/status") as status:
        assert "Uid:\t0" not in status.read()
    assert os.readlink(f"/proc/{pid}/root") == str(lb_bed.of(spec) / "jail")
    assert os.stat(lb_bed.of(spec) / "admin.sock").st_mode & 0o777 == 0o600


# ---- old processes ------------------------------------------------------------------------------------------


def test_what_drains_is_counted_and_bounded(lb_bed):
    lb_bed.new_driver(draining_max="2")
    pool = lb.pool(lb_bed.server(11), protocol="TCP")
    spec = lb.balancer(lb.listener(80, "TCP", uses=pool), pool, vip=lb_bed.vip())
    lb_bed.apply(spec)
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with contextlib.ExitStack() as stack:
        connections = []
        for step in range(4):
            made = netns.run_in(lb_bed.client, socket.create_connection, (lbbeds.VIP, 80), 5)
            connections.append(stack.enter_context(made))
            made.sendall(request)
            assert made.recv(1000)
            spec = lb.with_listener(spec, timeout_client_data=20_000 + step)
            lb_bed.apply(spec)
        assert len(lb_bed.pids("draining")) == 2
        assert [bool(_alive(each, request)) for each in connections] == [False, False, True, True]
        first = counters(lb_bed, spec)
        assert first["active_connections"] == 2
        assert first["total_connections"] == 4
        # bytes of open connections are counted every five seconds at least
        lb_bed.until(lambda: counters(lb_bed, spec)["bytes_in"] >= 4 * len(request))
        assert _alive(connections[3], request)
    lb_bed.until(lambda: counters(lb_bed, spec)["active_connections"] == 0)
    lb_bed.until(lambda: not lb_bed.pids("draining"))
    last = counters(lb_bed, spec)
    assert 5 <= last["bytes_in"] / len(request) <= 7, "the last of those that were cut may be missing"
    assert last["total_connections"] == 4


def _alive(connection: socket.socket, request: bytes) -> bytes:
    try:
        connection.sendall(request)
        return connection.recv(1000)
    except OSError:
        return b""


def test_counters_never_go_back(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    last = counters(lb_bed, spec)
    with lb_bed.load(rate=200, connections=4) as load:
        for step in range(6):
            if step % 3 == 2:
                lb_bed.new_driver()
            spec = lb.with_listener(spec, timeout_client_data=1000 + step)
            lb_bed.apply(spec)
            for _ in range(3):
                now = counters(lb_bed, spec)
                for name in set(now) - {"active_connections"}:
                    assert now[name] >= last[name]
                last = now
                time.sleep(0.05)
        counts = load.stop()
    assert counts.failed == 0, counts.errors
    lb_bed.until(lambda: counters(lb_bed, spec)["active_connections"] == 0)


# ---- the end ------------------------------------------------------------------------------------------------


def test_remove_leaves_nothing(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    lb_bed.apply(lb.with_listener(spec, timeout_client_data=1))
    pids = [*lb_bed.pids(), *lb_bed.pids("draining")]
    assert lb_bed.driver.remove(spec.id).ok
    assert lb_bed.traces() == []
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    assert list(lb_bed.driver.observe()) == []
    assert lb_bed.driver.remove(spec.id).ok, "again"
    assert not lb_bed.driver.remove("../..").ok


def test_remove_of_what_is_half_there(lb_bed):
    spec = web(lb_bed, lb_bed.server(11))

    def no_namespace() -> None:
        netns.delete(lb_bed.host.namespace("lb", spec.id))

    def no_directory() -> None:
        for each in lb_bed.pids():
            os.kill(each, signal.SIGKILL)
        shutil.rmtree(lb_bed.of(spec))

    def no_process() -> None:
        for each in lb_bed.pids():
            os.kill(each, signal.SIGKILL)

    for lose in (no_namespace, no_directory, no_process):
        lb_bed.apply(spec)
        lose()
        lb_bed.new_driver()
        assert [each.drifted for each in lb_bed.driver.observe()] == [True]
        assert lb_bed.driver.remove(spec.id).ok
        assert lb_bed.traces() == []
        assert process.until(lambda: not lb_bed.pids(), 2)


@pytest.mark.parametrize("depth", [1, 4])
def test_a_long_state_directory(lb_bed, depth):
    lb_bed.state = lb_bed.directory / ("d" * 40) / ("e" * 20 * depth)
    lb_bed.new_driver()
    spec = web(lb_bed, lb_bed.server(11))
    lb_bed.apply(spec)
    lb_bed.apply(lb.with_listener(spec, timeout_client_data=1))
    assert lb_bed.spread(2) == {"s11": 2}


def test_plan_says_what_would_be_done(lb_bed):
    one, two = lb.member(11), lb.member(12)
    spec = web(lb_bed, one)
    plan = lb_bed.driver.plan
    assert plan(spec, None).steps == ("start haproxy",)
    assert plan(spec, spec) == type(plan(spec, spec))()
    added = plan(lb.with_members(spec, one, two), spec)
    assert added.steps[0].startswith("add server ")
    assert f"+    server member-{two.id} 192.0.2.12:80" in added.diff
    assert added.impact == "none"
    assert plan(lb.with_listener(spec, protocol_port=81), spec).impact == "new flows"
    assert plan(dataclasses.replace(spec, vip=lb.vip("10.9.0.77")), spec).impact == "cuts flows"
    assert plan(dataclasses.replace(spec, admin_state_up=False), spec).impact == "cuts flows"
