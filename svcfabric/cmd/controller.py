"""svcfabric-controller: takes agents' reports in, sweeps, places. Any number may run."""

from __future__ import annotations

import logging

from svcfabric.cmd import process, wiring

LOG = logging.getLogger(__name__)


def main() -> None:
    """Entry point of ``svcfabric-controller``."""
    conf = process.configure(about=__doc__)
    with process.plainly("svcfabric-controller"):
        database, transport = wiring.database(conf), wiring.transport(conf)
        side = wiring.server_side(conf, database, transport)
        wiring.check_schema(side)
        server, sweep = wiring.controller(side, transport)
        notifier = wiring.notifier(conf)
        audit = wiring.audit(side, notifier)
    side.dispatcher.start()
    server.start()
    sweep.start()
    if notifier and audit:
        notifier.start()
        audit.start()
    LOG.info("controller is up")
    process.wait_for_signal()
    if notifier and audit:
        audit.stop()
        notifier.stop()
    sweep.stop()
    server.stop()
    side.dispatcher.stop()
    database.dispose()
