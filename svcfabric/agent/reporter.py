"""Tells controllers outcomes: gathered for a moment, kept until the broker takes them, told again after it was away."""

from __future__ import annotations

import collections
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from svcfabric.agent.schedule import backoff
from svcfabric.agent.tasks import Wire
from svcfabric.errors import ServiceUnavailable

LOG = logging.getLogger(__name__)

AGAIN = 30.0  # a broker may take a message and die with it: what was sent this recently is sent again


class Reporter:
    """``send`` is given lists of reports and raises ``ServiceUnavailable`` when they did not get through.

    ``window``: seconds to gather reports after the first. Of several for one instance the last is sent.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Wire]], None],
        *,
        window: float = 0.003,
        retry_min: float = 0.5,
        retry_max: float = 5.0,
    ) -> None:
        self._send, self._window, self._retry_min, self._retry_max = send, window, retry_min, retry_max
        self._changed = threading.Condition()
        self._pending: dict[str, Wire] = {}
        self._leaving: dict[str, Wire] = {}  # being sent right now
        self._sent: collections.deque[tuple[float, Wire]] = collections.deque()
        self._stopping = False
        self._kicked = False
        self._thread = threading.Thread(target=self._run, name="report", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Send what there is, if that works now, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def add(self, report: Wire) -> None:
        """Queue a report; never blocks."""
        with self._changed:
            self._pending.pop(report["id"], None)
            self._pending[report["id"]] = report
            self._changed.notify()

    def recovered(self) -> None:
        """The broker is back: send what waits, and what was sent shortly before it went."""
        with self._changed:
            since = time.monotonic() - AGAIN
            again = {report["id"]: report for at, report in self._sent if at > since}
            self._sent.clear()
            # Never an older outcome after a newer one.
            for known in self._leaving:
                again.pop(known, None)
            self._pending = {**again, **self._pending}
            self._kicked = True
            self._changed.notify()

    def _run(self) -> None:
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._stopping)
                if not self._pending:
                    return
                if not self._stopping:
                    self._changed.wait_for(lambda: self._stopping, self._window)
                self._leaving, self._pending, self._kicked = self._pending, {}, False
            sent = self._try(list(self._leaving.values()))
            with self._changed:
                batch, self._leaving = self._leaving, {}
                if sent:
                    self._note(batch)
                    failures = 0
                    continue
                failures += 1
                self._pending = {**batch, **self._pending}
                if self._stopping:
                    LOG.warning("%d reports not sent; they are made again at the next start", len(self._pending))
                    return
                pause = backoff(failures, self._retry_min, self._retry_max, random.uniform)
                self._changed.wait_for(lambda: self._kicked or self._stopping, pause)

    def _try(self, reports: list[Wire]) -> bool:
        try:
            self._send(reports)
        except ServiceUnavailable as exc:
            LOG.debug("%d reports wait: %s", len(reports), exc)
            return False
        return True

    def _note(self, batch: dict[str, Wire]) -> None:
        now = time.monotonic()
        self._sent.extend((now, report) for report in batch.values())
        while self._sent and self._sent[0][0] < now - AGAIN:
            self._sent.popleft()
