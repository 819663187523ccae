"""What has a policy: ports, networks, floating IPs, routers' gateways."""

from __future__ import annotations

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Changed
from svcfabric.core_l2l3.models import floatingips, networks, ports, routers
from svcfabric.core_l2l3.qos.spec import inherits
from svcfabric.fabric import instances

_HOLDERS = (
    ("network", networks, networks.c.qos_policy_id),
    ("port", ports, ports.c.qos_policy_id),
    ("floating IP", floatingips, floatingips.c.qos_policy_id),
    ("router", routers, routers.c.gw_qos_policy_id),
)
_BOUND = ports.c.host != ""


def first(conn: sa.Connection, policy_id: str) -> str:
    """One thing that has the policy, in words; "" when nothing has."""
    for word, table, column in _HOLDERS:
        ident = conn.execute(sa.select(table.c.id).where(column == policy_id).limit(1)).scalar()
        if ident:
            return f"{word} {ident}"
    return ""


def projects(conn: sa.Connection, policy_id: str) -> set[str]:
    """The projects that have the policy on something."""
    stmts = [sa.select(table.c.project_id).where(column == policy_id) for _, table, column in _HOLDERS]
    return {project for project in conn.execute(sa.union(*stmts)).scalars() if project}


def touch_all(conn: sa.Connection, changed: Changed, policy_id: str) -> None:
    """The policy says something else: new generations for exactly what is limited by it on a host."""
    inherited = (
        sa.select(ports.c.id)
        .join(networks, networks.c.id == ports.c.network_id)
        .where(networks.c.qos_policy_id == policy_id, ports.c.qos_policy_id.is_(None), _BOUND, inherits())
    )
    _touch(
        conn,
        changed,
        sa.union_all(
            sa.select(ports.c.id).where(ports.c.qos_policy_id == policy_id, _BOUND),
            inherited,
            sa.select(floatingips.c.id).where(
                floatingips.c.qos_policy_id == policy_id, floatingips.c.router_id.is_not(None)
            ),
            sa.select(routers.c.id).where(routers.c.gw_qos_policy_id == policy_id, routers.c.gw_port_id.is_not(None)),
        ),
    )


def touch_network(conn: sa.Connection, changed: Changed, network_id: str) -> None:
    """The network has another policy: new generations for its bound ports that have none of their own."""
    stmt = sa.select(ports.c.id).where(
        ports.c.network_id == network_id, ports.c.qos_policy_id.is_(None), _BOUND, inherits()
    )
    _touch(conn, changed, stmt)


def _touch(conn: sa.Connection, changed: Changed, stmt: sa.Select[str] | sa.CompoundSelect[str]) -> None:
    ids = list(conn.execute(stmt).scalars())
    instances.touch_many(conn, ids)
    changed.update(ids)
