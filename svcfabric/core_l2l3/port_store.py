"""Ports as rows: made, given addresses, moved, deleted. Knows nothing of who asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3 import ipam, pools
from svcfabric.core_l2l3.addressing import released
from svcfabric.core_l2l3.binding import Binding, bind
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.ipam import FixedIp
from svcfabric.core_l2l3.l3 import forward_store
from svcfabric.core_l2l3.l3.models import port_forwardings
from svcfabric.core_l2l3.macs import random_mac
from svcfabric.core_l2l3.models import floatingips, ip_allocations, ports
from svcfabric.core_l2l3.qos import attach
from svcfabric.core_l2l3.security import membership, on_ports
from svcfabric.core_l2l3.security.placing import member_id
from svcfabric.core_l2l3.topology import Network
from svcfabric.db.base import new_id, now
from svcfabric.fabric import instances

Values = dict[str, Any]
TOLD = (ports.c.id, ports.c.host, ports.c.router_id, ports.c.service_instance_id, ports.c.security_groups)
_DEFAULTS: Values = {
    "project_id": "",
    "name": "",
    "description": "",
    "admin_state_up": True,
    "revision_number": 0,
    "device_id": "",
    "device_owner": "",
    "router_id": None,
    "service_instance_id": None,
    "host": "",
    "leg": False,
    "vnic_type": "normal",
    "port_security_enabled": False,
    "qos_policy_id": None,
    "dns_name": "",
    "dns_domain": "",
}


def create(
    conn: sa.Connection,
    core: Core,
    changed: Changed,
    networks: Mapping[str, Network],
    wishes: Sequence[Values],
    *,
    careful: bool = True,
) -> list[Values]:
    """Make ports; returns their rows by column name.

    ``careful``: False on the first try of a transaction, which may have to be run again (``membership.come``).

    A wish names columns (``network_id`` at least) and, as clients do, ``fixed_ips`` (None or left out: the
    network's usual) and perhaps ``mac_address``. Those with a ``host`` are bound.
    Raises ``errors.Conflict`` when an address or MAC is taken or none is left.
    """
    stamp = now()
    rows = [
        {
            **_DEFAULTS,
            "id": new_id(),
            "created_at": stamp,
            "updated_at": stamp,
            "tags": [],
            "profile": {},
            "extra_dhcp_opts": [],
            "security_groups": [],
            "allowed_address_pairs": [],
            **wish,
            "mac_address": wish.get("mac_address") or random_mac(core.settings.base_mac),
        }
        for wish in wishes
    ]
    for row in rows:
        row["allowed_address_pairs"] = on_ports.with_mac(row["allowed_address_pairs"], row["mac_address"])
    for row in rows:
        owner = networks[row["network_id"]].project_id
        row["network_project_id"] = "" if owner == row["project_id"] else owner
    for network_id in dict.fromkeys(row["network_id"] for row in rows):
        mine = [row for row in rows if row["network_id"] == network_id]
        given = [wish["mac_address"] for wish in wishes if wish["network_id"] == network_id and wish.get("mac_address")]
        refuse_used_macs(conn, network_id, given)
        _give_addresses(conn, networks[network_id], mine)
    conn.execute(ports.insert(), rows)
    _store_addresses(conn, [(row["id"], fixed) for row in rows for fixed in row["fixed_ips"]])
    membership.join(conn, rows, careful=careful)
    brought = False  # a group to a host, by a port of these: with it came all that are in it, of these too
    for row in rows:
        if row["host"]:
            network, driver = networks[row["network_id"]], core.settings.driver
            found = membership.come(conn, changed, driver, row, careful=careful) if row["security_groups"] else set()
            told = found or set()
            if found is None:
                brought = True
            elif brought and told:
                membership.tell(conn, changed, driver, row, told)
                told = set()
            _bind(conn, core, changed, row, network, old="", new=row["host"], fresh=True, told=told)
    return rows


def load(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Values]:
    """Ports' rows by column name, by id."""
    return [dict(row._mapping) for row in conn.execute(sa.select(ports).where(condition).order_by(ports.c.id))]


def move(
    conn: sa.Connection,
    core: Core,
    changed: Changed,
    port: Values,
    network: Network,
    host: str,
    columns: Mapping[str, Any] | None = None,
) -> None:
    """Bind a port (a row by column name) to another host, storing ``columns`` with it; "" unbinds it."""
    if port["host"] == host:
        return
    conn.execute(ports.update().where(ports.c.id == port["id"]).values(host=host, **(columns or {})))
    if port["security_groups"]:
        membership.move(conn, changed, core.settings.driver, port, port["host"], host)
    _bind(conn, core, changed, port, network, old=port["host"], new=host)


def readdress(
    conn: sa.Connection, network: Network, port: Values, fixed_ips: Sequence[Mapping[str, str]]
) -> list[FixedIp]:
    """The addresses a port has after a change to ``fixed_ips``; allocations are stored, the port's row is not.

    An address already held is kept when it is named, or when any of its subnet will do.
    """
    held: list[FixedIp] = list(port["fixed_ips"])
    wants = ipam.wanted(network, fixed_ips, mac=port["mac_address"], device_owner=port["device_owner"])
    kept: dict[int, FixedIp] = {}
    for exact in (True, False):
        for place, want in enumerate(wants):
            if place in kept or (want.address is not None) != exact:
                continue
            subnets = {subnet.id for subnet in want.subnets}
            for one in held:
                if one["subnet_id"] in subnets and want.address in (None, one["ip_address"]):
                    kept[place] = one
                    held.remove(one)
                    break
    missing = [want for place, want in enumerate(wants) if place not in kept]
    found = iter(ipam.choose(conn, network.id, [missing], [port["project_id"]])[0])
    result = [kept[place] if place in kept else next(found) for place in range(len(wants))]
    if held and any(subnet.memory for subnet in network.subnets):
        released.release(conn, [port["id"]], {one["ip_address"] for one in held})
    _drop_addresses(conn, port["id"], held)
    _store_addresses(conn, [(port["id"], fixed) for place, fixed in enumerate(result) if place not in kept])
    return result


def following(
    network: Network, port: Values, wishes: Sequence[Mapping[str, str]] | None
) -> Sequence[Mapping[str, str]] | None:
    """What a port that gets a new MAC asks for (``wishes``, None: what it has): not what followed from the old one."""
    made = {pools.eui64(subnet.cidr, port["mac_address"]) for subnet in network.subnets if subnet.auto}
    if not any(one["ip_address"] in made for one in port["fixed_ips"]):
        return wishes
    return [one for one in (port["fixed_ips"] if wishes is None else wishes) if one.get("ip_address") not in made]


def delete(conn: sa.Connection, core: Core, changed: Changed, port: Values, network: Network | None) -> None:
    """Delete a port; floating IPs that point at it point nowhere afterwards. ``network``: needed when bound.

    ``port`` may know by ``ip_memory`` whether its network has a subnet that remembers addresses.
    """
    disassociate(conn, changed, port["id"])
    if port.get("ip_memory", True):
        released.release(conn, [port["id"]])
    if port["host"] and network is not None:
        if port["security_groups"]:
            membership.leave(conn, changed, port)
        _bind(conn, core, changed, port, network, old=port["host"], new="")
    conn.execute(ports.delete().where(ports.c.id == port["id"]))


def tell(conn: sa.Connection, changed: Changed, rows: Iterable[Any], *, readdressed: bool = True) -> None:
    """The wires of these ports have changed: new generations for those that are bound, and for what they belong to.

    ``rows``: of ``TOLD`` at least. ``readdressed``: their addresses may have changed, too.
    """
    bound = [row for row in rows if row.host]
    owners = [owner for row in bound for owner in (row.router_id, row.service_instance_id) if owner]
    members = [row.id for row in bound if row.security_groups] if readdressed else []
    if members:
        membership.readdress(conn, changed, members)
    ids = list(dict.fromkeys([*(row.id for row in bound), *owners]))
    instances.touch_many(conn, ids)
    changed.update(ids)


def disassociate(conn: sa.Connection, changed: Changed, port_id: str) -> None:
    """Take every floating IP, and every forwarding of a floating IP's ports, off a port."""
    leading = sa.select(floatingips.c.id, sa.literal(0).label("forwarding")).where(floatingips.c.port_id == port_id)
    forwarding = sa.select(port_forwardings.c.id, sa.literal(1)).where(port_forwardings.c.internal_port_id == port_id)
    found = conn.execute(leading.union_all(forwarding)).all()
    if any(row.forwarding for row in found):
        forward_store.keep_only(conn, changed, port_id, ())
    ids = [row.id for row in found if not row.forwarding]
    if not ids:
        return
    conn.execute(
        floatingips.update()
        .where(floatingips.c.id.in_(ids))
        .values(
            port_id=None,
            fixed_ip_address=None,
            router_id=None,
            updated_at=now(),
            revision_number=floatingips.c.revision_number + 1,
        )
    )
    instances.tombstone(conn, ids)
    changed.update(ids)


def _bind(
    conn: sa.Connection,
    core: Core,
    changed: Changed,
    port: Values,
    network: Network,
    *,
    old: str,
    new: str,
    fresh: bool = False,
    told: Collection[str] = (),
) -> None:
    if new:
        attach.hold(conn, (port["qos_policy_id"], network.qos_policy_id))
    binding = Binding(
        port_id=port["id"],
        project_id=port["project_id"],
        network=network,
        old=old,
        new=new,
        fresh=fresh,
        member_id=member_id(port["id"]) if port["security_groups"] else "",
        member_hosts=frozenset(told),
    )
    bind(conn, core, changed, binding)


def _give_addresses(conn: sa.Connection, network: Network, rows: Sequence[Values]) -> None:
    wants = [
        ipam.wanted(network, row.get("fixed_ips"), mac=row["mac_address"], device_owner=row["device_owner"])
        for row in rows
    ]
    projects = [row["project_id"] for row in rows]
    for row, found in zip(rows, ipam.choose(conn, network.id, wants, projects), strict=True):
        row["fixed_ips"] = found


def refuse_used_macs(conn: sa.Connection, network_id: str, macs: Sequence[str]) -> None:
    """Raise ``errors.InUse`` when a port of the network has one of the MACs, or two of them are the same."""
    if not macs:
        return
    used = sa.select(ports.c.mac_address).where(ports.c.network_id == network_id, ports.c.mac_address.in_(macs))
    mac = next((mac for mac in macs if macs.count(mac) > 1), None) or conn.execute(used.limit(1)).scalar()
    if mac:
        raise errors.InUse(
            f"Unable to complete operation for network {network_id}. The mac address {mac} is in use.",
            neutron_type="MacAddressInUse",
        )


def _store_addresses(conn: sa.Connection, held: Sequence[tuple[str, FixedIp]]) -> None:
    rows = [{"subnet_id": ip["subnet_id"], "address": ip["ip_address"], "port_id": port_id} for port_id, ip in held]
    if rows:
        conn.execute(ip_allocations.insert(), sorted(rows, key=lambda row: (row["subnet_id"], row["address"])))


def _drop_addresses(conn: sa.Connection, port_id: str, gone: Sequence[FixedIp]) -> None:
    if gone:
        pairs = [(ip["subnet_id"], ip["ip_address"]) for ip in gone]
        key = sa.tuple_(ip_allocations.c.subnet_id, ip_allocations.c.address)
        conn.execute(ip_allocations.delete().where(key.in_(pairs), ip_allocations.c.port_id == port_id))
