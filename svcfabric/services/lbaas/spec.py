"""Rows to ``LoadBalancerSpec``: what a host should make of a load balancer, whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.fabric.interfaces import Network
from svcfabric.services.lbaas.models import healthmonitors, listeners, loadbalancers, members, pools
from svcfabric.spi.l2l3 import Leg
from svcfabric.spi.lbaas import HealthMonitor, Listener, LoadBalancerSpec, Member, Pool, SessionPersistence

# What a host does with a protocol: what is not HTTP is passed through as it is.
MODES = {"HTTP": "HTTP", "HTTPS": "TCP", "TCP": "TCP"}


def load(conn: sa.Connection, network: Network, ids: Sequence[str]) -> dict[str, LoadBalancerSpec]:
    """Specs of those load balancers in six queries, whatever their number and size.

    A load balancer whose row or port is gone is left out.
    """
    balancers = conn.execute(sa.select(loadbalancers).where(loadbalancers.c.id.in_(list(ids)))).all()
    legs = network.legs(conn, [row.vip_port_id for row in balancers])
    children = {table.name: _by_loadbalancer(conn, table, ids) for table in (listeners, pools, members, healthmonitors)}
    return {
        row.id: build(
            row,
            legs[row.vip_port_id],
            children["lbaas_listeners"].get(row.id, ()),
            children["lbaas_pools"].get(row.id, ()),
            children["lbaas_members"].get(row.id, ()),
            children["lbaas_healthmonitors"].get(row.id, ()),
        )
        for row in balancers
        if row.vip_port_id in legs
    }


def build(
    balancer: Any,
    vip: Leg,
    listener_rows: Iterable[Any],
    pool_rows: Iterable[Any],
    member_rows: Iterable[Any],
    monitor_rows: Iterable[Any],
) -> LoadBalancerSpec:
    """The spec of one load balancer; rows in the order they were made. Pure."""
    monitors = {row.pool_id: _monitor(row) for row in monitor_rows}
    by_pool: dict[str, list[Member]] = {}
    for row in member_rows:
        by_pool.setdefault(row.pool_id, []).append(_member(row))
    return LoadBalancerSpec(
        id=balancer.id,
        project_id=balancer.project_id,
        name=balancer.name,
        vip=vip,
        admin_state_up=balancer.admin_state_up,
        listeners=tuple(_listener(row) for row in listener_rows),
        pools=tuple(_pool(row, by_pool, monitors) for row in pool_rows),
    )


def _by_loadbalancer(conn: sa.Connection, table: sa.Table, ids: Sequence[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    stmt = sa.select(table).where(table.c.loadbalancer_id.in_(list(ids))).order_by(table.c.created_at, table.c.id)
    for row in conn.execute(stmt):
        found.setdefault(row.loadbalancer_id, []).append(row)
    return found


def _listener(row: Any) -> Listener:
    return Listener(
        id=row.id,
        name=row.name,
        protocol=MODES[row.protocol],
        protocol_port=row.protocol_port,
        default_pool_id=row.default_pool_id or "",
        connection_limit=row.connection_limit,
        insert_headers=tuple(sorted((name, value.lower()) for name, value in row.insert_headers.items())),
        allowed_cidrs=tuple(row.allowed_cidrs or ()),
        timeout_client_data=row.timeout_client_data,
        timeout_member_connect=row.timeout_member_connect,
        timeout_member_data=row.timeout_member_data,
        timeout_tcp_inspect=row.timeout_tcp_inspect,
        admin_state_up=row.admin_state_up,
    )


def _pool(row: Any, by_pool: Mapping[str, list[Member]], monitors: Mapping[str, HealthMonitor]) -> Pool:
    stored = row.session_persistence
    return Pool(
        id=row.id,
        name=row.name,
        protocol=MODES[row.protocol],
        lb_algorithm=row.lb_algorithm,
        session_persistence=(
            SessionPersistence(type=stored["type"], cookie_name=stored.get("cookie_name") or "") if stored else None
        ),
        members=tuple(by_pool.get(row.id, ())),
        healthmonitor=monitors.get(row.id),
        admin_state_up=row.admin_state_up,
    )


def _member(row: Any) -> Member:
    return Member(
        id=row.id,
        name=row.name,
        address=row.canonical_address,
        protocol_port=row.protocol_port,
        weight=row.weight,
        backup=row.backup,
        admin_state_up=row.admin_state_up,
        monitor_address=row.monitor_address or "",
        monitor_port=row.monitor_port or 0,
    )


def _monitor(row: Any) -> HealthMonitor:
    http = row.type == "HTTP"
    return HealthMonitor(
        id=row.id,
        type=row.type,
        delay=row.delay,
        timeout=row.timeout,
        max_retries=row.max_retries,
        max_retries_down=row.max_retries_down,
        http_method=row.http_method if http else "GET",
        url_path=row.url_path if http else "/",
        expected_codes="".join(row.expected_codes.split()) if http else "200",
        http_version=row.http_version or "",
        domain_name=row.domain_name or "",
        admin_state_up=row.admin_state_up,
    )
