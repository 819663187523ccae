"""Commit, then send: after a commit, the newest specs of the changed instances go to their hosts.

Sending happens on a thread of its own, so that a request never waits for the broker. What is lost (a
crash between commit and send, a broker that is away) is found by the sweep: ``observed < generation``
is the outbox.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from svcfabric.db.engine import Database
from svcfabric.errors import ServiceUnavailable
from svcfabric.fabric.kinds import Kind, Kinds
from svcfabric.fabric.models import instances, placements
from svcfabric.spi import codec
from svcfabric.spi.spec import Envelope, Spec

LOG = logging.getLogger(__name__)
Wire = dict[str, Any]

BATCH = 500  # instances loaded with one query
# What is to be known of a placement to make an envelope for its host.
PLACED = (
    instances.c.id,
    instances.c.kind,
    instances.c.driver,
    instances.c.generation,
    placements.c.host,
    placements.c.role,
)


class Sender(Protocol):
    """How messages leave: ``rpc.client.AgentClient``."""

    def apply(self, host: str, envelopes: Sequence[Wire]) -> None: ...

    def remove(self, host: str, removals: Sequence[Wire]) -> None: ...


class Dispatcher:
    """Sends what is behind. One per process; ``start`` it, ``kick`` it after each commit, ``stop`` it."""

    def __init__(self, database: Database, kinds: Kinds, sender: Sender) -> None:
        self._database, self._kinds, self._sender = database, kinds, sender
        self._wake = threading.Condition()
        self._ids: dict[str, None] = {}  # an ordered set: first changed, first sent
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin sending."""
        self._running = True
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is queued, then end."""
        with self._wake:
            self._running = False
            self._wake.notify()
        if self._thread:
            self._thread.join(timeout=10)

    def kick(self, ids: Iterable[str]) -> None:
        """Send these instances' newest specs soon. Call after the commit; never blocks, never fails."""
        with self._wake:
            self._ids.update(dict.fromkeys(ids))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._running and not self._ids:
                    self._wake.wait()
                batch, self._ids = list(self._ids), {}
                if not batch and not self._running:
                    return
            try:
                self.send(batch)
            except Exception:
                LOG.warning("could not send %d instances; the sweep will", len(batch), exc_info=True)

    def send(self, ids: Sequence[str]) -> int:
        """Send what is behind among these instances now; returns how many messages' worth went out."""
        sent = 0
        for start in range(0, len(ids), BATCH):
            for host, removals, wires in self._messages(ids[start : start + BATCH]):
                if removals:
                    self._sender.remove(host, removals)
                if wires:
                    self._sender.apply(host, wires)
                sent += len(removals) + len(wires)
        return sent

    def _messages(self, ids: Sequence[str]) -> list[tuple[str, list[Wire], list[Wire]]]:
        """(host, removals, envelopes), as they are at one moment: no spec is half of one change, half of the next."""
        order = {ident: place for place, ident in enumerate(ids)}
        with self._database.snapshot() as conn:
            rows = sorted(behind(conn, ids), key=lambda row: order[row.id])
            wires = envelopes(conn, self._kinds, [row for row in rows if not row.removing])
        removals: dict[str, list[Wire]] = {}
        for row in rows:
            if row.removing:
                removals.setdefault(row.host, []).append(removal(row))
        hosts = dict.fromkeys(row.host for row in rows)
        return [(host, removals.get(host, []), wires.get(host, [])) for host in hosts]


def behind(conn: sa.Connection, ids: Sequence[str] | None = None) -> list[Any]:
    """Placements (of these instances) that have not answered for the newest generation: ``PLACED`` and removing."""
    stmt = (
        sa.select(*PLACED, placements.c.removing)
        .join_from(instances, placements, placements.c.instance_id == instances.c.id)
        .where(sa.or_(placements.c.observed_generation < instances.c.generation, placements.c.removing.is_(True)))
    )
    if ids is not None:
        stmt = stmt.where(instances.c.id.in_(ids))
    return list(conn.execute(stmt).all())


def removal(row: Any) -> Wire:
    """The wire form of "take this off"."""
    return {"id": row.id, "kind": row.kind, "driver": row.driver, "generation": row.generation}


def envelopes(conn: sa.Connection, kinds: Kinds, rows: Sequence[Any]) -> dict[str, list[Wire]]:
    """Wire envelopes by host for rows of ``PLACED``: one load per kind, view and ``BATCH``.

    What several hosts see alike (those that only must know of an instance do; all do of some kinds) is loaded and put
    into wire form once, however many they are. The rows carry generations read before; a spec may be newer than its
    label, never older. One that cannot be made is logged and left out: it must not hold up the others.
    """
    alike = {name for name, kind in kinds.items() if kind.alike}
    grouped: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        view = "" if row.role == "remote" or row.kind in alike else row.host
        grouped.setdefault((row.kind, view), []).append(row)
    wires: dict[str, list[Wire]] = {}
    for (name, view), mine in grouped.items():
        kind = kinds.get(name)
        if kind is None:
            LOG.error("instances of kind %r, which no feature here offers: %s", name, [r.id for r in mine[:5]])
            continue
        ids, specs = list(dict.fromkeys(row.id for row in mine)), dict[str, Spec]()
        for start in range(0, len(ids), BATCH):
            specs |= _load(conn, kind, ids[start : start + BATCH], view)
        made: dict[str, Wire] = {}
        for row in mine:
            if row.id in specs:
                if row.id not in made:
                    made[row.id] = codec.encode(
                        Envelope(spec=specs[row.id], generation=row.generation, driver=row.driver)
                    )
                wires.setdefault(row.host, []).append(made[row.id])
    return wires


def _load(conn: sa.Connection, kind: Kind, ids: Sequence[str], host: str) -> dict[str, Spec]:
    try:
        return kind.load(conn, ids, host)
    except (SQLAlchemyError, ServiceUnavailable):
        raise
    except Exception:
        if len(ids) == 1:
            LOG.exception("%s %s: there is no making a spec of what is stored", kind.name, ids[0])
            return {}
    half = len(ids) // 2
    return _load(conn, kind, ids[:half], host) | _load(conn, kind, ids[half:], host)
