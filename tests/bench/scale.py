"""What size costs: ``python -m tests.bench.scale [--ports 10000] [--networks 100] [--hosts 20] [--database mariadb]``.

API, controller, MariaDB or PostgreSQL (durable) and RabbitMQ as deployed; the hosts are simulated: real agents with
drivers that touch nothing, several in a process. Every network spans every host, the dearest case there is: each
port is a forwarding entry on every other host. Measured with 100 ports (one network) and with all: a page, a whole
list, the change, creation and removal of one port until every host has applied it; then a host's cold resync and an
agent's start. Ends with 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from svcfabric.db.engine import Database
from svcfabric.fabric.models import instances, placements
from tests import cluster, databases, servers
from tests.bench import hosts
from tests.bench.wire import Wire

PAGE = 100
ROUNDS = 60  # changes measured
GOAL_PAGE, GOAL_RATIO, GOAL_RESYNC = 30.0, 1.3, 5.0  # ms, -, s
Figures = dict[str, float]


@dataclasses.dataclass
class Site:
    """Servers and simulated hosts."""

    wire: Wire
    database: Database
    processes: list[hosts.Process]

    @property
    def hosts(self) -> list[str]:
        return [host for process in self.processes for host in process.hosts]

    def of(self, host: str) -> hosts.Process:
        """The process a host is in."""
        return next(process for process in self.processes if host in process.hosts)

    def lagging(self, ident: str = "") -> int:
        """Placements that hosts have not answered for, of all instances or of one."""
        stmt = (
            sa.select(sa.func.count())
            .select_from(placements.join(instances, instances.c.id == placements.c.instance_id))
            .where(sa.or_(placements.c.observed_generation < instances.c.generation, placements.c.removing.is_(True)))
        )
        with self.database.read() as conn:
            return int(conn.execute(stmt.where(instances.c.id == ident) if ident else stmt).scalar_one())

    def settle(self, ident: str = "", timeout: float = 600.0) -> float:
        """Wait until no host lags; the seconds it took."""
        began = time.perf_counter()
        while left := self.lagging(ident):
            if time.perf_counter() - began > timeout:
                raise TimeoutError(f"{left} placements lag")
            time.sleep(0.002 if ident else 0.5)
        return time.perf_counter() - began

    def placed(self, host: str) -> int:
        """How many instances a host should have."""
        with self.database.read() as conn:
            stmt = sa.select(sa.func.count()).select_from(placements).where(placements.c.host == host)
            return int(conn.execute(stmt).scalar_one())


@contextlib.contextmanager
def site(kind: str, count: int, workers: int) -> Iterator[Site]:
    """Everything started, the hosts alive."""
    server = databases.mariadb if kind == "mariadb" else databases.postgresql
    quotas = dict.fromkeys(("network", "subnet", "port"), -1)
    with (
        server(tcp=True, durable=True) as database,
        servers.rabbitmq() as broker,
        # what they observe is nothing; a core each, which hosts have, is not here
        cluster.cloud(
            database,
            broker,
            hosts=0,
            workers=workers,
            quotas=quotas,
            network={"driver": "noop"},
            agent={"observe_interval": 60, "workers": 2},
        ) as product,
        contextlib.ExitStack() as stack,
    ):
        names = {f"sim{number}": f"192.0.2.{number}" for number in range(1, count + 1)}
        shares = [dict(list(names.items())[start::2]) for start in (0, 1)]
        processes = []
        for share in filter(None, shares):
            processes.append(hosts.Process(product.root / "svcfabric.conf", product.root, share))
            stack.callback(servers.end, processes[-1].popen)
        for process in processes:
            for host in process.hosts:
                process.ask(do="start", host=host)
        admin = Wire(product.url, {"X-Project-Id": uuid.uuid4().hex, "X-Roles": "admin"})

        def alive() -> bool:
            return {row["host"] for row in admin.call("GET", "/v2.0/agents")["agents"] if row["alive"]} == set(names)

        servers.wait_until(alive, 60, "the agents")
        url = next(
            line.partition("=")[2].strip()
            for line in (product.root / "svcfabric.conf").read_text().splitlines()
            if line.startswith("connection")
        )
        looking = Database(url)
        try:
            yield Site(admin, looking, processes)
        finally:
            looking.dispose()


def fill(where: Site, networks: int, each: int, first: int = 0) -> list[tuple[str, str]]:
    """Networks with ports spread over all hosts; (network, a port of it bound to the first host)."""
    made, names = [], where.hosts
    for number in range(first, first + networks):
        network = where.wire.call("POST", "/v2.0/networks", {"network": {"name": f"n{number}"}})["network"]["id"]
        subnet = {"network_id": network, "ip_version": 4, "cidr": f"10.{number}.0.0/16"}
        where.wire.call("POST", "/v2.0/subnets", {"subnet": subnet})
        bodies = [{"network_id": network, "binding:host_id": names[place % len(names)]} for place in range(each)]
        ports = where.wire.call("POST", "/v2.0/ports", {"ports": bodies})["ports"]
        made.append((network, ports[0]["id"]))
    return made


def milliseconds(work: Callable[[], Any], rounds: int) -> float:
    """The median of that many runs."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def lists(where: Site) -> Figures:
    """A page at the beginning, one from the middle on, and everything (networks' own DHCP ports too)."""
    ids = [row["id"] for row in where.wire.call("GET", "/v2.0/ports?fields=id")["ports"]]
    total = len(ids)

    def get(path: str, want: int) -> Callable[[], None]:
        def work() -> None:
            found = where.wire.call("GET", path)["ports"]
            assert len(found) == want

        return work

    middle = sorted(ids)[total // 2 - 1]
    rest = min(PAGE, total - total // 2)
    return {
        f"list: a page of {PAGE}, ms": milliseconds(get(f"/v2.0/ports?limit={PAGE}", PAGE), 20),
        "list: a page from the middle, ms": milliseconds(get(f"/v2.0/ports?limit={PAGE}&marker={middle}", rest), 20),
        "list: all, us a port": milliseconds(get("/v2.0/ports", total), 5) * 1e3 / total,
    }


def changes(where: Site, network: str, port: str) -> Figures:
    """One port changed, made and deleted: the request, and until every host has applied it."""
    asked: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}

    def run(name: str, work: Callable[[], str]) -> str:
        began = time.perf_counter()
        ident = work()
        asked.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
        where.settle(ident, timeout=60)
        whole.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
        return ident

    def update(up: bool) -> str:
        where.wire.call("PUT", f"/v2.0/ports/{port}", {"port": {"admin_state_up": up}})
        return port

    def create() -> str:
        body = {"network_id": network, "binding:host_id": where.hosts[0]}
        return str(where.wire.call("POST", "/v2.0/ports", {"port": body})["port"]["id"])

    def delete(ident: str) -> str:
        where.wire.call("DELETE", f"/v2.0/ports/{ident}")
        return ident

    for number in range(ROUNDS):
        run("update", lambda number=number: update(bool(number % 2)))  # type: ignore[misc]
        made = run("create", create)
        run("delete", lambda made=made: delete(made))  # type: ignore[misc]
    figures = {}
    for name in asked:
        figures[f"{name} a port: answer, ms"] = statistics.median(asked[name])
        figures[f"{name} a port: on all hosts, ms"] = statistics.median(whole[name])
    return figures


def resync(where: Site, total: int) -> Figures:
    """A host that lost everything, and one whose agent starts again."""
    host = where.hosts[-1]
    process, want = where.of(host), where.placed(host)
    figures: Figures = {}
    for name, fresh in (("cold resync", True), ("an agent's start", False)):
        process.ask(do="stop", host=host)
        answer = process.ask(do="start", host=host, want=want, fresh=fresh)
        print(f"    {name}: {host} has {answer['applied']} instances, {answer['adopted']} of them stored before")
        figures[f"{name}, s"] = answer["seconds"]
    own = total // len(where.hosts)
    print(f"    of them {own} ports are its own")
    return figures


def table(small: Figures, large: Figures, ports: tuple[int, int]) -> int:
    """Print; how many goals were missed."""
    missed = 0
    print(f"\n{'':36} {ports[0]:>8} ports {ports[1]:>8} ports    ratio")
    for name, value in large.items():
        line, goal, met = f"{name:36} ", "", True
        before = small.get(name)
        line += f"{before:14.2f} {value:14.2f} {value / before:8.2f}" if before else f"{'':14} {value:14.2f} {'':8}"
        if "page" in name:
            goal, met = f"under {GOAL_PAGE:g}", value < GOAL_PAGE
        elif before:
            goal, met = f"ratio under {GOAL_RATIO:g}", value / before < GOAL_RATIO
        elif "cold" in name:
            goal, met = f"under {GOAL_RESYNC:g}", value < GOAL_RESYNC
        missed += not met
        print(f"{line}  {f'goal: {goal}' if goal else ''}{'' if met else '  MISSED'}".rstrip())
    return missed


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", type=int, default=10_000)
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="API processes")
    parser.add_argument("--database", choices=["mariadb", "postgresql"], default="postgresql")
    options = parser.parse_args()
    each = options.ports // options.networks
    with site(options.database, options.hosts, options.workers) as where:
        (watched,) = fill(where, 1, each)
        where.settle()
        small = lists(where) | changes(where, *watched)
        began = time.perf_counter()
        fill(where, options.networks - 1, each, first=1)
        filled = time.perf_counter() - began
        where.settle()
        settled = time.perf_counter() - began
        print(f"    {options.ports} ports made in {filled:.0f} s, on all hosts after {settled:.0f} s")
        large = lists(where) | changes(where, *watched) | resync(where, options.ports)
    print(
        f"\n{options.networks} networks on {options.hosts} simulated hosts each, {options.database}, "
        f"{options.workers} API workers, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    )
    return 1 if table(small, large, (each, options.ports)) else 0


if __name__ == "__main__":
    sys.exit(main())
