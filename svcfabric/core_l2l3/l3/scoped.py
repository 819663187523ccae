"""Address scopes change with subnets and their pools: routers on the networks learn of it."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Changed
from svcfabric.core_l2l3.models import ports, subnets
from svcfabric.fabric import instances


def tell(conn: sa.Connection, changed: Changed, network_ids: Collection[str]) -> None:
    """Routers that are on these networks, inside or outside, are told."""
    if not network_ids:
        return
    stmt = sa.select(ports.c.router_id).where(ports.c.network_id.in_(list(network_ids)), ports.c.router_id.is_not(None))
    ids = sorted(set(conn.execute(stmt).scalars()))
    instances.touch_many(conn, ids)
    changed.update(ids)


def tell_of_pool(conn: sa.Connection, changed: Changed, pool_id: str) -> None:
    """As ``tell``, for the networks that have subnets of a pool."""
    mine = sa.select(subnets.c.network_id).where(subnets.c.subnetpool_id == pool_id).distinct()
    tell(conn, changed, list(conn.execute(mine).scalars()))
