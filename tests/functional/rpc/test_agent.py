"""An agent and a small server that keeps desired state, over the in-process transport and a real RabbitMQ."""

import contextlib
import statistics
import threading
import time
import uuid

import pytest

from svcfabric import conf
from svcfabric.agent.service import Agent
from svcfabric.drivers.noop import NoopDriver
from svcfabric.errors import Conflict
from svcfabric.rpc import Unreachable
from svcfabric.rpc.client import AgentClient
from svcfabric.rpc.server import serve_controller
from svcfabric.rpc.transport import Transport
from svcfabric.spi import codec
from svcfabric.spi.driver import DriverOptions, Observation
from svcfabric.spi.l2l3 import NetworkSpec, Segment
from svcfabric.spi.spec import Envelope
from tests.servers import free_port, wait_until


def wire(instance_id, generation=1, vni=7):
    spec = NetworkSpec(id=instance_id, segment=Segment(network_id=instance_id, type="vxlan", vni=vni))
    return codec.encode(Envelope(spec=spec, generation=generation, driver="noop"))


def removal(instance_id, generation):
    return {"id": instance_id, "kind": "network", "driver": "noop", "generation": generation}


class World:
    """A server: what should be on the host, what the host has answered. Sends like one; sweeps when told to."""

    def __init__(self, transport, host):
        self.client, self.host = AgentClient(transport), host
        self.wanted, self.removing, self.observed, self.statuses, self.beats = {}, {}, {}, {}, []
        self.codes, self.resyncs = {}, 0
        self._lock = threading.Lock()

    def want(self, instance_id, generation, *, send=True):
        with self._lock:
            self.wanted[instance_id] = wire(instance_id, generation, generation)
        if send:
            self.send(self.client.apply, [self.wanted[instance_id]])

    def unwant(self, instance_id, *, send=True):
        with self._lock:
            generation = self.wanted.pop(instance_id)["generation"] + 1
            self.removing[instance_id] = removal(instance_id, generation)
        if send:
            self.send(self.client.remove, [self.removing[instance_id]])

    def send(self, method, what):
        with contextlib.suppress(Unreachable):  # as the product does: sweep and resync repair it
            method(self.host, what)

    def settled(self):
        with self._lock:
            behind = [k for k, each in self.wanted.items() if self.observed.get(k) != each["generation"]]
            return not behind and not self.removing

    def heartbeat(self, agent):
        self.beats.append(agent)

    def report(self, host, reports):
        assert host == self.host
        with self._lock:
            for report in reports:
                if report["removed"]:
                    self.removing.pop(report["id"], None)
                    self.observed.pop(report["id"], None)
                elif report["generation"] >= self.observed.get(report["id"], 0):
                    self.observed[report["id"]] = report["generation"]
                    self.codes[report["id"]] = report["code"]

    def observe(self, host, observations):
        for each in observations:
            self.statuses.update(each["statuses"])

    def resync(self, host, view):
        with self._lock:
            self.resyncs += 1
            differs = [
                each
                for k, each in self.wanted.items()
                if view.get(k) != each["generation"] or self.observed.get(k) != each["generation"]
            ]
            return {
                "envelopes": differs,
                "remove": list(self.removing.values()),
                "known": [*self.wanted, *self.removing],
                "complete": True,
            }


class Host:
    """A machine on which agents come and go; what drivers made stays."""

    def __init__(self, state_dir, name):
        self.name, self.state_dir = name, state_dir
        self.driver = NoopDriver("network", DriverOptions(host=name, state_dir=str(state_dir), tag="t"))
        self.agents, self.transports = [], []

    def agent(self, url, **options):
        loaded = conf.load((), ())
        loaded.set_override("state_dir", str(self.state_dir))
        loaded.set_override("host", self.name, group="agent")
        loaded.set_override("observe_interval", 0.1, group="agent")
        for name, value in options.items():
            loaded.set_override(name, value, group="agent")
        transport = Transport(url, loaded)
        self.transports.append(transport)
        agent = Agent(loaded, transport, {("network", "noop"): self.driver})
        self.agents.append(agent)
        return agent


@pytest.fixture
def host(tmp_path, vhost):
    made = Host(tmp_path, vhost)
    yield made
    for agent in made.agents:
        if not agent._stopping.is_set():
            agent.stop()
    for transport in made.transports:
        transport.close()


