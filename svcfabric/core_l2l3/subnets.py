"""The use cases of subnets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import pools, port_store, subnet_rules
from svcfabric.core_l2l3.core import DHCP, ROUTER_INTERFACE, Changed, Core, check_revision, forbidden
from svcfabric.core_l2l3.dhcp import serving as dhcp
from svcfabric.core_l2l3.models import ip_allocations, networks, ports, subnets
from svcfabric.core_l2l3.readers import NETWORKS, SUBNETS
from svcfabric.core_l2l3.topology import AUTO, SUBNET_COLUMNS, subnet_of
from svcfabric.db.base import new_id, now


class Subnets:
    """``api.resource.Handler`` of subnets."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none. The network's row is locked: prefixes of one network cannot race."""
        wanted = [(body, subnet_rules.complete(body)) for body in bodies]

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            self._core.check_quota(conn, "subnet", bodies)
            made: dict[int, dict[str, Any]] = {}
            for network_id in sorted({body["network_id"] for body in bodies}):
                network = _network(conn, ctx, network_id)
                mine = [(i, *pair) for i, pair in enumerate(wanted) if pair[0]["network_id"] == network_id]
                made |= dict(zip((i for i, _, _ in mine), self._add(conn, changed, network, mine), strict=True))
            return [SUBNETS.row(made[i]) for i in range(len(bodies))]

        return self._core.write(work)

    def _add(
        self,
        conn: sa.Connection,
        changed: Changed,
        network: Row,
        wanted: Sequence[tuple[int, Row, dict[str, Any]]],
    ) -> list[dict[str, Any]]:
        others = [
            subnet_of(row)
            for row in conn.execute(sa.select(*SUBNET_COLUMNS).where(subnets.c.network_id == network["id"])).all()
        ]
        rows = []
        for _, body, columns in wanted:
            subnet_rules.refuse_overlap(columns["cidr"], others)
            _check_mtu(network, columns)
            row = _new(body, columns, network)
            others.append(subnet_of([row[column.name] for column in SUBNET_COLUMNS]))
            rows.append(row)
        conn.execute(subnets.insert(), rows)
        _list_subnets(conn, network, [*network["subnets"], *(row["id"] for row in rows)])
        for row in rows:
            if row["ipv6_address_mode"] in AUTO:
                _give_addresses(conn, changed, row)
        if any(row["enable_dhcp"] for row in rows):
            dhcp.settle(conn, self._core, changed, network["id"], new=True)
        return rows

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One subnet the caller may see."""
        with self._core.database.read() as conn:
            return SUBNETS.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Subnets the caller may see."""
        with self._core.database.read() as conn:
            return SUBNETS.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a subnet; those that route by its gateway learn of a new one."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = SUBNETS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            values = SUBNETS.changes(row, subnet_rules.changed(row, body))
            if not values:
                return row
            if "gateway_ip" in values:
                _refuse_routed(conn, row)
                _touch_ports(conn, changed, ident)
            values |= {"revision_number": row["revision_number"] + 1, "updated_at": now()}
            conn.execute(subnets.update().where(subnets.c.id == ident).values(**values))
            if "enable_dhcp" in values:
                dhcp.settle(conn, self._core, changed, row["network_id"])
            elif row["enable_dhcp"] and values.keys() & dhcp.TOLD:
                dhcp.touch(conn, changed, row["network_id"])
            return row | values

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a subnet, unless ports have addresses of it that were handed out."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            network = NETWORKS.lock(conn, _ALL, SUBNETS.get(conn, ctx, ident)["network_id"])
            row = SUBNETS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            held = _holders(conn, ident)
            others = [port for port in held if not (port.leg and port.device_owner == DHCP)]
            if any(port.device_owner == ROUTER_INTERFACE for port in others) or (
                others and row["ipv6_address_mode"] not in AUTO
            ):
                raise errors.InUse(
                    f"Unable to complete operation on subnet {ident}: One or more ports have an IP allocation from "
                    "this subnet.",
                    neutron_type="SubnetInUse",
                )
            _take_addresses(conn, changed, ident, held)
            conn.execute(subnets.delete().where(subnets.c.id == ident))
            if row["enable_dhcp"]:
                dhcp.settle(conn, self._core, changed, network["id"])
            _list_subnets(conn, network, [one for one in network["subnets"] if one != ident])

        self._core.write(work)


_ALL = Context(is_admin=True)


