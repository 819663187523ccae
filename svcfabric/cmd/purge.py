"""Remove everything an agent made on this host: for the end of its life here."""

from __future__ import annotations

from typing import Any

from svcfabric.cmd import here, host_wiring
from svcfabric.spi.driver import Report


def purge(conf: Any) -> list[Report]:
    """What could not be removed. The agent must not be running; raises ``errors.Conflict`` if it is."""
    transport = host_wiring.transport(conf)
    failures = host_wiring.agent(conf, transport).purge()
    transport.close()
    if not failures:
        here.here(conf).kit.drop_bridge_namespace()
    return failures