@pytest.fixture
def world(connect, url, vhost):
    made = World(connect(url), vhost)
    server = serve_controller(connect(url), made, name=vhost)
    assert server.start()
    yield made
    server.stop()


@pytest.fixture(autouse=True)
def own_controllers(monkeypatch, vhost):
    """On a shared broker each test talks to its own controller."""
    for module in ("svcfabric.rpc.client", "svcfabric.rpc.server"):
        monkeypatch.setattr(f"{module}.CONTROLLER_TOPIC", f"controller-{vhost}")


def ids(count):
    return [str(uuid.uuid4()) for _ in range(count)]


def test_there_and_back(url, host, world):
    host.agent(url).start()
    mine = ids(20)
    for each in mine:
        world.want(each, 1)
    wait_until(world.settled, 10, "20 networks", step=0.01)
    world.want(mine[0], 2)
    world.unwant(mine[1])
    wait_until(world.settled, 10, "changes", step=0.01)
    assert set(host.driver.applied) == set(mine) - {mine[1]}
    assert host.driver.applied[mine[0]].segment.vni == 2


def test_latency_from_cast_to_driver(url, host, world):
    host.agent(url).start()
    arrived, took = threading.Event(), []
    apply = host.driver.apply

    def noting(spec):
        took.append(time.perf_counter())
        arrived.set()
        return apply(spec)

    host.driver.apply = noting
    for each in ids(200):
        arrived.clear()
        start = time.perf_counter()
        world.want(each, 1)
        assert arrived.wait(5)
        took[-1] -= start
        time.sleep(0.002)
    wait_until(world.settled, 10, "reports", step=0.001)
    took.sort()
    print(f"\n{url.split(':')[0]}: cast to driver.apply {took[100] * 1e3:.2f} ms median, {took[189] * 1e3:.2f} ms p95")
    assert statistics.median(took) < (0.002 if url.startswith("inproc") else 0.010)


def test_lost_messages_are_found_by_the_compare(url, host, world):
    agent = host.agent(url)
    agent.start()
    wait_until(lambda: world.resyncs >= 1, 10, "first compare")
    mine = ids(3)
    world.want(mine[0], 1)
    wait_until(world.settled, 10, "first", step=0.01)
    for each in mine[1:]:
        world.want(each, 1, send=False)
    world.unwant(mine[0], send=False)
    agent.resync.trigger()
    wait_until(world.settled, 10, "what was not sent")
    assert set(host.driver.applied) == set(mine[1:])


def test_a_refused_spec_is_reported_at_once(url, host, world):
    host.agent(url).start()
    (bad,) = ids(1)
    host.driver.fail(bad, "line 3", retry=False)
    world.want(bad, 1)
    wait_until(lambda: world.codes.get(bad) == "noop.told", 5, "the refusal", step=0.01)
    host.driver.succeed(bad)
    world.want(bad, 2)
    wait_until(lambda: world.settled() and world.codes[bad] == "", 5, "the good one", step=0.01)


def test_signs_of_life_and_status(url, host, world):
    host.agent(url, heartbeat_interval=0.2).start()
    (one,) = ids(1)
    world.want(one, 1)
    wait_until(world.settled, 10, "one")
    host.driver.observed[one] = Observation(instance_id=one, kind="network", statuses={one: "ONLINE"})
    wait_until(lambda: world.statuses.get(one) == "ONLINE", 5, "status", step=0.01)
    wait_until(lambda: world.beats and world.beats[-1]["resources"] == {"network": 1}, 5, "heartbeat")
    beat = world.beats[-1]
    assert beat["host"] == host.name
    assert beat["drivers"] == [{"kind": "network", "driver": "noop", "features": ["*"]}]
    assert beat["started_at"].endswith("+00:00")


def test_restart_adopts_without_a_server(host, vhost):
    url = f"inproc:///{vhost}"
    first = host.agent(url)
    mine = ids(100)
    first.start()
    first.loop.apply([wire(each, 3) for each in mine])
    assert first.loop.wait_idle(10)
    first.stop()
    assert len(host.driver.applied) == 100  # stopping changes nothing
    lost = mine[:10]
    for each in lost:
        del host.driver.applied[each]
    host.driver.calls.clear()
    start = time.perf_counter()
    second = host.agent(url)
    second.start()
    assert second.loop.wait_idle(10)
    took = time.perf_counter() - start
    print(f"\nadoption of 100 stored instances: {took * 1000:.0f} ms")
    assert took < 3
    assert set(host.driver.applied) == set(mine)
    assert sorted(each for _, each in host.driver.calls) == sorted(mine)
    assert second.store.view() == dict.fromkeys(mine, 3)


