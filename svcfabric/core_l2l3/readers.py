"""Where each attribute of each resource comes from, and who sees which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.api.resource import Row
from svcfabric.core_l2l3.core import DHCP
from svcfabric.core_l2l3.l3.forward_rules import in_floatingip
from svcfabric.core_l2l3.models import floatingips, ip_allocations, networks, ports, routers, subnets
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.reader import Expression, Reader
from svcfabric.core_l2l3.security.models import port_security_groups
from svcfabric.core_l2l3.zones.places import zones_of
from svcfabric.db.base import Ascii, Json
from svcfabric.fabric.models import placements

VIF_DETAILS = '{"connectivity":"l2","port_filter":true}'


def _word(text: str) -> sa.ColumnElement[str]:
    """A constant in the statement's text: one parameter less to send each time."""
    return sa.literal_column(f"'{text}'", Ascii)


DOWN, BUILD, ACTIVE, ERROR = (_word(text) for text in ("DOWN", "BUILD", "ACTIVE", "ERROR"))
_NOTHING = _word("")
_NO: Expression = sa.type_coerce(sa.false(), sa.Boolean())
_ZERO: Expression = sa.literal_column("0")


def _standard(table: sa.Table) -> dict[str, Expression]:
    names = ("id", "project_id", "name", "description", "admin_state_up")
    return {name: table.c[name] for name in names if name in table.c}


def _history(table: sa.Table) -> dict[str, Expression]:
    return {name: table.c[name] for name in ("created_at", "updated_at", "revision_number", "tags")}


def _or_null(column: sa.Column[Any], nothing: Expression) -> Expression:
    """A column whose ``nothing`` is null to clients."""
    return sa.type_coerce(sa.case((column != nothing, column), else_=sa.null()), column.type)


def _answer(ident: Expression, waiting: Expression, host: Expression | None = None) -> Expression:
    """What the owning host made of an instance: ACTIVE, ERROR, or ``waiting`` until it has answered.

    ``host``: where it is, if that is known: one row to look at, however many hosts know of the instance.
    """
    said = sa.case((placements.c.error != _NOTHING, ERROR), (placements.c.observed_generation > _ZERO, ACTIVE))
    answer = (
        sa.select(sa.func.max(said))  # there is one owner, but a subquery must not depend on it
        .where(
            placements.c.instance_id == ident,
            placements.c.role == _word("owner"),
            placements.c.removing.is_(False),
            sa.true() if host is None else placements.c.host == host,
        )
        .scalar_subquery()
    )
    return sa.func.coalesce(answer, waiting, type_=Ascii)


def _router_status(ident: Expression) -> Expression:
    """BUILD while a router waits for a host, then ACTIVE, as clients expect of one that is made; ERROR when its host
    refused it. Whether its host has answered is told by the status of its interfaces.
    """
    placed = sa.exists().where(placements.c.instance_id == ident, placements.c.removing.is_(False))
    return _answer(ident, sa.case((placed, ACTIVE), else_=BUILD))


def _port_status(table: sa.FromClause) -> Expression:
    """DOWN when it is bound nowhere or switched off, else what its host says; DHCP's is on several."""
    served = sa.and_(table.c.leg.is_(True), table.c.device_owner == _word(DHCP))
    down = sa.or_(sa.and_(table.c.host == _NOTHING, ~served), table.c.admin_state_up.is_(False))
    bound = _answer(table.c.id, BUILD, table.c.host)
    return sa.case((down, DOWN), (table.c.host != _NOTHING, bound), else_=_answer(table.c.id, DOWN))


_AT_NETWORKS = (access.SHARED, access.EXTERNAL)

