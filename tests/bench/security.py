"""What security groups cost, on two hosts: ``python -m tests.bench.security`` (as root).

Every figure stands beside the same thing without groups, measured in turn within the same run.
"""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable

from svcfabric.drivers.linux import netns
from svcfabric.spi.security import MemberSpec, SecurityRule
from tests import bedhost, beds, secured
from tests.secured import ICMP, OUT, TCP, UDP, rule

RULES, MEMBERS, ROUNDS = 1000, 1000, 9


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two servers that talk."""

    client: beds.Server
    server: beds.Server


def rules(group: str) -> list[SecurityRule]:
    """A thousand for the group's members: ports far apart, so that none becomes one with another."""
    found = [rule(group=group, protocol=TCP, first=port) for port in range(2000, 2000 + 3 * (RULES - 3), 3)]
    wanted = (
        rule(group=group, protocol=TCP, first=5201),
        rule(group=group, protocol=UDP),
        rule(group=group, protocol=ICMP),
    )
    return [*found, *wanted]


def crowd(hosts: list[beds.HostProcess], group: str) -> list[float]:
    """Members that are nobody here; what each cost the first host, in ms."""
    costs = []
    for number in range(MEMBERS):
        address = f"10.{1 + number // 250}.0.{number % 250 + 1}"
        spec = MemberSpec(id=str(uuid.uuid4()), port_id=str(uuid.uuid4()), groups=(group,), addresses=(address,))
        for host in hosts:
            host.apply(spec)
        costs.append(hosts[-1].seconds * 1000)
    return costs


def round_trip(pair: Pair) -> float:
    """Microseconds there and back, the average of 2,000 pings."""
    options = ["ping", "-n", "-q", "-c", "2000", "-i", "0.0002", pair.server.address]
    done = netns.run_in(pair.client.namespace, subprocess.run, options, capture_output=True, text=True, check=True)
    found = re.search(r"= [\d.]+/([\d.]+)/", done.stdout)
    assert found, done.stdout
    return float(found[1]) * 1000


def connects(pair: Pair) -> float:
    """Microseconds until a new TCP connection is there, the median of 300: what the rules themselves cost."""
    listener = beds.Listener(pair.server.namespace, port=5201)

    def measure() -> float:
        times = []
        for _ in range(300):
            with socket.socket() as sock:
                began = time.perf_counter()
                sock.connect((pair.server.address, 5201))
                times.append(time.perf_counter() - began)
            listener.accept()[0].close()
        return statistics.median(times) * 1e6

    try:
        return netns.run_in(pair.client.namespace, measure)
    finally:
        listener.close()


