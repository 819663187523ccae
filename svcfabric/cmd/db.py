"""svcfabric-db: the schema. ``upgrade`` before starting a new version, ``current`` to see where it is."""

from __future__ import annotations

import argparse

from svcfabric.cmd import process, wiring
from svcfabric.db import migrate


def main() -> None:
    """Entry point of ``svcfabric-db``."""
    parser = argparse.ArgumentParser(prog="svcfabric-db", description=__doc__)
    parser.add_argument("action", choices=["upgrade", "current"], help="what to do")
    parser.add_argument("--config-file", action="append", default=[], help="configuration file (may be repeated)")
    args = parser.parse_args()
    conf = process.configure([word for path in args.config_file for word in ("--config-file", path)])
    database = wiring.database(conf)
    side = wiring.server_side(conf, database, wiring.transport(conf))
    if args.action == "upgrade":
        wiring.upgrade(side)
    print(migrate.current(database, wiring.migrations(side.features)), end="")
    database.dispose()
