"""Where a router lives: its own placement, its ports' binding and its floating IPs go together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from svcfabric.core_l2l3 import port_store
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.models import floatingips, networks, ports, routers
from svcfabric.core_l2l3.topology import load_networks
from svcfabric.fabric import agents, instances, spread
from svcfabric.fabric.models import agents as agents_table
from svcfabric.fabric.models import instances as instances_table


@dataclasses.dataclass(frozen=True, slots=True)
class Needs:
    """What a router's host must have: its gateway's physical network ("" for a tunnelled one or none), and be in."""

    physical_network: str
    zones: Sequence[str]


def host_of(conn: sa.Connection, router_id: str) -> str:
    """The host a router is on, "" while it waits for one."""
    hosts = instances.hosts(conn, router_id)
    return hosts[0] if hosts else ""


def start(conn: sa.Connection, core: Core, router_id: str, zones: Sequence[str] = ()) -> None:
    """Give a router that has just been made, and is attached to nothing, a host if an agent can have it.

    ``zones``: it must be in one of these, if any are given.
    """
    host = _choose(conn, core, Needs("", zones))
    if host:
        instances.place(conn, router_id, host)


def settle(conn: sa.Connection, core: Core, changed: Changed, router_id: str, suggested: str = "") -> str:
    """Give a router that is nowhere a host, if an agent can have it; returns where it is, "" when it is gone.

    ``suggested``: a host that is known to offer routers, taken unless the gateway's wire does not reach it.
    """
    if not instances.lock(conn, router_id):
        return ""
    host = host_of(conn, router_id)
    if host:
        return host
    needs = _needs(conn, router_id)
    host = suggested if suggested and _suits(conn, suggested, needs) else _choose(conn, core, needs)
    if host:
        move(conn, core, changed, router_id, host)
    return host


def follow_gateway(conn: sa.Connection, core: Core, changed: Changed, router_id: str) -> str:
    """After a new gateway: stay, or go where its physical network is; returns the host."""
    host = host_of(conn, router_id)
    needs = _needs(conn, router_id)
    if host and _suits(conn, host, needs):
        return host
    better = _choose(conn, core, needs)
    if better and better != host:
        _move(conn, core, changed, router_id, host, better)
    return better or host


def reaches(conn: sa.Connection, host: str, router_id: str) -> bool:
    """Whether a host has the physical network of the router's gateway, if that is on one."""
    return _suits(conn, host, dataclasses.replace(_needs(conn, router_id), zones=()))


def move(conn: sa.Connection, core: Core, changed: Changed, router_id: str, host: str) -> None:
    """Bring a router, its ports and its floating IPs to a host, from wherever they are.

    The new host is told of everything at once, the old one to remove it; while that one cannot be reached, what
    it still has goes when it comes back. The caller has locked the router.
    """
    _want_host(conn, router_id, wanted=True)
    _move(conn, core, changed, router_id, host_of(conn, router_id), host)


def take_off(conn: sa.Connection, core: Core, changed: Changed, router_id: str) -> None:
    """Take a router off its host; it is nowhere until somebody moves or changes it. The caller has locked it."""
    host = host_of(conn, router_id)
    if host:
        _want_host(conn, router_id, wanted=False)
        _move(conn, core, changed, router_id, host, "")


def evacuate(conn: sa.Connection, core: Core, changed: Changed, router_id: str, host: str) -> bool:
    """Move a router off a host that is dead, to one that can have it.

    False when there is none, when the router is gone, or when it is one that stays.
    """
    if not instances.lock(conn, router_id) or host_of(conn, router_id) != host:
        return False
    if not conn.execute(sa.select(routers.c.ha).where(routers.c.id == router_id)).scalar():
        return False
    new = _choose(conn, core, _needs(conn, router_id), without=(host,))
    if new:
        _move(conn, core, changed, router_id, host, new)
    return bool(new)


def place_floatingip(
    conn: sa.Connection, core: Core, changed: Changed, ident: str, project_id: str, router_id: str
) -> None:
    """Put a floating IP where its router is (nowhere, while that waits for a host)."""
    made = instances.ensure(conn, ident, kind="floatingip", project_id=project_id, driver=core.settings.driver)
    if not made:
        instances.touch_many(conn, [ident])
    host = host_of(conn, router_id)
    for old in instances.hosts(conn, ident):
        if old != host:
            instances.unplace(conn, ident, old)
    if host:
        instances.place(conn, ident, host)
    changed.add(ident)


def _choose(conn: sa.Connection, core: Core, needs: Needs, without: Sequence[str] = ()) -> str:
    found = agents.choose(
        conn,
        "router",
        core.settings.driver,
        down_time=core.settings.down_time,
        physical_network=needs.physical_network,
        zones=needs.zones,
        without=without,
    )
    return found or ""


def _want_host(conn: sa.Connection, router_id: str, *, wanted: bool) -> None:
    """Whether the controllers look for a host while the router has none."""
    conn.execute(instances_table.update().where(instances_table.c.id == router_id).values(wants_host=wanted))


def _move(conn: sa.Connection, core: Core, changed: Changed, router_id: str, old: str, new: str) -> None:
    if old:
        instances.touch_many(conn, [router_id])
        instances.unplace(conn, router_id, old)
    if new:
        instances.place(conn, router_id, new)
    attached = port_store.load(conn, ports.c.router_id == router_id)
    if attached:
        _move_ports(conn, core, changed, attached, new)
    changed.add(router_id)  # after its legs: hosts are sent them first
    if attached:
        _move_floatingips(conn, core, changed, router_id, new)


def _move_ports(
    conn: sa.Connection, core: Core, changed: Changed, attached: Sequence[port_store.Values], host: str
) -> None:
    wires = load_networks(conn, {port["network_id"] for port in attached})
    for port in sorted(attached, key=lambda port: (port["network_id"], port["id"])):
        port_store.move(conn, core, changed, port, wires[port["network_id"]], host)


def _move_floatingips(conn: sa.Connection, core: Core, changed: Changed, router_id: str, host: str) -> None:
    """As ``place_floatingip``, for all of a router that goes to a host ("" for none)."""
    found = sa.select(floatingips.c.id, floatingips.c.project_id).where(floatingips.c.router_id == router_id)
    rows = [
        {"id": fip.id, "kind": "floatingip", "project_id": fip.project_id, "driver": core.settings.driver}
        for fip in conn.execute(found.order_by(floatingips.c.id))
    ]
    ids = [row["id"] for row in rows]
    instances.touch_many(conn, ids)
    instances.unplace_elsewhere(conn, ids, host)
    spread.put(conn, rows, [host] if host else [])
    changed.update(ids)


def _needs(conn: sa.Connection, router_id: str) -> Needs:
    stmt = (
        sa.select(networks.c.physical_network, routers.c.availability_zone_hints)
        .select_from(routers.outerjoin(networks, routers.c.gw_network_id == networks.c.id))
        .where(routers.c.id == router_id)
    )
    found = conn.execute(stmt).first()
    return Needs(found.physical_network or "", found.availability_zone_hints) if found else Needs("", ())


def _suits(conn: sa.Connection, host: str, needs: Needs) -> bool:
    if not needs.physical_network and not needs.zones:
        return True
    columns = (agents_table.c.physical_networks, agents_table.c.availability_zone)
    found = conn.execute(sa.select(*columns).where(agents_table.c.host == host)).first()
    if found is None or (needs.zones and found.availability_zone not in needs.zones):
        return False
    return not needs.physical_network or needs.physical_network in found.physical_networks
