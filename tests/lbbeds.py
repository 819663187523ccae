"""A bed for load balancers: real HAProxy, real web servers and a client, each in a namespace, on one network.

10.9.0.10     the VIP        sf-TAG-lb-UUID
10.9.0.11..   web servers    TAG-s11 ...
10.9.0.200    the client     TAG-client
"""

from __future__ import annotations

import contextlib
import http.client
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from svcfabric.drivers.haproxy.driver import HaproxyDriver
from svcfabric.drivers.linux import leg, netns, process
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.driver import DriverOptions, Observation, Report
from svcfabric.spi.l2l3 import Address, Leg, Segment
from svcfabric.spi.lbaas import LoadBalancerSpec, Member
from tests import lbspecs
from tests.load import Load

WEBSERVER = pathlib.Path(__file__).with_name("webserver.py")
VIP = "10.9.0.10"


def ipv6(address: str) -> str:
    """The IPv6 address that goes with an IPv4 one of the bed."""
    return f"fd00:9::{address.rpartition('.')[2]}"


class Bed:
    """``apply``, ``observe`` and so on speak to ``driver``; ``new_driver`` is what a restart of the agent makes."""

    def __init__(self) -> None:
        self.name = f"lbb{uuid.uuid4().hex[:6]}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.state = self.directory / "lb"
        self.settings: dict[str, str] = {}
        self.segment = Segment(network_id=str(uuid.uuid4()), type="vxlan", vni=17)
        self.host = Host(self.options)
        self.client = f"{self.name}-client"
        self._servers: dict[int, subprocess.Popen[bytes]] = {}
        self.driver = HaproxyDriver(self.options)
        self.namespace(self.client, "10.9.0.200")

    @property
    def options(self) -> DriverOptions:
        return DriverOptions(host="h", state_dir=str(self.state), tag=self.name, settings=self.settings)

    def new_driver(self, **settings: str) -> HaproxyDriver:
        self.settings.update(settings)
        self.driver = HaproxyDriver(self.options)
        return self.driver

    def leg(self, address: str, **more: Any) -> Leg:
        ident = str(uuid.uuid4())
        held = (Address(address=address, prefix_length=24),)
        octet = int(address.rpartition(".")[2])
        mac = f"02:00:00:00:01:{octet:02x}"
        return Leg(**{"port_id": ident, "mac": mac, "segment": self.segment, "addresses": held, **more})

    def vip(self, **more: Any) -> Leg:
        return self.leg(VIP, **more)

    def namespace(self, name: str, address: str) -> None:
        """A namespace with this address and its IPv6 companion."""
        netns.create(name)
        both = (Address(address=address, prefix_length=24), Address(address=ipv6(address), prefix_length=64))
        leg.ensure_leg(self.host, name, self.leg(address, addresses=both))

    def server(self, number: int, *, port: int = 80) -> Member:
        """A web server that says ``sNUMBER``, listening before this returns; as a member."""
        name = f"{self.name}-s{number}"
        if not netns.exists(name):
            self.namespace(name, f"10.9.0.{number}")
        where = [str(port), f":::{port}"]
        argv = [sys.executable, str(WEBSERVER), f"s{number}", *where, "--down", self.down_file(number)]
        made = netns.run_in(name, subprocess.Popen, argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        made.stdout.readline()
        self._servers[number] = made
        return lbspecs.member(number, f"10.9.0.{number}", port)

    def down_file(self, number: int) -> str:
        return str(self.directory / f"down{number}")

    def stop_server(self, number: int) -> None:
        """Its port refuses connections after this."""
        gone = self._servers.pop(number)
        gone.kill()
        gone.communicate()

    def apply(self, spec: LoadBalancerSpec) -> Report:
        report = self.driver.apply(spec)
        assert report.ok, report
        return report

    def observe(self, spec: LoadBalancerSpec) -> Observation:
        return {each.instance_id: each for each in self.driver.observe()}[spec.id]

    def status(self, spec: LoadBalancerSpec, ident: str) -> str:
        return self.observe(spec).statuses[ident]

    def until(self, condition: Callable[[], object], timeout: float = 10.0) -> float:
        """Wait for the condition; the seconds it took. Fails the test after ``timeout``."""
        start = time.monotonic()
        assert process.until(condition, timeout, 0.02), "did not happen in time"
        return time.monotonic() - start

    def get(
        self, path: str = "/", *, port: int = 80, address: str = VIP, headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """One request from the client's namespace; the body is read."""

        def ask() -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection(address, port, timeout=5)
            try:
                connection.request("GET", path, headers=headers or {})
                answer = connection.getresponse()
                answer.body = answer.read()  # type: ignore[attr-defined]
                return answer
            finally:
                connection.close()

        return netns.run_in(self.client, ask)

    def spread(self, count: int, **more: Any) -> Counter[str]:
        """Who answered how many of so many requests; all must succeed."""
        found: Counter[str] = Counter()
        for _ in range(count):
            answer = self.get(**more)
            assert answer.status == 200
            found[answer.getheader("X-Server", "?")] += 1
        return found

    def load(self, **more: Any) -> Load:
        """Requests at the VIP, counted, from the client's namespace."""
        return Load(f"http://{VIP}/", prefix=["nsenter", f"--net={netns.path(self.client)}"], **more)

    def of(self, spec: LoadBalancerSpec) -> pathlib.Path:
        """The load balancer's directory."""
        return self.state / spec.id

    def config(self, spec: LoadBalancerSpec) -> str:
        return (self.of(spec) / "haproxy.cfg").read_text()

    def pids(self, role: str = "haproxy") -> list[int]:
        """Process ids of the load balancers' living HAProxy processes that serve (or of those that drain)."""
        records = self.state.glob(f"*/{role}-*.pid")
        found = [process.adopt(each.parent, each.stem) for each in sorted(records)]
        return [each.pid for each in found if each is not None]

    def traces(self) -> list[str]:
        return [*netns.names(f"sf-{self.name}-lb"), *map(str, self.state.glob("*"))]

    def close(self) -> None:
        self.new_driver()
        for each in list(self.driver.observe()):
            self.driver.remove(each.instance_id)
        for number in list(self._servers):
            self._servers[number].send_signal(signal.SIGCONT)
            self.stop_server(number)
        for name in [*netns.names(f"sf-{self.name}"), *netns.names(f"{self.name}-")]:
            netns.delete(name)
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def bed() -> Iterator[Bed]:
    made = Bed()
    try:
        yield made
    finally:
        made.close()
