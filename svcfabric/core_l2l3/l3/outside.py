"""A new subnet of an external network: gateways there that have no address of its family get one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3 import ipam, pools, port_store
from svcfabric.core_l2l3.core import ROUTER_GATEWAY, ROUTER_INTERFACE, Changed
from svcfabric.core_l2l3.models import ip_allocations, ports, subnets
from svcfabric.core_l2l3.topology import Network, load_networks, subnet_ids
from svcfabric.db.base import now

Values = dict[str, Any]


def subnet_added(conn: sa.Connection, changed: Changed, network_id: str, subnet_id: str) -> None:
    """Give the gateways of an external network an address of a new subnet that hands its addresses out.

    A gateway keeps what it has: one that has an address of the family already, one whose router is inside on a
    prefix that overlaps, and one for which no address is left, gets none. Nor does any of a subnet that is for other
    ports.
    """
    try:
        network = ipam.serving(load_networks(conn, [network_id])[network_id], ROUTER_GATEWAY)
    except errors.Conflict:
        return
    subnet = network.subnet(subnet_id)
    if not network.external or subnet is None or subnet.auto:
        return
    mine = sa.and_(ports.c.network_id == network_id, ports.c.device_owner == ROUTER_GATEWAY)
    for port in port_store.load(conn, sa.and_(mine, ports.c.router_id.is_not(None))):
        if _wants(network, port, subnet.ip_version) and not _overlaps(conn, port["router_id"], subnet.cidr):
            _add(conn, changed, network, port, subnet_id)


def _wants(network: Network, port: Values, version: int) -> bool:
    known = {subnet.id: subnet for subnet in network.subnets}
    held = [known[ident] for ident in subnet_ids([port]) if ident in known and not known[ident].auto]
    return len(held) < 2 and all(subnet.ip_version != version for subnet in held)


def _overlaps(conn: sa.Connection, router_id: str, cidr: str) -> bool:
    stmt = (
        sa.select(subnets.c.cidr)
        .join(ip_allocations, ip_allocations.c.subnet_id == subnets.c.id)
        .join(ports, ports.c.id == ip_allocations.c.port_id)
        .where(ports.c.router_id == router_id, ports.c.device_owner == ROUTER_INTERFACE)
    )
    return any(pools.overlapping(cidr, other) for other in conn.execute(stmt).scalars())


def _add(conn: sa.Connection, changed: Changed, network: Network, port: Values, subnet_id: str) -> None:
    try:
        fixed_ips = port_store.readdress(conn, network, port, [*port["fixed_ips"], {"subnet_id": subnet_id}])
    except errors.Conflict:
        return  # exhausted; the subnet is made all the same
    stamp = {"updated_at": now(), "revision_number": port["revision_number"] + 1}
    conn.execute(ports.update().where(ports.c.id == port["id"]).values(fixed_ips=fixed_ips, **stamp))
    port_store.tell(conn, changed, conn.execute(sa.select(*port_store.TOLD).where(ports.c.id == port["id"])).all())
