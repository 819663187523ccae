"""From rows to specs: what a host should make of a network, port, router or floating IP.

Every loader takes many ids and runs a constant number of queries.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3.dhcp.hosts import dhcp_host
from svcfabric.core_l2l3.dns import names
from svcfabric.core_l2l3.l3 import forward_rules
from svcfabric.core_l2l3.l3.advertise import advertising
from svcfabric.core_l2l3.models import floatingips, networks, ports, routers
from svcfabric.core_l2l3.qos.models import qos_policies
from svcfabric.core_l2l3.qos.spec import limits, policy_in_force
from svcfabric.core_l2l3.security.spec import PORT_COLUMNS, port_security
from svcfabric.core_l2l3.topology import Subnet, load_subnets, segment_of, subnet_ids
from svcfabric.fabric import agents
from svcfabric.fabric.models import placements
from svcfabric.spi.l2l3 import (
    Address,
    ConntrackHelper,
    DhcpHost,
    DnsName,
    FloatingIPSpec,
    Leg,
    NetworkSpec,
    PortSpec,
    Route,
    RouterSpec,
    Segment,
)
from svcfabric.spi.spec import Spec

_SEGMENT = (
    networks.c.id,
    networks.c.network_type,
    networks.c.physical_network,
    networks.c.segmentation_id,
    networks.c.mtu,
)
_PORTS = (
    sa.select(
        ports.c.id,
        ports.c.project_id,
        ports.c.mac_address,
        ports.c.fixed_ips,
        ports.c.admin_state_up,
        ports.c.host,
        ports.c.leg,
        ports.c.router_id,
        ports.c.device_id,
        ports.c.extra_dhcp_opts,
        ports.c.dns_name,
        ports.c.dns_domain,
        ports.c.network_project_id,
        *PORT_COLUMNS,
        networks.c.admin_state_up.label("network_up"),
        networks.c.dns_domain.label("network_dns_domain"),
        networks.c.ipv4_address_scope,
        networks.c.ipv6_address_scope,
        qos_policies.c.rules.label("qos_rules"),
        *(column.label(f"network_{column.name}") for column in _SEGMENT),
    )
    .join_from(ports, networks, networks.c.id == ports.c.network_id)
    .outerjoin(qos_policies, qos_policies.c.id == policy_in_force())
)


def _segment(row: Any) -> Segment:
    return segment_of(
        row.network_id,
        row.network_network_type,
        row.network_physical_network,
        row.network_segmentation_id,
        row.network_mtu,
    )


def _addresses(fixed_ips: Sequence[Mapping[str, str]], subnets: Mapping[str, Subnet]) -> tuple[Address, ...]:
    """Addresses of a port; one whose subnet has just gone is left out (a newer generation is on its way)."""
    return tuple(
        Address(
            address=ip["ip_address"],
            prefix_length=subnets[ip["subnet_id"]].prefix_length,
            subnet_id=ip["subnet_id"],
            gateway=subnets[ip["subnet_id"]].gateway_ip or "",
        )
        for ip in fixed_ips
        if ip["subnet_id"] in subnets
    )


def _leg(row: Any, subnets: Mapping[str, Subnet]) -> Leg:
    return Leg(
        port_id=row.id,
        mac=row.mac_address,
        segment=_segment(row),
        addresses=_addresses(row.fixed_ips, subnets),
        admin_state_up=row.admin_state_up and row.network_up,
        scope4=row.ipv4_address_scope or "",
        scope6=row.ipv6_address_scope or "",
    )


def _with_subnets(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> tuple[Sequence[Any], dict[str, Subnet]]:
    rows = conn.execute(_PORTS.where(condition).order_by(ports.c.id)).all()
    return rows, load_subnets(conn, subnet_ids([{"fixed_ips": row.fixed_ips} for row in rows]))


def load_legs(conn: sa.Connection, port_ids: Collection[str]) -> dict[str, Leg]:
    """Ports as interfaces of inserted functions, by id: two queries; missing ports are left out."""
    rows, subnets = _with_subnets(conn, ports.c.id.in_(list(port_ids)))
    return {row.id: _leg(row, subnets) for row in rows}


def load_ports(conn: sa.Connection, ids: Sequence[str], host: str, dns_domain: str) -> dict[str, Spec]:
    """Ports as ``host`` sees them. One that is elsewhere, on a host without a tunnel endpoint, is left out."""
    rows, subnets = _with_subnets(conn, ports.c.id.in_(list(ids)))
    endpoints = agents.local_ips(conn, sorted({row.host for row in rows} - {"", host}))
    found: dict[str, Spec] = {}
    for row in rows:
        here = row.host == host
        if not row.host or (not here and row.host not in endpoints):
            continue
        found[row.id] = PortSpec(
            id=row.id,
            project_id=row.project_id,
            segment=_segment(row),
            mac=row.mac_address,
            addresses=_addresses(row.fixed_ips, subnets),
            admin_state_up=row.admin_state_up and row.network_up,
            wire="leg" if row.leg else "veth",
            vtep="" if here else endpoints[row.host],
            security=port_security(row) if here and not row.leg else None,
            qos=limits(row.qos_rules if here else None),
            dhcp=_dhcp(row) if here and not row.leg else None,
            dns=_dns(row, dns_domain),
        )
    return found


def load_dns(conn: sa.Connection, port_ids: Collection[str], dns_domain: str) -> dict[str, DnsName]:
    """What ports' networks' DNS calls them, by id: one query."""
    stmt = sa.select(
        ports.c.id,
        ports.c.dns_name,
        ports.c.dns_domain,
        ports.c.network_project_id,
        networks.c.dns_domain.label("network_dns_domain"),
    ).join_from(ports, networks, networks.c.id == ports.c.network_id)
    return {row.id: _dns(row, dns_domain) for row in conn.execute(stmt.where(ports.c.id.in_(list(port_ids))))}


def _dns(row: Any, dns_domain: str) -> DnsName:
    """A domain of its own is in force on a network of its own project: others would be told what is not true."""
    own = row.dns_domain if not row.network_project_id else ""
    return names.told(row.dns_name, dns_domain, own or row.network_dns_domain)


def _dhcp(row: Any) -> DhcpHost:
    return dhcp_host(row.device_id, names.hostname(row.dns_name, row.fixed_ips), row.extra_dhcp_opts)


def load_networks(conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, Spec]:
    """Networks with the tunnel endpoints of the other hosts that have them."""
    rows = conn.execute(sa.select(networks.c.project_id, *_SEGMENT).where(networks.c.id.in_(list(ids)))).all()
    elsewhere = conn.execute(
        sa.select(placements.c.instance_id, placements.c.host).where(
            placements.c.instance_id.in_(list(ids)),
            placements.c.role == "owner",
            placements.c.removing.is_(False),
            placements.c.host != host,
        )
    ).all()
    endpoints = agents.local_ips(conn, sorted({row.host for row in elsewhere}))
    vteps: dict[str, list[str]] = {}
    for row in elsewhere:
        if row.host in endpoints:
            vteps.setdefault(row.instance_id, []).append(endpoints[row.host])
    return {
        row.id: NetworkSpec(
            id=row.id,
            project_id=row.project_id,
            segment=segment_of(row.id, row.network_type, row.physical_network, row.segmentation_id, row.mtu),
            vteps=tuple(sorted(vteps.get(row.id, ()))) if row.network_type == "vxlan" else (),
        )
        for row in rows
    }


def load_routers(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Spec]:
    """Routers with their legs."""
    rows = conn.execute(
        sa.select(
            routers.c.id,
            routers.c.project_id,
            routers.c.admin_state_up,
            routers.c.gw_port_id,
            routers.c.enable_snat,
            routers.c.routes,
            routers.c.conntrack_helpers,
            qos_policies.c.rules.label("qos_rules"),
        )
        .outerjoin_from(routers, qos_policies, qos_policies.c.id == routers.c.gw_qos_policy_id)
        .where(routers.c.id.in_(list(ids)))
    ).all()
    attached, subnets = _with_subnets(conn, ports.c.router_id.in_(list(ids)))
    legs: dict[str, dict[str, Leg]] = {row.id: {} for row in rows}
    for port in attached:
        if port.router_id in legs:
            legs[port.router_id][port.id] = _leg(port, subnets)
    inner = {row.id: [leg for ident, leg in legs[row.id].items() if ident != row.gw_port_id] for row in rows}
    inner_legs = advertising(conn, inner)
    return {
        row.id: RouterSpec(
            id=row.id,
            project_id=row.project_id,
            legs=inner_legs[row.id],
            gateway=legs[row.id].get(row.gw_port_id),
            enable_snat=row.enable_snat,
            routes=tuple(Route(destination=r["destination"], nexthop=r["nexthop"]) for r in row.routes),
            admin_state_up=row.admin_state_up,
            helpers=tuple(ConntrackHelper(**helper) for helper in row.conntrack_helpers or ()),
            gateway_qos=limits(row.qos_rules if row.gw_port_id else None),
        )
        for row in rows
    }


def load_floatingips(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Spec]:
    """Floating IPs that point somewhere."""
    rows = conn.execute(
        sa.select(
            floatingips.c.id,
            floatingips.c.project_id,
            floatingips.c.router_id,
            floatingips.c.floating_ip_address,
            floatingips.c.fixed_ip_address,
            floatingips.c.port_forwardings,
            qos_policies.c.rules.label("qos_rules"),
        )
        .outerjoin_from(floatingips, qos_policies, qos_policies.c.id == floatingips.c.qos_policy_id)
        .where(floatingips.c.id.in_(list(ids)), floatingips.c.router_id.is_not(None))
    ).all()
    return {
        row.id: FloatingIPSpec(
            id=row.id,
            project_id=row.project_id,
            router_id=row.router_id,
            floating_address=row.floating_ip_address,
            fixed_address=row.fixed_ip_address or "",
            forwards=forward_rules.specs(row.port_forwardings),
            qos=limits(row.qos_rules),
        )
        for row in rows
    }
