"""Which hosts must know of which groups, members and address lists.

A group is in force on every host that has a bound port in it. Where it is in force, the members of the groups its
rules refer to must be known, and the address groups they refer to. Groups, members (bound ports) and address groups
are instances, so that a port that joins costs each such host one small message.

Two transactions must not miss each other's change. Hence the locks: whoever binds a port or has it join a group
holds a shared lock on the group's row (inserting into ``port_security_groups`` takes it); whoever has a port leave,
changes where a group is in force, or makes or drops a reference to it, holds an exclusive one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Changed
from svcfabric.core_l2l3.models import ports
from svcfabric.core_l2l3.security.models import address_groups, port_security_groups, security_groups
from svcfabric.core_l2l3.security.models import security_group_rules as rules
from svcfabric.fabric import instances, spread
from svcfabric.fabric.models import placements

GROUP, MEMBER, ADDRESS_GROUP = "security_group", "security_group_member", "address_group"
_MASK = 0x5EC6_0001
_HOLDS = placements.c.removing.is_(False)


def member_id(port_id: str) -> str:
    """The instance that tells hosts of a port as a member of groups; the same function leads back."""
    return f"{int(port_id[:8], 16) ^ _MASK:08x}{port_id[8:]}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What rules refer to: security groups and address groups, by id."""

    groups: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.groups or self.lists)

    def __sub__(self, other: References) -> References:
        return References(groups=self.groups - other.groups, lists=self.lists - other.lists)


def lock(conn: sa.Connection, group_ids: Iterable[str]) -> dict[str, str]:
    """Exclude others from changing who is in these groups and where they are in force; projects by group."""
    stmt = sa.select(security_groups.c.id, security_groups.c.project_id)
    stmt = stmt.where(security_groups.c.id.in_(sorted(group_ids))).order_by(security_groups.c.id)
    return {row.id: row.project_id for row in conn.execute(stmt.with_for_update())}


def in_force(conn: sa.Connection, group_ids: Collection[str]) -> tuple[dict[str, set[str]], set[str]]:
    """Hosts of each of these groups, and all hosts where a rule that refers to one of them is in force."""
    ids = list(group_ids)
    own = sa.select(placements.c.instance_id, placements.c.host).where(placements.c.instance_id.in_(ids), _HOLDS)
    users = sa.select(rules.c.security_group_id.label("id")).where(rules.c.remote_group_id.in_(ids)).distinct()
    users_ = users.subquery()
    there = sa.select(sa.literal_column("''"), placements.c.host).select_from(
        users_.join(placements, placements.c.instance_id == users_.c.id)
    )
    hosts: dict[str, set[str]] = {ident: set() for ident in ids}
    referring: set[str] = set()
    for ident, host in conn.execute(own.union_all(there.where(_HOLDS))):
        (hosts[ident] if ident else referring).add(host)
    return hosts, referring


def arrive(conn: sa.Connection, changed: Changed, driver: str, group_ids: Collection[str], host: str) -> None:
    """Bring groups, which are locked, into force on a host, with all that their rules refer to."""
    projects = lock(conn, group_ids)
    referred = _referred(conn, rules.c.security_group_id.in_(sorted(group_ids)))
    _lock_references(conn, referred, but=group_ids)
    rows = [_row(GROUP, ident, project_id, driver) for ident, project_id in projects.items()]
    changed.update(spread.put(conn, rows, [host]))
    _bring(conn, changed, driver, referred, [host])


def depart(conn: sa.Connection, changed: Changed, group_ids: Collection[str], host: str) -> None:
    """Ports of these groups, which are locked, have left a host: groups that were theirs alone go, too."""
    here = port_security_groups
    held = sa.exists().where(here.c.security_group_id == security_groups.c.id, here.c.host == host)
    stmt = sa.select(security_groups.c.id).where(security_groups.c.id.in_(sorted(group_ids)), ~held)
    gone = list(conn.execute(stmt).scalars())
    if not gone:
        return
    referred = _referred(conn, rules.c.security_group_id.in_(gone))
    _lock_references(conn, referred, but=group_ids)
    changed.update(spread.take_off(conn, gone, [host]))
    _withdraw(conn, changed, referred, [host])


