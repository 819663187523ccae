"""Networks as shared objects: a policy lets a project have ports on one, or gateways and floating IPs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.core_l2l3.core import FLOATING_IP, ROUTER_GATEWAY
from svcfabric.core_l2l3.models import floatingips, networks, ports, routers, subnets
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.rbac.access import EVERYONE, EXTERNAL, SHARED
from svcfabric.core_l2l3.rbac.sharing import Shareable, Targets, bumped
from svcfabric.core_l2l3.topology import Network


def held(conn: sa.Connection, ctx: Context, found: Mapping[str, Network]) -> Mapping[str, Network]:
    """The same networks; for whom others' are is as it is now, and stays so until the transaction ends.

    For use cases that store something on a network: no statement when all are the caller's own.
    """
    foreign = [ident for ident, network in found.items() if not ctx.sees(network.project_id)]
    if not foreign:
        return found
    access.hold(conn, networks, foreign)
    columns = (networks.c.id, networks.c.shared, networks.c.external, networks.c.everyone)
    now = {row.id: row for row in conn.execute(sa.select(*columns).where(networks.c.id.in_(foreign)))}
    return {
        ident: network
        if ident not in now
        else dataclasses.replace(
            network, shared=now[ident].shared, external=now[ident].external, everyone=now[ident].everyone
        )
        for ident, network in found.items()
        if ident in now or ident not in foreign
    }


def may_see(conn: sa.Connection, ctx: Context, network: Network) -> bool:
    """Whether the caller may know of a network: his, everybody's, or one a policy lets him at."""
    return network.visible(ctx) or bool(access.granted(conn, ctx, [network.id], (SHARED, EXTERNAL)))


def may_join(conn: sa.Connection, ctx: Context, network: Network) -> bool:
    """Whether a caller who does not own a network may have ports on it."""
    return network.shared or bool(access.granted(conn, ctx, [network.id]))


def refuse_external_use(conn: sa.Connection, network_id: str) -> None:
    """Raise ``errors.InUse`` when gateways or floating IPs are on a network that is to be external no more."""
    owners = (ROUTER_GATEWAY, FLOATING_IP)
    used = sa.select(ports.c.id).where(ports.c.network_id == network_id, ports.c.device_owner.in_(owners))
    if conn.execute(used.limit(1)).first():
        raise errors.InUse(
            f"External network {network_id} cannot be updated to be made non-external, since it has existing "
            "gateway ports or floating IPs.",
            neutron_type="ExternalNetworkInUse",
        )


def _users(conn: sa.Connection, network_id: str, action: str) -> Iterable[str]:
    """Projects with ports or subnets on a network, or with gateways or floating IPs."""
    if action == SHARED:
        tables = ((ports, ports.c.network_id), (subnets, subnets.c.network_id))
    else:
        tables = ((routers, routers.c.gw_network_id), (floatingips, floatingips.c.floating_network_id))
    stmts = [sa.select(table.c.project_id).where(key == network_id) for table, key in tables]
    return conn.execute(sa.union(*stmts)).scalars()


def _settle(kind: Shareable, conn: sa.Connection, network_id: str, targets: Targets) -> None:
    shared, external = targets.get(SHARED, set()), targets.get(EXTERNAL, set())
    values = {"shared": EVERYONE in shared, "external": bool(external), "everyone": EVERYONE in shared | external}
    if not external:
        was = conn.execute(sa.select(networks.c.external).where(networks.c.id == network_id)).scalar_one()
        if was:
            refuse_external_use(conn, network_id)
    conn.execute(networks.update().where(networks.c.id == network_id).values(**values, **bumped(networks)))
    conn.execute(subnets.update().where(subnets.c.network_id == network_id).values(**values))


def _keep(conn: sa.Connection, network_id: str, action: str, targets: set[str]) -> None:
    """The default external network is everybody's."""
    if action != EXTERNAL or EVERYONE in targets:
        return
    default = sa.select(networks.c.is_default).where(networks.c.id == network_id)
    if conn.execute(default).scalar_one():
        raise errors.InUse(
            f"RBAC policy on object {network_id} cannot be removed because other objects depend on it. Details: "
            "Default external networks must be shared to everyone.",
            neutron_type="RbacPolicyInUse",
        )


NETWORK = Shareable(
    object_type="network",
    label="Network",
    table=networks,
    users=_users,
    actions=(SHARED, EXTERNAL),
    settle=_settle,
    keep=_keep,
)