NETWORKS = Reader(
    "Network",
    networks,
    {
        **_standard(networks),
        "status": ACTIVE,
        "shared": access.shared("network", networks),
        "router:external": networks.c.external,
        "provider:network_type": networks.c.network_type,
        "provider:physical_network": _or_null(networks.c.physical_network, _NOTHING),
        "provider:segmentation_id": _or_null(networks.c.segmentation_id, _ZERO),
        "mtu": networks.c.mtu,
        "subnets": networks.c.subnet_ids,
        "is_default": networks.c.is_default,
        "ipv4_address_scope": networks.c.ipv4_address_scope,
        "ipv6_address_scope": networks.c.ipv6_address_scope,
        "port_security_enabled": networks.c.port_security_enabled,
        "dns_domain": networks.c.dns_domain,
        "availability_zone_hints": networks.c.availability_zone_hints,
        "availability_zones": zones_of(networks.c.id),
        "qos_policy_id": networks.c.qos_policy_id,
        **_history(networks),
    },
    internal={
        "everyone": networks.c.everyone,
        "shared_with_all": networks.c.shared,
        "has_policies": access.has_policies(networks),
    },
    stored={"shared": networks.c.shared},
    visible=access.visible("network", networks, everyone="everyone", actions=_AT_NETWORKS),
)

SUBNETS = Reader(
    "Subnet",
    subnets,
    {
        **_standard(subnets),
        **{
            name: subnets.c[name]
            for name in (
                "network_id",
                "ip_version",
                "cidr",
                "gateway_ip",
                "enable_dhcp",
                "ipv6_address_mode",
                "ipv6_ra_mode",
                "allocation_pools",
                "dns_nameservers",
                "host_routes",
                "subnetpool_id",
                "service_types",
                "allocation_policy",
                "recycling_policy",
                "recycling_delay",
            )
        },
        "router:external": subnets.c.external,
        "shared": access.shared("network", subnets, key="network_id"),
        **_history(subnets),
    },
    internal={"ip_memory": subnets.c.ip_memory},
    stored={"shared": subnets.c.shared},
    visible=access.visible("network", subnets, key="network_id", everyone="everyone", actions=_AT_NETWORKS),
)


