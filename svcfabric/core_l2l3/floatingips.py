"""The use cases of floating IPs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import port_store, router_place
from svcfabric.core_l2l3.addressing import released
from svcfabric.core_l2l3.core import FLOATING_IP, Changed, Core, check_revision
from svcfabric.core_l2l3.models import floatingips, ports, routers, subnets
from svcfabric.core_l2l3.qos import attach
from svcfabric.core_l2l3.rbac.networks import held, may_see
from svcfabric.core_l2l3.readers import FLOATINGIPS, PORTS, ROUTERS
from svcfabric.core_l2l3.topology import Network, load_networks, load_subnets
from svcfabric.db.base import new_id, now
from svcfabric.db.engine import Retry
from svcfabric.fabric import instances

Values = dict[str, Any]
_PLAIN = ("description", "tags")
_ADDRESS = {"subnet_id": "subnet_id", "ip_address": "floating_ip_address"}
# Whether the network has a subnet that must learn of an address given back.
_REMEMBERED = sa.exists().where(
    subnets.c.network_id == floatingips.c.floating_network_id, subnets.c.ip_memory.is_(True)
)
_NOWHERE: Values = {"port_id": None, "fixed_ip_address": None, "router_id": None}


class FloatingIPs:
    """``api.resource.Handler`` of floating IPs."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none, leading to a port or nowhere."""

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            self._core.check_quota(conn, "floatingip", bodies)
            return [self._create(conn, changed, ctx, body) for body in bodies]

        return self._core.write(work)

    def _create(self, conn: sa.Connection, changed: Changed, ctx: Context, body: Row) -> Row:
        network = _external(conn, ctx, body["floating_network_id"])
        ident, stamp = new_id(), now()
        port = self._address(conn, changed, network, ident, body)
        values = {
            "id": ident,
            "project_id": body["project_id"],
            "description": body.get("description", ""),
            "revision_number": 0,
            "created_at": stamp,
            "updated_at": stamp,
            "tags": body.get("tags") or [],
            "floating_network_id": network.id,
            "floating_ip_address": port["fixed_ips"][0]["ip_address"],
            "floating_port_id": port["id"],
            "qos_policy_id": body.get("qos_policy_id"),
            "dns_name": body.get("dns_name", ""),
            "dns_domain": body.get("dns_domain", ""),
            **_NOWHERE,
        }
        attach.use(conn, ctx, [values["qos_policy_id"]], "the floating IP")
        values |= _target(conn, ctx, values, body.get("port_id"), body.get("fixed_ip_address"), body.get("router_id"))
        conn.execute(floatingips.insert().values(**values))
        if values["router_id"]:
            router_place.place_floatingip(conn, self._core, changed, ident, values["project_id"], values["router_id"])
        return FLOATINGIPS.get(conn, ctx, ident)

    def _address(self, conn: sa.Connection, changed: Changed, network: Network, ident: str, body: Row) -> Values:
        """The port that holds the floating address; it belongs to no project and is never plugged."""
        fixed = {name: body[key] for name, key in _ADDRESS.items() if body.get(key)}
        wish = {
            "network_id": network.id,
            "device_id": ident,
            "device_owner": FLOATING_IP,
            "fixed_ips": [fixed] if fixed else None,
        }
        (port,) = port_store.create(conn, self._core, changed, {network.id: network}, [wish])
        return port

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One floating IP of the caller's."""
        with self._core.database.read() as conn:
            return FLOATINGIPS.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The caller's floating IPs."""
        with self._core.database.read() as conn:
            return FLOATINGIPS.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change where a floating IP leads, or what is said of it."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = FLOATINGIPS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            values = {name: body[name] for name in _PLAIN if name in body and body[name] != row[name]}
            if body.keys() & {"port_id", "fixed_ip_address", "router_id"} or not body:
                target = _retarget(conn, ctx, row, body)
                values |= {name: value for name, value in target.items() if row[name] != value}
            if body.get("qos_policy_id", row["qos_policy_id"]) != row["qos_policy_id"]:
                values["qos_policy_id"] = body["qos_policy_id"]
                attach.change(conn, ctx, f"floating IP {ident}", row["qos_policy_id"], body["qos_policy_id"])
            if not values:
                return row
            stamp = {"revision_number": row["revision_number"] + 1, "updated_at": now()}
            conn.execute(floatingips.update().where(floatingips.c.id == ident).values(**values, **stamp))
            if values.keys() & _NOWHERE.keys() or ("qos_policy_id" in values and row["router_id"]):
                self._moved(conn, changed, row, (row | values)["router_id"])
            return FLOATINGIPS.get(conn, ctx, ident)

        return self._core.write(work)

    def _moved(self, conn: sa.Connection, changed: Changed, row: Row, router_id: str | None) -> None:
        if router_id:
            router_place.place_floatingip(conn, self._core, changed, row["id"], row["project_id"], router_id)
        else:
            instances.tombstone(conn, [row["id"]])
            changed.add(row["id"])

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a floating IP; its address is free again."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = FLOATINGIPS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            if row["port_forwardings"]:
                raise _forwards(ident)
            held = sa.select(floatingips.c.floating_port_id, _REMEMBERED).where(floatingips.c.id == ident)
            port_id, remembered = conn.execute(held).one()
            if remembered:
                released.release(conn, [port_id])
            conn.execute(floatingips.delete().where(floatingips.c.id == ident))
            conn.execute(ports.delete().where(ports.c.id == port_id))
            if row["router_id"]:
                instances.tombstone(conn, [ident])
                changed.add(ident)

        self._core.write(work)


