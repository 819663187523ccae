"""Taking away everything an agent made on its host."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from svcfabric.agent.store import Store
from svcfabric.agent.tasks import Key
from svcfabric.spi.driver import Driver, Report

LOG = logging.getLogger(__name__)

ROUNDS = 3


def purge(drivers: Mapping[Key, Driver], store: Store) -> list[Report]:
    """Remove all that is stored, last made first, then all that drivers find; returns the failures that remain.

    Nothing else may use the drivers meanwhile.
    """
    failures: dict[str, Report] = {}
    for _ in range(ROUNDS):  # one thing may have to go before another can
        failures = {}
        for instance_id, key in _everything(drivers, store):
            report = _remove(drivers[key], instance_id)
            if report.ok:
                store.delete(instance_id)
            else:
                failures[instance_id] = report
        if not failures:
            break
    for report in failures.values():
        LOG.error("could not remove %s: %s", report.instance_id, report.detail or report.error)
    return list(failures.values())


def _everything(drivers: Mapping[Key, Driver], store: Store) -> list[tuple[str, Key]]:
    chosen = {stored.envelope.id: stored.key for stored in reversed(store.all()) if stored.key in drivers}
    for key, driver in reversed(list(drivers.items())):
        for seen in driver.observe():
            chosen.setdefault(seen.instance_id, key)
    return list(chosen.items())


def _remove(driver: Driver, instance_id: str) -> Report:
    try:
        return driver.remove(instance_id)
    except Exception as exc:
        LOG.exception("driver failed at removing %s", instance_id)
        return Report(instance_id=instance_id, ok=False, code="driver.crashed", error=str(exc), detail=repr(exc))
