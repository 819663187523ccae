"""What happens to any child of a load balancer: found, born, changed, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.context import Context
from svcfabric.db.base import new_id, now
from svcfabric.fabric.models import observations
from svcfabric.services.lbaas import faults
from svcfabric.services.lbaas.models import loadbalancers
from svcfabric.services.lbaas.service.desk import Desk, Kicks


def balancer_of(conn: sa.Connection, ctx: Context, ident: str) -> Any:
    """A load balancer's row the caller may see; ``errors.NotFound``."""
    row = conn.execute(sa.select(loadbalancers).where(loadbalancers.c.id == ident)).first()
    if row is None or not ctx.sees(row.project_id):
        raise faults.missing(faults.LOADBALANCER, ident, foreign=row is not None)
    return row


def locate(conn: sa.Connection, ctx: Context, table: sa.Table, noun: str, ident: str) -> str:
    """The id of the load balancer that a child the caller may see belongs to; ``errors.NotFound``."""
    row = conn.execute(sa.select(table.c.loadbalancer_id, table.c.project_id).where(table.c.id == ident)).first()
    if row is None or not ctx.sees(row.project_id):
        raise faults.missing(noun, ident, foreign=row is not None)
    return str(row.loadbalancer_id)


def forget(conn: sa.Connection, object_ids: Sequence[str]) -> None:
    """Drop what hosts have observed of objects that are gone."""
    if object_ids:
        conn.execute(observations.delete().where(observations.c.object_id.in_(list(object_ids))))


def born(project_id: str, loadbalancer_id: str, generation: int) -> dict[str, Any]:
    """The columns every new child has."""
    return {
        "id": new_id(),
        "project_id": project_id,
        "loadbalancer_id": loadbalancer_id,
        "created_generation": generation,
        "changed_generation": generation,
        "created_at": now(),
        "updated_at": None,
    }


def change(conn: sa.Connection, table: sa.Table, ident: str, generation: int, values: Mapping[str, Any]) -> None:
    """Store a child's new values."""
    stamped = {**values, "changed_generation": generation, "updated_at": now()}
    conn.execute(table.update().where(table.c.id == ident).values(**stamped))


def remove(conn: sa.Connection, desk: Desk, table: sa.Table, ident: str, loadbalancer_id: str, kicks: Kicks) -> bool:
    """Delete a child; False when it goes with its load balancer anyway."""
    if desk.leaving(conn, loadbalancer_id):
        return False
    desk.change(conn, loadbalancer_id, kicks)
    conn.execute(table.delete().where(table.c.id == ident))
    forget(conn, [ident])
    return True
