"""svcfabric-db: the schema. ``upgrade`` before starting a new version, ``current`` to see where it is."""

from __future__ import annotations

import argparse

from sqlalchemy.exc import DBAPIError

from svcfabric.cmd import process, wiring
from svcfabric.db import migrate
from svcfabric.errors import ServiceUnavailable


def main() -> None:
    """Entry point of ``svcfabric-db``."""
    parser = argparse.ArgumentParser(prog="svcfabric-db", description=__doc__)
    parser.add_argument("action", choices=["upgrade", "current"], help="what to do")
    parser.add_argument("--config-file", action="append", default=[], help="configuration file (may be repeated)")
    args = parser.parse_args()
    conf = process.configure([word for path in args.config_file for word in ("--config-file", path)])
    with process.plainly("svcfabric-db"):
        database = wiring.database(conf)
        side = wiring.server_side(conf, database, wiring.transport(conf))
        try:
            if args.action == "upgrade":
                wiring.upgrade(side)
            print(migrate.current(database, wiring.migrations(side.features)) or "no schema yet\n", end="")
        except DBAPIError as exc:
            raise ServiceUnavailable(f"the database refuses: {exc.orig}") from exc
        database.dispose()
