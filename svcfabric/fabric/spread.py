"""Many instances on many hosts at once, in a constant number of statements.

For instances that go where something else takes them. Whoever puts or takes off the same ones at the same time
must have excluded the other (by a lock on what they are of).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.db.base import now
from svcfabric.fabric import instances
from svcfabric.fabric.instances import BATCH
from svcfabric.fabric.models import instances as instances_table
from svcfabric.fabric.models import placements

FRESH = {"removing": False, "observed_generation": 0, "error_code": "", "error": "", "error_detail": ""}

Row = Mapping[str, Any]


def put(conn: sa.Connection, rows: Sequence[Row], hosts: Collection[str]) -> list[str]:
    """Have instances on these hosts as owners; returns the ids of those that were not yet on all of them.

    ``rows``: id, kind, project_id, driver. Those that are missing are made, tombstones come back to life.
    """
    told: dict[str, None] = {}
    if hosts:
        for start in range(0, len(rows), BATCH):
            told |= dict.fromkeys(_put(conn, rows[start : start + BATCH], sorted(hosts)))
    return list(told)


def take_off(conn: sa.Connection, ids: Sequence[str], hosts: Collection[str]) -> list[str]:
    """Take instances off these hosts; those that are then nowhere are marked deleted. Returns ``ids``."""
    for start in range(0, len(ids), BATCH):
        some = list(ids[start : start + BATCH])
        there = sa.and_(placements.c.instance_id.in_(some), placements.c.removing.is_(False))
        leaving = placements.update().where(there, placements.c.host.in_(sorted(hosts)))
        conn.execute(leaving.values(removing=True))
        left = set(conn.execute(sa.select(placements.c.instance_id).where(there).distinct()).scalars())
        instances.tombstone(conn, [ident for ident in some if ident not in left])
    return list(ids)


def _put(conn: sa.Connection, rows: Sequence[Row], hosts: Sequence[str]) -> list[str]:
    known = _known(conn, [row["id"] for row in rows])
    missing = [row for row in rows if row["id"] not in known]
    if missing:
        # As ``instances.ensure``: beyond every generation of one that was here before.
        beyond = time.time_ns() // 1_000_000
        instances.create_many(conn, [{**row, "generation": beyond} for row in missing])
    _revive(conn, [ident for ident, deleted in known.items() if deleted])
    present = _present(conn, list(known), hosts)
    new = [(row["id"], host) for row in rows for host in hosts if (row["id"], host) not in present]
    if new:
        placed = [{"instance_id": ident, "host": host, "role": "owner", **FRESH} for ident, host in new]
        conn.execute(placements.insert(), placed)
    back = sorted({ident for (ident, _host), removing in present.items() if removing})
    if back:
        mine = sa.and_(placements.c.instance_id.in_(back), placements.c.host.in_(hosts))
        conn.execute(placements.update().where(mine, placements.c.removing.is_(True)).values(**FRESH))
        # The removal may be under way on the host, which then drops an apply of the same generation.
        instances.touch_many(conn, back)
    return [*(ident for ident, _host in new), *back]


def _known(conn: sa.Connection, ids: Sequence[str]) -> dict[str, bool]:
    """Whether instances are tombstones, by id; locked until the transaction ends."""
    columns = (instances_table.c.id, instances_table.c.deleted)
    stmt = sa.select(*columns).where(instances_table.c.id.in_(ids)).order_by(instances_table.c.id)
    return {row.id: row.deleted for row in conn.execute(stmt.with_for_update())}


def _revive(conn: sa.Connection, ids: Sequence[str]) -> None:
    if ids:
        values = {"deleted": False, "generation": instances_table.c.generation + 1, "changed_at": now()}
        conn.execute(instances_table.update().where(instances_table.c.id.in_(ids)).values(**values))


def _present(conn: sa.Connection, ids: Sequence[str], hosts: Sequence[str]) -> dict[tuple[str, str], bool]:
    """Placements that are there, {(id, host): removing}."""
    if not ids:
        return {}
    columns = (placements.c.instance_id, placements.c.host, placements.c.removing)
    stmt = sa.select(*columns).where(placements.c.instance_id.in_(ids), placements.c.host.in_(hosts))
    return {(ident, host): removing for ident, host, removing in conn.execute(stmt)}
