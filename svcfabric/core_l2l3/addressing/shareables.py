"""Address scopes and subnet pools as shared objects."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3.addressing.models import address_scopes, subnetpools
from svcfabric.core_l2l3.models import subnets
from svcfabric.core_l2l3.rbac import sharing
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


def _check_scope(conn: sa.Connection, pool_id: str, target: str) -> None:
    """Who may use a pool must be able to see its address scope."""
    stmt = (
        sa.select(address_scopes.c.id, address_scopes.c.project_id, address_scopes.c.shared)
        .join(subnetpools, subnetpools.c.address_scope_id == address_scopes.c.id)
        .where(subnetpools.c.id == pool_id)
    )
    scope = conn.execute(stmt).first()
    if scope is None or scope.shared or scope.project_id == target:
        return
    if target not in sharing.targets_of(conn, scope.id).get(SHARED, set()):
        raise errors.BadRequest(
            f"Subnet pool {pool_id} cannot be shared with project {target}: its address scope {scope.id} is not "
            "shared with it.",
            neutron_type="BadRequest",
        )


SCOPE = Shareable(
    object_type="address_scope",
    label="Address Scope",
    table=address_scopes,
    users=_scope_users,
    settle=_settle_scope,
)
POOL = Shareable(
    object_type="subnetpool", label="Subnet Pool", table=subnetpools, users=_pool_users, check=_check_scope
)
