"""From POST of a whole load balancer to the first 200 through its VIP: ``python -m tests.bench.first_answer [COUNT]``.

One client, one after the other, against ``svcfabric up`` with the real HAProxy: the shipped topology's three web
servers, round robin, an HTTP monitor. Each is deleted before the next. Asking begins when the POST has answered
and goes on every 2 ms, from a namespace on the tenant's network.
"""

from __future__ import annotations

import statistics
import sys
import time

from svcfabric.cmd import here
from svcfabric.cmd.demo import cleanup, product, record, topology_file
from svcfabric.cmd.demo.build import Builder
from svcfabric.cmd.demo.load import Target, until_answered
from svcfabric.cmd.demo.screen import Screen


def measure(count: int) -> dict[str, list[float]]:
    """Milliseconds: until the POST answered, until the first 200, until the DELETE was confirmed."""
    made = record.new(None)
    try:
        product.start(made, ["public"])
        admin, tenant = product.clients(made)
        builder = Builder(made, admin, tenant, here.here(product.configuration(made)))
        topology = topology_file.load(None)
        (lb,) = topology.loadbalancers
        network = topology.network_of(lb.subnet)
        builder.network(network)
        for server in topology.servers:
            builder.place(server.name, network)
            builder.serve(server)
        asker = builder.place("asker", network)
        times: dict[str, list[float]] = {"POST answered": [], "first 200": [], "DELETE confirmed": []}
        for _ in range(count):
            began = time.monotonic()
            balancer = builder.balancer(topology, lb)
            times["POST answered"].append(time.monotonic() - began)
            answered, _early = until_answered(Target(lb.name, asker.namespace, balancer.vip, lb.listeners[0].port))
            times["first 200"].append(answered - began)
            began = time.monotonic()
            cleanup.undo(tenant, *made.undo.pop())
            times["DELETE confirmed"].append(time.monotonic() - began)
        return {what: [each * 1000 for each in values] for what, values in times.items()}
    finally:
        cleanup.clean(made, Screen())


def main() -> None:
    """The command."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(f"{count} load balancers, milliseconds")
    for what, values in measure(count).items():
        deciles = statistics.quantiles(values, n=10)
        print(f"{what:18} median {statistics.median(values):6.1f}   90 % {deciles[8]:6.1f}   worst {max(values):6.1f}")


if __name__ == "__main__":
    main()
