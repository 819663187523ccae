"""The last applied specs, on disk: what should be on this host, known without any server.

One SQLite file (write-ahead log) rather than a JSON file per instance: a write is one append without a
temporary file to leave behind, ten thousand rows load in one read, and the order in which instances were
first applied, in which they are adopted again, comes with it. It is written for a crash of the agent, not
for one of the machine: then the host is empty anyway and the server repeats the last moments. So a thread
writes a moment later, many at once, and nobody waits for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable

import orjson

from svcfabric.agent.tasks import Key, Task
from svcfabric.spi import codec
from svcfabric.spi.spec import Envelope

LOG = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS specs (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, generation INTEGER NOT NULL,
    wire BLOB NOT NULL, removing INTEGER)
"""
_PUT = """
INSERT INTO specs (id, generation, wire, removing) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, wire = excluded.wire, removing = excluded.removing
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """An applied spec. ``removing``: the generation of a removal that has begun, or None."""

    envelope: Envelope
    applied_at: float
    removing: int | None = None

    @property
    def key(self) -> Key:
        return self.envelope.spec.kind, self.envelope.driver

    def task(self) -> Task:
        """The work that makes it so again; the removal when that has begun."""
        if self.removing is not None:
            return Task(self.envelope.id, self.key, self.removing)
        return Task(self.envelope.id, self.key, self.envelope.generation, self.envelope.spec)


class Store:
    """Thread-safe. ``path``: the file, made when absent, put aside when damaged."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._unwritten: dict[str, None] = {}  # in the order of their first change
        self._writing = self._closing = False
        self._specs: dict[str, Stored] = {}
        try:
            self._open(path)
        except sqlite3.DatabaseError as exc:
            aside = f"{path}.damaged-{int(time.time())}"
            LOG.error("%s is damaged (%s); put aside as %s, the server will tell again", path, exc, aside)
            os.rename(path, aside)
            for suffix in ("-wal", "-shm"):
                if os.path.exists(path + suffix):
                    os.unlink(path + suffix)
            self._open(path)
        self._thread = threading.Thread(target=self._write, name="store", daemon=True)
        self._thread.start()

    def put(self, envelope: Envelope) -> None:
        """Note that this was applied."""
        with self._lock:
            self._specs[envelope.id] = Stored(envelope, self._clock())
            self._note(envelope.id)

    def removing(self, instance_id: str, generation: int) -> None:
        """Note that a removal begins, so that a restart goes on with it instead of bringing the instance back."""
        with self._lock:
            stored = self._specs.get(instance_id)
            if stored is not None and stored.removing != generation:
                self._specs[instance_id] = dataclasses.replace(stored, removing=generation)
                self._note(instance_id)

    def delete(self, instance_id: str) -> None:
        """Note that the instance is gone."""
        with self._lock:
            if self._specs.pop(instance_id, None) is not None:
                self._note(instance_id)

    def get(self, instance_id: str) -> Stored | None:
        """What was last applied for the instance."""
        return self._specs.get(instance_id)

    def all(self) -> list[Stored]:
        """Everything, in the order of first application."""
        with self._lock:
            return list(self._specs.values())

    def view(self) -> dict[str, int]:
        """Applied generation by instance id: what is told to the server at resync."""
        with self._lock:
            return {each: stored.envelope.generation for each, stored in self._specs.items()}

    def written(self, timeout: float = 10.0) -> bool:
        """Wait until all is on disk; False when it is not after ``timeout`` seconds."""
        with self._lock:
            return self._changed.wait_for(lambda: not self._unwritten and not self._writing, timeout)

    def close(self) -> None:
        """Write what is not written yet and close the file."""
        with self._lock:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._db.close()

    def _note(self, instance_id: str) -> None:
        self._unwritten[instance_id] = None
        self._changed.notify_all()

    def _write(self) -> None:
        """On a thread of its own: what changed since the last time, in one transaction."""
        while True:
            with self._lock:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._unwritten or self._closing)
                if not self._unwritten:
                    return
                ids, self._unwritten, self._writing = self._unwritten, {}, True
                there = {each: self._specs[each] for each in ids if each in self._specs}
            rows = [
                (each, it.envelope.generation, orjson.dumps(codec.encode(it.envelope)), it.removing)
                for each, it in there.items()
            ]
            try:
                self._db.execute("BEGIN")
                self._db.executemany("DELETE FROM specs WHERE id = ?", [(each,) for each in ids if each not in there])
                self._db.executemany(_PUT, rows)
                self._db.execute("COMMIT")
            except sqlite3.Error:  # a full disk: what is not stored the server tells again
                LOG.exception("%d specs not stored", len(ids))
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")

    def _open(self, path: str) -> None:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            # No wait for the disk: what a power cut loses or damages the server tells again (see above).
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(_SCHEMA)
            rows = self._db.execute("SELECT id, wire, removing FROM specs ORDER BY seq").fetchall()
        except sqlite3.DatabaseError:
            self._db.close()
            raise
        now = self._clock()
        for instance_id, wire, removing in rows:
            try:
                self._specs[instance_id] = Stored(codec.decode(orjson.loads(wire)), now, removing)
            except ValueError as exc:  # written by another version; the server will tell again
                LOG.warning("stored spec of %s is not understood: %s", instance_id, exc)
