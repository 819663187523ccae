import pytest

from svcfabric.agent.purge import purge
from svcfabric.agent.store import Store
from tests.unit.agent.things import drivers, envelope


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "specs.sqlite"))


def test_what_is_stored_and_what_is_found_goes_last_made_first(store):
    chosen = drivers("network", "port")
    network, port = chosen.values()
    for name in ("one", "two"):
        network.applied[name] = None
        store.put(envelope(name))
    network.applied["orphan"] = port.applied["stray"] = None
    store.put(envelope("vanished"))
    assert purge(chosen, store) == []
    assert network.calls == [("remove", each) for each in ("vanished", "two", "one", "orphan")]
    assert port.calls == [("remove", "stray")]
    assert (network.applied, port.applied, store.all()) == ({}, {}, [])


def test_what_resists_is_tried_again_and_told(store):
    chosen = drivers("network")
    network = chosen["network", "noop"]
    network.applied.update(a=None, b=None)
    network.fail("a", "device busy")
    assert [(report.instance_id, report.detail) for report in purge(chosen, store)] == [("a", "device busy")]
    assert network.calls.count(("remove", "a")) == 3
    assert list(network.applied) == ["a"]


def test_a_driver_that_raises_does_not_stop_the_rest(store):
    chosen = drivers("network", "port")
    chosen["port", "noop"].applied["p"] = None
    chosen["network", "noop"].applied["n"] = None

    def broken(instance_id):
        raise OSError("no")

    chosen["port", "noop"].remove = broken
    assert [report.instance_id for report in purge(chosen, store)] == ["p"]
    assert chosen["network", "noop"].applied == {}
