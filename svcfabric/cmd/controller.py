"""svcfabric-controller: takes agents' reports in, sweeps, places. Any number may run."""

from __future__ import annotations

from svcfabric.cmd import process, wiring


def main() -> None:
    """Entry point of ``svcfabric-controller``."""
    conf = process.configure(about=__doc__)
    with process.plainly("svcfabric-controller"):
        database, transport = wiring.database(conf), wiring.transport(conf)
        side = wiring.server_side(conf, database, transport)
        server, sweep = wiring.controller(side, transport)
    side.dispatcher.start()
    server.start()
    sweep.start()
    process.wait_for_signal()
    sweep.stop()
    server.stop()
    side.dispatcher.stop()
    database.dispose()
