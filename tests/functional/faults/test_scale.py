"""Many load balancers on one host: what one costs, how it idles, and how soon a new agent has adopted all.

Each has a listener, a pool of two members and an HTTP health monitor; memory is proportional set size.
"""

from __future__ import annotations

import os
import pathlib
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from svcfabric.cmd.client import LOAD_BALANCER, Client
from svcfabric.drivers.linux import process
from tests import cluster, servers
from tests.balancers import Balancers, cpu, pss, running

ADOPTED = re.compile(r"instances adopted in ([\d.]+) s")
MIB = 2**20


def test_ten(say) -> None:
    """All in one process, as ``svcfabric up``."""
    with cluster.standalone() as product:
        scale(product, 10, idle=5.0, say=say)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_hundred(postgresql, rabbitmq, say) -> None:
    """As it is deployed: an agent's process of its own, PostgreSQL, RabbitMQ."""
    with cluster.cloud(postgresql, rabbitmq, hosts=1) as product:
        scale(product, 100, idle=20.0, say=say)


def scale(product: cluster.Product, count: int, *, idle: float, say: Any) -> None:
    (host,) = product.hosts
    tenant, balancers = product.client(f"tenant-{product.name}"), Balancers(host)
    network = product.network(tenant)
    webs = [product.server(tenant, network, host, web=f"s{number}").address for number in (1, 2)]
    client = product.server(tenant, network, host)

    free, began = available(), time.monotonic()
    made = make(product, tenant, network, client, webs, count)
    seconds, left = time.monotonic() - began, available()
    pids = balancers.pids()
    assert pids.keys() == {each["id"] for each in made}
    each = sum(map(pss, pids.values())) / count / MIB
    say(
        f"{count} load balancers: {seconds:.1f} s from the first request to the last's first answer "
        f"({seconds / count * 1e3:.0f} ms each); {each:.1f} MiB each is HAProxy's, {(free - left) / count / MIB:.1f} "
        "MiB each is gone from the machine's"
    )
    assert each < 6

    time.sleep(3)  # statuses settle
    ours = {name: family(program.pid) - set(pids.values()) for name, program in product.programs.items()}
    ours["all HAProxys"] = set(pids.values())
    before = {name: sum(map(cpu, members)) for name, members in ours.items()}
    time.sleep(idle)
    shares = {name: (sum(map(cpu, members)) - before[name]) / idle for name, members in ours.items()}
    say(
        f"{count} load balancers, idle for {idle:.0f} s: "
        + "; ".join(
            f"{name} {share * 100:.1f} % of a core, {sum(map(pss, ours[name])) / MIB:.0f} MiB"
            for name, share in shares.items()
        )
    )
    assert shares[host.agent.name] + shares["all HAProxys"] < 0.25

    with client.load(f"http://{made[0]['vip_address']}/", rate=100) as load:
        total, adopted = restart(host)
        counts = load.stop()
    assert balancers.pids() == pids
    assert counts.failed == 0, counts
    assert adopted < 3
    say(
        f"{count} load balancers adopted in {adopted:.2f} s, {total:.1f} s after the start of the process; every "
        f"HAProxy is the one it was; 0 of {counts.sent} requests failed meanwhile"
    )
    product.wait_ready()
    pool = tenant.call("GET", f"{LOAD_BALANCER}/pools", query={"loadbalancer_id": made[-1]["id"]})["pools"][0]["id"]
    tenant.create(f"{LOAD_BALANCER}/pools/{pool}/members", "member", address=webs[0], protocol_port=81, weight=7)
    product.wait_active(tenant, made[-1]["id"])
    assert balancers.pids() == pids


def make(
    product: cluster.Product, tenant: Client, network: Any, client: cluster.Server, webs: list[str], count: int
) -> list[dict[str, Any]]:
    """That many load balancers, each in one request, one after the other; returns when each has answered."""
    monitor = {"type": "HTTP", "delay": 5, "timeout": 4, "max_retries": 3}

    def answers(balancer: dict[str, Any]) -> None:
        url = f"http://{balancer['vip_address']}/"
        servers.wait_until(lambda: client.get(url, timeout=2)[0] == 200, 60, url, step=0.01)

    with ThreadPoolExecutor(4) as pool:
        made, waits = [], []
        for _ in range(count):
            made.append(product.load_balancer(tenant, network, webs, healthmonitor=monitor))
            waits.append(pool.submit(answers, made[-1]))
        for wait in waits:
            wait.result()
    for balancer in made:
        product.wait_active(tenant, balancer["id"])
    return made


def restart(host: cluster.Host) -> tuple[float, float]:
    """Kill the agent's process and start it again; seconds until it had adopted everything: in all, and of these
    what the adoption itself took."""
    told = len(ADOPTED.findall(host.agent.log.read_text()))
    children = family(host.agent.pid) - set(Balancers(host).pids().values())
    os.kill(host.agent.pid, signal.SIGKILL)
    assert host.agent.process
    host.agent.process.wait()
    servers.wait_until(lambda: not any(map(running, children)), 10, "the workers' end")
    began = time.monotonic()
    host.agent.start()
    servers.wait_until(lambda: len(ADOPTED.findall(host.agent.log.read_text())) > told, 30, "adoption", step=0.02)
    return time.monotonic() - began, float(ADOPTED.findall(host.agent.log.read_text())[-1])


def family(pid: int) -> set[int]:
    """A process and its children."""
    return {pid, *process.children_of(pid)}


def available() -> int:
    """Bytes of memory the machine has left."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(re.findall(r"MemAvailable: +(\d+) kB", text)[0]) * 1024
