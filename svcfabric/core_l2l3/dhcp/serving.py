"""Where DHCP is: on every host that has the network, save those it was taken off by hand.

Everything here runs under the lock on the network's instance, as binds do.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3.core import DHCP, Changed, Core
from svcfabric.core_l2l3.dhcp.models import dhcp_exclusions
from svcfabric.core_l2l3.models import networks, ports
from svcfabric.core_l2l3.topology import Network, Subnet, load_networks
from svcfabric.db.base import now
from svcfabric.fabric import instances

KIND = "dhcp"
# What the answers depend on of a subnet, beside ``enable_dhcp``.
TOLD = frozenset({"dns_nameservers", "host_routes", "gateway_ip"})


def device_id(network_id: str) -> str:
    """Of a network's DHCP port, by which it is found."""
    return f"dhcp-{network_id}"


def arrive(conn: sa.Connection, core: Core, changed: Changed, network_id: str, host: str) -> None:
    """The network has come to a host."""
    # Others change its subnets holding this row: what is read next is what they leave.
    conn.execute(sa.select(networks.c.id).where(networks.c.id == network_id).with_for_update(read=True))
    network = load_networks(conn, [network_id])[network_id]
    if not _wanting(network) or host in excluded(conn, network_id):
        return
    port = _port(conn, network_id)
    port_id = _make(conn, core, changed, network) if port is None else str(port.id)
    if port is not None:
        _readdress(conn, network, port)
    _place(conn, core, changed, network, port_id, [host])


def leave(conn: sa.Connection, changed: Changed, network_id: str, host: str, *, last: bool) -> None:
    """The network leaves a host; ``last``: it is nowhere then. The port stays, so that its addresses do."""
    port = _port(conn, network_id)
    if port is None:
        return
    changed.add(port.id)
    if last:
        instances.tombstone(conn, [port.id])
    else:
        instances.unplace(conn, port.id, host)


def settle(conn: sa.Connection, core: Core, changed: Changed, network_id: str, *, new: bool = False) -> None:
    """Subnets have come (``new``), gone, or want DHCP or no longer: the port and its addresses follow.

    A subnet without a free address is served as soon as it has one and the network or its subnets change again.
    """
    placed = instances.lock(conn, network_id)
    if new and not placed:
        return  # ``arrive`` will see to it
    port = _port(conn, network_id)
    network = load_networks(conn, [network_id])[network_id]
    if port is None:
        hosts = instances.hosts(conn, network_id) if placed and _wanting(network) else []
        if serving := sorted(set(hosts) - excluded(conn, network_id)):
            _place(conn, core, changed, network, _make(conn, core, changed, network), serving)
        return
    if _wanting(network):
        _readdress(conn, network, port)
        instances.touch_many(conn, [port.id])
    else:
        _remove(conn, core, changed, port)
    changed.add(port.id)


def end(conn: sa.Connection, core: Core, changed: Changed, network_id: str) -> None:
    """The network goes."""
    port = _port(conn, network_id)
    if port is not None:
        _remove(conn, core, changed, port)
        changed.add(port.id)


def touch(conn: sa.Connection, changed: Changed, network_id: str) -> None:
    """What DHCP says, or its wire, has changed."""
    port = _port(conn, network_id)
    if port is not None:
        instances.touch_many(conn, [port.id])
        changed.add(port.id)


def excluded(conn: sa.Connection, network_id: str) -> set[str]:
    """The hosts that do not serve a network."""
    return set(
        conn.execute(sa.select(dhcp_exclusions.c.host).where(dhcp_exclusions.c.network_id == network_id)).scalars()
    )


def exclude(conn: sa.Connection, changed: Changed, network_id: str, host: str) -> None:
    """Serve the network no longer on a host."""
    instances.lock(conn, network_id)
    conn.execute(dhcp_exclusions.insert().values(network_id=network_id, host=host))
    port = _port(conn, network_id)
    if port is None or host not in instances.hosts(conn, port.id):
        return
    instances.unplace(conn, port.id, host)
    changed.add(port.id)


def include(conn: sa.Connection, core: Core, changed: Changed, network_id: str, host: str) -> None:
    """Serve the network on a host again."""
    placed = instances.lock(conn, network_id)
    mine = sa.and_(dhcp_exclusions.c.network_id == network_id, dhcp_exclusions.c.host == host)
    conn.execute(dhcp_exclusions.delete().where(mine))
    if placed and host in instances.hosts(conn, network_id):
        arrive(conn, core, changed, network_id, host)


def _wanting(network: Network) -> list[Subnet]:
    return [subnet for subnet in network.subnets if subnet.enable_dhcp]


def _port(conn: sa.Connection, network_id: str) -> Any | None:
    """The row of a network's DHCP port."""
    mine = sa.and_(ports.c.device_id == device_id(network_id), ports.c.device_owner == DHCP, ports.c.leg.is_(True))
    return conn.execute(sa.select(ports).where(mine)).first()


def _make(conn: sa.Connection, core: Core, changed: Changed, network: Network) -> str:
    from svcfabric.core_l2l3 import port_store  # late: it binds ports, and binding needs this module

    wish = {
        "network_id": network.id,
        "project_id": network.project_id,
        "device_id": device_id(network.id),
        "device_owner": DHCP,
        "leg": True,
        "fixed_ips": [],
    }
    (row,) = port_store.create(conn, core, changed, {network.id: network}, [wish])
    _readdress(conn, network, row)
    return str(row["id"])


def _remove(conn: sa.Connection, core: Core, changed: Changed, port: Any) -> None:
    from svcfabric.core_l2l3 import port_store  # late, as above

    port_store.delete(conn, core, changed, dict(port._mapping), None)
    instances.tombstone(conn, [port.id])


def _readdress(conn: sa.Connection, network: Network, port: Any) -> None:
    """Give the port an address in each subnet that wants DHCP and has one left, and no others."""
    from svcfabric.core_l2l3 import port_store  # late, as above

    row = dict(port) if isinstance(port, dict) else dict(port._mapping)
    before = row["fixed_ips"]
    wanting = _wanting(network)
    keep = [ip for ip in before if ip["subnet_id"] in {subnet.id for subnet in wanting}]
    wishes = list(keep)
    for subnet in wanting:
        if subnet.id in {ip["subnet_id"] for ip in wishes}:
            continue
        try:
            row["fixed_ips"] = port_store.readdress(conn, network, row, [*wishes, {"subnet_id": subnet.id}])
        except errors.Conflict:
            continue  # it is full
        wishes = list(row["fixed_ips"])
    if len(keep) < len(before) and wishes == keep:
        row["fixed_ips"] = port_store.readdress(conn, network, row, keep)
    if row["fixed_ips"] != before:
        values = {"fixed_ips": row["fixed_ips"], "updated_at": now(), "revision_number": row["revision_number"] + 1}
        conn.execute(ports.update().where(ports.c.id == row["id"]).values(**values))


def _place(conn: sa.Connection, core: Core, changed: Changed, network: Network, port_id: str, hosts: list[str]) -> None:
    instances.ensure(conn, port_id, kind=KIND, project_id=network.project_id, driver=core.settings.driver)
    for host in hosts:
        instances.place(conn, port_id, host)
    changed.add(port_id)
