"""What ties pools, networks and address scopes together; every check runs with the pool locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.core_l2l3.addressing import pool_rules, prefixes
from svcfabric.core_l2l3.addressing.models import subnetpools
from svcfabric.core_l2l3.addressing.readers import ADDRESS_SCOPES
from svcfabric.core_l2l3.models import networks, subnets


def check(conn: sa.Connection, ctx: Context, pool: Mapping[str, Any]) -> None:
    """A pool (by column name) is about to be in its scope with these prefixes; the scope is locked.

    Raises ``errors.NotFound`` for a scope the caller may not use, ``errors.BadRequest`` for one of the other
    family, ``errors.Conflict`` when another pool of the scope has some of the addresses.
    """
    scope_id = pool["address_scope_id"]
    if scope_id is None:
        return
    scope = ADDRESS_SCOPES.lock(conn, ctx, scope_id)
    if scope["ip_version"] != pool["ip_version"]:
        raise errors.BadRequest(
            f"Illegal subnetpool association: subnetpool {pool['id']} cannot associate with address scope {scope_id} "
            f"because subnetpool ip_version is not {scope['ip_version']}.",
            neutron_type="IllegalSubnetPoolIpVersionAssociationToAddressScope",
        )
    others = sa.select(subnetpools.c.prefixes).where(
        subnetpools.c.address_scope_id == scope_id, subnetpools.c.id != pool["id"]
    )
    taken = [prefix for found in conn.execute(others).scalars() for prefix in found]
    if prefixes.overlapping(pool["prefixes"], taken):
        raise errors.Conflict(
            "Failed to associate address scope: subnetpools within an address scope must have unique prefixes.",
            neutron_type="AddressScopePrefixConflict",
        )


def check_owner(conn: sa.Connection, ctx: Context, pool: Mapping[str, Any]) -> None:
    """A pool in a scope of somebody else's stays as it is."""
    scope_id = pool["address_scope_id"]
    if scope_id is None:
        return
    if not ctx.sees(ADDRESS_SCOPES.get(conn, ctx, scope_id)["project_id"]):
        raise bad_update(
            f"subnetpool {pool['id']} cannot be updated when associated with shared address scope {scope_id}"
        )


def bad_update(reason: str) -> errors.BadRequest:
    """The error for a pool that cannot become what is wanted."""
    return errors.BadRequest(f"Illegal subnetpool update : {reason}.", neutron_type="IllegalSubnetPoolUpdate")


def rescope(conn: sa.Connection, pool: Mapping[str, Any], scope_id: str | None) -> Sequence[str]:
    """A pool moves to another scope, and the networks of its subnets with it; returns those networks.

    Raises ``errors.BadRequest`` when one of them has subnets of the family that are of no or another pool.
    """
    mine = sa.select(subnets.c.network_id).where(subnets.c.subnetpool_id == pool["id"])
    ids = list(conn.execute(mine.distinct()).scalars())
    if not ids:
        return []
    other = sa.or_(subnets.c.subnetpool_id.is_(None), subnets.c.subnetpool_id != pool["id"])
    violating = sa.select(subnets.c.id).where(
        subnets.c.network_id.in_(ids), subnets.c.ip_version == pool["ip_version"], other
    )
    if conn.execute(violating.limit(1)).first():
        raise pool_rules.scopes_differ()
    set_scope(conn, ids, pool["ip_version"], scope_id)
    return ids


def set_scope(conn: sa.Connection, network_ids: Sequence[str], version: int, scope_id: str | None) -> None:
    """Repeat on networks the scope of their subnets' pools."""
    column = f"ipv{version}_address_scope"
    conn.execute(networks.update().where(networks.c.id.in_(list(network_ids))).values({column: scope_id}))
