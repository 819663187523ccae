"""Looks at what is really there, tells what changed, and has repaired what drifted or vanished."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from svcfabric.agent.loop import Loop
from svcfabric.agent.schedule import backoff
from svcfabric.agent.store import Store
from svcfabric.agent.tasks import Key, Wire
from svcfabric.errors import ServiceUnavailable
from svcfabric.spi.driver import Driver, Observation

LOG = logging.getLogger(__name__)


class Deltas:
    """What of a series of observations has not been told yet. Pure; ``told`` after it got through."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, dict[str, Any]]] = {}

    def of(self, observations: Iterable[Observation], *, counters: bool) -> list[Wire]:
        """The wire form of what changed: ``{instance_id, kind, statuses, counters}`` per instance that did."""
        changes = []
        for seen in observations:
            known = self._told.get(seen.instance_id, {})
            statuses = _changed(seen.statuses, known.get("statuses", {}))
            counts = _changed(seen.counters, known.get("counters", {})) if counters else {}
            if statuses or counts:
                counts = {each: dict(values) for each, values in counts.items()}
                change = {"instance_id": seen.instance_id, "kind": seen.kind, "statuses": statuses, "counters": counts}
                changes.append(change)
        return changes

    def told(self, changes: Iterable[Wire]) -> None:
        """These got through."""
        for change in changes:
            known = self._told.setdefault(change["instance_id"], {"statuses": {}, "counters": {}})
            known["statuses"].update(change["statuses"])
            known["counters"].update(change["counters"])

    def keep(self, ids: Iterable[str]) -> None:
        """Forget all instances but these."""
        kept = set(ids)
        for each in [known for known in self._told if known not in kept]:
            del self._told[each]

    def forget(self) -> None:
        """Tell everything again."""
        self._told.clear()


class Watch:
    """One driver's observations. ``look`` is called from one thread."""

    def __init__(
        self,
        key: Key,
        driver: Driver,
        store: Store,
        loop: Loop,
        send: Callable[[Sequence[Wire]], None],
        *,
        counters_interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.key = key
        self._driver, self._store, self._loop, self._send, self._clock = driver, store, loop, send, clock
        self._counters_interval = counters_interval
        self._counters_due = 0.0
        self._deltas = Deltas()
        self._repairs: dict[str, tuple[int, float]] = {}
        self.forget = False
        #: ids found at the last look; empty after a look that failed
        self.found: frozenset[str] = frozenset()

    def look(self) -> None:
        """Observe once; tell what changed; repair what differs from what was applied."""
        began = self._clock()
        try:
            seen = list(self._driver.observe())
        except Exception:
            LOG.exception("driver of %s could not observe", self.key)
            self.found = frozenset()
            return
        self.found = frozenset(each.instance_id for each in seen)
        self._tell(seen, began)
        self._repair({each.instance_id for each in seen if each.drifted}, began)

    def _tell(self, seen: list[Observation], now: float) -> None:
        if self.forget:
            self.forget = False
            self._deltas.forget()
        counters = now >= self._counters_due
        changes = self._deltas.of(seen, counters=counters)
        self._deltas.keep(self.found)
        if counters:
            self._counters_due = now + self._counters_interval
        if not changes:
            return
        try:
            self._send(changes)
        except ServiceUnavailable as exc:  # the next look finds the same differences
            LOG.debug("observations wait: %s", exc)
            return
        self._deltas.told(changes)

    def _repair(self, drifted: set[str], began: float) -> None:
        wrong = set()
        for stored in self._store.all():
            instance_id = stored.envelope.id
            if stored.key != self.key or stored.removing is not None or stored.applied_at >= began:
                continue
            if instance_id in drifted or instance_id not in self.found:
                wrong.add(instance_id)
        self._repairs = {each: value for each, value in self._repairs.items() if each in wrong}
        for each in sorted(wrong):
            count, not_before = self._repairs.get(each, (0, 0.0))
            if began < not_before or not self._loop.repair(each):
                continue
            LOG.warning("%s %s %s: applied again", self.key[0], each, "drifted" if each in drifted else "vanished")
            count += 1
            self._repairs[each] = (count, began + backoff(count, 2.0, 60.0, random.uniform))


class Observer:
    """A watch per driver, each on a thread of its own, so that a slow one holds up no other."""

    def __init__(
        self,
        drivers: Mapping[Key, Driver],
        store: Store,
        loop: Loop,
        send: Callable[[Sequence[Wire]], None],
        *,
        interval: float,
        counters_interval: float,
    ) -> None:
        self._interval = interval
        self._watches = [
            Watch(key, driver, store, loop, send, counters_interval=counters_interval)
            for key, driver in drivers.items()
        ]
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(watch,), name=f"observe {'.'.join(watch.key)}", daemon=True)
            for watch in self._watches
        ]

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Look no more."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout)

    def resend(self) -> None:
        """Tell everything again at the next look: the server may have missed something."""
        for watch in self._watches:
            watch.forget = True

    def found(self) -> dict[str, Key]:
        """What the last looks found on the host."""
        return {each: watch.key for watch in self._watches for each in watch.found}

    def _run(self, watch: Watch) -> None:
        while not self._stop.wait(self._interval):
            try:
                watch.look()
            except Exception:
                LOG.exception("looking at %s failed", watch.key)


def _changed(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return {each: value for each, value in now.items() if before.get(each) != value}