def test_starts_without_a_broker(host):
    url = f"rabbit://guest:guest@127.0.0.1:{free_port()}/"
    (one,) = ids(1)
    first = host.agent("inproc:///x" + host.name)
    first.start()
    first.loop.apply([wire(one)])
    assert first.loop.wait_idle(5)
    first.stop()
    host.driver.applied.clear()
    second = host.agent(url)
    starting = threading.Thread(target=second.start)
    starting.start()
    wait_until(lambda: one in host.driver.applied, 3, "adoption")
    starting.join(10)
    assert not starting.is_alive()


def test_one_agent_per_state_directory(host, vhost):
    first = host.agent(f"inproc:///{vhost}")
    first.start()
    with pytest.raises(Conflict, match="state_dir"):
        host.agent(f"inproc:///{vhost}")
    first.stop()
    host.agent(f"inproc:///{vhost}").start()


def test_purge_leaves_nothing(host, vhost):
    first = host.agent(f"inproc:///{vhost}")
    first.start()
    first.loop.apply([wire(each) for each in ids(5)])
    assert first.loop.wait_idle(5)
    first.stop()
    host.driver.applied["stray"] = None
    last = host.agent(f"inproc:///{vhost}")
    assert last.purge() == []
    assert host.driver.applied == {}
    host.agents.remove(last)


def test_broker_killed_and_restarted_under_load(broker, connect, host, vhost):
    """No report is lost, the host is left alone, changes made meanwhile are applied."""
    world = World(connect(broker.url), vhost)
    server = serve_controller(connect(broker.url), world, name=vhost)
    assert server.start()
    agent = host.agent(broker.url)
    agent.start()
    before, during = ids(50), ids(30)
    stop = threading.Event()

    def busy():
        """Outcomes come about all the time, whether or not anybody can be told."""
        generation = 1
        while not stop.is_set():
            generation += 1
            for each in before:
                agent.loop.apply([wire(each, generation, generation)])
                with world._lock:
                    world.wanted[each] = wire(each, generation, generation)
            time.sleep(0.1)

    for each in before:
        world.want(each, 1)
    wait_until(world.settled, 20, "the start")
    thread = threading.Thread(target=busy)
    thread.start()
    time.sleep(0.5)
    broker.kill()
    try:
        for each in during:
            world.want(each, 1)
        time.sleep(3)
        assert set(before) <= set(host.driver.applied)
        assert not [call for call in host.driver.calls if call[0] == "remove"]
    finally:
        broker.start()
    back = time.monotonic()
    wait_until(lambda: set(during) <= set(host.driver.applied), 20, "changes made meanwhile")
    applied = time.monotonic() - back
    stop.set()
    thread.join()
    wait_until(world.settled, 20, "reports")
    print(f"\nchanges made meanwhile applied {applied:.1f} s after the broker was back")
    assert applied < 10
    server.stop()


def test_reports_that_died_with_the_broker_are_told_again(broker, connect, host, vhost):
    """The broker has taken reports nobody has read yet, and is killed."""
    agent = host.agent(broker.url)
    agent.start()
    world = World(connect(broker.url), vhost)
    server = serve_controller(connect(broker.url), world, name=vhost)
    assert server.start()
    (first,) = ids(1)
    world.want(first, 1)
    wait_until(world.settled, 10, "the start")
    server.stop()
    mine = ids(20)
    agent.loop.apply([wire(each) for each in mine])
    assert agent.loop.wait_idle(5)
    wait_until(lambda: not agent.reporter._pending and not agent.reporter._leaving, 5, "the broker to take them")
    assert not set(mine) & set(world.observed)
    broker.kill()
    again = None
    try:
        time.sleep(6)  # until a heartbeat fails
    finally:
        broker.start()
    again = serve_controller(connect(broker.url), world, name=vhost)
    assert again.start()
    wait_until(lambda: set(mine) <= set(world.observed), 20, "the reports")
    again.stop()
