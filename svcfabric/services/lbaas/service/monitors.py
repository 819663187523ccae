"""Health monitors: how a pool's members are checked. A pool has one at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.services.lbaas import faults, rules
from svcfabric.services.lbaas.models import healthmonitors
from svcfabric.services.lbaas.service.children import born, change, locate, remove
from svcfabric.services.lbaas.service.desk import Desk, Kicks, Rows
from svcfabric.services.lbaas.service.members import pool_of
from svcfabric.services.lbaas.service.views import MONITORS

_SETTINGS = (
    *("delay", "timeout", "max_retries", "max_retries_down"),
    *("http_method", "url_path", "expected_codes", "http_version", "domain_name"),
)
_MUTABLE = ("name", "admin_state_up", "tags", *_SETTINGS)


class Monitors:
    """The use cases of health monitors (``api.resource.Handler``)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One monitor."""
        with self._desk.database.read() as conn:
            return MONITORS.one(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> Rows:
        """A page of monitors."""
        with self._desk.database.read() as conn:
            return MONITORS.page(conn, ctx, query)

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> Rows:
        """Make monitors. ``errors.Conflict`` when the pool has one."""
        return self._desk.write(lambda conn, kicks: [self._create(conn, ctx, body, kicks) for body in bodies])

    def _create(self, conn: sa.Connection, ctx: Context, body: Row, kicks: Kicks) -> Row:
        pool = pool_of(conn, ctx, body["pool_id"])
        generation = self._desk.change(conn, pool.loadbalancer_id, kicks)
        self._desk.charge(conn, pool.project_id, {"healthmonitor": 1})
        values = row_of(body, pool, generation)
        insert(conn, [values])
        return MONITORS.some(conn, healthmonitors.c.id == values["id"])[0]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what ``body`` names."""

        def work(conn: sa.Connection, kicks: Kicks) -> Row:
            loadbalancer_id = locate(conn, ctx, healthmonitors, faults.MONITOR, ident)
            generation = self._desk.change(conn, loadbalancer_id, kicks)
            current = conn.execute(sa.select(healthmonitors).where(healthmonitors.c.id == ident)).mappings().first()
            if current is None:
                raise faults.missing(faults.MONITOR, ident)
            values = rules.monitor(current["type"], body, dict(current))
            change(conn, healthmonitors, ident, generation, {n: v for n, v in values.items() if n in _MUTABLE})
            return MONITORS.some(conn, healthmonitors.c.id == ident)[0]

        return self._desk.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Stop checking."""

        def work(conn: sa.Connection, kicks: Kicks) -> None:
            loadbalancer_id = locate(conn, ctx, healthmonitors, faults.MONITOR, ident)
            remove(conn, self._desk, healthmonitors, ident, loadbalancer_id, kicks)

        self._desk.write(work)


def row_of(body: Mapping[str, Any], pool: Any, generation: int) -> dict[str, Any]:
    """A new monitor's columns, checked; ``pool`` has id, project_id and loadbalancer_id."""
    values = rules.monitor(body["type"], body)
    return {
        **{name: values[name] for name in ("type", *_MUTABLE)},
        **born(pool.project_id, pool.loadbalancer_id, generation),
        "pool_id": pool.id,
    }


def insert(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store new monitors. ``errors.Conflict`` for a pool that has one."""
    try:
        conn.execute(healthmonitors.insert(), rows)
    except IntegrityError as error:
        if faults.violates(error, "uq_lbaas_healthmonitors_pool", "lbaas_healthmonitors.pool_id"):
            raise faults.duplicate_monitor() from None
        raise
