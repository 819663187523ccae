"""What the use cases share: the database, what is sent after a commit, the core, quotas, providers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import Row
from svcfabric.db.engine import Database
from svcfabric.fabric import instances
from svcfabric.fabric.dispatch import Dispatcher
from svcfabric.fabric.interfaces import Insertions, Network
from svcfabric.fabric.models import instances as instances_table
from svcfabric.fabric.quota import Quotas
from svcfabric.services.lbaas import faults

KIND = "loadbalancer"
DRIVERS = frozenset({"haproxy", "noop"})
Kicks = list[str]  # ids of instances to send after the commit
Rows = list[Row]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Provider:
    """What tenants name and what realises it."""

    name: str
    driver: str
    description: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """``timeouts``: a listener's default times by attribute, ms. ``down_time``: see ``agents.choose``."""

    database: Database
    dispatcher: Dispatcher
    network: Network
    insertions: Insertions | None
    quotas: Quotas
    providers: Mapping[str, Provider]
    default_provider: str
    timeouts: Mapping[str, int]
    down_time: float

    def write(self, work: Callable[[sa.Connection, Kicks], T]) -> T:
        """Run ``work(connection, kicks)`` in one transaction; then what it put in ``kicks`` is sent to hosts."""
        kicks: Kicks = []

        def attempt(conn: sa.Connection) -> T:
            kicks.clear()
            return work(conn, kicks)

        result = self.database.write(attempt)
        self.dispatcher.kick(kicks)
        return result

    def change(self, conn: sa.Connection, loadbalancer_id: str, kicks: Kicks) -> int:
        """Lock the load balancer for this transaction and begin its next generation, which is returned.

        ``errors.Conflict`` when it is being deleted, the one state in which a write is refused.
        """
        kicks.append(loadbalancer_id)
        try:
            return instances.touch(conn, loadbalancer_id)
        except errors.NotFound:
            raise faults.immutable(faults.LOADBALANCER, loadbalancer_id) from None

    def leaving(self, conn: sa.Connection, loadbalancer_id: str) -> bool:
        """Lock the load balancer; whether it is being deleted."""
        stmt = sa.select(instances_table.c.deleted).where(instances_table.c.id == loadbalancer_id).with_for_update()
        return conn.execute(stmt).scalar() is not False

    def charge(self, conn: sa.Connection, project_id: str, wanted: Mapping[str, int]) -> None:
        """Raise ``errors.OverQuota`` when the project may not have that many more of each."""
        asked = {name: count for name, count in wanted.items() if count > 0}
        if not asked:
            return
        limits = self.quotas.limits(conn, project_id, list(asked))
        for name, count in asked.items():
            if limits[name] >= 0:
                self.quotas.check(conn, project_id, name, count)


def parse_providers(entries: Sequence[str]) -> dict[str, Provider]:
    """Providers from configuration: ``driver:description``, or ``alias:driver`` for another name of one.

    Raises ``ValueError`` naming the entry.
    """
    said = {name.strip(): rest.strip() for name, _, rest in (entry.partition(":") for entry in entries)}
    if "" in said:
        raise ValueError(f"[lbaas] enabled_providers: an entry has no name: {said['']!r}")
    return {name: _resolved(name, said) for name in said}


def _resolved(name: str, said: Mapping[str, str]) -> Provider:
    driver, passed = name, {name}
    while (target := said.get(driver, "")) in DRIVERS or target in said:
        if target in passed:
            raise ValueError(f"[lbaas] enabled_providers: {name} is an alias of itself")
        passed.add(target)
        driver = target
    return Provider(name, driver, said.get(driver, ""))
