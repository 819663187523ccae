"""The full compare with the server: at the start, when the broker is back, and now and then."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from svcfabric.agent.loop import Loop
from svcfabric.agent.orphans import Orphans
from svcfabric.agent.schedule import backoff
from svcfabric.agent.store import Store
from svcfabric.agent.tasks import Key, Task
from svcfabric.errors import ServiceUnavailable

LOG = logging.getLogger(__name__)

MORE = 1.0  # seconds until the next question when the answer did not cover the host


class Resync:
    """Asks ``ask(view)`` (see ``rpc.client.ControllerClient.resync``) and does what the answer says.

    ``found()`` tells what drivers see on the host, by id. ``done()`` is called after each answer.
    Questions come ``interval`` seconds apart, +-10 %; after failures further and further apart, so that many
    agents do not fall upon a server that has just come back.
    """

    def __init__(
        self,
        ask: Callable[[Mapping[str, int]], Mapping[str, Any]],
        loop: Loop,
        store: Store,
        found: Callable[[], Mapping[str, Key]],
        *,
        interval: float,
        grace: float,
        done: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._loop, self._store, self._found, self._done = ask, loop, store, found, done
        self._interval, self._clock = interval, clock
        self._orphans = Orphans(grace)
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="resync", daemon=True)

    def start(self) -> None:
        """Ask now, and from then on."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Ask no more; an answer that is still awaited is not used."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def trigger(self) -> None:
        """Ask soon."""
        self._wake.set()

    def once(self) -> bool:
        """Ask and act; whether the answer covered the whole host. Raises ``ServiceUnavailable``."""
        view = self._store.view()
        answer = self._ask(view)
        if self._stopping:
            return True
        complete = bool(answer.get("complete"))
        self._loop.remove(answer.get("remove", ()))
        self._loop.apply(answer.get("envelopes", ()))
        self._remove_orphans(view, answer.get("known", ()), complete)
        self._done()
        return complete

    def _remove_orphans(self, view: Mapping[str, int], known: list[str], complete: bool) -> None:
        found = self._found()
        for each in self._orphans.judge(found.keys() | view.keys(), known, complete, self._clock()):
            stored = self._store.get(each)
            if stored is not None:
                task = Task(each, stored.key, stored.envelope.generation, quiet=True)
            elif each in found and not self._loop.knows(each):
                task = Task(each, found[each], 0, quiet=True)
            else:
                continue
            LOG.warning("%s %s is on this host and the server does not know it: removed", task.key[0], each)
            self._loop.submit([task])

    def _run(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.clear()
            try:
                pause = self._interval * random.uniform(0.9, 1.1) if self.once() else MORE
                failures = 0
            except ServiceUnavailable as exc:
                failures += 1
                LOG.info("no compare with the server: %s", exc)
                pause = backoff(failures, 1.0, self._interval, random.uniform)
            except Exception:  # an answer that makes no sense must not end the thread
                failures += 1
                LOG.exception("compare with the server failed")
                pause = backoff(failures, 1.0, self._interval, random.uniform)
            if self._wake.wait(pause) and not self._stopping:
                # Many agents learn at the same moment that the broker is back.
                time.sleep(random.uniform(0, 0.5))
