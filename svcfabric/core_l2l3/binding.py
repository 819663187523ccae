"""Binding: which host has a port's wire, and which hosts must know of it.

A bound port is an instance placed as ``owner`` on its host. Its network is placed wherever it has bound
ports, and on a tunnelled network the port is ``remote`` on every other such host: a forwarding entry.
Ports and networks that are bound nowhere have no instance (at most a tombstone) and cost nothing.

Binds and unbinds of one network are serialized by the lock on its instance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.dhcp import serving as dhcp
from svcfabric.core_l2l3.models import ports
from svcfabric.core_l2l3.security.placing import MEMBER
from svcfabric.core_l2l3.topology import Network
from svcfabric.fabric import instances
from svcfabric.fabric.models import instances as instances_table
from svcfabric.fabric.models import placements

_FRESH = {"removing": False, "observed_generation": 0, "error_code": "", "error": "", "error_detail": ""}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A port that moves from host ``old`` to host ``new`` ("" for none). ``fresh``: it has just been made."""

    port_id: str
    project_id: str
    network: Network
    old: str
    new: str
    fresh: bool = False
    # The port as a member of security groups, which goes with it. A fresh port's is placed with it, on these hosts.
    member_id: str = ""
    member_hosts: frozenset[str] = frozenset()

    @property
    def instance_ids(self) -> list[str]:
        """What is sent when the port goes or comes, in that order."""
        return [self.member_id, self.port_id] if self.member_id else [self.port_id]


def bind(conn: sa.Connection, core: Core, changed: Changed, move: Binding) -> None:
    """Carry out a move; the caller stores the host with the port's row."""
    network, driver = move.network, core.settings.driver
    instances.ensure(conn, network.id, kind="network", project_id=network.project_id, driver=driver)
    hosts = set(instances.hosts(conn, network.id))
    if move.new and move.new not in hosts:
        _arrive(conn, changed, move, hosts)
        hosts.add(move.new)
        dhcp.arrive(conn, core, changed, network.id, move.new)
    if move.old and move.old != move.new and not _others(conn, move):
        hosts.discard(move.old)
        dhcp.leave(conn, changed, network.id, move.old, last=not hosts)
        _leave(conn, changed, move, hosts)
    if move.new:
        elsewhere = hosts - {move.new} if network.tunnelled else set()
        _place_port(conn, move, driver, {move.new: "owner", **dict.fromkeys(elsewhere, "remote")})
    else:
        instances.tombstone(conn, move.instance_ids)
    changed.update(move.instance_ids)


def _others(conn: sa.Connection, move: Binding) -> bool:
    """Whether the network has further bound ports on the old host."""
    stmt = sa.select(ports.c.id).where(
        ports.c.network_id == move.network.id, ports.c.host == move.old, ports.c.id != move.port_id
    )
    return conn.execute(stmt.limit(1)).first() is not None


def _bound_elsewhere(move: Binding, host: str) -> sa.Select[str]:
    """The network's other ports whose wire is on another host than ``host``."""
    return sa.select(ports.c.id).where(
        ports.c.network_id == move.network.id, ports.c.host.not_in(["", host]), ports.c.id != move.port_id
    )


def _arrive(conn: sa.Connection, changed: Changed, move: Binding, hosts: set[str]) -> None:
    """The first port of a network on a host: the network comes, and with it all its ports elsewhere."""
    network, host = move.network, move.new
    if hosts and network.tunnelled:
        instances.touch_many(conn, [network.id])  # every host floods to one more
    instances.place(conn, network.id, host)
    changed.add(network.id)
    if not hosts or not network.tunnelled:
        return
    elsewhere = _bound_elsewhere(move, host)
    here = sa.and_(placements.c.host == host, placements.c.instance_id.in_(elsewhere))
    going = sa.select(placements.c.instance_id).where(here, placements.c.removing.is_(True))
    # As ``instances.place`` does: the host may be removing them, and drops an apply of the same generation.
    instances.touch_many(conn, conn.execute(going).scalars().all())
    conn.execute(placements.update().where(here).values(role="remote", **_FRESH))
    known = sa.select(placements.c.instance_id).where(placements.c.instance_id == ports.c.id, placements.c.host == host)
    rows = (
        elsewhere.with_only_columns(
            ports.c.id,
            sa.literal(host),
            sa.literal("remote"),
            sa.literal(0),
            sa.false(),
            sa.literal(""),
            sa.literal(""),
            sa.literal(""),
        )
        .join_from(ports, instances_table, instances_table.c.id == ports.c.id)
        .where(~sa.exists(known))
    )
    columns = [*placements.primary_key.columns.keys(), "role", "observed_generation", "removing"]
    conn.execute(placements.insert().from_select([*columns, "error_code", "error", "error_detail"], rows))
    changed.update(conn.execute(elsewhere).scalars().all())


def _leave(conn: sa.Connection, changed: Changed, move: Binding, hosts: set[str]) -> None:
    """The last port of a network has left a host: the network goes too, and what the host knew of it."""
    network, host = move.network, move.old
    changed.add(network.id)
    if not hosts:
        instances.tombstone(conn, [network.id])
        return
    instances.unplace(conn, network.id, host)
    if not network.tunnelled:
        return
    instances.touch_many(conn, [network.id])
    elsewhere = _bound_elsewhere(move, host)
    conn.execute(
        placements.update()
        .where(placements.c.host == host, placements.c.role == "remote", placements.c.instance_id.in_(elsewhere))
        .values(removing=True)
    )
    changed.update(conn.execute(elsewhere).scalars().all())


def _place_port(conn: sa.Connection, move: Binding, driver: str, wanted: Mapping[str, str]) -> None:
    """Make the port's own placements what is wanted, {host: role}."""
    present: dict[str, tuple[str, bool]] = {}
    if move.fresh:
        kinds = {move.port_id: "port", **({move.member_id: MEMBER} if move.member_hosts else {})}
        owned = {"project_id": move.project_id, "driver": driver}
        instances.create_many(conn, [{"id": ident, "kind": kind, **owned} for ident, kind in kinds.items()])
    elif not instances.ensure(conn, move.port_id, kind="port", project_id=move.project_id, driver=driver):
        instances.touch_many(conn, [move.port_id])
        columns = (placements.c.host, placements.c.role, placements.c.removing)
        rows = conn.execute(sa.select(*columns).where(placements.c.instance_id == move.port_id)).all()
        present = {host: (role, removing) for host, role, removing in rows}
    new = [
        {"instance_id": move.port_id, "host": host, "role": role, **_FRESH}
        for host, role in sorted(wanted.items())
        if host not in present
    ]
    new += [{"instance_id": move.member_id, "host": host, "role": "owner", **_FRESH} for host in move.member_hosts]
    if new:
        conn.execute(placements.insert(), new)
    for role in ("owner", "remote"):
        good = (role, False)
        stale = [host for host, want in wanted.items() if want == role and present.get(host, good) != good]
        _set(conn, move.port_id, stale, {"role": role, **_FRESH})
    gone = [host for host, (_, removing) in present.items() if host not in wanted and not removing]
    _set(conn, move.port_id, gone, {"removing": True})


def _set(conn: sa.Connection, port_id: str, hosts: list[str], values: Mapping[str, object]) -> None:
    if hosts:
        mine = sa.and_(placements.c.instance_id == port_id, placements.c.host.in_(hosts))
        conn.execute(placements.update().where(mine).values(**values))
