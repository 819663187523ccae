"""What the 60,000th address of a /16 costs: ``python -m tests.bench.ipam [--taken 60000] [--databases sqlite,...]``.

For every allocation policy and every recycling policy, on each database: the time to choose and store one address
(one transaction), and to create one port through the whole API, on a subnet with hardly an address taken and, in turn
with it, on one with ``--taken``; then again when both got some back. Ends with 1 when an address of the
full subnet costs more than ``RATIO`` times one of the empty subnet.
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
    """Medians, ms: of choosing an address, and of creating a port."""

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
        self.caller.ask("PUT", "/quotas/bench", {"quota": {"port": -1}}, 200)
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

    def port(self) -> None:
        """Create a port."""
        self.caller.ask("POST", "/ports", {"port": {"network_id": self.network_id}}, 201)

    def _network(self, conn: sa.Connection) -> Network:
        return load_networks(conn, [self.network_id])[self.network_id]


def _parts(items: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def compare(empty: Subnet, full: Subnet) -> tuple[Figure, Figure]:
    """Both subnets' figures, measured in turn. PostgreSQL first takes note of its tables' sizes, as it would soon."""
    if empty.world.database.dialect == "postgresql":
        with empty.world.database.read() as conn:
            conn.execute(sa.text("ANALYZE"))
    addresses = _in_turn(lambda: empty.take(1), lambda: full.take(1))
    ports = _in_turn(empty.port, full.port)
    return Figure(addresses[0], ports[0]), Figure(addresses[1], ports[1])


def _in_turn(*works: Callable[[], None]) -> list[float]:
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, mine in zip(works, times, strict=True):
            started = time.perf_counter()
            work()
            mine.append(time.perf_counter() - started)
    return [statistics.median(mine) * 1000 for mine in times]


def run(kind: str, taken: int) -> bool:
    """Measure on one database and print a table; whether the goal is reached."""
    good = True
    print(f"\n{kind}: ms for one address (one transaction) and for one port (POST /ports, whole API)")
    print(f"{'policies':36} {'empty':>14} {f'{taken:,} taken':>14} {'ratio':>11} {f'{BACK:,} back':>14} {'ratio':>11}")
    for allocation, recycling in PAIRS:
        with database(kind) as made:
            world = World(made)
            empty, full = (Subnet(world, allocation, recycling) for _ in range(2))
            for _ in range(taken // BATCH - 1):
                full.take(BATCH)
            full.take(BATCH - 2 * ROUNDS)
            first, last = compare(empty, full)
            empty.take(2 * ROUNDS)
            empty.give_back(3 * ROUNDS)
            full.give_back(BACK)
            again, after = compare(empty, full)
        ratios = [(then.address / now.address, then.port / now.port) for now, then in ((first, last), (again, after))]
        good = good and all(address <= RATIO for address, _ in ratios)
        shown = [f"{each.address:6.2f} {each.port:7.2f}" for each in (first, last, after)]
        told = [f"{address:5.2f} {port:5.2f}" for address, port in ratios]
        print(f"{f'{allocation}, {recycling}':36} {shown[0]} {shown[1]} {told[0]} {shown[2]} {told[1]}", flush=True)
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
