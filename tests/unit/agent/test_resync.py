import time

import pytest

from svcfabric.agent.loop import Loop
from svcfabric.agent.resync import Resync
from svcfabric.agent.store import Store
from svcfabric.rpc import RemoteFailure, Unreachable
from tests.unit.agent.things import drivers, removal, wire


class Server:
    def __init__(self):
        self.views, self.answer = [], {}

    def ask(self, view):
        self.views.append(dict(view))
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"envelopes": [], "remove": [], "known": [], "complete": True, **self.answer}


class Host:
    """A loop on a host whose clock is set by hand."""

    def __init__(self, path):
        self.now, self.server, self.drivers, self.done = 0.0, Server(), drivers("network", "port"), 0
        self.driver = self.drivers["network", "noop"]
        self.store = Store(path)
        self.reports = []
        self.loop = Loop(self.drivers, self.store, self.reports.append)
        self.resync = Resync(
            self.server.ask,
            self.loop,
            self.store,
            lambda: {each.instance_id: key for key, it in self.drivers.items() for each in it.observe()},
            interval=60.0,
            grace=60.0,
            done=self._done,
            clock=lambda: self.now,
        )

    def _done(self):
        self.done += 1

    def once(self, now=None, **answer):
        self.now = self.now if now is None else now
        self.server.answer = answer
        complete = self.resync.once()
        assert self.loop.wait_idle(5)
        return complete


@pytest.fixture
def host(tmp_path):
    made = Host(str(tmp_path / "specs.sqlite"))
    made.loop.start()
    yield made
    made.loop.stop()


def test_says_what_it_has_and_applies_what_differs(host):
    assert host.once(envelopes=[wire("a", 3), wire("b", 1)], known=["a", "b"])
    assert host.once(envelopes=[wire("a", 4)], remove=[removal("b", 2)], known=["a", "b"])
    assert host.server.views == [{}, {"a": 3, "b": 1}]
    assert host.store.view() == {"a": 4}
    assert list(host.driver.applied) == ["a"]
    assert host.done == 2


def test_what_the_server_sends_again_is_told_again_not_done_again(host):
    host.once(envelopes=[wire("a", 3)], known=["a"])
    host.once(envelopes=[wire("a", 3)], known=["a"])
    assert host.driver.calls == [("apply", "a")]
    assert len(host.reports) == 2


def test_an_orphan_goes_after_two_complete_views(host):
    host.once(envelopes=[wire("mine")], known=["mine"])
    host.driver.applied["orphan"] = None
    host.once(0.0, known=["mine"])
    host.once(100.0, known=["mine"], complete=False)
    host.once(200.0, known=["mine"])
    assert "orphan" in host.driver.applied
    host.once(260.0, known=["mine"])
    assert list(host.driver.applied) == ["mine"]
    assert [report["id"] for report in host.reports] == ["mine"]  # nobody asked


def test_one_that_the_server_knows_or_that_is_being_made_is_no_orphan(host):
    host.driver.applied["known"] = None
    host.driver.fail("half", retry=False)
    host.driver.applied["half"] = None
    host.loop.apply([wire("half")])
    for now in (0.0, 100.0, 200.0):
        host.once(now, known=["known"])
    assert set(host.driver.applied) == {"known", "half"}


def test_what_was_applied_and_the_server_forgot_goes_too(host):
    host.once(envelopes=[wire("a"), wire("b")], known=["a", "b"])
    host.once(0.0, known=["b"])
    host.once(61.0, known=["b"])
    assert host.store.view() == {"b": 1}
    assert list(host.driver.applied) == ["b"]


def test_a_server_with_an_empty_database_removes_nothing(host):
    host.once(envelopes=[wire("a")], known=["a"])
    for now in (0.0, 100.0, 200.0):
        host.once(now, known=[])
    assert host.store.view() == {"a": 1}


def test_without_the_server_nothing_is_removed(host):
    host.driver.applied["orphan"] = None
    host.server.answer = Unreachable("away")
    for now in (0.0, 100.0, 200.0):
        host.now = now
        with pytest.raises(Unreachable):
            host.resync.once()
    assert "orphan" in host.driver.applied


@pytest.mark.parametrize("trouble", [Unreachable("away"), RemoteFailure("no database"), KeyError("nonsense")])
def test_goes_on_after_trouble_with_growing_pauses(tmp_path, trouble):
    server = Server()
    server.answer = trouble
    store = Store(str(tmp_path / "specs.sqlite"))
    loop = Loop(drivers(), store, lambda report: None)
    resync = Resync(server.ask, loop, store, dict, interval=0.05, grace=60.0)
    loop.start()
    resync.start()
    while len(server.views) < 4:
        time.sleep(0.01)
    server.answer = {"envelopes": [wire("a")], "known": ["a"]}
    while not store.view():
        time.sleep(0.01)
    resync.stop()
    loop.stop()


def test_trigger_asks_at_once(tmp_path):
    server = Server()
    store = Store(str(tmp_path / "specs.sqlite"))
    loop = Loop(drivers(), store, lambda report: None)
    resync = Resync(server.ask, loop, store, dict, interval=1000.0, grace=60.0)
    resync.start()
    deadline = time.monotonic() + 5
    while len(server.views) < 2:
        resync.trigger()
        time.sleep(0.05)
        assert time.monotonic() < deadline
    resync.stop()
