"""Handing out addresses of subnets whose policies need a memory.

Two things are remembered: how far the policy's order of addresses has been walked (``ip_cursors``), and which
addresses were given back (``ip_released``). An address is taken, given back, or not reached yet, so the next one is
found by a few index lookups however many are taken. Whoever hands out addresses of a subnet locks its cursor.

What slips past the memory (a port deleted while the subnet's policy was being changed) is found by one look at
all of the subnet, before a subnet is called full.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from svcfabric.core_l2l3 import pools
from svcfabric.core_l2l3.addressing import policies, released
from svcfabric.core_l2l3.addressing.models import ip_cursors, ip_released
from svcfabric.core_l2l3.models import ip_allocations
from svcfabric.core_l2l3.topology import Subnet
from svcfabric.db.base import Ascii, Id, now

MORE = 8  # looked at beyond what is needed
WIDEST = 2048  # most places looked at in one query

_SUBNET = sa.bindparam("subnet", type_=Id)
_ADDRESSES = sa.bindparam("addresses", expanding=True, type_=Ascii)
_KNOWN = sa.union_all(
    *(
        sa.select(table.c.address).where(table.c.subnet_id == _SUBNET, table.c.address.in_(_ADDRESSES))
        for table in (ip_allocations, ip_released)
    )
)
_EVERY = sa.union_all(*(sa.select(t.c.address).where(t.c.subnet_id == _SUBNET) for t in (ip_allocations, ip_released)))
_TAKEN = sa.select(ip_allocations.c.address).where(
    ip_allocations.c.subnet_id == _SUBNET, ip_allocations.c.address.in_(_ADDRESSES)
)
# Ordered by what the index is: PostgreSQL does not see that all of these have the same ``held_until``.
_READY = (
    sa.select(ip_released.c.address, ip_released.c.rank)
    .where(ip_released.c.subnet_id == _SUBNET, ip_released.c.held_until.is_(None))
    .order_by(ip_released.c.held_until, ip_released.c.rank)
    .limit(sa.bindparam("count"))
)
_OWN = _READY.where(ip_released.c.project_id == sa.bindparam("project"))


def take(conn: sa.Connection, subnet: Subnet, projects: Sequence[str], spoken_for: Collection[str]) -> list[str]:
    """An address for a port of each of these projects, in order; fewer mean that there are no more.

    ``spoken_for``: addresses the same transaction is about to store.
    """
    source = _Source(conn, subnet, len(projects), spoken_for)
    found = source.several(projects)
    if len(found) < len(projects) and source.refill():
        found += source.several(projects[len(found) :])
    source.store()
    return found


class _Source:
    """Where a subnet's next address comes from, for the length of one request."""

    def __init__(self, conn: sa.Connection, subnet: Subnet, count: int, spoken_for: Collection[str]) -> None:
        self._conn, self._subnet = conn, subnet
        self._spoken_for = spoken_for
        self._count = count + len(spoken_for)
        name, recycled, _delay = subnet.policies
        self._allocation, self._recycling = policies.allocation()[name], policies.recycling()[recycled]
        self._ranges = pools.from_json(subnet.pools)
        self._total = pools.size(self._ranges)
        self._stored = self._position = self._locked()
        if self._recycling.hold(1) and not self._recycling.named:
            _expire(conn, subnet.id, self._count)
        self._fresh = self._unreached()
        self._next: tuple[int, int] | None = next(self._fresh, None) if self._recycling.prefer != "own" else None
        self._looked = self._recycling.prefer != "own"
        self._ready: dict[str | None, list[tuple[str, str]]] = {}
        self._used: list[str] = []
        self._walked: list[str] = []

    def _locked(self) -> int:
        found = self._conn.execute(released.CURSOR, {"subnet": self._subnet.id}).scalar()
        if found is None:
            released.begin(self._conn, self._subnet.id)
        return found or 0

    def several(self, projects: Sequence[str]) -> list[str]:
        """The next addresses, up to one for each project."""
        found: list[str] = []
        for project in projects:
            address = self.next(project)
            if address is None:
                break
            found.append(address)
        return found

    def next(self, project: str) -> str | None:
        """The address whose turn it is; None when there is none."""
        if self._recycling.prefer == "own" and (own := self._recycled(project)):
            return self._reuse(project, own)
        fresh = self._peek()
        if fresh is not None and self._recycling.prefer != "rank":
            return self._walk()
        given_back = self._recycled(None)
        if not given_back:
            return self._walk() if fresh is not None else None
        if fresh is None or given_back[0][1] <= self._allocation.rank(fresh[1], None):
            return self._reuse(None, given_back)
        return self._walk()

    def refill(self) -> bool:
        """Take up addresses that slipped past the memory; whether there are any."""
        every = {pools.number(address) for address in self._conn.execute(_EVERY, {"subnet": self._subnet.id}).scalars()}
        every.update(pools.number(address) for address in [*self._spoken_for, *self._used, *self._walked])
        lost = released.first_of(pools.gaps(self._ranges, every), released.MOST_FREE)
        if lost:
            released.fill(self._conn, self._subnet, lost)
            self._ready.clear()
        return bool(lost)

    def store(self) -> None:
        """Keep what has been walked and used."""
        if self._used:
            released.forget(self._conn, self._subnet.id, self._used)
        if self._position != self._stored:
            mine = ip_cursors.c.subnet_id == self._subnet.id
            self._conn.execute(ip_cursors.update().where(mine).values(position=self._position))

    def _recycled(self, project: str | None) -> list[tuple[str, str]]:
        """Addresses given back (by that project), with their rank, the next one first."""
        while project not in self._ready:
            count = self._count + len(self._used)
            values = {"subnet": self._subnet.id, "count": count}
            stmt = _READY if project is None else _OWN
            found = self._conn.execute(stmt, values if project is None else values | {"project": project}).all()
            stale = self._taken([row.address for row in found])
            used = {*self._spoken_for, *self._used, *stale}
            ready = [(row.address, row.rank) for row in found if row.address not in used]
            if stale:  # handed out by somebody who did not know yet that this subnet remembers
                released.forget(self._conn, self._subnet.id, stale)
            if ready or not stale or len(found) < count:
                self._ready[project] = ready
        return self._ready[project]

    def _taken(self, addresses: Sequence[str]) -> list[str]:
        """Those that ports have. A query of its own: PostgreSQL would answer it for the whole subnet in a join."""
        if not addresses:
            return []
        return list(self._conn.execute(_TAKEN, {"subnet": self._subnet.id, "addresses": addresses}).scalars())

    def _reuse(self, project: str | None, ready: list[tuple[str, str]]) -> str:
        address, _rank = ready.pop(0)
        self._used.append(address)
        for other, rows in self._ready.items():
            if other != project:
                rows[:] = [row for row in rows if row[0] != address]
        return address

    def _peek(self) -> tuple[int, int] | None:
        if not self._looked:
            self._next, self._looked = next(self._fresh, None), True
        return self._next

    def _walk(self) -> str:
        if self._next is None:
            raise AssertionError("nothing was there to walk to")
        place, number = self._next
        self._position = place + 1
        self._next = next(self._fresh, None)
        self._walked.append(pools.text(number, self._subnet.ip_version))
        return self._walked[-1]

    def _unreached(self) -> Iterator[tuple[int, int]]:
        """Place and number of addresses that nobody had yet, in the policy's order."""
        width, at = self._count + MORE, self._position
        while at < self._total:
            places = range(at, min(at + width, self._total))
            numbers = [pools.nth(self._ranges, self._allocation.place(n, self._total, self._subnet.id)) for n in places]
            texts = [pools.text(number, self._subnet.ip_version) for number in numbers]
            values = {"subnet": self._subnet.id, "addresses": texts}
            known = {*self._conn.execute(_KNOWN, values).scalars(), *self._spoken_for}
            for place, number, text in zip(places, numbers, texts, strict=True):
                if text not in known:
                    self._position = place
                    yield place, number
            at = places.stop
            width = min(2 * width, WIDEST)
        self._position = self._total


def _expire(conn: sa.Connection, subnet_id: str, count: int) -> None:
    """Let go of addresses that were held back long enough: more than are needed now, not all at once."""
    due = (
        sa.select(ip_released.c.address)
        .where(ip_released.c.subnet_id == subnet_id, ip_released.c.held_until <= now())
        .order_by(ip_released.c.held_until)
        .limit(count + MORE)
    )
    found = list(conn.execute(due).scalars())
    if found:
        mine = (ip_released.c.subnet_id == subnet_id, ip_released.c.address.in_(found))
        conn.execute(ip_released.update().where(*mine).values(held_until=None))
