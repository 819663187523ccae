"""Which hosts are dead, for long enough to move away from what they had.

A host is not dead because nobody heard of it: the controllers may have been down, or the broker. So time counts
only while they run and hear of some agent; after such an outage it begins anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import sqlalchemy as sa

from svcfabric.fabric.agents import alive_since
from svcfabric.fabric.models import agents, instances, placements

AT_ONCE = 1000  # instances one sweep moves at most


class Watch:
    """Remembers since when hosts have been down, as this controller saw them itself.

    ``failover_time``: seconds, 0 for never. ``stall``: seconds between two looks after which all begins anew.
    """

    def __init__(
        self, *, failover_time: float, down_time: float, stall: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failover_time, self._down_time, self._stall = failover_time, down_time, stall
        self._clock = clock
        self._down: dict[str, float] = {}
        self._looked = clock()

    def look(self, conn: sa.Connection, kinds: Collection[str]) -> list[tuple[str, str, str]]:
        """(kind, instance, host) of what should move now: instances of ``kinds`` that want a host, on dead ones."""
        if not self._failover_time or not kinds:
            return []
        now, before = self._clock(), self._looked
        self._looked = now
        alive = set(conn.execute(sa.select(agents.c.host).where(self._alive())).scalars())
        if not alive or now - before > self._stall:
            self._down.clear()
            return []
        lost = [row for row in self._lost(conn, kinds) if row[2] not in alive]
        hosts = {host for _, _, host in lost}
        self._down = {host: self._down.get(host, now) for host in hosts}
        dead = {host for host, since in self._down.items() if now - since >= self._failover_time}
        return [row for row in lost if row[2] in dead][:AT_ONCE]

    def _alive(self) -> sa.ColumnElement[bool]:
        return agents.c.heartbeat_at >= alive_since(self._down_time)

    def _lost(self, conn: sa.Connection, kinds: Collection[str]) -> list[tuple[str, str, str]]:
        """What is on hosts whose agent is down or was forgotten."""
        alive = sa.select(agents.c.host).where(agents.c.host == placements.c.host, self._alive())
        stmt = (
            sa.select(instances.c.kind, instances.c.id, placements.c.host)
            .join(placements, placements.c.instance_id == instances.c.id)
            .where(
                instances.c.kind.in_(sorted(kinds)),
                instances.c.wants_host.is_(True),
                instances.c.deleted.is_(False),
                placements.c.role == "owner",
                placements.c.removing.is_(False),
                ~sa.exists(alive),
            )
            .order_by(placements.c.host, instances.c.id)
        )
        return [(row.kind, row.id, row.host) for row in conn.execute(stmt)]
