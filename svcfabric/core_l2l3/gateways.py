"""A router's external gateway: its port on an external network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.core_l2l3 import port_store, router_place, router_rules
from svcfabric.core_l2l3.core import ROUTER_GATEWAY, Changed, Core, forbidden, privileged
from svcfabric.core_l2l3.models import floatingips, ports, routers
from svcfabric.core_l2l3.qos import attach
from svcfabric.core_l2l3.rbac.networks import held, may_see
from svcfabric.core_l2l3.topology import Network, Subnet, load_networks, load_subnets, subnet_ids
from svcfabric.fabric import instances

Values = dict[str, Any]


def check_rights(ctx: Context, info: Mapping[str, Any] | None, operation: str) -> None:
    """SNAT and the gateway's addresses are an administrator's to choose."""
    for name in ("enable_snat", "external_fixed_ips"):
        if info and name in info and not privileged(ctx):
            raise forbidden(f"{operation}_router:external_gateway_info:{name}")


def change(
    conn: sa.Connection, core: Core, changed: Changed, ctx: Context, router: Values, info: Mapping[str, Any] | None
) -> Values:
    """Set, change or clear (None, or without ``network_id``) a router's gateway; returns the router's new columns.

    ``router``: its row by column name; the caller has locked the instance and stores what is returned.
    """
    network_id = info.get("network_id") if info else None
    if not info or network_id is None:
        if info and router["gw_network_id"] is None and "enable_snat" in info:
            raise router_rules.refused("external_gateway_info: network_id is needed")
        return _clear(conn, core, changed, router) if router["gw_port_id"] else {}
    network = _external(conn, ctx, network_id)
    wanted = _fixed_ips(network, info.get("external_fixed_ips"))
    attached = _attached(conn, router)
    router_rules.refuse_overlap(network.subnets, [s for s in attached if s.network_id != network_id])
    values: Values = {"enable_snat": info.get("enable_snat", True), **_qos(conn, ctx, router, info)}
    if router["gw_network_id"] == network_id:
        _readdress(conn, changed, router, network, wanted)
        return values
    if router["gw_port_id"]:
        _refuse_floating(conn, router)
        _drop_port(conn, core, changed, router)
    values |= {"gw_port_id": _make_port(conn, core, changed, router, network, wanted), "gw_network_id": network_id}
    conn.execute(routers.update().where(routers.c.id == router["id"]).values(**values))
    router_place.follow_gateway(conn, core, changed, router["id"])
    return values


def _qos(conn: sa.Connection, ctx: Context, router: Values, info: Mapping[str, Any]) -> Values:
    """The policy of the gateway; {} when the request does not speak of it."""
    old, new = router.get("gw_qos_policy_id"), info.get("qos_policy_id")
    if "qos_policy_id" not in info or old == new:
        return {}
    attach.change(conn, ctx, f"router {router['id']}", old, new)
    return {"gw_qos_policy_id": new}


def _external(conn: sa.Connection, ctx: Context, network_id: str) -> Network:
    network = held(conn, ctx, load_networks(conn, [network_id])).get(network_id)
    if network is None or not may_see(conn, ctx, network):
        raise errors.NotFound.of("Network", network_id)
    if not network.external:
        raise router_rules.refused(f"Network {network_id} is not an external network")
    return network


def _fixed_ips(network: Network, given: Sequence[Mapping[str, str]] | None) -> Sequence[Mapping[str, str]] | None:
    gateways = {subnet.gateway_ip for subnet in network.subnets}
    for one in given or ():
        if one.get("ip_address") in gateways:
            raise router_rules.refused(f"External IP {one['ip_address']} is the same as the gateway IP")
    return given or None


def _attached(conn: sa.Connection, router: Values) -> list[Subnet]:
    """The subnets of a router's interfaces."""
    stmt = sa.select(ports.c.fixed_ips).where(ports.c.router_id == router["id"])
    if router["gw_port_id"]:
        stmt = stmt.where(ports.c.id != router["gw_port_id"])
    rows = [{"fixed_ips": row.fixed_ips} for row in conn.execute(stmt).all()]
    return list(load_subnets(conn, subnet_ids(rows)).values())


def _make_port(
    conn: sa.Connection,
    core: Core,
    changed: Changed,
    router: Values,
    network: Network,
    wanted: Sequence[Mapping[str, str]] | None,
) -> str:
    # The port belongs to no project: its address is the cloud's.
    wish = {
        "network_id": network.id,
        "device_id": router["id"],
        "device_owner": ROUTER_GATEWAY,
        "router_id": router["id"],
        "leg": True,
        "host": router_place.host_of(conn, router["id"]),
        "fixed_ips": wanted,
    }
    (port,) = port_store.create(conn, core, changed, {network.id: network}, [wish])
    return str(port["id"])


def _readdress(
    conn: sa.Connection,
    changed: Changed,
    router: Values,
    network: Network,
    wanted: Sequence[Mapping[str, str]] | None,
) -> None:
    if wanted is None:
        return
    (port,) = port_store.load(conn, ports.c.id == router["gw_port_id"])
    fixed_ips = port_store.readdress(conn, network, port, wanted)
    if fixed_ips == port["fixed_ips"]:
        return
    conn.execute(ports.update().where(ports.c.id == port["id"]).values(fixed_ips=fixed_ips))
    if port["host"]:
        instances.touch_many(conn, [port["id"]])
        changed.add(port["id"])


def _clear(conn: sa.Connection, core: Core, changed: Changed, router: Values) -> Values:
    _refuse_floating(conn, router)
    _refuse_routes(conn, router)
    _drop_port(conn, core, changed, router)
    return {"gw_port_id": None, "gw_network_id": None, "enable_snat": True, "gw_qos_policy_id": None}


def _refuse_floating(conn: sa.Connection, router: Values) -> None:
    used = sa.select(floatingips.c.id).where(floatingips.c.router_id == router["id"])
    if conn.execute(used.limit(1)).first():
        raise errors.InUse(
            f"Gateway cannot be updated for router {router['id']}, since a gateway to external network "
            f"{router['gw_network_id']} is required by one or more floating IPs.",
            neutron_type="RouterExternalGatewayInUseByFloatingIp",
        )


def _refuse_routes(conn: sa.Connection, router: Values) -> None:
    if not router["routes"]:
        return
    subnets = _attached(conn, router)
    router_rules.check_routes(router["routes"], [subnet.cidr for subnet in subnets], ())


def _drop_port(conn: sa.Connection, core: Core, changed: Changed, router: Values) -> None:
    for port in port_store.load(conn, ports.c.id == router["gw_port_id"]):
        wires = load_networks(conn, [port["network_id"]])
        port_store.delete(conn, core, changed, port, wires[port["network_id"]])
