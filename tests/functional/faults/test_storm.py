"""A storm of mixed changes under keep-alive and close load: no request fails, and nothing of the storm remains.

At the end HAProxy's configuration is what a fresh rendering of the final specification gives, byte by byte, and
the process that runs has exactly its servers, with their weights.
"""

from __future__ import annotations

import dataclasses
import pathlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from svcfabric import conf as configuration
from svcfabric.agent.identity import Identity
from svcfabric.cmd import wiring
from svcfabric.cmd.client import LOAD_BALANCER, Client
from svcfabric.drivers.haproxy import runtime, status
from svcfabric.drivers.haproxy.driver import HaproxyDriver
from svcfabric.drivers.haproxy.render import Paths, render
from svcfabric.spi.lbaas import LoadBalancerSpec
from tests import cluster, servers
from tests.balancers import Balancers

WEBS = 6  # web servers there are; the pool has at least two of them, up and with weight
ALGORITHMS = ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP")


@dataclasses.dataclass
class Site:
    """A load balancer, web servers, a client. ``config``: of the server side."""

    product: cluster.Product
    config: pathlib.Path
    tenant: Client
    balancer: dict[str, Any]
    client: cluster.Server
    addresses: list[str]
    balancers: Balancers


def build(product: cluster.Product, config: pathlib.Path) -> Site:
    tenant = product.client(f"tenant-{product.name}")
    network = product.network(tenant)
    (host,) = product.hosts
    webs = [product.server(tenant, network, host, web=f"s{number}") for number in range(1, WEBS + 1)]
    client = product.server(tenant, network, host)
    addresses = [each.address for each in webs]
    balancer = product.load_balancer(tenant, network, addresses[:3])
    balancer = product.wait_active(tenant, balancer["id"])
    return Site(product, config, tenant, balancer, client, addresses, Balancers(host))


@pytest.fixture
def site() -> Iterator[Site]:
    """On ``svcfabric up``."""
    with cluster.standalone() as product:
        yield build(product, product.hosts[0].config)


class Storm:
    """Makes one change after the other, each allowed by what is there; counts them by what they were."""

    def __init__(self, site: Site, dice: random.Random) -> None:
        self.site, self.dice, self.done = site, dice, Counter[str]()
        self.pool = site.tenant.call("GET", f"{LOAD_BALANCER}/pools")["pools"][0]["id"]
        self.path = f"{LOAD_BALANCER}/pools/{self.pool}/members"
        self.members = {each["id"]: each for each in site.tenant.call("GET", self.path)["members"]}
        self.listeners: list[str] = []
        self.monitor = ""
        self.port = 8000
        self.turns: tuple[tuple[int, Callable[[], bool]], ...] = (
            (20, self.add_member),
            (18, self.remove_member),
            (25, self.set_weight),
            (15, self.set_admin_state),
            (6, self.replace_members),
            (5, self.add_listener),
            (5, self.remove_listener),
            (4, self.set_algorithm),
            (2, self.set_monitor),
        )

    def once(self) -> None:
        """One change, whichever is possible."""
        while True:
            (change,) = self.dice.choices([turn for _, turn in self.turns], [weight for weight, _ in self.turns])
            if change():
                self.done[change.__name__] += 1
                return

    def add_member(self) -> bool:
        free = set(self.site.addresses) - {each["address"] for each in self.members.values()}
        if not free:
            return False
        body = {"address": self.dice.choice(sorted(free)), "protocol_port": 80, "weight": self.dice.randint(1, 256)}
        made = self.site.tenant.create(self.path, "member", **body)
        self.members[made["id"]] = made
        return True

    def remove_member(self) -> bool:
        ident = self._dispensable()
        if ident:
            self.site.tenant.delete(f"{self.path}/{ident}")
            del self.members[ident]
        return bool(ident)

    def set_weight(self) -> bool:
        ident = self._dispensable()
        if ident:
            self._update(ident, weight=self.dice.choice((0, 1, 7, 100, 256)))
        return bool(ident)

    def set_admin_state(self) -> bool:
        ident = self._dispensable()
        if ident:
            self._update(ident, admin_state_up=not self.members[ident]["admin_state_up"])
        return bool(ident)

    def replace_members(self) -> bool:
        """All members in one request: some kept with another weight, some new, some gone."""
        chosen = self.dice.sample(self.site.addresses, self.dice.randint(2, WEBS))
        bodies = [{"address": each, "protocol_port": 80, "weight": self.dice.randint(1, 256)} for each in chosen]
        self.site.tenant.call("PUT", self.path, {"members": bodies})
        self.members = {each["id"]: each for each in self.site.tenant.call("GET", self.path)["members"]}
        return True

    def add_listener(self) -> bool:
        self.port += 1
        body = {"protocol": self.dice.choice(("HTTP", "TCP")), "protocol_port": self.port}
        more = {"loadbalancer_id": self.site.balancer["id"], "default_pool_id": self.pool}
        made = self.site.tenant.create(f"{LOAD_BALANCER}/listeners", "listener", **body, **more)
        self.listeners.append(made["id"])
        return True

    def remove_listener(self) -> bool:
        if self.listeners:
            ident = self.listeners.pop(self.dice.randrange(len(self.listeners)))
            self.site.tenant.delete(f"{LOAD_BALANCER}/listeners/{ident}")
            return True
        return False

    def set_algorithm(self) -> bool:
        body = {"pool": {"lb_algorithm": self.dice.choice(ALGORITHMS)}}
        self.site.tenant.call("PUT", f"{LOAD_BALANCER}/pools/{self.pool}", body)
        return True

    def set_monitor(self) -> bool:
        if self.monitor:
            self.site.tenant.delete(f"{LOAD_BALANCER}/healthmonitors/{self.monitor}")
            self.monitor = ""
        else:
            body = {"pool_id": self.pool, "type": "HTTP", "delay": 5, "timeout": 4, "max_retries": 3}
            self.monitor = self.site.tenant.create(f"{LOAD_BALANCER}/healthmonitors", "healthmonitor", **body)["id"]
        return True

    def _update(self, ident: str, **changes: Any) -> None:
        path = f"{self.path}/{ident}"
        self.members[ident] = self.site.tenant.call("PUT", path, {"member": changes})["member"]

    def _dispensable(self) -> str:
        """A member without which two that serve are left, or ""."""
        serving = [ident for ident, each in self.members.items() if each["admin_state_up"] and each["weight"]]
        ident = self.dice.choice(sorted(self.members))
        return ident if len(set(serving) - {ident}) >= 2 else ""


