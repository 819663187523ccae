"""The controllers' periodic work: send again what lags, place what waits for a host.

Several controllers share it by a lease in the database.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svcfabric.db.base import new_id, now
from svcfabric.db.engine import Database
from svcfabric.fabric import agents
from svcfabric.fabric.dispatch import Dispatcher
from svcfabric.fabric.failover import Watch
from svcfabric.fabric.kinds import Kinds, Movable
from svcfabric.fabric.models import agents as agents_table
from svcfabric.fabric.models import instances, leases, placements
from svcfabric.fabric.reports import Controller

LOG = logging.getLogger(__name__)
RECENT = datetime.timedelta(minutes=10)  # changes each sweep looks at
WHOLE = 60.0  # seconds between two looks at all that should be
STALL = 20.0  # seconds without a sweep after which this controller has to watch hosts anew


class Patience:
    """When to send again what lags: at once, then further and further apart. Pure bookkeeping.

    What lags because hosts or broker have more to do than they can must not be given more of the same.
    ``least``: seconds before the second time; doubles up to ``most``.
    """

    def __init__(self, least: float, most: float = 60.0) -> None:
        self._least, self._most = least, max(least, most)
        self._sent: dict[str, tuple[int, float, float]] = {}  # generation, when it is due again, pause before that

    def due(self, behind: Mapping[str, int], now: float) -> list[str]:
        """Which of these (generations by id) to send now; the others, of the same generation still, wait."""
        kept, ids = {}, []
        for ident, generation in behind.items():
            known, due, pause = self._sent.get(ident, (0, now, 0.0))
            if known != generation:
                due, pause = now, 0.0
            if due <= now:
                ids.append(ident)
                pause = min(self._most, max(self._least, 2 * pause))
                due = now + pause
            kept[ident] = (generation, due, pause)
        self._sent = kept
        return ids


class Sweep:
    """Runs every ``interval`` seconds while this controller holds the lease.

    ``down_time``: seconds without a heartbeat after which an agent counts as down; ``failover_time``: seconds of
    being down after which what can move leaves its host, 0 for never. ``chores``: what features do at each sweep.
    """

    def __init__(
        self,
        database: Database,
        kinds: Kinds,
        dispatcher: Dispatcher,
        *,
        interval: float,
        down_time: float,
        failover_time: float = 0.0,
        chores: Sequence[Callable[[], object]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._kinds, self._dispatcher = database, kinds, dispatcher
        self._interval, self._down_time = interval, down_time
        self._controller = Controller(database, kinds, dispatcher)
        stall = max(4 * interval, STALL)
        self._watch = Watch(failover_time=failover_time, down_time=down_time, stall=stall, clock=clock)
        self._chores = tuple(chores)
        self._patience, self._clock = Patience(2 * interval), clock
        self._whole_due = clock()
        self._me = new_id()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin sweeping on a thread."""
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the sweep under way."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                if self._database.write(lambda conn: lease(conn, "sweep", self._me, 3 * self._interval)):
                    self.once()
            except Exception:
                LOG.warning("sweep failed; the next one tries again", exc_info=True)

    def once(self) -> int:
        """One sweep; returns how many instances were behind."""
        for host, removed in self._abandoned().items():
            self._controller.report(host, removed)
        offered: dict[tuple[str, str], bool] = {}
        for kind, instance_id, driver in self._waiting():
            if (kind, driver) not in offered:
                offered[kind, driver] = self._offered(kind, driver)
            if offered[kind, driver]:
                self._place(kind, instance_id, driver)
        self._fail_over()
        whole = self._clock() >= self._whole_due
        if whole:
            self._whole_due = self._clock() + WHOLE
        behind = self.lagging(None if whole else RECENT)
        ids = self._patience.due(behind, self._clock())
        if ids:
            LOG.info("%d instances lag; sending %d of them again", len(behind), len(ids))
            self._dispatcher.kick(ids)
        for chore in self._chores:
            try:
                chore()
            except Exception:
                LOG.warning("a chore failed; the next sweep tries again", exc_info=True)
        return len(behind)

    def _abandoned(self) -> dict[str, list[dict[str, Any]]]:
        """Removals by host that nobody will ever confirm: the host has no agent, or its agent was forgotten.

        Should it come back after all, what it still has is nobody's, and it removes that itself.
        """
        known = sa.select(agents_table.c.host).where(agents_table.c.host == placements.c.host)
        stmt = (
            sa.select(placements.c.host, instances.c.id, instances.c.generation)
            .join(instances, instances.c.id == placements.c.instance_id)
            .where(placements.c.removing.is_(True), ~sa.exists(known))
        )
        found: dict[str, list[dict[str, Any]]] = {}
        with self._database.read() as conn:
            for row in conn.execute(stmt.limit(1000)):
                found.setdefault(row.host, []).append({"id": row.id, "generation": row.generation, "removed": True})
        return found

    def _fail_over(self) -> None:
        """Move what is on hosts that are dead."""
        movable = {name: kind for name, kind in self._kinds.items() if isinstance(kind, Movable)}
        with self._database.read() as conn:
            lost = self._watch.look(conn, movable)
        for kind, instance_id, host in lost:
            ids = self._database.write(partial(movable[kind].evacuate, instance_id=instance_id, host=host))
            if ids:
                LOG.warning("host %s is dead: moved %s %s", host, kind, instance_id)
                self._dispatcher.kick(ids)

    def lagging(self, since: datetime.timedelta | None = None) -> dict[str, int]:
        """Instances behind for longer than an interval, on hosts whose agent is alive, with their generations.

        ``since``: of what is not to be removed, only what changed in this time, which is found without a look at
        everything.
        """
        quiet = now() - datetime.timedelta(seconds=self._interval)
        going = placements.c.removing.is_(True)
        behind = placements.c.observed_generation < instances.c.generation
        if since is not None:
            behind = sa.and_(behind, instances.c.changed_at > now() - since)
        with self._database.read() as conn:
            return {
                ident: generation
                for which in (going, behind)
                for ident, generation in conn.execute(self._alive(which).where(instances.c.changed_at < quiet))
            }

    def _alive(self, which: sa.ColumnElement[bool]) -> sa.Select[str, int]:
        return (
            sa.select(instances.c.id, instances.c.generation)
            .distinct()
            .join(placements, placements.c.instance_id == instances.c.id)
            .join(agents_table, agents_table.c.host == placements.c.host)
            .where(which, agents_table.c.heartbeat_at >= agents.alive_since(self._down_time))
            .limit(5000)
        )

    def _waiting(self) -> list[tuple[str, str, str]]:
        placed = sa.select(placements.c.instance_id).where(
            placements.c.instance_id == instances.c.id, placements.c.role == "owner"
        )
        stmt = sa.select(instances.c.kind, instances.c.id, instances.c.driver).where(
            instances.c.wants_host.is_(True), instances.c.deleted.is_(False), ~sa.exists(placed)
        )
        with self._database.read() as conn:
            return [(row.kind, row.id, row.driver) for row in conn.execute(stmt.limit(1000))]

    def _offered(self, kind: str, driver: str) -> bool:
        """Whether any host could have such an instance: asked once, however many wait."""
        with self._database.read() as conn:
            return kind in self._kinds and bool(agents.choose(conn, kind, driver, down_time=self._down_time))

    def _place(self, kind: str, instance_id: str, driver: str) -> None:
        def work(conn: sa.Connection) -> list[str]:
            host = agents.choose(conn, kind, driver, down_time=self._down_time)
            return self._kinds[kind].place(conn, instance_id, host) if host else []

        self._dispatcher.kick(self._database.write(work))


def lease(conn: sa.Connection, name: str, holder: str, seconds: float) -> bool:
    """Take or renew a lease; False when another holds it."""
    stamp = now()
    until = stamp + datetime.timedelta(seconds=seconds)
    taken = conn.execute(
        leases.update()
        .where(leases.c.name == name, sa.or_(leases.c.holder == holder, leases.c.expires_at < stamp))
        .values(holder=holder, expires_at=until)
    ).rowcount
    if taken:
        return True
    if conn.execute(sa.select(leases.c.name).where(leases.c.name == name)).first():
        return False
    try:
        with conn.begin_nested():
            conn.execute(leases.insert().values(name=name, holder=holder, expires_at=until))
    except IntegrityError:
        return False
    return True
