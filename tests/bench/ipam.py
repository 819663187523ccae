"""What the 60,000th address of a /16 costs: ``python -m tests.bench.ipam [--taken 60000] [--databases sqlite,...]``.

For every allocation policy and every recycling policy, on each database: the time to choose and store one address
(one transaction), and to create one port through the whole API, with an empty subnet, with ``--taken`` addresses
handed out, and after some of them have been given back. Ends with 1 when the last costs more than ``RATIO`` times the
first.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3 import ipam
from svcfabric.core_l2l3.addressing import policies, released
from svcfabric.core_l2l3.models import ip_allocations
from svcfabric.core_l2l3.topology import Network, load_networks
from svcfabric.db.base import metadata
from svcfabric.db.engine import Database
from tests import core_world, databases
from tests.core_world import World

RATIO = 1.5
ROUNDS = 100  # of each measure
BACK = 3000  # addresses given back
BATCH = 1000
DATABASES = ("sqlite", "postgresql", "mariadb")
PAIRS = [
    *((name, "at_once") for name in policies.allocation()),
    *(("random", name) for name in policies.recycling() if name != "at_once"),
    ("first_free", "delay"),
    ("least_recently_used", "same_project"),
]


@dataclasses.dataclass
class Figure:
    """Lower tenths (others use the machine, too), ms: of choosing an address, and of creating a port."""

    address: float
    port: float


@contextlib.contextmanager
def database(kind: str) -> Iterator[Database]:
    """An empty database with the core's tables; servers write each commit to the disk."""
    with contextlib.ExitStack() as stack:
        if kind == "sqlite":
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/svcfabric.db"
        else:
            url = stack.enter_context(getattr(databases, kind)(durable=True)).create()
        made = Database(url)
        stack.callback(made.dispose)
        metadata.create_all(made.engine, tables=core_world.MINE)
        yield made


class Subnet:
    """One /16 with its policies, and a port that takes its addresses in bulk."""

    def __init__(self, world: World, allocation: str, recycling: str) -> None:
        self.world, self.caller = world, world.caller("bench", "admin")
        self.caller.ask("PUT", "/quotas/bench", {"quota": {"port": -1, "network": -1, "subnet": -1}}, 200)
        self.network_id = self.caller.network()["id"]
        given = {"allocation_policy": allocation, "recycling_policy": recycling}
        self.caller.subnet({"id": self.network_id}, "10.0.0.0/16", enable_dhcp=False, **given)
        self.holder = self.caller.make("port", network_id=self.network_id, fixed_ips=[])["id"]

    def take(self, count: int) -> None:
        """Hand out that many addresses, as ports would get them."""

        def work(conn: sa.Connection) -> None:
            network = self._network(conn)
            wants = [[ipam.Want(subnets=network.subnets)] for _ in range(count)]
            found = ipam.choose(conn, network.id, wants, ["bench"] * count)
            rows = [
                {"subnet_id": ip["subnet_id"], "address": ip["ip_address"], "port_id": self.holder} for (ip,) in found
            ]
            conn.execute(ip_allocations.insert(), rows)

        self.world.database.write(work)

    def give_back(self, count: int) -> None:
        """Give back that many, anywhere."""

        def work(conn: sa.Connection) -> None:
            mine = ip_allocations.c.port_id == self.holder
            every = list(conn.execute(sa.select(ip_allocations.c.address).where(mine)).scalars())
            gone = set(random.Random(7).sample(every, count))
            released.release(conn, [self.holder], gone)
            for part in _parts(sorted(gone)):
                conn.execute(ip_allocations.delete().where(mine, ip_allocations.c.address.in_(part)))

        self.world.database.write(work)

    def measure(self) -> Figure:
        """Both figures. PostgreSQL first takes note of how large its tables are, as it would within a minute."""
        if self.world.database.dialect == "postgresql":
            with self.world.database.read() as conn:
                conn.execute(sa.text("ANALYZE"))
        body = {"port": {"network_id": self.network_id}}
        made: list[str] = []

        def port() -> None:
            made.append(self.caller.ask("POST", "/ports", body, 201)["port"]["id"])

        return Figure(address=_tenth(lambda: self.take(1)), port=_tenth(port))

    def _network(self, conn: sa.Connection) -> Network:
        return load_networks(conn, [self.network_id])[self.network_id]


def _parts(items: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def _tenth(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.quantiles(times, n=10)[0] * 1000


def run(kind: str, taken: int) -> bool:
    """Measure on one database and print a table; whether the goal is reached."""
    good = True
    print(f"\n{kind}: ms for one address (one transaction) and for one port (POST /ports, whole API)")
    print(f"{'policies':40} {'first':>14} {taken:>14,} {'ratio':>11}   {'after some came back':>20} {'ratio':>11}")
    for allocation, recycling in PAIRS:
        with database(kind) as made:
            subnet = Subnet(World(made), allocation, recycling)
            subnet.take(10)
            first = subnet.measure()
            for _ in range((taken - 3 * ROUNDS) // BATCH):
                subnet.take(BATCH)
            last = subnet.measure()
            subnet.give_back(BACK)
            after = subnet.measure()
        ratios = [(then.address / first.address, then.port / first.port) for then in (last, after)]
        good = good and all(ratio <= RATIO for pair in ratios for ratio in pair)
        shown = [f"{each.address:6.2f} {each.port:7.2f}" for each in (first, last, after)]
        told = [f"{address:5.2f} {port:5.2f}" for address, port in ratios]
        print(f"{allocation + ', ' + recycling:40} {shown[0]} {shown[1]} {told[0]}   {shown[2]:>20} {told[1]}")
    return good


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--taken", type=int, default=60000, help="addresses handed out before the second measure")
    parser.add_argument("--databases", default=",".join(DATABASES), help="those to measure on")
    args = parser.parse_args()
    results = [run(kind, args.taken) for kind in args.databases.split(",")]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
