"""Traffic counters, as hosts report them per listener."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from svcfabric.fabric.models import observations, placements

COUNTERS = ("bytes_in", "bytes_out", "active_connections", "total_connections", "request_errors")


def totals(conn: sa.Connection, loadbalancer_id: str, listener_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """``{"stats": {...}}`` summed over listeners and hosts; zeros where nothing was reported.

    Connections count as active only on hosts the load balancer is on now. One query.
    """
    here = sa.exists().where(
        placements.c.instance_id == loadbalancer_id,
        placements.c.host == observations.c.host,
        placements.c.removing.is_(False),
    )
    stmt = sa.select(observations.c.counters, here.label("here")).where(
        observations.c.object_id.in_(list(listener_ids)), observations.c.counters.is_not(None)
    )
    found = dict.fromkeys(COUNTERS, 0)
    for counters, is_here in conn.execute(stmt):
        for name in COUNTERS:
            if is_here or name != "active_connections":
                found[name] += int(counters.get(name, 0))
    return {"stats": found}