def _network(conn: sa.Connection, ctx: Context, network_id: str) -> Row:
    """The network of a new subnet, locked; only its owner adds to it."""
    row = NETWORKS.lock(conn, ctx, network_id)
    if not ctx.sees(row["project_id"]):
        raise forbidden("create_subnet")
    return row


def _check_mtu(network: Row, columns: Mapping[str, Any]) -> None:
    if columns["ip_version"] == 6 and network["mtu"] < 1280:
        raise errors.Conflict(
            f"Network {network['id']} has an MTU of {network['mtu']}: IPv6 needs at least 1280.",
            neutron_type="NetworkMTUSubnetConflict",
        )


def _new(body: Row, columns: Mapping[str, Any], network: Row) -> dict[str, Any]:
    stamp = now()
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body.get("name", ""),
        "description": body.get("description", ""),
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": body.get("tags") or [],
        "network_id": network["id"],
        "shared": network["shared_with_all"],
        "external": network["router:external"],
        "everyone": network["everyone"],
        **columns,
    }


def _list_subnets(conn: sa.Connection, network: Row, ids: Sequence[str]) -> None:
    conn.execute(
        networks.update()
        .where(networks.c.id == network["id"])
        .values(subnet_ids=list(ids), revision_number=network["revision_number"] + 1, updated_at=now())
    )


def _holders(conn: sa.Connection, subnet_id: str) -> Sequence[Any]:
    """Ports that have an address of a subnet."""
    stmt = (
        sa.select(*port_store.TOLD, ports.c.device_owner, ports.c.leg, ports.c.fixed_ips)
        .where(ports.c.id.in_(sa.select(ip_allocations.c.port_id).where(ip_allocations.c.subnet_id == subnet_id)))
        .order_by(ports.c.id)
    )
    return conn.execute(stmt).all()


def _touch_ports(conn: sa.Connection, changed: Changed, subnet_id: str) -> None:
    port_store.tell(conn, changed, _holders(conn, subnet_id))


def _refuse_routed(conn: sa.Connection, row: Row) -> None:
    """The gateway address of a router's interface cannot be taken from it."""
    if row["gateway_ip"] is None:
        return
    stmt = (
        sa.select(ports.c.id)
        .join(ip_allocations, ip_allocations.c.port_id == ports.c.id)
        .where(
            ip_allocations.c.subnet_id == row["id"],
            ip_allocations.c.address == row["gateway_ip"],
            ports.c.device_owner == ROUTER_INTERFACE,
        )
    )
    port_id = conn.execute(stmt).scalar()
    if port_id:
        raise errors.InUse(
            f"Current gateway ip {row['gateway_ip']} already in use by port {port_id}. Unable to update.",
            neutron_type="GatewayIpInUse",
        )


def _give_addresses(conn: sa.Connection, changed: Changed, subnet: Mapping[str, Any]) -> None:
    """Ports already on the network make themselves addresses of a new automatic subnet."""
    columns = (*port_store.TOLD, ports.c.mac_address, ports.c.fixed_ips)
    stmt = sa.select(*columns).where(
        ports.c.network_id == subnet["network_id"], ports.c.device_owner != ROUTER_INTERFACE
    )
    found = conn.execute(stmt.order_by(ports.c.id).with_for_update()).all()
    rows = []
    for port in found:
        address = pools.eui64(subnet["cidr"], port.mac_address)
        rows.append({"subnet_id": subnet["id"], "address": address, "port_id": port.id})
        _readdress(conn, port.id, [*port.fixed_ips, {"subnet_id": subnet["id"], "ip_address": address}])
    if rows:
        conn.execute(ip_allocations.insert(), rows)
    port_store.tell(conn, changed, found)


def _take_addresses(conn: sa.Connection, changed: Changed, subnet_id: str, held: Sequence[Any]) -> None:
    if not held:
        return
    for port in held:
        _readdress(conn, port.id, [ip for ip in port.fixed_ips if ip["subnet_id"] != subnet_id])
    conn.execute(ip_allocations.delete().where(ip_allocations.c.subnet_id == subnet_id))
    port_store.tell(conn, changed, held)


def _readdress(conn: sa.Connection, port_id: str, fixed_ips: Sequence[Mapping[str, str]]) -> None:
    conn.execute(
        ports.update()
        .where(ports.c.id == port_id)
        .values(fixed_ips=list(fixed_ips), updated_at=now(), revision_number=ports.c.revision_number + 1)
    )