def rules_added(
    conn: sa.Connection, changed: Changed, driver: str, group_id: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """A group has new rules; it, and the groups they refer to, are locked."""
    instances.touch_many(conn, [group_id])
    changed.add(group_id)
    referred = _references([(row["remote_group_id"], row["remote_address_group_id"]) for row in rows])
    if not referred:
        return
    old = sa.and_(rules.c.security_group_id == group_id, rules.c.id.not_in([row["id"] for row in rows]))
    new = referred - _referred(conn, old)
    if new:
        _bring(conn, changed, driver, new, instances.hosts(conn, group_id))


def rule_removed(conn: sa.Connection, changed: Changed, row: Mapping[str, Any]) -> None:
    """A group has lost a rule; it, and the group that rule referred to, are locked."""
    group_id = row["security_group_id"]
    instances.touch_many(conn, [group_id])
    changed.add(group_id)
    referred = _references([(row["remote_group_id"], row["remote_address_group_id"])])
    if referred:
        _withdraw(conn, changed, referred, instances.hosts(conn, group_id))


def forget_remote(conn: sa.Connection, changed: Changed, group_id: str) -> None:
    """A group without ports goes: with it the rules of others that refer to it."""
    others = sa.select(rules.c.security_group_id).where(rules.c.remote_group_id == group_id).distinct()
    ids = [ident for ident in conn.execute(others).scalars() if ident != group_id]
    instances.touch_many(conn, ids)
    changed.update(ids)


def _row(kind: str, ident: str, project_id: str, driver: str) -> dict[str, Any]:
    return {"id": ident, "kind": kind, "project_id": project_id, "driver": driver}


def _references(pairs: Sequence[tuple[str | None, str | None]]) -> References:
    groups, lists = zip(*pairs, strict=True) if pairs else ((), ())
    return References(groups=frozenset(groups) - {None}, lists=frozenset(lists) - {None})


def _referred(conn: sa.Connection, which: sa.ColumnElement[bool]) -> References:
    """What these rules refer to."""
    stmt = sa.select(rules.c.remote_group_id, rules.c.remote_address_group_id).where(which).distinct()
    return _references([(row[0], row[1]) for row in conn.execute(stmt)])


def _lock_references(conn: sa.Connection, referred: References, but: Collection[str]) -> None:
    others = referred.groups - set(but)
    if others:
        lock(conn, others)
    if referred.lists:
        ids = sorted(referred.lists)
        stmt = sa.select(address_groups.c.id).where(address_groups.c.id.in_(ids)).order_by(address_groups.c.id)
        conn.execute(stmt.with_for_update())


def _bring(conn: sa.Connection, changed: Changed, driver: str, referred: References, hosts: Collection[str]) -> None:
    """Have hosts know the members of these groups, and these address groups."""
    if referred.groups and hosts:
        here = port_security_groups
        stmt = (
            sa.select(ports.c.id, ports.c.project_id)
            .select_from(here.join(ports, ports.c.id == here.c.port_id))
            .where(here.c.security_group_id.in_(sorted(referred.groups)), here.c.host != "")
            .distinct()
        )
        rows = [_row(MEMBER, member_id(ident), project, driver) for ident, project in conn.execute(stmt)]
        changed.update(spread.put(conn, rows, hosts))
    if referred.lists and hosts:
        columns = (address_groups.c.id, address_groups.c.project_id)
        found = conn.execute(sa.select(*columns).where(address_groups.c.id.in_(sorted(referred.lists))))
        rows = [_row(ADDRESS_GROUP, ident, project, driver) for ident, project in found]
        changed.update(spread.put(conn, rows, hosts))


def _withdraw(conn: sa.Connection, changed: Changed, referred: References, hosts: Collection[str]) -> None:
    """Have hosts forget the members of these groups, and these address groups, where no rule needs them still."""
    for host in hosts:
        here = sa.select(placements.c.instance_id).where(placements.c.host == host, _HOLDS)
        kept = _referred(conn, rules.c.security_group_id.in_(here))
        gone = referred - kept
        if gone.groups:
            members = port_security_groups.c
            needed = sa.select(members.port_id).where(members.security_group_id.in_(sorted(kept.groups)))
            stmt = sa.select(members.port_id).where(
                members.security_group_id.in_(sorted(gone.groups)), members.host != "", members.port_id.not_in(needed)
            )
            ids = [member_id(port_id) for port_id in conn.execute(stmt.distinct()).scalars()]
            changed.update(spread.take_off(conn, ids, [host]))
        if gone.lists:
            changed.update(spread.take_off(conn, sorted(gone.lists), [host]))
