"""The fabric's tables at work: status from generations, tombstones, dispatch, resync, leases, quotas."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from svcfabric import errors
from svcfabric.db.base import metadata, new_id, now
from svcfabric.db.engine import Database
from svcfabric.fabric import agents, dispatch, instances, sweep
from svcfabric.fabric.models import instances as table
from svcfabric.fabric.models import leases, observations, placements
from svcfabric.fabric.quota import Quotas
from svcfabric.fabric.reports import Controller
from svcfabric.spi.l2l3 import NetworkSpec, Segment


class Networks:
    """A kind whose specs need no tables."""

    name, alike = "network", False

    def __init__(self) -> None:
        self.gone: list[str] = []

    def load(self, conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, NetworkSpec]:
        return {i: NetworkSpec(id=i, segment=Segment(network_id=i, type="vxlan", vni=7)) for i in ids}

    def place(self, conn: sa.Connection, instance_id: str, host: str) -> list[str]:
        instances.place(conn, instance_id, host)
        return [instance_id]

    def removed(self, conn: sa.Connection, instance_id: str) -> None:
        self.gone.append(instance_id)


class Sent:
    """Messages that left, by host."""

    def __init__(self) -> None:
        self.applied: list[tuple[str, str, int]] = []
        self.removed: list[tuple[str, str]] = []

    def apply(self, host: str, envelopes: Sequence[dict[str, Any]]) -> None:
        self.applied += [(host, e["spec"]["id"], e["generation"]) for e in envelopes]

    def remove(self, host: str, removals: Sequence[dict[str, Any]]) -> None:
        self.removed += [(host, r["id"]) for r in removals]


class World:
    def __init__(self, database: Database) -> None:
        self.database, self.kind, self.sent = database, Networks(), Sent()
        self.dispatcher = dispatch.Dispatcher(database, {"network": self.kind}, self.sent)
        self.controller = Controller(database, {"network": self.kind}, self.dispatcher)

    def create(self, *hosts: str, wants_host: bool = False) -> str:
        ident = new_id()

        def work(conn: sa.Connection) -> None:
            instances.create(conn, ident, kind="network", project_id="p", driver="noop", wants_host=wants_host)
            for host in hosts:
                instances.place(conn, ident, host)

        self.database.write(work)
        return ident

    def touch(self, ident: str) -> int:
        return self.database.write(lambda conn: instances.touch(conn, ident))

    def status(self, ident: str, **kw: Any) -> str:
        with self.database.read() as conn:
            return conn.execute(sa.select(instances.status(table.c.id, **kw)).where(table.c.id == ident)).scalar_one()

    def report(self, host: str, ident: str, generation: int, **more: Any) -> None:
        self.controller.report(host, [{"id": ident, "generation": generation, "ok": True, **more}])


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    database = Database(database_url)
    metadata.create_all(database.engine)
    yield World(database)
    metadata.drop_all(database.engine)
    database.dispose()


def test_status_follows_the_generations(world: World) -> None:
    ident = world.create("h1", "h2")
    assert world.status(ident) == "PENDING_CREATE"
    world.report("h1", ident, 1)
    assert world.status(ident) == "PENDING_CREATE", "one of two hosts has not answered"
    world.report("h2", ident, 1)
    assert world.status(ident) == "ACTIVE"
    assert world.touch(ident) == 2
    assert world.status(ident) == "PENDING_UPDATE"
    world.report("h1", ident, 2)
    world.report("h2", ident, 2, ok=False, code="x", error="Refused.", detail="daemon said no")
    assert world.status(ident) == "ERROR"
    world.touch(ident)
    world.report("h1", ident, 3)
    world.report("h2", ident, 3)
    assert world.status(ident) == "ACTIVE", "a good write after a refused one heals"


def test_a_child_has_a_status_of_its_own(world: World) -> None:
    ident = world.create("h1")
    world.report("h1", ident, 1)
    world.touch(ident)
    literal = sa.literal
    assert world.status(ident, created=literal(2), changed=literal(2)) == "PENDING_CREATE"
    assert world.status(ident, created=literal(1), changed=literal(2)) == "PENDING_UPDATE"
    assert world.status(ident, created=literal(1), changed=literal(1)) == "ACTIVE"


def test_an_old_report_changes_nothing(world: World) -> None:
    ident = world.create("h1")
    world.touch(ident)
    world.report("h1", ident, 2)
    world.report("h1", ident, 1, ok=False, error="late")
    assert world.status(ident) == "ACTIVE"


def test_delete_is_a_tombstone_until_every_host_confirms(world: World) -> None:
    ident = world.create("h1", "h2")
    world.database.write(lambda conn: instances.tombstone(conn, [ident]))
    assert world.status(ident) == "PENDING_DELETE"
    with pytest.raises(errors.NotFound):
        world.touch(ident)
    world.dispatcher.send([ident])
    assert sorted(world.sent.removed) == [("h1", ident), ("h2", ident)]
    world.report("h1", ident, 2, removed=True)
    assert world.kind.gone == []
    world.report("h2", ident, 2, removed=True)
    assert world.kind.gone == [ident]
    with world.database.read() as conn:
        assert not instances.exists(conn, ident)


def test_a_tombstone_that_is_nowhere_goes_at_once(world: World) -> None:
    ident = world.create()
    world.database.write(lambda conn: instances.tombstone(conn, [ident]))
    with world.database.read() as conn:
        assert not instances.exists(conn, ident)


def test_dispatch_sends_what_is_behind_and_nothing_else(world: World) -> None:
    done, late = world.create("h1"), world.create("h1")
    world.report("h1", done, 1)
    world.touch(late)
    world.dispatcher.send([done, late])
    assert world.sent.applied == [("h1", late, 2)]


def test_the_sweep_finds_a_lost_message_and_places_what_waits(world: World) -> None:
    lost, waiting, dead = world.create("h1"), world.create(wants_host=True), world.create("h2")
    world.controller.heartbeat({"host": "h1", "drivers": [{"kind": "network", "driver": "noop"}]})
    world.database.write(
        lambda conn: conn.execute(table.update().values(changed_at=now() - datetime.timedelta(minutes=1)))
    )
    swept = sweep.Sweep(world.database, {"network": world.kind}, world.dispatcher, interval=1, down_time=20)
    swept.once()
    world.dispatcher.send([lost, waiting])
    assert sorted(world.sent.applied) == sorted([("h1", lost, 1), ("h1", waiting, 1)])
    assert dead not in swept.lagging(), "a host whose agent is down is left alone"


def test_resync_answers_the_difference_and_the_whole_view(world: World) -> None:
    same, newer, absent, going = (world.create("h1") for _ in range(4))
    world.report("h1", same, 1)
    world.report("h1", newer, 1)
    world.touch(newer)
    world.database.write(lambda conn: instances.tombstone(conn, [going]))
    answer = world.controller.resync("h1", {same: 1, newer: 1, going: 1})
    assert {e["spec"]["id"]: e["generation"] for e in answer["envelopes"]} == {newer: 2, absent: 1}
    assert [r["id"] for r in answer["remove"]] == [going]
    assert set(answer["known"]) == {same, newer, absent, going}
    assert answer["complete"] is True


def test_choice_of_host_takes_the_least_loaded_live_one(world: World) -> None:
    for host in ("h1", "h2", "h3"):
        world.controller.heartbeat({"host": host, "drivers": [{"kind": "network", "driver": "noop"}]})
    world.create("h1")

    def choose(conn: sa.Connection) -> str | None:
        return agents.choose(conn, "network", "noop", down_time=20)

    assert world.database.write(choose) == "h2"
    assert world.database.write(lambda conn: agents.choose(conn, "network", "other", down_time=20)) is None


def test_one_holder_of_a_lease_at_a_time(world: World) -> None:
    take = lambda who: world.database.write(lambda conn: sweep.lease(conn, "sweep", who, 60))  # noqa: E731
    assert take("a") and take("a") and not take("b")
    world.database.write(lambda conn: conn.execute(leases.update().values(expires_at=now())))
    assert take("b") and not take("a")


def test_quota_holds_against_eight_writers(world: World) -> None:
    quotas = Quotas({"network": 5})
    quotas.countable("network", table)
    outcomes: list[str] = []

    def one() -> None:
        def work(conn: sa.Connection) -> None:
            quotas.check(conn, "p", "network")
            instances.create(conn, new_id(), kind="network", project_id="p", driver="noop")

        for _ in range(3):
            try:
                world.database.write(work)
                outcomes.append("made")
            except errors.OverQuota as exc:
                assert "The limit is 5, 5 are in use" in exc.message
                outcomes.append("refused")

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("made"), outcomes.count("refused")) == (5, 19)


def test_concurrent_touches_lose_none(world: World) -> None:
    ident = world.create("h1")
    threads = [threading.Thread(target=lambda: [world.touch(ident) for _ in range(5)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with world.database.read() as conn:
        assert conn.execute(sa.select(table.c.generation).where(table.c.id == ident)).scalar_one() == 31


def test_a_placement_taken_back_may_return(world: World) -> None:
    ident = world.create("h1")
    world.report("h1", ident, 1)
    world.database.write(lambda conn: instances.unplace(conn, ident, "h1"))
    world.database.write(lambda conn: instances.place(conn, ident, "h1"))
    world.report("h1", ident, 1, removed=True)  # the confirmation of the removal that was taken back
    with world.database.read() as conn:
        assert conn.execute(sa.select(placements.c.host)).scalars().all() == ["h1"]


def test_one_that_went_and_is_wanted_again_begins_beyond_what_hosts_remember(world: World) -> None:
    def bring(conn: sa.Connection) -> None:
        instances.ensure(conn, ident, kind="network", project_id="p", driver="noop")
        instances.place(conn, ident, "h1")

    ident, seen = new_id(), 0
    for _ in range(3):
        world.database.write(bring)
        world.touch(ident)
        world.database.write(lambda conn: instances.tombstone(conn, [ident]))
        with world.database.read() as conn:
            before, seen = seen, instances.generation(conn, ident)
        assert seen > before + 1
        world.report("h1", ident, seen, removed=True)
        with world.database.read() as conn:
            assert not instances.exists(conn, ident)


def test_a_late_confirmation_takes_nothing_away(world: World) -> None:
    ident = world.create("h1")
    world.touch(ident)
    world.report("h1", ident, 2)
    world.database.write(lambda conn: instances.tombstone(conn, [ident]))
    world.report("h1", ident, 1, removed=True)  # of a removal that was taken back long ago
    assert world.status(ident) == "PENDING_DELETE"
    world.report("h1", ident, 3, removed=True)
    assert world.kind.gone == [ident]


def at_once(world: World, slow: Any, quick: Any) -> None:
    """Run ``slow(conn)`` in a transaction that ends only after ``quick()``, on another thread, has tried to go on."""
    began, go_on = threading.Event(), threading.Event()

    def work(conn: sa.Connection) -> None:
        slow(conn)
        began.set()
        go_on.wait(20)

    first = threading.Thread(target=world.database.write, args=(work,))
    first.start()
    assert began.wait(20)
    second = threading.Thread(target=quick)
    second.start()
    second.join(0.5)
    go_on.set()
    first.join(20)
    second.join(20)
    assert not first.is_alive() and not second.is_alive()


def test_one_that_comes_back_while_its_last_host_confirms_stays(world: World) -> None:
    ident = world.create("h1")
    world.database.write(lambda conn: instances.tombstone(conn, [ident]))

    def comes_back(conn: sa.Connection) -> None:
        instances.ensure(conn, ident, kind="network", project_id="p", driver="noop")
        instances.place(conn, ident, "h2")

    at_once(world, comes_back, lambda: world.report("h1", ident, 2, removed=True))
    with world.database.read() as conn:
        assert instances.hosts(conn, ident) == ["h2"]
    assert world.kind.gone == []


def test_one_that_gets_a_host_while_it_is_deleted_is_removed_from_there(world: World) -> None:
    ident = world.create(wants_host=True)

    def gets_a_host(conn: sa.Connection) -> None:
        assert instances.lock(conn, ident)
        instances.place(conn, ident, "h1")

    at_once(world, gets_a_host, lambda: world.database.write(lambda conn: instances.tombstone(conn, [ident])))
    with world.database.read() as conn:
        assert [(row.host, row.removing) for row in dispatch.behind(conn, [ident])] == [("h1", True)]
    assert not world.database.write(lambda conn: instances.lock(conn, ident)), "nobody may place it any more"


def test_a_spec_is_of_one_moment(world: World) -> None:
    ident = world.create("h1")
    generation = sa.select(table.c.generation).where(table.c.id == ident)
    seen = []

    def load(conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, Any]:
        for _ in range(2):
            seen.append(conn.execute(generation).scalar_one())
            world.touch(ident)  # somebody changes it while it is being read
        return Networks.load(world.kind, conn, ids, host)

    world.kind.load = load  # type: ignore[method-assign]
    world.dispatcher.send([ident])
    assert seen == [1, 1]
    assert world.sent.applied == [("h1", ident, 1)]
    answer = world.controller.resync("h1", {})
    assert seen[2:] == [answer["envelopes"][0]["generation"]] * 2 == [3, 3]


def test_one_that_cannot_be_made_a_spec_of_holds_up_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    good, bad, fine = (world.create("h1") for _ in range(3))

    def load(conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, Any]:
        if bad in ids:
            raise KeyError("what is stored makes no sense")
        return Networks.load(world.kind, conn, ids, host)

    world.kind.load = load  # type: ignore[method-assign]
    world.dispatcher.send([good, bad, fine])
    assert {ident for _, ident, _ in world.sent.applied} == {good, fine}
    assert f"network {bad}: there is no making a spec" in caplog.text
    assert len(world.controller.resync("h1", {})["envelopes"]) == 2


def test_many_are_loaded_in_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "BATCH", 2)
    made = [world.create("h1") for _ in range(5)]
    sizes = []

    def load(conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, Any]:
        sizes.append(len(ids))
        return Networks.load(world.kind, conn, ids, host)

    world.kind.load = load  # type: ignore[method-assign]
    assert world.dispatcher.send(made) == 5
    assert len(world.controller.resync("h1", {})["envelopes"]) == 5
    assert sizes == [2, 2, 1] * 2


def test_only_hosts_an_instance_is_on_say_how_it_does(world: World) -> None:
    def observe(host: str, ident: str, status: str) -> None:
        world.controller.observe(host, [{"instance_id": ident, "kind": "network", "statuses": {ident: status}}])

    def seen(ident: str) -> list[tuple[str, str]]:
        stmt = sa.select(observations.c.host, observations.c.status).where(observations.c.object_id == ident)
        with world.database.read() as conn:
            return [(host, status) for host, status in conn.execute(stmt.order_by("host"))]

    ident, gone = world.create("h1"), new_id()
    observe("h1", ident, "ONLINE")
    observe("h2", ident, "ERROR")
    observe("h1", gone, "ONLINE")
    assert (seen(ident), seen(gone)) == ([("h1", "ONLINE")], [])

    def move(conn: sa.Connection) -> None:
        instances.unplace(conn, ident, "h1")
        instances.place(conn, ident, "h2")

    world.database.write(move)
    observe("h2", ident, "ONLINE")
    observe("h1", ident, "ERROR")  # it has not removed it yet
    assert seen(ident) == [("h1", "ONLINE"), ("h2", "ONLINE")]


def test_without_a_host_those_that_wait_cost_one_question(world: World) -> None:
    swept = sweep.Sweep(world.database, {"network": world.kind}, world.dispatcher, interval=0.0, down_time=20)
    waiting = [world.create(wants_host=True) for _ in range(5)]
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    for engine in (world.database.engine, world.database._reader):
        sa.event.listen(engine, "before_cursor_execute", note)
    swept.once()
    assert len([statement for statement in asked if "FROM agents" in statement]) <= 3
    world.controller.heartbeat({"host": "h1", "drivers": [{"kind": "network", "driver": "noop"}]})
    swept.once()
    with world.database.read() as conn:
        assert {host for ident in waiting for host in instances.hosts(conn, ident)} == {"h1"}
