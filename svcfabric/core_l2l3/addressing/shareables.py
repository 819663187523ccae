"""Address scopes and subnet pools as shared objects."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from svcfabric.core_l2l3.addressing.models import address_scopes, subnetpools
from svcfabric.core_l2l3.models import subnets
from svcfabric.core_l2l3.rbac.access import EVERYONE, SHARED
from svcfabric.core_l2l3.rbac.sharing import Shareable, Targets


def _scope_users(conn: sa.Connection, scope_id: str, action: str) -> Iterable[str]:
    """Projects with pools in a scope."""
    return conn.execute(
        sa.select(subnetpools.c.project_id).where(subnetpools.c.address_scope_id == scope_id).distinct()
    ).scalars()


def _pool_users(conn: sa.Connection, pool_id: str, action: str) -> Iterable[str]:
    """Projects with subnets of a pool."""
    return conn.execute(sa.select(subnets.c.project_id).where(subnets.c.subnetpool_id == pool_id).distinct()).scalars()


def _settle_scope(kind: Shareable, conn: sa.Connection, scope_id: str, targets: Targets) -> None:
    shared = EVERYONE in targets.get(SHARED, ())
    conn.execute(address_scopes.update().where(address_scopes.c.id == scope_id).values(shared=shared))


SCOPE = Shareable(
    object_type="address_scope",
    label="Address Scope",
    table=address_scopes,
    users=_scope_users,
    settle=_settle_scope,
)
POOL = Shareable(object_type="subnetpool", label="Subnet Pool", table=subnetpools, users=_pool_users)
