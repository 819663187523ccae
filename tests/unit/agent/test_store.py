import time

import pytest

from svcfabric.agent.store import Store
from tests.unit.agent.things import envelope, new_id


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "agent" / "specs.sqlite")


def test_what_was_applied_survives_in_order(path):
    store = Store(path)
    for name in ("b", "a", "c"):
        store.put(envelope(name, 1))
    store.put(envelope("b", 2, vteps=["10.0.0.2"]))  # keeps its place
    store.delete("c")
    store.close()
    again = Store(path)
    assert [each.envelope for each in again.all()] == [envelope("b", 2, vteps=["10.0.0.2"]), envelope("a", 1)]
    assert again.view() == {"b": 2, "a": 1}
    assert again.get("c") is None


def test_it_survives_without_being_closed(path):
    store = Store(path)
    store.put(envelope("a", 4))
    assert store.written()
    assert Store(path).view() == {"a": 4}


def test_a_removal_that_has_begun_goes_on_after_a_restart(path):
    store = Store(path)
    store.put(envelope("a", 4))
    store.removing("a", 5)
    store.removing("unknown", 5)
    assert store.written()
    task = Store(path).get("a").task()
    assert (task.removes, task.generation, task.key) == (True, 5, ("network", "noop"))
    store.put(envelope("a", 6))
    assert store.written()
    assert Store(path).get("a").task().spec == envelope("a", 6).spec


def test_a_damaged_file_is_put_aside(path, tmp_path):
    store = Store(path)
    store.put(envelope("a"))
    store.close()
    with open(path, "r+b") as file:
        file.write(b"not a database at all" * 10)
    store = Store(path)
    assert store.all() == []
    store.put(envelope("b"))
    assert store.written()
    assert Store(path).view() == {"b": 1}
    assert list((tmp_path / "agent").glob("*.damaged-*"))


def test_what_another_version_wrote_is_skipped(path):
    store = Store(path)
    store.put(envelope("a"))
    store.put(envelope("b"))
    assert store.written()
    store._db.execute("UPDATE specs SET wire = ? WHERE id = 'a'", (b'{"kind": "telephone"}',))
    assert Store(path).view() == {"b": 1}


def test_ten_thousand_load_quickly(path):
    store = Store(path)
    start = time.perf_counter()
    for _ in range(2000):
        store.put(envelope(new_id()))
    assert store.written()
    each = (time.perf_counter() - start) / 2000
    start = time.perf_counter()
    assert len(Store(path).all()) == 2000
    print(f"put {each * 1e6:.0f} us, load of 2000 {(time.perf_counter() - start) * 1000:.0f} ms")
    assert each < 0.005
