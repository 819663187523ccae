"""Which drivers are installed: the only discovery code.

A distribution offers a driver by an entry point of the group ``svcfabric.drivers`` named ``KIND.DRIVER``
whose value is called with ``DriverOptions``.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from svcfabric.errors import NotSupported
from svcfabric.spi.driver import Driver, DriverOptions

GROUP = "svcfabric.drivers"


def available() -> dict[tuple[str, str], EntryPoint]:
    """All installed drivers by (kind, driver), not loaded."""
    found = {}
    for point in entry_points(group=GROUP):
        kind, _, driver = point.name.partition(".")
        found[kind, driver] = point
    return found


def load(kind: str, driver: str, options: DriverOptions) -> Driver:
    """A new driver for instances of ``kind``.

    Raises ``NotSupported`` naming what is installed, and whatever the driver raises when it cannot run here.
    """
    points = available()
    point = points.get((kind, driver))
    if point is None:
        others = ", ".join(sorted(name for each, name in points if each == kind)) or "none"
        raise NotSupported(f"No driver {driver!r} for {kind} is installed; there are: {others}.")
    made: Driver = point.load()(options)
    if made.kind != kind:
        raise NotSupported(f"Entry point {point.name} makes a driver for {made.kind}, not for {kind}.")
    return made
