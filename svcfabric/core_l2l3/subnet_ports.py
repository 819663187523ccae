"""What a change of a subnet does to the ports that have, or get, addresses of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import Row
from svcfabric.core_l2l3 import pools, port_store
from svcfabric.core_l2l3.core import ROUTER_INTERFACE, Changed
from svcfabric.core_l2l3.models import ip_allocations, ports
from svcfabric.db.base import now


def holders(conn: sa.Connection, subnet_id: str) -> Sequence[Any]:
    """Ports that have an address of a subnet."""
    stmt = (
        sa.select(*port_store.TOLD, ports.c.device_owner, ports.c.leg, ports.c.fixed_ips)
        .where(ports.c.id.in_(sa.select(ip_allocations.c.port_id).where(ip_allocations.c.subnet_id == subnet_id)))
        .order_by(ports.c.id)
    )
    return conn.execute(stmt).all()


def touch(conn: sa.Connection, changed: Changed, subnet_id: str) -> None:
    """The wires of ports on a subnet have changed."""
    port_store.tell(conn, changed, holders(conn, subnet_id))


def refuse_routed(conn: sa.Connection, row: Row) -> None:
    """Raise ``errors.InUse`` when the gateway address is a router interface's: it cannot be taken from it."""
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


def give_addresses(conn: sa.Connection, changed: Changed, subnet: Mapping[str, Any]) -> None:
    """Ports already on the network make themselves addresses of a new automatic subnet (by column name)."""
    columns = (*port_store.TOLD, ports.c.mac_address, ports.c.fixed_ips)
    mine = [ports.c.network_id == subnet["network_id"], ports.c.device_owner != ROUTER_INTERFACE]
    if subnet["service_types"]:
        mine.append(ports.c.device_owner.in_(subnet["service_types"]))
    found = conn.execute(sa.select(*columns).where(*mine).order_by(ports.c.id).with_for_update()).all()
    rows, after = [], {}
    for port in found:
        address = pools.eui64(subnet["cidr"], port.mac_address)
        rows.append({"subnet_id": subnet["id"], "address": address, "port_id": port.id})
        after[port.id] = [*port.fixed_ips, {"subnet_id": subnet["id"], "ip_address": address}]
    if rows:
        conn.execute(ip_allocations.insert(), rows)
    _readdress(conn, after)
    port_store.tell(conn, changed, found)


def take_addresses(conn: sa.Connection, changed: Changed, subnet_id: str, held: Sequence[Any]) -> None:
    """Take the addresses of a subnet that is to be deleted from ports (rows of ``holders``)."""
    if not held:
        return
    _readdress(conn, {port.id: [ip for ip in port.fixed_ips if ip["subnet_id"] != subnet_id] for port in held})
    conn.execute(ip_allocations.delete().where(ip_allocations.c.subnet_id == subnet_id))
    port_store.tell(conn, changed, held)


def _readdress(conn: sa.Connection, after: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Store the addresses of ports, by id."""
    stmt = (
        ports.update()
        .where(ports.c.id == sa.bindparam("ident"))
        .values(fixed_ips=sa.bindparam("now_has"), updated_at=now(), revision_number=ports.c.revision_number + 1)
    )
    if after:
        conn.execute(stmt, [{"ident": ident, "now_has": list(fixed_ips)} for ident, fixed_ips in after.items()])
