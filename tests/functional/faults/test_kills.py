"""Two hosts, PostgreSQL, RabbitMQ; ``kill -9`` of one part after the other while requests run through the VIP.

Each time: no request fails, the part comes back, what was changed while it was away is applied, and HAProxy is
the process it was.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from svcfabric.cmd.client import LOAD_BALANCER, NETWORK, Client
from svcfabric.drivers.linux import process
from tests import cluster, servers
from tests.balancers import Balancers, running

RATE = 300  # requests a second
AWAY = 1.5  # seconds until what was killed is started again
SOON = 60.0  # seconds in which all must be well again, on a machine that is busy with other tests too


@dataclasses.dataclass
class Site:
    """A tenant's load balancer with web servers s1 and s2 behind it, s3 not yet; a client."""

    product: cluster.Cloud
    tenant: Client
    balancer: dict[str, Any]
    client: cluster.Server
    spare: cluster.Server
    balancers: Balancers  # of the host the load balancer is on

    @property
    def url(self) -> str:
        return f"http://{self.balancer['vip_address']}/"

    @property
    def members(self) -> str:
        pool = self.tenant.call("GET", f"{LOAD_BALANCER}/pools")["pools"][0]["id"]
        return f"{LOAD_BALANCER}/pools/{pool}/members"

    def add(self) -> str:
        """Add s3 to the pool; the member's path."""
        path = self.members
        made = self.tenant.create(path, "member", address=self.spare.address, protocol_port=80)
        return f"{path}/{made['id']}"

    def answers(self, name: str) -> bool:
        """Whether one of the next requests is answered by that server."""
        return any(self.client.get(self.url)[1] == name for _ in range(3))

    def hosts_heard(self) -> float:
        """When the agent not heard of for the longest was heard of, seconds since 1970."""
        beats = [
            each["heartbeat_timestamp"] for each in self.product.client().call("GET", f"{NETWORK}/agents")["agents"]
        ]
        return min(datetime.datetime.fromisoformat(each).timestamp() for each in beats)

    def pid(self) -> int:
        return self.balancers.pids()[self.balancer["id"]]


@pytest.fixture(scope="module")
def site(postgresql, rabbitmq) -> Iterator[Site]:
    with cluster.cloud(postgresql, rabbitmq, agent={"heartbeat_interval": 0.5}) as product:
        tenant = product.client(f"tenant-{product.name}")
        network = product.network(tenant)
        first, second = product.hosts
        webs = [
            product.server(tenant, network, host, web=f"s{number}")
            for number, host in enumerate((first, second, second), 1)
        ]
        client = product.server(tenant, network, first)
        balancer = product.load_balancer(tenant, network, [each.address for each in webs[:2]])
        balancer = product.wait_active(tenant, balancer["id"])
        there = next(each for each in map(Balancers, product.hosts) if balancer["id"] in each.pids())
        yield Site(product, tenant, balancer, client, webs[2], there)


@pytest.fixture(autouse=True)
def whole(site: Site, rabbitmq, postgresql) -> Iterator[None]:
    """Before and after each test everything runs; what a failed test left down is started again."""
    yield
    for server in (rabbitmq, postgresql):
        if not server.alive():
            server.start()
    site.product.start()
    for member in site.tenant.call("GET", site.members)["members"]:
        if member["address"] == site.spare.address:
            site.tenant.delete(f"{site.members}/{member['id']}")
    servers.wait_until(lambda: not site.answers("s3"), SOON, "removal of s3")


def suffer(site: Site, kill: Callable[[], None], restart: Callable[[], None], *, change_while_down: bool) -> str:
    """Kill, change, restart under load and check; the figures in words."""
    pid = site.pid()
    with site.client.load(site.url, rate=RATE, connections=16) as load, ThreadPoolExecutor() as pool:
        time.sleep(0.5)
        killed, stamp = time.monotonic(), time.time()
        kill()
        back = pool.submit(lambda: (time.sleep(AWAY), restart(), time.monotonic())[-1])
        if not change_while_down:
            back.result(SOON)
        member = site.add()
        answered = time.monotonic()
        servers.wait_until(lambda: site.answers("s3"), SOON, "s3 behind the VIP", step=0.02)
        effective = time.monotonic()
        started = back.result(SOON)
        servers.wait_until(lambda: site.hosts_heard() > stamp + AWAY, SOON, "signs of life of every agent", step=0.02)
        whole = time.monotonic()
        site.product.wait_active(site.tenant, site.balancer["id"])
        site.tenant.delete(member)
        time.sleep(0.5)
        counts = load.stop()
    assert counts.failed == 0, counts
    assert counts.sent > RATE * (whole - killed) * 0.8, counts
    assert counts.servers.keys() == {"s1", "s2", "s3"}
    assert site.pid() == pid
    asked, served, all_there = (moment - killed for moment in (answered, effective, whole))
    return (
        f"0 of {counts.sent} requests failed, worst {counts.max_ms:.0f} ms; killed at 0, started again at {AWAY} s, "
        f"there at {started - killed:.1f} s, every agent heard of at {all_there:.1f} s; a member asked for at "
        f"{asked:.2f} s served from {served:.2f} s"
    )


def end(program: cluster.Program) -> Callable[[], None]:
    """``kill -9`` of a program's first process, and no other."""

    def kill() -> None:
        os.kill(program.pid, signal.SIGKILL)
        assert program.process
        program.process.wait()

    return kill


def test_agent(site: Site, say) -> None:
    """The agent on the load balancer's host: what it left running is adopted, and serves on."""
    agent = site.balancers.host.agent
    say(f"agent: {suffer(site, end(agent), agent.start, change_while_down=True)}")


def test_other_agent(site: Site, say) -> None:
    """The agent on the other host, where two of the servers are."""
    agent = next(host for host in site.product.hosts if host is not site.balancers.host).agent
    say(f"other agent: {suffer(site, end(agent), agent.start, change_while_down=True)}")


def test_controller(site: Site, say) -> None:
    controller = site.product.controller()
    say(f"controller: {suffer(site, end(controller), controller.start, change_while_down=True)}")


def test_api(site: Site, say) -> None:
    """Its first process; the workers, left alone, end too and do not hold the port."""
    api = site.product.api()
    workers = process.children_of(api.pid)

    def restart() -> None:
        assert not [each for each in workers if running(each)]
        api.start()
        site.product.wait_ready(SOON)

    say(f"API: {suffer(site, end(api), restart, change_while_down=False)}")


def test_api_workers(site: Site, say) -> None:
    """All workers at once: the first process starts others by itself."""
    api = site.product.api()

    def kill() -> None:
        for each in process.children_of(api.pid):
            os.kill(each, signal.SIGKILL)

    def restart() -> None:
        site.product.wait_ready(SOON)
        assert api.alive()

    say(f"API workers: {suffer(site, kill, restart, change_while_down=False)}")


def test_broker(site: Site, rabbitmq, say) -> None:
    say(f"broker: {suffer(site, rabbitmq.kill, rabbitmq.start, change_while_down=True)}")


def test_database(site: Site, postgresql, say) -> None:
    say(f"database: {suffer(site, postgresql.kill, postgresql.start, change_while_down=False)}")
