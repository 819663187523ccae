"""Attaching a router to subnets, and taking it off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import pools, port_store, router_place, router_rules
from svcfabric.core_l2l3.core import ROUTER_INTERFACE, Changed, Core
from svcfabric.core_l2l3.models import floatingips, networks, ports
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.readers import PORTS, SUBNETS
from svcfabric.core_l2l3.routers import locked, store
from svcfabric.core_l2l3.topology import Network, Subnet, load_networks, load_subnets, subnet_ids
from svcfabric.db.base import now
from svcfabric.fabric import instances

Values = dict[str, Any]


class RouterInterfaces:
    """``add_router_interface`` and ``remove_router_interface``."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def add(self, ctx: Context, router_id: str, body: Any) -> Row:
        """Attach a router to a subnet (at its gateway address) or by a port. ``body``: subnet_id or port_id."""
        named = _named(body)
        if len(named) > 1:
            raise router_rules.refused("Cannot specify both subnet-id and port-id")

        return self._core.write(lambda conn, changed: self.add_in(conn, changed, ctx, router_id, named))

    def add_in(
        self, conn: sa.Connection, changed: Changed, ctx: Context, router_id: str, named: Mapping[str, str]
    ) -> Row:
        """Attach it in the caller's transaction; ``named``: subnet_id or port_id."""
        router = locked(conn, ctx, router_id)
        host = router_place.settle(conn, self._core, changed, router_id)
        attached = _attached(conn, router)
        if "port_id" in named:
            port, subnets = self._by_port(conn, changed, ctx, router, attached, named["port_id"], host)
        else:
            port, subnets = self._by_subnet(conn, changed, ctx, router, attached, named["subnet_id"], host)
        store(conn, changed, router, {}, realised=True)
        return router_rules.interface_answer(router_id, port, subnets)

    def _by_subnet(
        self,
        conn: sa.Connection,
        changed: Changed,
        ctx: Context,
        router: Values,
        attached: Sequence[Values],
        subnet_id: str,
        host: str,
    ) -> tuple[Values, list[str]]:
        row = SUBNETS.get(conn, ctx, subnet_id)
        if not row["gateway_ip"]:
            raise router_rules.refused("Subnet for router interface must have a gateway IP")
        # A network shared with just this project may be routed by it; one shared with everybody may not.
        if not ctx.sees(row["project_id"]):
            access.hold(conn, networks, [row["network_id"]])
        if not ctx.sees(row["project_id"]) and not access.granted(conn, ctx, [row["network_id"]]):
            raise router_rules.refused(
                f"Cannot add interface to router because subnet {subnet_id} is not owned by project making the request"
            )
        network = load_networks(conn, [row["network_id"]])[row["network_id"]]
        subnet = _of(network, subnet_id)
        router_rules.refuse_advertised([subnet])
        router_rules.refuse_overlap([subnet], _prefixes(conn, router, attached))
        fixed = {"subnet_id": subnet_id, "ip_address": row["gateway_ip"]}
        if subnet.ip_version == 6:
            for port in attached:
                if port["network_id"] == network.id and port["id"] != router["gw_port_id"] and _has_v6(port):
                    _readdress(conn, changed, network, port, [*port["fixed_ips"], fixed])
                    return port, [subnet_id]
        wish = {
            "project_id": router["project_id"],
            "network_id": network.id,
            "device_id": router["id"],
            "device_owner": ROUTER_INTERFACE,
            "router_id": router["id"],
            "leg": True,
            "host": host,
            "fixed_ips": [fixed],
        }
        self._core.check_quota(conn, "port", [wish])
        (port,) = port_store.create(conn, self._core, changed, {network.id: network}, [wish])
        return port, [subnet_id]

    def _by_port(
        self,
        conn: sa.Connection,
        changed: Changed,
        ctx: Context,
        router: Values,
        attached: Sequence[Values],
        port_id: str,
        host: str,
    ) -> tuple[Values, list[str]]:
        if not ctx.sees(PORTS.lock(conn, ctx, port_id)["project_id"]):  # another's port on a network of the caller's
            raise PORTS.not_found(port_id)
        (port,) = port_store.load(conn, ports.c.id == port_id)
        if port["device_id"]:
            raise errors.InUse(
                f"Unable to complete operation on port {port_id} for network {port['network_id']}. Port already has "
                f"an attached device {port['device_id']}.",
                neutron_type="PortInUse",
            )
        if not port["fixed_ips"]:
            raise router_rules.refused("Router port must have at least one fixed IP")
        network = load_networks(conn, [port["network_id"]])[port["network_id"]]
        subnets = [_of(network, ip["subnet_id"]) for ip in port["fixed_ips"]]
        _check_port(ctx, network, port, subnets)
        router_rules.refuse_advertised(subnets)
        router_rules.refuse_overlap(subnets, _prefixes(conn, router, attached))
        values = {
            "device_id": router["id"],
            "device_owner": ROUTER_INTERFACE,
            "router_id": router["id"],
            "leg": True,
            "revision_number": port["revision_number"] + 1,
            "updated_at": now(),
        }
        conn.execute(ports.update().where(ports.c.id == port_id).values(**values))
        if port["host"] == host and host:
            instances.touch_many(conn, [port_id])
            changed.add(port_id)
        port_store.move(conn, self._core, changed, port, network, host)
        return port, [subnet.id for subnet in subnets]

    def remove(self, ctx: Context, router_id: str, body: Any) -> Row:
        """Take a router off a subnet, or a port off it. ``body``: subnet_id, port_id, or both when they agree."""
        named = _named(body)

        return self._core.write(lambda conn, changed: self.remove_in(conn, changed, ctx, router_id, named))

    def remove_in(
        self, conn: sa.Connection, changed: Changed, ctx: Context, router_id: str, named: Mapping[str, str]
    ) -> Row:
        """Take it off in the caller's transaction; ``named``: subnet_id, port_id or both."""
        router = locked(conn, ctx, router_id)
        attached = [port for port in _attached(conn, router) if port["id"] != router["gw_port_id"]]
        port, gone = _found(conn, ctx, router, attached, named)
        wires = load_networks(conn, [port["network_id"]])
        network = wires[port["network_id"]]
        for subnet_id in gone:
            _refuse_used(conn, router, _of(network, subnet_id))
        left = [ip for ip in port["fixed_ips"] if ip["subnet_id"] not in gone]
        if left:
            _readdress(conn, changed, network, port, left)
        else:
            port_store.delete(conn, self._core, changed, port, network)
        store(conn, changed, router, {}, realised=True)
        return router_rules.interface_answer(router_id, port, gone)


