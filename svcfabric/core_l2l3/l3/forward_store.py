"""Port forwardings as rows, and what floating IPs keep of them. Knows nothing of who asks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Changed
from svcfabric.core_l2l3.l3.forward_rules import kept
from svcfabric.core_l2l3.l3.models import port_forwardings
from svcfabric.core_l2l3.models import floatingips
from svcfabric.db.base import now
from svcfabric.fabric import instances

Values = dict[str, Any]


def load(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Values]:
    """Forwardings' rows, oldest first."""
    order = (port_forwardings.c.created_at, port_forwardings.c.id)
    rows = conn.execute(sa.select(port_forwardings).where(condition).order_by(*order))
    return [dict(row._mapping) for row in rows]


def settle(conn: sa.Connection, floatingip_id: str, router_id: str | None) -> bool:
    """Keep a floating IP's forwardings on its row, too; without any it is at no router. Whether there are some.

    ``router_id``: the router that translates while there are some.
    """
    rows = load(conn, port_forwardings.c.floatingip_id == floatingip_id)
    conn.execute(
        floatingips.update()
        .where(floatingips.c.id == floatingip_id)
        .values(
            port_forwardings=[kept(row) for row in rows] or None,
            router_id=router_id if rows else None,
            updated_at=now(),
            revision_number=floatingips.c.revision_number + 1,
        )
    )
    return bool(rows)


def drop(conn: sa.Connection, changed: Changed, rows: Collection[Values]) -> None:
    """Delete forwardings; the routers of their floating IPs learn of it."""
    if not rows:
        return
    conn.execute(port_forwardings.delete().where(port_forwardings.c.id.in_([row["id"] for row in rows])))
    ids = sorted({row["floatingip_id"] for row in rows})
    found = conn.execute(sa.select(floatingips.c.id, floatingips.c.router_id).where(floatingips.c.id.in_(ids)))
    routers = {ident: router_id for ident, router_id in found}
    for ident in ids:
        if settle(conn, ident, routers[ident]):
            instances.touch_many(conn, [ident])
        else:
            instances.tombstone(conn, [ident])
        changed.add(ident)


def keep_only(conn: sa.Connection, changed: Changed, port_id: str, addresses: Collection[str]) -> None:
    """A port has these addresses now: forwardings to others that it had are gone."""
    rows = load(conn, port_forwardings.c.internal_port_id == port_id)
    drop(conn, changed, [row for row in rows if row["internal_ip_address"] not in addresses])
