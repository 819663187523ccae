"""Test beds: hosts as network namespaces on an underlay, an outside world, and specs for what runs on them.

A bed's names begin with ``bed`` and six random digits, so that any number of beds live side by side. Each
host is a process of its own inside its namespace (``tests.bedhost``), as an agent would be; ``/run/netns`` is
shared, so that tests can look into every namespace. Nothing is made in the machine's own namespace.

    underlay  bedX-under   bridge u0, ports h1, h2, ...      192.0.2.0/24
    hosts     bedX-h1 ...  eth0 on the underlay, ext0 to the outside
    outside   bedX-out     bridge x0 = 203.0.113.1/24
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import ipaddress
import itertools
import pickle
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from svcfabric.drivers.linux import dhcp_hosts, link, netns, sysctl
from svcfabric.spi.driver import Observation, Report
from svcfabric.spi.l2l3 import (
    Address,
    FloatingIPSpec,
    Leg,
    NetworkSpec,
    PortSpec,
    RouterSpec,
    Segment,
)
from tests import bedhost

OUTSIDE, OUTSIDE_NET = "203.0.113.1", "203.0.113.0/24"
PHYSICAL = "external"


def mac_of(port_id: str) -> str:
    """A port's MAC, from its id."""
    digest = hashlib.sha256(port_id.encode()).hexdigest()
    return "fa:16:3e:" + ":".join(digest[i : i + 2] for i in (0, 2, 4))


@dataclasses.dataclass(frozen=True)
class Net:
    """A network with one subnet whose first address is the gateway's."""

    id: str
    segment: Segment
    cidr: str

    @property
    def gateway(self) -> str:
        return str(next(ipaddress.ip_network(self.cidr).hosts()))

    def address(self, address: str, *, gateway: bool = True) -> Address:
        length = ipaddress.ip_network(self.cidr).prefixlen
        return Address(address=address, prefix_length=length, gateway=self.gateway if gateway else "")

    def leg(self, address: str, **more: Any) -> Leg:
        port_id = str(uuid.uuid4())
        return Leg(
            port_id=port_id, mac=mac_of(port_id), segment=self.segment, addresses=(self.address(address),), **more
        )


@dataclasses.dataclass(frozen=True)
class Server:
    """A namespace plugged to a port."""

    namespace: str
    port: PortSpec
    host: HostProcess

    @property
    def address(self) -> str:
        return self.port.addresses[0].address