def throughput(pair: Pair) -> float:
    """Gbit/s of one TCP connection for a second."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = netns.run_in(pair.server.namespace, subprocess.Popen, ["iperf3", "-s", "-1"], **quiet)
    try:
        time.sleep(0.2)
        command = ["iperf3", "-c", pair.server.address, "-t", "1", "-J"]
        done = netns.run_in(pair.client.namespace, subprocess.run, command, capture_output=True, text=True, check=True)
        return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e9
    finally:
        server.kill()
        server.wait()


def in_turn(what: str, unit: str, measure: Callable[[Pair], float], plain: Pair, filtered: Pair) -> None:
    """Measure both several times in turn; print medians and the median of the ratios."""
    without, with_ = [], []
    for _ in range(ROUNDS):
        without.append(measure(plain))
        with_.append(measure(filtered))
    ratio = statistics.median(two / one for one, two in zip(without, with_, strict=True))
    figures = f"{statistics.median(without):9.2f} {statistics.median(with_):9.2f} {unit}"
    print(f"{what:44} {figures:28} ratio {ratio:.2f}", flush=True)


def members(bed: beds.Bed, group: str, client: beds.Server, server: beds.Server) -> None:
    """One port joins and leaves the group of a thousand: from the drivers' call to what packets meet."""
    spec = MemberSpec(id=str(uuid.uuid4()), port_id=client.port.id, groups=(group,), addresses=(client.address,))
    times: dict[str, list[float]] = {"joins": [], "leaves": []}
    with netns.run_in(server.namespace, socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as hears:
        hears.bind(("0.0.0.0", 7000))
        hears.settimeout(0.05)
        with netns.run_in(client.namespace, socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as says:
            for _ in range(20):
                times["joins"].append(_until(says, hears, server, lambda: _both(bed, bedhost.apply, spec), True))
                leave = lambda: _both(bed, bedhost.remove, spec.kind, spec.id)  # noqa: E731
                times["leaves"].append(_until(says, hears, server, leave, False))
    tracked = max(len(secured.connections(host)) for host in bed.hosts)
    for what, found in times.items():
        begin = f"one of {MEMBERS + 1} {what}, {tracked} connections tracked"
        print(f"{begin:44} in force on both hosts: {_figures(found)}", flush=True)


def _both(bed: beds.Bed, *call: object) -> None:
    """On both hosts at once, as their agents would."""
    threads = [threading.Thread(target=host, args=call) for host in bed.hosts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def _until(
    says: socket.socket, hears: socket.socket, server: beds.Server, change: Callable[[], None], passes: bool
) -> float:
    """Milliseconds from the change's begin until both hosts are done and packets pass (or none does)."""
    began = time.perf_counter()
    change()
    while True:
        says.sendto(b"x", (server.address, 7000))
        try:
            hears.recv(10)
        except TimeoutError:
            heard = False
        else:
            heard = True
        if heard == passes:
            # the silence itself takes as long as one listens for something
            return (time.perf_counter() - began) * 1000 - (0 if passes else 50)


def _figures(found: list[float]) -> str:
    return f"median {statistics.median(found):.1f} ms, worst {max(found):.1f} ms"


def main() -> None:
    """Measure and print."""
    with beds.bed(2) as bed:
        one, two = bed.hosts
        for host in bed.hosts:
            for kind in secured.KINDS:
                host.observe(kind)
        net = bed.network("10.0.0.0/16")
        plain_net = bed.network("10.0.0.0/16")
        group = secured.group(bed.hosts, *OUT)
        costs = crowd(bed.hosts, group)
        print(f"a member joins: the first 100 {_figures(costs[:100])}; the last 100 {_figures(costs[-100:])}")
        secured.group(bed.hosts, *OUT, *rules(group), id=group)
        print(f"{RULES} rules put in force in {two.seconds * 1000:.1f} ms on one host")
        security = secured.secured(group)
        near = Pair(
            bed.server(net, one, "10.0.0.11", security=security), bed.server(net, one, "10.0.0.12", security=security)
        )
        far = Pair(near.client, bed.server(net, two, "10.0.0.13", security=security))
        for server in (near.client, near.server, far.server):
            secured.member(bed.hosts, server, group)
        plain_near = Pair(bed.server(plain_net, one, "10.0.0.11"), bed.server(plain_net, one, "10.0.0.12"))
        plain_far = Pair(plain_near.client, bed.server(plain_net, two, "10.0.0.13"))
        client = bed.server(net, two, "10.0.0.40", security=secured.secured(secured.group(bed.hosts, *OUT)))
        members(bed, group, client, far.server)
        print(f"{RULES} rules x {MEMBERS} members; without groups, with, and how many times as much:")
        for where, plain, filtered in (("one host", plain_near, near), ("two hosts", plain_far, far)):
            in_turn(f"round trip, {where}", "us", round_trip, plain, filtered)
            in_turn(f"new TCP connection, {where}", "us", connects, plain, filtered)
            in_turn(f"iperf3, {where}", "Gbit/s", throughput, plain, filtered)
        members(bed, group, client, far.server)


if __name__ == "__main__":
    sys.exit(main())