def _retarget(conn: sa.Connection, ctx: Context, row: Row, body: Row) -> Values:
    """Where it is to lead after a change; an empty body ends the association: once it could say nothing else."""
    port_id = body.get("port_id") if "port_id" in body or not body else row["port_id"]
    if not row["port_forwardings"]:
        return _target(conn, ctx, row, port_id, body.get("fixed_ip_address"), body.get("router_id"))
    if port_id:
        raise _forwards(row["id"])
    return {}


def _forwards(ident: str) -> errors.InUse:
    return errors.InUse(
        f"Floating IP {ident} in use by Port Forwarding resources.", neutron_type="FipInUseByPortForwarding"
    )


def _refused(reason: str) -> errors.BadRequest:
    return errors.BadRequest(f"Bad floatingip request: {reason}.", neutron_type="BadRequest")


def _external(conn: sa.Connection, ctx: Context, network_id: str) -> Network:
    """The network a floating address is of, with its IPv4 subnets only."""
    network = held(conn, ctx, load_networks(conn, [network_id])).get(network_id)
    if network is None or not may_see(conn, ctx, network):
        raise errors.NotFound.of("Network", network_id)
    if not network.external:
        raise _refused(f"Network {network_id} is not a valid external network")
    v4 = tuple(subnet for subnet in network.subnets if subnet.ip_version == 4)
    if not v4:
        raise _refused(f"Network {network_id} does not contain any IPv4 subnet")
    return dataclasses.replace(network, subnets=v4)


def _target(
    conn: sa.Connection,
    ctx: Context,
    fip: Mapping[str, Any],
    port_id: str | None,
    address: str | None,
    wanted: str | None,
) -> Values:
    """Where a floating IP is to lead: port, its address, and the router between. Raises when there is no way.

    ``wanted``: the router a client names, when the one between is not meant.
    """
    if port_id is None:
        for name, given in (("fixed_ip_address", address), ("router_id", wanted)):
            if given:
                raise _refused(f"{name} cannot be specified without a port_id")
        return dict(_NOWHERE)
    subnet_id, fixed = _fixed(ctx, fip, PORTS.get(conn, ctx, port_id), address)
    router_id = _through(conn, ctx, fip, port_id, subnet_id, wanted)
    # Router before port: then neither the way there nor the port can change any more.
    instances.lock(conn, router_id)
    if _fixed(ctx, fip, PORTS.lock(conn, ctx, port_id), address) != (subnet_id, fixed):
        raise Retry("the port's addresses have changed")
    if _through(conn, ctx, fip, port_id, subnet_id, wanted) != router_id:
        raise Retry("the router has changed")
    _refuse_second(conn, fip, port_id, fixed)
    return {"port_id": port_id, "fixed_ip_address": fixed, "router_id": router_id}


