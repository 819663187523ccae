"""The API measured: ``python -m tests.bench.api [--clients 8] [--beside OPENRC ...]``.

Two API workers, a controller and an agent with the real HAProxy, over MariaDB (durable), RabbitMQ and a real
Keystone, all on this machine, as is the client. ``--beside``: another cloud's administrator (``OS_*`` variables,
as ``openstack`` takes them); what its catalog has of network and load-balancer is measured in turn with ours, by
the same client, and the table gets ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import pathlib
import re
import sys
import uuid
from collections.abc import Iterator

import requests

from tests import cluster, databases, keystone, servers
from tests.bench import operations
from tests.bench.wire import Figure, Wire

# operations per second at eight clients, as a multiple of the other's, that must be reached
WANTED = {"create_network": 10.0, "create_port": 10.0, "show_port": 8.0, "list_1000_ports": 30.0}
WANTED_LATENCY = {"create_lb_to_active": 1.0}

Figures = dict[str, Figure]


@contextlib.contextmanager
def ours(workers: int) -> Iterator[dict[str, Wire]]:
    """Our own servers; the wires by service type."""
    with (
        databases.mariadb(tcp=True, durable=True) as database,
        servers.rabbitmq() as broker,
        keystone.keystone() as identity,
        cluster.cloud(
            database, broker, hosts=1, workers=workers, auth="keystone", more=identity.service_section()
        ) as product,
    ):
        token, _project = identity.token("admin")
        headers = {"X-Auth-Token": token}
        yield {
            "network": Wire(product.url, headers),
            "load-balancer": Wire(f"{product.url}/load-balancer", headers),
        }


def other(openrc: pathlib.Path) -> dict[str, Wire]:
    """Another cloud's wires by service type, from its catalog."""
    env = dict(re.findall(r"(OS_\w+)=(\S+)", openrc.read_text()))
    who = keystone.Identity(
        auth_url=env["OS_AUTH_URL"].rstrip("/").removesuffix("/v3") + "/v3",
        username=env["OS_USERNAME"],
        project=env["OS_PROJECT_NAME"],
        password=env["OS_PASSWORD"],
    )
    token, _project = keystone.token(who)
    headers = {"X-Auth-Token": token}
    catalog = requests.get(f"{who.auth_url}/auth/catalog", headers=headers, timeout=30).json()["catalog"]
    urls = {
        each["type"]: point["url"] for each in catalog for point in each["endpoints"] if point["interface"] == "public"
    }
    return {kind: Wire(urls[kind], headers) for kind in ("network", "load-balancer") if kind in urls}


def run(wires: dict[str, Wire], options: argparse.Namespace, kind: str) -> operations.Measured:
    """Measure one kind of service, an operation at a time."""
    if kind == "network":
        return operations.network(wires[kind], options.clients, count=options.count)
    subnet = make_subnet(wires["network"]) if "network" in wires else str(uuid.uuid4())
    return operations.load_balancers(wires[kind], options.clients, subnet, count=options.balancers)


def make_subnet(wire: Wire) -> str:
    """A subnet with room for load balancers."""
    network = wire.call("POST", "/v2.0/networks", {"network": {"name": "bench-vips"}})["network"]["id"]
    body = {"network_id": network, "ip_version": 4, "cidr": "10.88.0.0/16"}
    return str(wire.call("POST", "/v2.0/subnets", {"subnet": body})["subnet"]["id"])


def table(mine: Figures, beside: Figures) -> int:
    """Print; how many of the goals were missed."""
    missed = 0
    print(f"{'':26} {'ops/s':>9} {'p50 ms':>9} {'p99 ms':>9}   {'ops/s':>9} {'p50 ms':>9} {'p99 ms':>9} {'ratio':>7}")
    for name, figure in mine.items():
        line = f"{name:26} {figure.ops:9.1f} {figure.p50:9.1f} {figure.p99:9.1f}"
        there = beside.get(name)
        if there and there.ops:
            ratio = figure.ops / there.ops
            line += f"   {there.ops:9.1f} {there.p50:9.1f} {there.p99:9.1f} {ratio:6.1f}x"
            if name in WANTED:
                line += f"  goal {WANTED[name]:g}x" + ("" if ratio >= WANTED[name] else "  MISSED")
                missed += ratio < WANTED[name]
            if name in WANTED_LATENCY:
                line += "  goal: faster" + ("" if figure.p50 < there.p50 else "  MISSED")
                missed += figure.p50 >= there.p50
        print(line)
        for who, each in (("ours", figure), ("other", there)):
            if each and each.errors:
                print(f"    {who}: {each.errors} of {each.n} failed: {each.first_error}")
                missed += who == "ours"
    return missed


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="API processes")
    parser.add_argument("--count", type=int, default=150, help="operations of each kind on networks")
    parser.add_argument("--balancers", type=int, default=40, help="load balancers")
    parser.add_argument("--only", choices=["network", "load-balancer"])
    beside = os.environ.get("BENCH_BESIDE", "").split()
    parser.add_argument("--beside", type=pathlib.Path, action="append", default=[pathlib.Path(each) for each in beside])
    options = parser.parse_args()
    kinds = [options.only] if options.only else ["network", "load-balancer"]
    there: Figures = {}
    mine: Figures = {}
    others = [other(openrc) for openrc in options.beside]
    with ours(options.workers) as wires:
        for kind in kinds:
            beside = next((each for each in others if kind in each), None)
            theirs = run(beside, options, kind) if beside else iter(())
            # an operation here, the same there: whatever else the machine does, it does to both
            for (name, figure), other_figure in itertools.zip_longest(run(wires, options, kind), theirs):
                mine[name] = figure
                if other_figure:
                    there[name] = other_figure[1]
    load = os.getloadavg()[0]
    print(
        f"\n{options.clients} clients, {options.workers} API workers, {os.cpu_count()} cores, load average {load:.1f}"
    )
    return 1 if table(mine, there) else 0


if __name__ == "__main__":
    sys.exit(main())