def _named(body: Any) -> dict[str, str]:
    if not isinstance(body, dict) or not body.keys() & {"subnet_id", "port_id"}:
        raise router_rules.refused("Either subnet_id or port_id must be specified")
    unknown = sorted(body.keys() - {"subnet_id", "port_id"})
    if unknown:
        raise router_rules.refused(f"Unrecognized attribute(s) '{', '.join(map(checks.shown, unknown))}'")
    named = {}
    for name, value in body.items():
        try:
            named[name] = checks.uuid().convert(value)
        except ValueError as reason:
            raise router_rules.refused(f"{name}: {reason}") from None
    return named


def _attached(conn: sa.Connection, router: Values) -> list[Values]:
    return port_store.load(conn, ports.c.router_id == router["id"])


def _prefixes(conn: sa.Connection, router: Values, attached: Sequence[Values]) -> list[Subnet]:
    """Every subnet the router is on, all of its external network's among them."""
    found = load_subnets(conn, subnet_ids([port for port in attached if port["id"] != router["gw_port_id"]]))
    if router["gw_network_id"]:
        for network in load_networks(conn, [router["gw_network_id"]]).values():
            found |= {subnet.id: subnet for subnet in network.subnets}
    return list(found.values())


def _of(network: Network, subnet_id: str) -> Subnet:
    subnet = network.subnet(subnet_id)
    if subnet is None:
        raise errors.NotFound.of("Subnet", subnet_id)
    return subnet


