import time

import pytest

from svcfabric.agent.loop import Loop
from svcfabric.agent.observer import Deltas, Observer, Watch
from svcfabric.agent.store import Store
from svcfabric.rpc import Unreachable
from svcfabric.spi.driver import Observation
from tests.unit.agent.things import drivers, removal, wire


def seen(instance_id="a", drifted=False, statuses=None, **counters):
    return Observation(
        instance_id=instance_id, kind="network", statuses=statuses or {}, counters=counters, drifted=drifted
    )


class TestDeltas:
    def test_only_what_changed(self):
        deltas = Deltas()
        first = deltas.of([seen(statuses={"m1": "ONLINE", "m2": "ONLINE"}, li={"bytes": 1})], counters=True)
        assert first == [
            {
                "instance_id": "a",
                "kind": "network",
                "statuses": {"m1": "ONLINE", "m2": "ONLINE"},
                "counters": {"li": {"bytes": 1}},
            }
        ]
        deltas.told(first)
        again = [seen(statuses={"m1": "ONLINE", "m2": "ERROR"}, li={"bytes": 1})]
        assert [change["statuses"] for change in deltas.of(again, counters=True)] == [{"m2": "ERROR"}]
        assert deltas.of(again, counters=True)[0]["counters"] == {}

    def test_nothing_for_nothing(self):
        deltas = Deltas()
        assert deltas.of([seen()], counters=True) == []

    def test_what_was_not_told_is_found_again(self):
        deltas = Deltas()
        assert deltas.of([seen(statuses={"m": "ONLINE"})], counters=True)
        assert deltas.of([seen(statuses={"m": "ONLINE"})], counters=True)

    def test_counters_wait_for_their_turn(self):
        deltas = Deltas()
        assert deltas.of([seen(li={"bytes": 1})], counters=False) == []
        assert deltas.of([seen(li={"bytes": 1})], counters=True)[0]["counters"] == {"li": {"bytes": 1}}

    def test_forgets_what_is_gone(self):
        deltas = Deltas()
        deltas.told(deltas.of([seen(statuses={"m": "ONLINE"})], counters=True))
        deltas.keep([])
        assert deltas.of([seen(statuses={"m": "ONLINE"})], counters=True)


class Host:
    def __init__(self, path):
        self.now, self.sent, self.down = 0.0, [], False
        self.drivers = drivers()
        self.driver = self.drivers["network", "noop"]
        self.store = Store(path, clock=lambda: self.now)
        self.loop = Loop(self.drivers, self.store, lambda report: None)
        self.watch = Watch(
            ("network", "noop"),
            self.driver,
            self.store,
            self.loop,
            self.send,
            counters_interval=5.0,
            clock=lambda: self.now,
        )

    def send(self, changes):
        if self.down:
            raise Unreachable("down")
        self.sent += changes

    def look(self, now):
        self.now = now
        self.watch.look()
        assert self.loop.wait_idle(5)


@pytest.fixture
def host(tmp_path):
    made = Host(str(tmp_path / "specs.sqlite"))
    made.loop.start()
    made.loop.apply([wire("a"), wire("b")])
    assert made.loop.wait_idle(5)
    yield made
    made.loop.stop()


def test_statuses_are_told_when_they_change(host):
    host.driver.observed["a"] = seen(statuses={"m": "ONLINE"})
    host.look(1.0)
    host.look(2.0)
    host.driver.observed["a"] = seen(statuses={"m": "ERROR"})
    host.look(3.0)
    assert [change["statuses"]["m"] for change in host.sent] == ["ONLINE", "ERROR"]
    assert host.watch.found == {"a", "b"}


def test_what_did_not_get_through_is_told_next_time(host):
    host.driver.observed["a"] = seen(statuses={"m": "ONLINE"})
    host.down = True
    host.look(1.0)
    host.down = False
    host.look(2.0)
    assert len(host.sent) == 1


def test_everything_again_when_asked(host):
    host.driver.observed["a"] = seen(statuses={"m": "ONLINE"})
    host.look(1.0)
    host.watch.forget = True
    host.look(2.0)
    host.look(3.0)
    assert len(host.sent) == 2


def test_counters_less_often(host):
    for now in range(1, 12):
        host.driver.observed["a"] = seen(li={"bytes": now})
        host.look(float(now))
    assert [change["counters"]["li"]["bytes"] for change in host.sent] == [1, 6, 11]


def test_a_drifted_instance_is_applied_again(host):
    host.driver.observed["a"] = seen(drifted=True)
    host.driver.calls.clear()
    host.look(1.0)
    assert host.driver.calls == [("apply", "a")]


def test_a_vanished_instance_is_applied_again(host):
    del host.driver.applied["b"]
    host.driver.calls.clear()
    host.look(1.0)
    assert host.driver.calls == [("apply", "b")]
    assert set(host.driver.applied) == {"a", "b"}


def test_what_keeps_drifting_is_repaired_less_and_less_often(host):
    host.driver.observed["a"] = seen(drifted=True)
    host.driver.calls.clear()
    for now in range(1, 61):
        host.look(float(now))
    assert 4 <= len(host.driver.calls) <= 7
    host.driver.observed.pop("a")
    host.look(61.0)
    host.driver.observed["a"] = seen(drifted=True)
    host.driver.calls.clear()
    host.look(62.0)
    assert host.driver.calls == [("apply", "a")]


def test_what_was_applied_while_looking_has_not_vanished(host):
    class Late:
        def observe(self):
            host.now = 2.0
            host.loop.apply([wire("late")])
            assert host.loop.wait_idle(5)
            return [seen("a"), seen("b")]

    host.watch._driver = Late()
    host.driver.calls.clear()
    host.look(1.0)
    assert host.driver.calls == [("apply", "late")]


def test_what_is_being_removed_has_not_vanished(host):
    host.driver.fail("b")
    host.loop.remove([removal("b", 2)])
    while host.driver.calls[-1] != ("remove", "b"):
        time.sleep(0.002)
    host.driver.applied.pop("b")
    host.driver.calls.clear()
    host.watch.look()
    assert ("apply", "b") not in host.driver.calls
    host.driver.succeed("b")


def test_a_driver_that_cannot_look_leads_to_nothing(host):
    class Blind:
        def observe(self):
            yield seen("a")
            raise OSError("cannot read")

    host.watch._driver = Blind()
    host.driver.calls.clear()
    host.look(1.0)
    assert (host.sent, host.watch.found, host.driver.calls) == ([], frozenset(), [])


def test_threads_look_and_stop(tmp_path):
    chosen = drivers("network", "port")
    store = Store(str(tmp_path / "specs.sqlite"))
    loop = Loop(chosen, store, lambda report: None)
    sent = []
    chosen["network", "noop"].applied["a"] = None
    chosen["network", "noop"].observed["a"] = seen(statuses={"m": "ONLINE"})
    observer = Observer(chosen, store, loop, sent.extend, interval=0.02, counters_interval=1.0)
    observer.start()
    deadline = time.monotonic() + 5
    while not sent or observer.found() != {"a": ("network", "noop")}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    observer.resend()
    while len(sent) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    observer.stop()
