"""One host of a test bed: a process inside the host's namespace that owns the drivers, driven over its pipes.

``python -m tests.bedhost NAMESPACE`` reads pickled (callable, args) from stdin and answers pickled (ok, value,
seconds). Callables are module-level functions taking the ``Station`` first.
"""

from __future__ import annotations

import pickle
import sys
import time
from typing import Any

from svcfabric.drivers import registry
from svcfabric.drivers.linux import netns, plug
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.driver import Driver, DriverOptions


class Station:
    """The drivers of one host, each loaded by its entry point with a state directory of its own."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.state_dir = options.pop("state_dir")
        self.options = options
        self.host = Host(self._options("host"))
        self._drivers: dict[str, Driver] = {}

    def _options(self, name: str) -> DriverOptions:
        return DriverOptions(state_dir=f"{self.state_dir}/{name}", **self.options)

    def driver(self, kind: str) -> Driver:
        if kind not in self._drivers:
            self._drivers[kind] = registry.load(kind, "linux", self._options(kind))
        return self._drivers[kind]

    def restart(self) -> None:
        """As if the agent had started anew."""
        self.host = Host(self._options("host"))
        self._drivers.clear()


def configure(station: Any, options: dict[str, Any]) -> Station:
    return Station(options)


def apply(station: Station, spec: Any) -> Any:
    return station.driver(spec.kind).apply(spec)


def remove(station: Station, kind: str, instance_id: str) -> Any:
    return station.driver(kind).remove(instance_id)


def observe(station: Station, kind: str) -> Any:
    return list(station.driver(kind).observe())


def plan(station: Station, spec: Any, current: Any) -> Any:
    return station.driver(spec.kind).plan(spec, current)


def restart(station: Station) -> None:
    station.restart()


def plug_port(station: Station, *args: Any) -> None:
    plug.plug(station.host, *args)


def unplug_port(station: Station, *args: Any) -> bool:
    return plug.unplug(station.host, *args)


def call(station: Station, function: Any, *args: Any) -> Any:
    """Any kit function that takes a ``Host`` first."""
    return function(station.host, *args)


def run(station: Station, function: Any, *args: Any) -> Any:
    """Any other function, inside the host's namespace."""
    return function(*args)


def main() -> None:
    netns.enter(sys.argv[1])
    station: Any = None
    while True:
        try:
            function, args = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        start = time.perf_counter()
        try:
            answer = function(station, *args)
            if isinstance(answer, Station):
                station, answer = answer, None
            reply = (True, answer, time.perf_counter() - start)
        except Exception as exc:
            reply = (False, exc, time.perf_counter() - start)
        pickle.dump(reply, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    from tests import bedhost

    bedhost.main()  # so that pickled functions and this process agree on the module's name