def _has_v6(port: Values) -> bool:
    return any(":" in ip["ip_address"] for ip in port["fixed_ips"])


def _check_port(ctx: Context, network: Network, port: Values, subnets: Sequence[Subnet]) -> None:
    if len([subnet for subnet in subnets if subnet.ip_version == 4]) > 1:
        raise router_rules.refused("Cannot have multiple IPv4 subnets on router port")
    if ctx.sees(network.project_id):
        return
    for ip, subnet in zip(port["fixed_ips"], subnets, strict=True):
        at = pools.number(ip["ip_address"])
        if not any(first <= at <= last for first, last in pools.from_json(subnet.pools)):
            raise router_rules.refused(
                f"Cannot add interface to router because specified port {port['id']} has an IP address out of the "
                f"allocation pool of subnet {subnet.id}, which is not owned by the project making the request"
            )


def _readdress(
    conn: sa.Connection, changed: Changed, network: Network, port: Values, fixed_ips: Sequence[Mapping[str, str]]
) -> None:
    port["fixed_ips"] = port_store.readdress(conn, network, port, fixed_ips)
    stored = {
        "fixed_ips": port["fixed_ips"],
        "revision_number": port["revision_number"] + 1,
        "updated_at": now(),
    }
    conn.execute(ports.update().where(ports.c.id == port["id"]).values(**stored))
    if port["host"]:
        instances.touch_many(conn, [port["id"]])
        changed.add(port["id"])


def _found(
    conn: sa.Connection, ctx: Context, router: Values, attached: Sequence[Values], named: Mapping[str, str]
) -> tuple[Values, list[str]]:
    """The interface a client means, and the subnets it is to leave."""
    subnet_id = named.get("subnet_id")
    if "port_id" in named:
        port = next((one for one in attached if one["id"] == named["port_id"]), None)
        if port is None:
            raise errors.NotFound(
                f"Router {router['id']} does not have an interface with id {named['port_id']}",
                neutron_type="RouterInterfaceNotFound",
            )
        held = [ip["subnet_id"] for ip in port["fixed_ips"]]
        if subnet_id and subnet_id not in held:
            raise errors.BadRequest(
                f"Subnet on port {port['id']} does not match the requested subnet {subnet_id}.",
                neutron_type="SubnetMismatchForPort",
            )
        return port, held
    for port in attached:
        if any(ip["subnet_id"] == subnet_id for ip in port["fixed_ips"]):
            return port, [str(subnet_id)]
    SUBNETS.get(conn, ctx, str(subnet_id))
    raise errors.NotFound(
        f"Router {router['id']} has no interface on subnet {subnet_id}", neutron_type="RouterInterfaceNotFoundForSubnet"
    )


def _refuse_used(conn: sa.Connection, router: Values, subnet: Subnet) -> None:
    """A subnet that floating IPs or routes go through stays attached."""
    columns = (floatingips.c.fixed_ip_address, floatingips.c.port_forwardings)
    rows = conn.execute(sa.select(*columns).where(floatingips.c.router_id == router["id"])).all()
    led = [row.fixed_ip_address for row in rows if row.fixed_ip_address]
    led += [one["internal_ip_address"] for row in rows for one in row.port_forwardings or ()]
    if any(pools.contains(subnet.cidr, address) for address in led):
        raise errors.InUse(
            f"Router interface for subnet {subnet.id} on router {router['id']} cannot be deleted, as it is required "
            "by one or more floating IPs.",
            neutron_type="RouterInterfaceInUseByFloatingIP",
        )
    if router_rules.routes_through(router["routes"], subnet.cidr):
        raise errors.InUse(
            f"Router interface for subnet {subnet.id} on router {router['id']} cannot be deleted, as it is required "
            "by one or more routes.",
            neutron_type="RouterInterfaceInUseByRoute",
        )
