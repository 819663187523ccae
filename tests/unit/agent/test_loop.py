import threading
import time

import pytest

from svcfabric.agent.loop import Loop
from svcfabric.agent.store import Store
from svcfabric.spi.driver import Report
from tests.unit.agent.things import drivers, floating_wire, new_id, noop, removal, wire


class Reports(list):
    def of(self, instance_id):
        return [report for report in self if report["id"] == instance_id]


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "specs.sqlite"))


@pytest.fixture
def make(store):
    loops = []

    def make(chosen, **options):
        reports = Reports()
        loop = Loop(chosen, store, reports.append, retry_min=0.02, retry_max=0.1, **options)
        loop.start()
        loops.append(loop)
        return loop, reports

    yield make
    for loop in loops:
        loop.stop()


def until(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Slow:
    """A driver that holds each call until it is let go, and notes how many run at once."""

    kind = "network"
    features = frozenset()

    def __init__(self):
        self.begun, self.gate = threading.Semaphore(0), threading.Semaphore(0)
        self.specs, self.most, self._now, self._lock = [], 0, 0, threading.Lock()

    def apply(self, spec):
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.begun.release()
        assert self.gate.acquire(timeout=5)
        with self._lock:
            self._now -= 1
            self.specs.append(spec)
        return Report(instance_id=spec.id)

    def remove(self, instance_id):
        return Report(instance_id=instance_id)

    def observe(self):
        return []


def test_applied_stored_reported(make, store):
    chosen = drivers()
    loop, reports = make(chosen)
    loop.apply([wire("a", 2)])
    assert loop.wait_idle(5)
    until(lambda: reports)
    assert chosen["network", "noop"].applied["a"].id == "a"
    assert store.view() == {"a": 2}
    assert [(report["generation"], report["ok"]) for report in reports] == [(2, True)]


def test_removed_forgotten_reported(make, store):
    chosen = drivers()
    loop, reports = make(chosen)
    loop.apply([wire("a", 2)])
    assert loop.wait_idle(5)
    loop.remove([removal("a", 3)])
    assert loop.wait_idle(5)
    until(lambda: len(reports) == 2)
    assert chosen["network", "noop"].applied == {}
    assert store.view() == {}
    assert reports[-1]["removed"] is True


def test_what_comes_while_it_is_busy_coalesces(make):
    slow = Slow()
    loop, reports = make({("network", "noop"): slow})
    loop.apply([wire("a", 1)])
    assert slow.begun.acquire(timeout=5)
    for generation in range(2, 50):
        loop.apply([wire("a", generation, vteps=[str(generation)])])
    slow.gate.release()
    slow.gate.release()
    assert loop.wait_idle(5)
    assert [spec.vteps for spec in slow.specs] == [(), ("49",)]
    until(lambda: len(reports) == 2)
    assert [report["generation"] for report in reports] == [1, 49]


def test_many_instances_at_once_within_the_limit(make):
    slow = Slow()
    loop, _ = make({("network", "noop"): slow}, workers=3)
    loop.apply([wire(str(n)) for n in range(10)])
    for _ in range(3):
        assert slow.begun.acquire(timeout=5)
    for _ in range(10):
        slow.gate.release()
    assert loop.wait_idle(5)
    assert slow.most == 3
    assert len(slow.specs) == 10


def test_a_refused_spec_keeps_the_last_good_in_the_store(make, store):
    chosen = drivers()
    loop, reports = make(chosen)
    loop.apply([wire("a", 1)])
    assert loop.wait_idle(5)
    chosen["network", "noop"].fail("a", "line 7: what is this", retry=False)
    loop.apply([wire("a", 2)])
    assert loop.wait_idle(5)
    until(lambda: len(reports) == 2)
    assert (reports[1]["ok"], reports[1]["detail"]) == (False, "line 7: what is this")
    assert store.view() == {"a": 1}
    time.sleep(0.15)
    assert chosen["network", "noop"].calls == [("apply", "a")] * 2
    chosen["network", "noop"].succeed("a")
    loop.apply([wire("a", 3)])
    until(lambda: len(reports) == 3)
    assert reports[2]["ok"] is True


def test_a_busy_kernel_is_tried_again(make, store):
    chosen = drivers()
    driver = chosen["network", "noop"]
    driver.fail("a", "busy")
    loop, reports = make(chosen)
    loop.apply([wire("a", 1)])
    until(lambda: len(driver.calls) >= 3)
    driver.succeed("a")
    until(lambda: reports and reports[-1]["ok"])
    assert [report["ok"] for report in reports] == [False, True]
    assert store.view() == {"a": 1}


def test_a_driver_that_raises_is_reported_and_tried_again(make):
    class Broken(Slow):
        def apply(self, spec):
            self.specs.append(spec)
            if len(self.specs) < 3:
                raise OSError("no space left")
            return Report(instance_id=spec.id)

    broken = Broken()
    loop, reports = make({("network", "noop"): broken})
    loop.apply([wire("a", 1)])
    until(lambda: reports and reports[-1]["ok"])
    assert (reports[0]["code"], reports[0]["detail"]) == ("driver.crashed", "OSError: no space left")


def test_a_floating_ip_waits_for_its_router(make):
    class Router(Slow):
        kind = "router"

    router = Router()
    fips = noop("floatingip")
    loop, reports = make({("floatingip", "noop"): fips, ("network", "noop"): router})
    fips.wait("fip", "r")
    loop.apply([floating_wire("fip", "r")])
    until(lambda: fips.calls)
    loop.apply([wire("r")])
    assert router.begun.acquire(timeout=5)
    fips.succeed("fip")
    time.sleep(0.05)
    assert len(fips.calls) == 1
    start = time.monotonic()
    router.gate.release()
    until(lambda: reports.of("fip"))
    assert time.monotonic() - start < 0.5  # woken, not polled
    assert [report["ok"] for report in reports.of("fip")] == [True]


def test_what_nobody_here_can_do_is_refused_at_once(make):
    loop, reports = make(drivers())
    loop.apply([wire("a", 4, driver="other"), {"kind": "telephone", "generation": 2, "spec": {"id": "b"}}, wire("c")])
    assert loop.wait_idle(5)
    until(lambda: len(reports) == 3)
    refused = {report["id"]: report for report in reports if not report["ok"]}
    assert refused["a"]["detail"] == "no driver 'other' for network on this host"
    assert refused["a"]["generation"] == 4
    assert "telephone" in refused["b"]["detail"]
    assert reports.of("c")[0]["ok"] is True


@pytest.mark.parametrize("rubbish", [{}, {"generation": 1}, {"spec": None}, {"id": "x", "generation": "y"}])
def test_rubbish_is_survived(make, rubbish):
    loop, reports = make(drivers())
    loop.apply([rubbish])
    loop.remove([rubbish])
    loop.apply([wire("a")])
    assert loop.wait_idle(5)
    until(lambda: reports.of("a"))


def test_another_driver_takes_over(make, store):
    old, new = noop(), noop()
    loop, _ = make({("network", "noop"): old, ("network", "other"): new})
    loop.apply([wire("a", 1)])
    assert loop.wait_idle(5)
    loop.apply([wire("a", 2, driver="other")])
    assert loop.wait_idle(5)
    assert (list(old.applied), list(new.applied)) == ([], ["a"])
    assert store.get("a").key == ("network", "other")
    loop.remove([removal("a", 3)])  # by a server that remembers the old one
    assert loop.wait_idle(5)
    assert new.applied == {}


def test_repair_applies_the_last_good(make):
    chosen = drivers()
    driver = chosen["network", "noop"]
    loop, reports = make(chosen)
    assert not loop.repair("a")
    loop.apply([wire("a", 1)])
    assert loop.wait_idle(5)
    driver.applied.clear()
    assert loop.repair("a")
    assert loop.wait_idle(5)
    assert list(driver.applied) == ["a"]
    assert len(reports) == 1


def test_stop_finishes_what_runs_and_begins_nothing(make):
    slow = Slow()
    loop, reports = make({("network", "noop"): slow}, workers=1)
    loop.apply([wire("a"), wire("b")])
    assert slow.begun.acquire(timeout=5)
    threading.Timer(0.1, slow.gate.release).start()
    loop.stop(5)
    assert [report["id"] for report in reports] == ["a"]
    assert len(slow.specs) == 1


def test_a_thousand_instances(make):
    loop, reports = make(drivers())
    wires = [wire(new_id()) for _ in range(1000)]
    start = time.perf_counter()
    loop.apply(wires)
    assert loop.wait_idle(20)
    print(f"{1000 / (time.perf_counter() - start):.0f} applies a second through loop and store")
    until(lambda: len(reports) == 1000)