def _fixed_ips(values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Ports by their addresses: ``values`` are (subnet_id | ip_address | ip_address_substr, text) pairs.

    Values of one key are alternatives; keys given together must hold for the same port.
    """
    by_key: dict[str, list[str]] = {}
    for value in values:
        if value is not None:
            by_key.setdefault(value[0], []).append(value[1])
    conditions: list[sa.ColumnElement[bool]] = []
    for key, texts in by_key.items():
        if key == "ip_address_substr":
            parts = [text for text in texts if text.isascii()]
            match = sa.or_(sa.false(), *(ip_allocations.c.address.contains(part, autoescape=True) for part in parts))
        else:
            column = ip_allocations.c.subnet_id if key == "subnet_id" else ip_allocations.c.address
            match = column.in_(texts)
        conditions.append(ports.c.id.in_(sa.select(ip_allocations.c.port_id).where(match)))
    return sa.and_(*conditions) if conditions else sa.false()


def _in_groups(values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Ports by their security groups."""
    members = port_security_groups.c
    wanted = [value for value in values if value is not None]
    return ports.c.id.in_(sa.select(members.port_id).where(members.security_group_id.in_(wanted)))


_BOUND = ports.c.host != _NOTHING
_NETWORKS_POLICY = sa.select(networks.c.qos_policy_id).where(networks.c.id == ports.c.network_id).scalar_subquery()

# Whether the network has a subnet that must learn of an address given back.
_REMEMBERED = sa.exists().where(subnets.c.network_id == ports.c.network_id, subnets.c.ip_memory.is_(True))

PORTS = Reader(
    "Port",
    ports,
    {
        **_standard(ports),
        "status": _port_status(ports),
        "network_id": ports.c.network_id,
        "network_project_id": ports.c.network_project_id,
        "mac_address": ports.c.mac_address,
        "fixed_ips": ports.c.fixed_ips,
        **{name: ports.c[name] for name in ("security_groups", "allowed_address_pairs", "port_security_enabled")},
        "device_id": ports.c.device_id,
        "device_owner": ports.c.device_owner,
        "qos_policy_id": ports.c.qos_policy_id,
        "qos_network_policy_id": _NETWORKS_POLICY,
        "extra_dhcp_opts": ports.c.extra_dhcp_opts,
        "dns_name": ports.c.dns_name,
        "dns_domain": ports.c.dns_domain,
        "binding:host_id": ports.c.host,
        "binding:vnic_type": ports.c.vnic_type,
        "binding:profile": ports.c.profile,
        "binding:vif_type": sa.case((_BOUND, _word("other")), else_=_word("unbound")),
        "binding:vif_details": sa.case(
            (_BOUND, sa.literal_column(f"'{VIF_DETAILS}'", Json)), else_=sa.literal_column("'{}'", Json)
        ),
        **_history(ports),
    },
    internal={"router_id": ports.c.router_id, "leg": ports.c.leg, "ip_memory": _REMEMBERED},
    filters={"fixed_ips": _fixed_ips, "security_groups": _in_groups},
    visible=lambda project: sa.or_(ports.c.project_id == project, ports.c.network_project_id == project),
)


def gateway_info(
    network_id: str | None,
    enable_snat: bool,
    fixed_ips: Sequence[Mapping[str, str]] | None,
    qos_policy_id: str | None = None,
) -> Any:
    """A router's ``external_gateway_info``."""
    if network_id is None:
        return None
    info = {"network_id": network_id, "enable_snat": enable_snat, "external_fixed_ips": list(fixed_ips or ())}
    return {**info, "qos_policy_id": qos_policy_id} if qos_policy_id else info


def _finish_router(row: Row) -> None:
    names = ("gw_network_id", "enable_snat", "gw_fixed_ips", "gw_qos_policy_id")
    row["external_gateway_info"] = gateway_info(*(row.pop(name) for name in names))
    row["conntrack_helpers"] = row["conntrack_helpers"] or []


_gateway = ports.alias("gateway")
ROUTERS = Reader(
    "Router",
    routers,
    {
        **_standard(routers),
        "status": _router_status(routers.c.id),
        "routes": routers.c.routes,
        "conntrack_helpers": routers.c.conntrack_helpers,
        "ha": routers.c.ha,
        "distributed": _NO,
        "availability_zone_hints": routers.c.availability_zone_hints,
        "availability_zones": zones_of(routers.c.id),
        "gw_network_id": routers.c.gw_network_id,
        "enable_snat": routers.c.enable_snat,
        "gw_fixed_ips": _gateway.c.fixed_ips,
        "gw_qos_policy_id": routers.c.gw_qos_policy_id,
        **_history(routers),
    },
    source=routers.outerjoin(_gateway, _gateway.c.id == routers.c.gw_port_id),
    finish=_finish_router,
)

_fixed = ports.alias("fixed")
_FIXED_PORT = ("name", "network_id", "mac_address", "admin_state_up", "device_id", "device_owner")


def _finish_floatingip(row: Row) -> None:
    port = {name: row.pop(f"port_{name}") for name in (*_FIXED_PORT, "status")}
    row["port_details"] = port if row["port_id"] is not None else None
    row["port_forwardings"] = in_floatingip(row["port_forwardings"])


FLOATINGIPS = Reader(
    "Floating IP",
    floatingips,
    {
        **_standard(floatingips),
        "status": sa.case((floatingips.c.router_id.is_(None), DOWN), else_=_answer(floatingips.c.id, DOWN)),
        **{
            name: floatingips.c[name]
            for name in ("floating_network_id", "floating_ip_address", "port_id", "fixed_ip_address", "router_id")
        },
        "qos_policy_id": floatingips.c.qos_policy_id,
        "dns_name": floatingips.c.dns_name,
        "dns_domain": floatingips.c.dns_domain,
        "port_forwardings": floatingips.c.port_forwardings,
        **{f"port_{name}": _fixed.c[name] for name in _FIXED_PORT},
        "port_status": _port_status(_fixed),
        **_history(floatingips),
    },
    source=floatingips.outerjoin(_fixed, _fixed.c.id == floatingips.c.port_id),
    finish=_finish_floatingip,
)
