"""Traffic counters that go on over reloads and restarts of HAProxy, whose own start at zero each time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from svcfabric.drivers.haproxy.runtime import Row
from svcfabric.drivers.linux import files

LOG = logging.getLogger(__name__)

Totals: TypeAlias = dict[str, dict[str, int]]

_COLUMNS = {
    "bytes_in": "bin",
    "bytes_out": "bout",
    "active_connections": "scur",
    "total_connections": "stot",
    "request_errors": "ereq",
}
_GAUGE = "active_connections"


class Ledger:
    """What each process of one load balancer has counted, and the sum of those that are gone.

    Kept in a file: totals survive a restart of the agent. HAProxy counts the bytes of open connections every five
    seconds. What is lost: what came since the last question before HAProxy crashed or was stopped, and the traffic
    of draining processes after the agent went, as nobody can ask them any more.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ended: Totals = {}
        self._running: dict[int, Totals] = {}
        self._saved = ""
        try:
            state = json.loads(files.read(file) or "{}")
            self._ended = state.get("ended", {})
            self._running = {int(serial): totals for serial, totals in state.get("running", {}).items()}
        except ValueError as exc:  # a power cut may leave half a file
            LOG.warning("%s is unreadable, counters start at zero: %s", file, exc)

    def record(self, serial: int, rows: Iterable[Row]) -> None:
        """What process number ``serial`` says now."""
        self._running[serial] = {
            row["pxname"].removeprefix("listener-"): {
                name: int(row.get(column) or 0) for name, column in _COLUMNS.items()
            }
            for row in rows
            if row["svname"] == "FRONTEND" and row["pxname"].startswith("listener-")
        }

    def close(self, running: Iterable[int]) -> None:
        """All processes but these are gone: keep their sums, and nothing of their open connections."""
        for serial in set(self._running) - set(running):
            for listener, counts in self._running.pop(serial).items():
                _add(self._ended.setdefault(listener, {}), {**counts, _GAUGE: 0})

    def totals(self, listeners: Iterable[str]) -> Totals:
        """The counters of these listeners; zeros for one that has none. Others are forgotten."""
        wanted = list(listeners)
        found: Totals = {}
        for listener in wanted:
            found[listener] = dict.fromkeys(_COLUMNS, 0)
            for part in (self._ended, *self._running.values()):
                _add(found[listener], part.get(listener, {}))
        for gone in self._ended.keys() - wanted:
            del self._ended[gone]
        return found

    def save(self) -> None:
        """Write the file if anything changed."""
        text = json.dumps({"ended": self._ended, "running": self._running})
        if text != self._saved:
            files.swap(self._file, text)
            self._saved = text


def _add(to: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, value in counts.items():
        to[name] = to.get(name, 0) + value