def test_short(site: Site, say) -> None:
    say(storm(site, changes=60, rate=300, pause=0.05))


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_long(site: Site, say) -> None:
    say(storm(site, changes=500, rate=2000, pause=0.1))


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_with_kills(postgresql, rabbitmq, say) -> None:
    """Every few seconds the agent is killed at any moment, half way through a change too; sometimes the controller."""
    with cluster.cloud(postgresql, rabbitmq, hosts=1) as product, ThreadPoolExecutor() as pool:
        site, over = build(product, product.root / "svcfabric.conf"), threading.Event()
        killer = pool.submit(kill_now_and_then, product, over)
        try:
            text = storm(site, changes=300, rate=500, pause=0.1)
        finally:
            over.set()
        say(f"with {killer.result()} kills: {text}")


def kill_now_and_then(product: cluster.Product, over: threading.Event) -> int:
    """Kill a process of the product and start it again until ``over``; how often."""
    kills = 0
    while not over.wait(random.uniform(0.5, 3)):
        program = product.controller() if random.random() < 0.25 else product.hosts[0].agent
        program.kill()
        kills += 1
        time.sleep(random.uniform(0, 0.5))
        program.start()
    return kills


def storm(site: Site, *, changes: int, rate: float, pause: float) -> str:
    """So many changes, ``pause`` seconds apart on average, under so many requests a second; the figures in words."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    made = Storm(site, random.Random(seed))
    first = site.balancers.number(site.balancer["id"])
    with site.client.load(f"http://{site.balancer['vip_address']}/", rate=rate, connections=32) as load:
        time.sleep(1)
        began = time.monotonic()
        for _ in range(changes):
            made.once()
            time.sleep(made.dice.uniform(0, 2 * pause))
            if made.dice.random() < 0.1:
                site.product.wait_active(site.tenant, site.balancer["id"])
        site.product.wait_active(site.tenant, site.balancer["id"])
        took = time.monotonic() - began
        time.sleep(1)
        counts = load.stop()
    assert counts.failed == 0, counts
    assert counts.resets == 0, counts
    spec = wanted(site)
    assert site.balancers.config(spec.id) == fresh(site, spec)
    runs(site, spec)
    reloads = site.balancers.number(spec.id) - first
    served = counts.sent / counts.seconds
    what = ", ".join(f"{count} {name}" for name, count in made.done.most_common())
    return (
        f"{changes} changes in {took:.0f} s ({what}; {reloads} reloads), {served:.0f} requests/s: "
        f"{counts.failed} of {counts.sent} failed, {counts.resets} resets; {counts.connections} connections, "
        f"p50 {counts.p50_ms} ms, p99 {counts.p99_ms} ms, worst {counts.max_ms:.0f} ms"
    )


def wanted(site: Site) -> LoadBalancerSpec:
    """The specification a controller would send now, from the product's database."""
    conf = configuration.load((), [str(site.config)])
    database = wiring.database(conf)
    side = wiring.server_side(conf, database, wiring.transport(conf))
    try:
        with database.read() as conn:
            ident = site.balancer["id"]
            spec = side.kinds["loadbalancer"].load(conn, [ident], site.balancers.host.name)[ident]
    finally:
        database.dispose()
    assert isinstance(spec, LoadBalancerSpec)
    return spec


def fresh(site: Site, spec: LoadBalancerSpec) -> str:
    """The configuration file a driver without any past would write."""
    conf = configuration.load((), [str(site.balancers.host.config)])
    driver = HaproxyDriver(Identity.of(conf).driver_options(conf, "loadbalancer", "haproxy"))
    return render(spec, Paths(), driver._limits)


def runs(site: Site, spec: LoadBalancerSpec) -> None:
    """The running process has just what the specification says."""
    socket = site.balancers.root / spec.id / Paths().socket

    def settled() -> bool:
        rows = runtime.show_statistics(socket)
        return not status.unknown_servers(spec, rows)

    # HAProxy keeps idle connections to a server, and closes half of them every 5 s (pool-purge-delay)
    servers.wait_until(settled, 40, "removed servers' end")
    rows = runtime.show_statistics(socket)
    assert not status.missing(spec, rows)
    weights = {row["svname"]: int(row["uweight"]) for row in rows if row["svname"].startswith("member-")}
    assert weights == {f"member-{each.id}": each.weight for pool in spec.pools for each in pool.members}
