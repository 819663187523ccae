"""What follows for groups when a port joins them, is bound, moves or goes. Ports are rows by column name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Changed
from svcfabric.core_l2l3.security.models import port_security_groups as table
from svcfabric.core_l2l3.security.models import security_groups
from svcfabric.core_l2l3.security.placing import MEMBER, arrive, depart, in_force, lock, member_id
from svcfabric.db.engine import Retry
from svcfabric.fabric import instances, spread

Port = Mapping[str, Any]


def join(conn: sa.Connection, rows: Sequence[Port], *, careful: bool) -> None:
    """New ports are in their groups. ``careful``: one of them may be the first of a group on its host."""
    if careful and (theirs := {ident for row in rows if row["host"] for ident in row["security_groups"]}):
        lock(conn, theirs)
    entries = [_entry(row["id"], ident, row["host"]) for row in rows for ident in row["security_groups"]]
    if entries:  # in the order in which all lock groups
        conn.execute(table.insert(), sorted(entries, key=lambda entry: entry["security_group_id"]))


def come(conn: sa.Connection, changed: Changed, driver: str, port: Port, *, careful: bool) -> set[str] | None:
    """A new port that has joined its groups is bound to its host; the hosts that must learn of it as a member.

    None: a group has come to the host with it, and all ports that have joined the group have been told of by now.
    Raises ``Retry`` when a group comes to a host with it and the transaction is not ``careful``: to get its lock
    exclusively after others share it would be a deadlock with each of them that wants the same.
    """
    groups, host = port["security_groups"], port["host"]
    own, referring = in_force(conn, groups)
    missing = [ident for ident in groups if host not in own[ident]]
    if not missing:
        return referring
    if not careful:
        raise Retry(f"a security group comes to host {host}")
    arrive(conn, changed, driver, missing, host)
    tell(conn, changed, driver, port, in_force(conn, groups)[1])
    return None


def move(conn: sa.Connection, changed: Changed, driver: str, port: Port, old: str, new: str) -> None:
    """A port is bound elsewhere; "" for nowhere: whoever asks then removes its member instance with its own."""
    groups = port["security_groups"]
    lock(conn, groups)
    conn.execute(table.update().where(table.c.port_id == port["id"]).values(host=new))
    if old:
        depart(conn, changed, groups, old)
    if new:
        _settle(conn, changed, driver, port, groups, new)


def leave(conn: sa.Connection, changed: Changed, port: Port) -> None:
    """A bound port goes; whoever asks removes its member instance with its own."""
    groups = port["security_groups"]
    lock(conn, groups)
    conn.execute(table.delete().where(table.c.port_id == port["id"]))
    depart(conn, changed, groups, port["host"])


def regroup(conn: sa.Connection, changed: Changed, driver: str, port: Port, wanted: Sequence[str]) -> None:
    """A port, where it is, has other groups from now on."""
    old, host = port["security_groups"], port["host"]
    gone = sorted(set(old) - set(wanted))
    if host:
        lock(conn, {*old, *wanted})
    if gone:
        conn.execute(table.delete().where(table.c.port_id == port["id"], table.c.security_group_id.in_(gone)))
    more = [_entry(port["id"], ident, host) for ident in wanted if ident not in old]
    if more:
        conn.execute(table.insert(), more)
    if not host:
        return
    if gone:
        depart(conn, changed, gone, host)
    _settle(conn, changed, driver, port, wanted, host)


def readdress(conn: sa.Connection, changed: Changed, port_ids: Sequence[str]) -> None:
    """Bound ports may use other addresses; the caller has stored them. Hosts that know them as members learn of it.

    The shared lock makes wait who is about to tell a host of them for the first time, by the rows as they were.
    """
    groups = sa.select(table.c.security_group_id).where(table.c.port_id.in_(list(port_ids)))
    held = sa.select(security_groups.c.id).where(security_groups.c.id.in_(groups)).order_by(security_groups.c.id)
    conn.execute(held.with_for_update(read=True))
    members = [member_id(port_id) for port_id in port_ids]
    instances.touch_many(conn, members)
    changed.update(members)


def _entry(port_id: str, group_id: str, host: str) -> dict[str, str]:
    return {"security_group_id": group_id, "port_id": port_id, "host": host}


def _settle(conn: sa.Connection, changed: Changed, driver: str, port: Port, groups: Collection[str], host: str) -> None:
    """Bring a bound port's groups, which are locked, to its host, and the port as a member where it is needed."""
    own, referring = in_force(conn, groups) if groups else ({}, set())
    missing = [ident for ident in groups if host not in own[ident]]
    if missing:
        arrive(conn, changed, driver, missing, host)
        referring = in_force(conn, groups)[1]
    member = member_id(port["id"])
    have = set(instances.hosts(conn, member))
    if stale := have - referring:
        changed.update(spread.take_off(conn, [member], stale))
    if have & referring:
        instances.touch_many(conn, [member])
        changed.add(member)
    if referring - have:
        tell(conn, changed, driver, port, referring)


def tell(conn: sa.Connection, changed: Changed, driver: str, port: Port, hosts: Collection[str]) -> None:
    """Have these hosts know a port as a member, those that do not yet."""
    row = {"id": member_id(port["id"]), "kind": MEMBER, "project_id": port["project_id"], "driver": driver}
    changed.update(spread.put(conn, [row], hosts))