class HostProcess:
    """A host of the bed. Calls run in its process; ``seconds`` is how long the last one took there."""

    def __init__(self, bed: Bed, number: int) -> None:
        self.namespace = f"{bed.name}-h{number}"
        self.local_ip = f"192.0.2.{number}"
        self.tag = f"{bed.name}h{number}"
        self.number = number
        self.seconds = 0.0
        self.state_dir = f"{bed.directory}/h{number}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bedhost", self.namespace],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        options = {
            "host": f"h{number}",
            "tag": self.tag,
            "local_ip": self.local_ip,
            "physical_networks": {PHYSICAL: "ext0"},
            "state_dir": self.state_dir,
        }
        self(bedhost.configure, options)

    def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        pickle.dump((function, args), self._process.stdin)
        self._process.stdin.flush()
        ok, value, self.seconds = pickle.load(self._process.stdout)
        if not ok:
            raise value
        return value

    def apply(self, spec: Any) -> Report:
        """Apply and expect success."""
        report = self.try_apply(spec)
        assert report.ok, report
        return report

    def try_apply(self, spec: Any) -> Report:
        report: Report = self(bedhost.apply, spec)
        return report

    def remove(self, kind: str, instance_id: str) -> Report:
        report: Report = self(bedhost.remove, kind, instance_id)
        assert report.ok, report
        return report

    def observe(self, kind: str) -> dict[str, Observation]:
        return {each.instance_id: each for each in self(bedhost.observe, kind)}

    def own(self, kind: str, instance_id: str) -> str:
        """The name of an instance's namespace."""
        return f"sf-{self.tag}-{kind}-{instance_id}"

    @property
    def bridges(self) -> str:
        """The name of the bridge namespace."""
        return f"sf-{self.tag}-br"

    def stop(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Bed:
    """Hosts, an underlay, an outside. Use ``bed()``; the methods below apply specs where they belong."""

    def __init__(self, hosts: int) -> None:
        self.name = f"bed{uuid.uuid4().hex[:6]}"
        self.directory = tempfile.mkdtemp(prefix=f"{self.name}-")
        self.underlay, self.outside = f"{self.name}-under", f"{self.name}-out"
        self.hosts: list[HostProcess] = []
        self.networks: dict[str, list[HostProcess]] = {}
        self._vnis = itertools.count(int(uuid.uuid4().hex[:5], 16) % 8_000_000 + 1)
        self._servers = itertools.count(1)
        try:
            self._build(hosts)
        except BaseException:
            self.close()
            raise

    def _build(self, hosts: int) -> None:
        netns.create(self.underlay)
        netns.create(self.outside)
        netns.rtnl(self.underlay, _bridge, "u0", None)
        netns.rtnl(self.outside, _bridge, "x0", (OUTSIDE, 24))
        for number in range(1, hosts + 1):
            name = f"{self.name}-h{number}"
            netns.create(name)
            # or link-local addresses would come and go by themselves between two looks at it
            sysctl.write(name, {"net/ipv6/conf/default/disable_ipv6": "1"}, missing_ok=True)
            with netns.opened(name) as inside:
                netns.rtnl(self.underlay, _wire, "u0", f"h{number}", "eth0", inside)
                netns.rtnl(self.outside, _wire, "x0", f"h{number}", "ext0", inside)
            netns.rtnl(name, raise_with, "eth0", (f"192.0.2.{number}", 24))
            self.hosts.append(HostProcess(self, number))

    def close(self) -> None:
        """Stop the host processes; delete every namespace of the bed."""
        for host in self.hosts:
            host.stop()
            shutil.rmtree(dhcp_hosts.RUN / host.tag, ignore_errors=True)
        for name in [*netns.names(f"sf-{self.name}"), *netns.names(f"{self.name}-")]:
            netns.delete(name)
        shutil.rmtree(self.directory, ignore_errors=True)

    def network(self, cidr: str = "10.0.0.0/24", hosts: list[HostProcess] | None = None, mtu: int = 1450) -> Net:
        """A VXLAN network on the hosts given (all)."""
        where = self.hosts if hosts is None else hosts
        network_id = str(uuid.uuid4())
        segment = Segment(network_id=network_id, type="vxlan", vni=next(self._vnis), mtu=mtu)
        for host in where:
            vteps = tuple(each.local_ip for each in where if each is not host)
            host.apply(NetworkSpec(id=network_id, segment=segment, vteps=vteps))
        self.networks[network_id] = where
        return Net(id=network_id, segment=segment, cidr=cidr)

    def external(self, host: HostProcess) -> Net:
        """The outside as a flat network on one host; its gateway is the outside itself."""
        network_id = str(uuid.uuid4())
        segment = Segment(network_id=network_id, type="flat", physical_network=PHYSICAL, mtu=1500)
        host.apply(NetworkSpec(id=network_id, segment=segment))
        self.networks[network_id] = [host]
        return Net(id=network_id, segment=segment, cidr=OUTSIDE_NET)

    def bind(self, spec: PortSpec, host: HostProcess) -> PortSpec:
        """Apply a port on its host and as a remote one on the network's others; as bound there."""
        for each in self.networks[spec.segment.network_id]:
            each.apply(dataclasses.replace(spec, vtep="" if each is host else host.local_ip))
        return spec

    def port(self, net: Net, host: HostProcess, address: str, **more: Any) -> PortSpec:
        """A port of a server's, bound to a host."""
        port_id = str(uuid.uuid4())
        given = {"addresses": (net.address(address),), **more}
        return self.bind(PortSpec(id=port_id, segment=net.segment, mac=mac_of(port_id), **given), host)

    def server(self, net: Net, host: HostProcess, address: str, **more: Any) -> Server:
        """A namespace with a port of its own, default route by the network's gateway."""
        spec = self.port(net, host, address, **more)
        server = Server(namespace=f"{self.name}-s{next(self._servers)}", port=spec, host=host)
        netns.create(server.namespace)
        self.plug(server)
        return server

    def plug(self, server: Server) -> None:
        held = [(each.address, each.prefix_length) for each in server.port.addresses]
        gateway = server.port.addresses[0].gateway
        server.host(bedhost.plug_port, server.port.id, server.namespace, "eth0", held, gateway)

    def router(self, host: HostProcess, *legs: Leg, gateway: Leg | None = None, **more: Any) -> RouterSpec:
        """A router on a host, its inner legs bound as ports."""
        for leg in legs:
            self.bind_leg(leg, host)
        spec = RouterSpec(id=str(uuid.uuid4()), legs=legs, gateway=gateway, **more)
        host.apply(spec)
        return spec

    def bind_leg(self, leg: Leg, host: HostProcess) -> None:
        port = PortSpec(id=leg.port_id, segment=leg.segment, mac=leg.mac, addresses=leg.addresses, wire="leg")
        self.bind(port, host)

    def floating(self, host: HostProcess, router: RouterSpec, floating: str, fixed: str) -> FloatingIPSpec:
        spec = FloatingIPSpec(id=str(uuid.uuid4()), router_id=router.id, floating_address=floating, fixed_address=fixed)
        host.apply(spec)
        return spec


@contextlib.contextmanager
def bed(hosts: int = 2) -> Iterator[Bed]:
    """A bed for the block; every trace is gone after it."""
    made = Bed(hosts)
    try:
        yield made
    finally:
        made.close()


# ---- traffic ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Pings:
    sent: int
    received: int
    text: str

    @property
    def lost(self) -> int:
        return self.sent - self.received


class Ping:
    """``ping`` in a namespace; ``finish`` interrupts it if it has no count and returns what came back."""

    def __init__(self, namespace: str, address: str, *options: str) -> None:
        self._process = netns.run_in(
            namespace,
            subprocess.Popen,
            ["ping", "-n", "-q", *options, address],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, interrupt: bool = False) -> Pings:
        if interrupt:
            self._process.send_signal(2)
        text, _ = self._process.communicate(timeout=60)
        found = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        assert found, text
        return Pings(int(found[1]), int(found[2]), text)


def ping(namespace: str, address: str, count: int = 3, wait: float = 1.0) -> Pings:
    """Send ``count`` pings, 10 ms apart."""
    return Ping(namespace, address, "-c", str(count), "-i", "0.01", "-W", str(wait)).finish()


class Listener:
    """A TCP listener in a namespace; ``accept`` gives (connection, peer's address)."""

    def __init__(self, namespace: str, address: str = "0.0.0.0", port: int = 0) -> None:
        def listen() -> socket.socket:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return socket.create_server((address, port), family=family)

        self._socket = netns.run_in(namespace, listen)
        self._socket.settimeout(3)
        self.port: int = self._socket.getsockname()[1]

    def accept(self) -> tuple[socket.socket, str]:
        connection, peer = self._socket.accept()
        connection.settimeout(3)
        return connection, peer[0]

    def close(self) -> None:
        self._socket.close()


def connect(namespace: str, address: str, port: int, timeout: float = 3.0) -> socket.socket:
    """A TCP connection out of a namespace."""
    return netns.run_in(namespace, socket.create_connection, (address, port), timeout)


def seen_from(client: str, server: str, address: str) -> str:
    """The source address ``server`` sees when ``client`` connects to ``address`` (both namespaces)."""
    listener = Listener(server)
    try:
        with connect(client, address, listener.port) as outgoing:
            incoming, peer = listener.accept()
            with incoming:
                outgoing.sendall(b"x")
                assert incoming.recv(1) == b"x"
                incoming.sendall(b"y")
                assert outgoing.recv(1) == b"y"
        return peer
    finally:
        listener.close()


class Sniffer:
    """All frames that pass an interface, as bytes."""

    def __init__(self, namespace: str, ifname: str) -> None:
        def opened() -> socket.socket:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.bind((ifname, 3))
            sock.setblocking(False)
            return sock

        self._socket = netns.run_in(namespace, opened)

    def frames(self) -> list[bytes]:
        """What came since the last call."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(65535))
        return found

    def inner_frames(self) -> list[bytes]:
        """What VXLAN packets carried: Ethernet frames after outer Ethernet, IPv4, UDP, VXLAN headers."""
        return [each[50:] for each in self.frames() if each[12:14] == b"\x08\x00" and each[36:38] == b"\x12\xb5"]

    def close(self) -> None:
        self._socket.close()


def is_arp(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x06"


def snapshot(namespace: str | None) -> str:
    """Links, addresses, routes and nft rules of a namespace as text, for before and after."""
    commands = (
        ["ip", "-o", "addr"],
        ["ip", "-o", "link"],
        ["ip", "route", "show", "table", "all"],
        ["ip", "-6", "route"],
        ["nft", "list", "ruleset"],
    )
    parts = []
    for command in commands:
        done = netns.run_in(namespace, subprocess.run, command, capture_output=True, text=True, check=True)
        parts.append(re.sub(r"(valid_lft|preferred_lft|expires) \S+", "", done.stdout))
    return "\n".join(parts)


def traces(name: str) -> list[str]:
    """Namespaces of a bed that still exist."""
    return [*netns.names(f"sf-{name}"), *netns.names(name)]


def interfaces(namespace: str) -> set[str]:
    """Interfaces in a namespace, without the loopback."""
    return set(netns.run_in(namespace, link.names_here)) - {"lo"}


def _bridge(ipr: Any, ifname: str, held: tuple[str, int] | None) -> None:
    ipr.link("add", ifname=ifname, kind="bridge", br_mcast_snooping=0)
    raise_with(ipr, ifname, held)


def _wire(ipr: Any, bridge: str, ifname: str, peer: str, inside: int) -> None:
    ipr.link("add", ifname=ifname, kind="veth", peer={"ifname": peer, "net_ns_fd": inside})
    ipr.link("set", ifname=ifname, master=link.index_here(bridge), state="up")


def wire_pair(ipr: Any, ifname: str, held: tuple[str, int], peer: str, inside: int) -> None:
    """A veth from this namespace to another; this end configured and up."""
    ipr.link("add", ifname=ifname, kind="veth", peer={"ifname": peer, "net_ns_fd": inside})
    raise_with(ipr, ifname, held)


def raise_with(ipr: Any, ifname: str, held: tuple[str, int] | None) -> None:
    if held:
        ipr.addr("add", index=link.index_here(ifname), address=held[0], prefixlen=held[1])
    ipr.link("set", ifname=ifname, state="up")
