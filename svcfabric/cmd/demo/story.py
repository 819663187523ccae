"""The steps of the demo, from an empty product to a member that joins under load."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import time

from svcfabric.cmd.demo.build import Balancer, Builder
from svcfabric.cmd.demo.ledger import Ledger
from svcfabric.cmd.demo.load import Target, running, some, until_answered
from svcfabric.cmd.demo.screen import Screen, Step, shown
from svcfabric.cmd.demo.topology import Listener, LoadBalancer, Server, Topology
from svcfabric.drivers.linux import process

REQUESTS = 300  # per target, to see the spread
CALM = 1.5  # seconds of load after each change
STATUS_LAG = 3.0  # seconds a change of health may take to be seen in the API, beyond the monitor's own time


@dataclasses.dataclass(slots=True)
class Front:
    """A load balancer with where it is asked from. ``vip`` and ``floating``: a target for each listener."""

    lb: LoadBalancer
    balancer: Balancer
    vip: list[Target]
    floating: list[Target] = dataclasses.field(default_factory=list)

    @property
    def targets(self) -> list[Target]:
        """All of them."""
        return self.vip + self.floating


class Story:
    """``run`` tells all of it. Requests are counted in each step's ledger."""

    def __init__(self, topology: Topology, builder: Builder, screen: Screen) -> None:
        self.topology, self.builder, self.screen = topology, builder, screen
        self.servers: dict[str, process.Process] = {}
        self.fronts: list[Front] = []

    def run(self) -> None:
        """Every step in turn; a step that cannot go on raises."""
        self.make_networks()
        self.make_servers()
        for lb in self.topology.loadbalancers:
            self.make_balancer(lb)
        for front in self.fronts:
            if front.lb.floating_ip:
                self.make_floating(front)
        for front in self.fronts:
            self.show_spread(front)
        self.change_under_load()

    def make_networks(self) -> None:
        """Networks, subnets, routers."""
        with self.screen.step("networks") as step:
            for network in self.topology.networks:
                self.builder.network(network)
            self.builder.routers(self.topology)
            names = [net.name for net in self.topology.networks] + [router.name for router in self.topology.routers]
            step.say(", ".join(names))

    def make_servers(self) -> None:
        """Servers and clients in namespaces of their own; every server answers a neighbour directly."""
        networks = {net.name: net for net in self.topology.networks}
        with self.screen.step("servers") as step:
            if self.topology.servers:
                self.builder.admit(self.topology)
            for server in self.topology.servers:
                self.builder.place(server.name, networks[server.network], serves=True)
                self.servers[server.name] = self.builder.serve(server)
            for client in self.topology.clients:
                self.builder.place(client.name, networks[client.network])
            for server in self.topology.servers:
                neighbour = self.topology.client_on(server.network)
                if neighbour:
                    until_answered(self._target(server.name, neighbour.name, self._address(server.name), server.port))
            step.say(", ".join(f"{each.name} {self._address(each.name)}" for each in self.topology.servers))

    def make_balancer(self, lb: LoadBalancer) -> None:
        """The whole load balancer in one POST; the clock runs until the first 200 through the VIP."""
        client = self.topology.client_on(self.topology.network_of(lb.subnet).name)
        assert client is not None  # checked with the file
        with self.screen.step(f"load balancer {lb.name}") as step:
            began = time.monotonic()
            balancer = self.builder.balancer(self.topology, lb)
            posted = time.monotonic() - began
            targets = [
                self._target(f"{client.name} → {lb.name}:{listener.port}", client.name, balancer.vip, listener.port)
                for listener in lb.listeners
            ]
            answered, _early = until_answered(targets[0])
            step.say(
                f"one POST ({shown(posted)}); the VIP {balancer.vip} answers {shown(answered - began)} after it began"
            )
            for target in targets[1:]:
                until_answered(target)
            self.builder.learn(lb, balancer)
        self.fronts.append(Front(lb, balancer, targets))

    def make_floating(self, front: Front) -> None:
        """A floating IP on the VIP, asked from outside."""
        client = self.topology.client_on(front.lb.floating_ip)
        assert client is not None  # checked with the file
        with self.screen.step("floating IP") as step:
            began = time.monotonic()
            self.builder.floating(front.lb, front.balancer)
            address = front.balancer.floating
            front.floating = [
                self._target(f"{client.name} → {address}:{listener.port}", client.name, address, listener.port)
                for listener in front.lb.listeners
            ]
            answered = max(until_answered(target)[0] for target in front.floating)
            step.say(f"{address} answers from outside {shown(answered - began)} after its POST began")

    def show_spread(self, front: Front) -> None:
        """Requests through every address, and who answered them."""
        listeners = front.lb.listeners
        for index, target in enumerate(front.targets):
            listener = listeners[index % len(listeners)]
            with self.screen.step(target.name) as step:
                self._watch(step)
                some(target, REQUESTS, step.ledger)
                expect_none_failed(step)
                expect_spread(step, listener)
                step.say(spread(step.ledger))

    def change_under_load(self) -> None:
        """Stop a server, start it again, add one: while requests come from everywhere."""
        watched = next(
            (
                (front, index)
                for front in self.fronts
                for index, listener in enumerate(front.lb.listeners)
                if listener.pool.monitor and len(listener.pool.members) > 1
            ),
            None,
        )
        if watched is not None:
            front, index = watched
            name = front.lb.listeners[index].pool.members[0]
            self.stop_server(front, index, name)
            self.start_server(front, index, name)
        for front in self.fronts:
            for index, listener in enumerate(front.lb.listeners):
                spare = self.topology.spare(self.topology.server(listener.pool.members[0]).network)
                if spare and listener.pool.algorithm != "SOURCE_IP":
                    self.add_member(front, index, spare)
                    return

    def stop_server(self, front: Front, index: int, name: str) -> None:
        """Kill a web server; the health monitor takes it out, and nothing is lost from then on."""
        monitor = front.lb.listeners[index].pool.monitor
        assert monitor is not None
        pool = front.balancer.pools[index]
        with self.screen.step(f"stop {name}") as step, self._load(front, step):
            time.sleep(CALM / 3)
            killed = time.monotonic()
            self.servers[name].signal(signal.SIGKILL)
            self.builder.tenant.wait(
                f"member {name} ERROR",
                lambda: self.builder.member_status(front.balancer, pool, name) == "ERROR",
                timeout=(monitor.delay + monitor.timeout) * monitor.max_retries_down + STATUS_LAG,
            )
            out = time.monotonic()
            time.sleep(CALM)
            before, after = step.ledger.during(killed, out), step.ledger.sent_in(out)
            step.expect(after.sent > 0 and after.failed == 0, f"{after.failed} of {after.sent} failed after it was out")
            step.expect(name not in after.spread, f"{name} still answers")
            step.say(f"killed; ERROR in the API after {shown(out - killed)}")
            step.say(f"until then {before.failed} of {before.sent} failed, from then on {after.failed} of {after.sent}")

    def start_server(self, front: Front, index: int, name: str) -> None:
        """Start it again; the monitor takes it in."""
        pool = front.balancer.pools[index]
        with self.screen.step(f"start {name}") as step, self._load(front, step):
            began = time.monotonic()
            self.servers[name] = self.builder.serve(self.topology.server(name))
            self.builder.tenant.wait(
                f"member {name} ONLINE",
                lambda: self.builder.member_status(front.balancer, pool, name) == "ONLINE",
                timeout=60,
            )
            online = time.monotonic()
            time.sleep(CALM / 2)
            expect_none_failed(step)
            step.expect(name in step.ledger.sent_in(began).spread, f"{name} gets no requests")
            step.say(f"ONLINE again after {shown(online - began)}; {spread(step.ledger.sent_in(online))}")

    def add_member(self, front: Front, index: int, spare: Server) -> None:
        """One more member while requests come: none may fail, and it gets its share."""
        with self.screen.step(f"add member {spare.name}") as step, self._load(front, step):
            time.sleep(CALM / 3)
            began = time.monotonic()
            self.builder.member(front.balancer, front.balancer.pools[index], spare)
            self.builder.tenant.wait(
                f"a request answered by {spare.name}",
                lambda: step.ledger.sent_in(began).first_from(spare.name) is not None,
                timeout=15,
            )
            first = step.ledger.first_from(spare.name)
            time.sleep(CALM)
            expect_none_failed(step)
            step.say(f"its first request {shown((first or began) - began)} after the POST began")
            step.say(spread(step.ledger.sent_in(first or began)))

    def _load(self, front: Front, step: Step) -> contextlib.AbstractContextManager[None]:
        self._watch(step)
        return running(front.targets, step.ledger)

    def _watch(self, step: Step) -> None:
        self.screen.live = lambda: f"{step.ledger.sent} requests, {step.ledger.failed} failed"

    def _address(self, name: str) -> str:
        return self.builder.placed[name].address

    def _target(self, name: str, client: str, address: str, port: int) -> Target:
        return Target(name, self.builder.placed[client].namespace, address, port)


def expect_none_failed(step: Step) -> None:
    """Every request of the step was answered with 200, and there were some."""
    ledger = step.ledger
    step.expect(ledger.sent > 0 and ledger.failed == 0, f"{ledger.failed} of {ledger.sent} failed: {ledger.errors}")


def expect_spread(step: Step, listener: Listener) -> None:
    """All members answer; in turn, if that is the algorithm and requests (not connections) are balanced."""
    counts = step.ledger.spread
    if listener.pool.algorithm == "SOURCE_IP":
        step.expect(len(counts) == 1, f"one client's requests went to {len(counts)} members")
        return
    step.expect(set(counts) == set(listener.pool.members), f"not every member answers: {spread(step.ledger)}")
    if listener.pool.algorithm == "ROUND_ROBIN" and listener.protocol == "HTTP" and counts:
        uneven = max(counts.values()) - min(counts.values())
        step.expect(uneven <= 0.1 * step.ledger.sent / len(counts), f"not in turn: {spread(step.ledger)}")


def spread(ledger: Ledger) -> str:
    """Who answered how many, for people."""
    return ", ".join(f"{server} {count}" for server, count in ledger.spread.items())
