"""Letting go of addresses that recycling policies hold back: when their time has come, and no DNS record names them."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename
import sqlalchemy as sa

from svcfabric.core_l2l3.addressing import policies
from svcfabric.core_l2l3.addressing.models import ip_released
from svcfabric.core_l2l3.models import subnets
from svcfabric.db.base import now
from svcfabric.db.engine import Database

LOG = logging.getLogger(__name__)

BATCH = 200  # addresses looked at in one go
BUDGET = 2.0  # seconds one go may take
TIMEOUT = 1.0  # seconds for one answer

# Whether a record names an address; None when DNS does not say.
Named = Callable[[str], bool | None]


class Reverse:
    """Asks DNS for an address's PTR record. ``servers``: ADDRESS or ADDRESS:PORT ([ADDRESS]:PORT); none: the host's."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [_server(text) for text in servers]
        self._resolver.cache = None

    def __call__(self, address: str) -> bool | None:
        name = dns.reversename.from_address(address)
        try:
            self._resolver.resolve(name, "PTR", lifetime=TIMEOUT, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return False
        except (dns.exception.DNSException, OSError) as exc:
            LOG.warning("DNS does not say whether a record names %s: %s", address, exc)
            return None
        return True


def _server(text: str) -> dns.nameserver.Nameserver:
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return dns.nameserver.Do53Nameserver(address, int(port.lstrip(":") or 53))
    address, _, port = text.partition(":") if text.count(":") == 1 else (text, "", "")
    return dns.nameserver.Do53Nameserver(address, int(port or 53))


class LetGo:
    """A controller's chore. ``recheck``: seconds until an address that is still named is looked at again."""

    def __init__(self, database: Database, named: Named, *, recheck: float) -> None:
        self._database, self._named, self._recheck = database, named, recheck
        self._policies = [policy.name for policy in policies.recycling().values() if policy.named]

    def __call__(self) -> None:
        """Once."""
        self._by_time()
        ended = time.monotonic() + BUDGET
        due = self._due()
        free: list[tuple[str, str]] = []
        kept: list[tuple[str, str]] = []
        for row in due:
            if time.monotonic() > ended:
                break
            (free if self._named(row.address) is False else kept).append((row.subnet_id, row.address))
        if free or kept:
            self._database.write(lambda conn: self._store(conn, free, kept))

    def _by_time(self) -> None:
        """Those that only time holds back are free for whoever comes."""
        others = sa.select(subnets.c.id).where(subnets.c.recycling_policy.not_in(self._policies))
        due = (ip_released.c.held_until <= now(), ip_released.c.subnet_id.in_(others))
        with self._database.read() as conn:
            if conn.execute(sa.select(ip_released.c.address).where(*due).limit(1)).first() is None:
                return
        self._database.write(lambda conn: conn.execute(ip_released.update().where(*due).values(held_until=None)))

    def _due(self) -> Sequence[Any]:
        stmt = (
            sa.select(ip_released.c.subnet_id, ip_released.c.address)
            .join(subnets, subnets.c.id == ip_released.c.subnet_id)
            .where(ip_released.c.held_until <= now(), subnets.c.recycling_policy.in_(self._policies))
            .order_by(ip_released.c.held_until)
            .limit(BATCH)
        )
        with self._database.read() as conn:
            return conn.execute(stmt).all()

    def _store(self, conn: sa.Connection, free: Sequence[tuple[str, str]], kept: Sequence[tuple[str, str]]) -> None:
        again = now() + datetime.timedelta(seconds=self._recheck)
        key = sa.tuple_(ip_released.c.subnet_id, ip_released.c.address)
        for rows, until in ((free, None), (kept, again)):
            if rows:
                # One that was handed out and given back meanwhile waits for a look of its own.
                still = ip_released.c.held_until <= now()
                conn.execute(ip_released.update().where(key.in_(list(rows)), still).values(held_until=until))
