"""What agents tell controllers, taken in: reports, observations, heartbeats, resync."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.db.base import now
from svcfabric.db.engine import Database
from svcfabric.fabric import agents, dispatch, instances
from svcfabric.fabric.kinds import Kinds
from svcfabric.fabric.models import instances as instances_table
from svcfabric.fabric.models import observations, placements

LOG = logging.getLogger(__name__)
Wire = dict[str, Any]


class Controller:
    """The endpoint controllers serve to agents (``rpc.server.ControllerEndpoint``). Thread-safe, stateless."""

    def __init__(self, database: Database, kinds: Kinds, dispatcher: dispatch.Dispatcher) -> None:
        self._database, self._kinds, self._dispatcher = database, kinds, dispatcher

    def heartbeat(self, agent: Mapping[str, Any]) -> None:
        """An agent is alive; a new one makes waiting instances placeable."""
        if self._database.write(lambda conn: agents.heartbeat(conn, agent)):
            LOG.info("agent on %s is up", agent.get("host"))

    def report(self, host: str, reports: Sequence[Mapping[str, Any]]) -> None:
        """Outcomes of applies and removals."""

        def work(conn: sa.Connection) -> list[str]:
            kicks: list[str] = []
            for kind, instance_id in instances.record(conn, host, reports):
                conn.execute(observations.delete().where(observations.c.instance_id == instance_id))
                if kind in self._kinds:
                    kicks += self._kinds[kind].removed(conn, instance_id) or ()
            return kicks

        if kicks := self._database.write(work):
            self._dispatcher.kick(kicks)

    def observe(self, host: str, found: Sequence[Mapping[str, Any]]) -> None:
        """Operating statuses and counters that changed since the agent's last message."""
        rows = [row for each in found for row in _observed(host, each)]
        if rows:
            self._database.write(lambda conn: _store(conn, host, rows))

    def resync(self, host: str, view: Mapping[str, int]) -> Wire:
        """Compare an agent's view {instance id: generation} with what should be there.

        Answers the envelopes that differ, what to remove, and every id known for the host. ``complete`` is
        True: the answer covers the whole host.
        """
        with self._database.snapshot() as conn:
            rows = conn.execute(
                sa.select(*dispatch.PLACED, placements.c.observed_generation, placements.c.removing)
                .join_from(instances_table, placements, placements.c.instance_id == instances_table.c.id)
                .where(placements.c.host == host)
            ).all()
            differs = [
                row
                for row in rows
                if not row.removing and min(view.get(row.id, 0), row.observed_generation) < row.generation
            ]
            # in the order in which kinds need each other, as far as it is known
            order = {name: place for place, name in enumerate(self._kinds)}
            differs.sort(key=lambda row: order.get(row.kind, len(order)))
            wires = dispatch.envelopes(conn, self._kinds, differs).get(host, [])
        known = {row.id for row in rows}
        return {
            "envelopes": wires,
            "remove": [dispatch.removal(row) for row in rows if row.removing],
            "known": sorted(known),
            "complete": True,
        }


def _observed(host: str, each: Mapping[str, Any]) -> list[Wire]:
    statuses, counters = each.get("statuses") or {}, each.get("counters") or {}
    return [
        {
            "object_id": object_id,
            "host": host,
            "instance_id": each["instance_id"],
            "status": statuses.get(object_id),
            "counters": counters.get(object_id),
        }
        for object_id in statuses.keys() | counters.keys()
    ]


def _store(conn: sa.Connection, host: str, rows: Sequence[Wire]) -> None:
    rows = _credible(conn, host, rows)
    # An object that is gone (a member deleted meanwhile) may be observed once more; its row goes with the instance.
    ids = [row["object_id"] for row in rows]
    known = set(
        conn.execute(
            sa.select(observations.c.object_id).where(observations.c.host == host, observations.c.object_id.in_(ids))
        ).scalars()
    )
    stamp = now()
    for row in rows:
        if row["object_id"] in known:
            values = {key: row[key] for key in ("status", "counters") if row[key] is not None}
            conn.execute(
                observations.update()
                .where(observations.c.object_id == row["object_id"], observations.c.host == host)
                .values(observed_at=stamp, **values)
            )
        else:
            conn.execute(observations.insert().values(observed_at=stamp, **{**row, "status": row["status"] or ""}))


def _credible(conn: sa.Connection, host: str, rows: Sequence[Wire]) -> list[Wire]:
    """What a host may say: nothing of what is not placed there, no status of what it is to remove."""
    stmt = sa.select(placements.c.instance_id, placements.c.removing).where(
        placements.c.host == host, placements.c.instance_id.in_({row["instance_id"] for row in rows})
    )
    leaving: dict[str, bool] = {instance_id: removing for instance_id, removing in conn.execute(stmt)}
    told = [{**row, "status": None} if leaving.get(row["instance_id"]) else row for row in rows]
    return [
        row
        for row in told
        if row["instance_id"] in leaving and (row["status"] is not None or row["counters"] is not None)
    ]