def _fixed(ctx: Context, fip: Mapping[str, Any], port: Row, address: str | None) -> tuple[str, str]:
    """Subnet and address of the port that a floating IP leads to."""
    if port["project_id"] != fip["project_id"] and not ctx.is_admin:
        raise _refused(
            f"Cannot process floating IP association with Port {port['id']}, since that port is owned by a different "
            "project"
        )
    if port["device_owner"].startswith("network:"):
        raise _refused(f"Port {port['id']} is unable to be assigned a floating IP")
    v4 = [ip for ip in port["fixed_ips"] if ":" not in ip["ip_address"]]
    if address:
        for ip in v4:
            if ip["ip_address"] == address:
                return ip["subnet_id"], address
        raise _refused(f"Port {port['id']} does not have fixed ip {address}")
    if not v4:
        raise _refused(f"Cannot add floating IP to port {port['id']} that has no fixed IPv4 addresses")
    if len(v4) > 1:
        raise _refused(
            f"Port {port['id']} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when "
            "assigning a floating IP"
        )
    return v4[0]["subnet_id"], v4[0]["ip_address"]


def _refuse_second(conn: sa.Connection, fip: Mapping[str, Any], port_id: str, fixed: str) -> None:
    taken = sa.select(floatingips.c.id).where(
        floatingips.c.port_id == port_id,
        floatingips.c.fixed_ip_address == fixed,
        floatingips.c.floating_network_id == fip["floating_network_id"],
        floatingips.c.id != fip["id"],
    )
    if conn.execute(taken).first():
        raise associated_already(fip, port_id, fixed)


def associated_already(fip: Mapping[str, Any], port_id: str, fixed: str) -> errors.InUse:
    """The error when a floating IP or an inside address has a partner already."""
    return errors.InUse(
        f"Cannot associate floating IP {fip['floating_ip_address']} ({fip['id']}) with port {port_id} using fixed "
        f"IP {fixed}, as that fixed IP already has a floating IP on external network {fip['floating_network_id']}.",
        neutron_type="FloatingIPPortAlreadyAssociated",
    )


def _through(
    conn: sa.Connection, ctx: Context, fip: Mapping[str, Any], port_id: str, subnet_id: str, wanted: str | None
) -> str:
    """The router that translates: the one a client names, if it leads outside, else the one between."""
    network_id = fip["floating_network_id"]
    if not wanted:
        return router_between(conn, port_id, subnet_id, network_id)
    gateway = ROUTERS.get(conn, ctx, wanted)["external_gateway_info"]
    if not gateway or gateway["network_id"] != network_id:
        raise errors.Conflict(f"Router {wanted} has no external gateway on network {network_id}")
    return wanted


def router_between(conn: sa.Connection, port_id: str, subnet_id: str, network_id: str) -> str:
    """The router between a subnet and an external network: the one at the subnet's gateway address, or any."""
    subnet = load_subnets(conn, [subnet_id])[subnet_id]
    stmt = (
        sa.select(ports.c.router_id, ports.c.fixed_ips)
        .join(routers, routers.c.id == ports.c.router_id)
        .where(
            ports.c.network_id == subnet.network_id,
            routers.c.gw_network_id == network_id,
            ports.c.id != routers.c.gw_port_id,
        )
        .order_by(ports.c.router_id)
    )
    found = [
        (ip["ip_address"] != subnet.gateway_ip, row.router_id)
        for row in conn.execute(stmt).all()
        for ip in row.fixed_ips
        if ip["subnet_id"] == subnet_id
    ]
    if not found:
        raise errors.NotFound(
            f"External network {network_id} is not reachable from subnet {subnet_id}.  Therefore, cannot associate "
            f"Port {port_id} with a Floating IP.",
            neutron_type="ExternalGatewayForFloatingIPNotFound",
        )
    return str(min(found)[1])
