"""DHCP on a test bed: what serves a network, clients without an address, and clients' own words on the wire."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import pathlib
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from svcfabric.drivers.linux import netns
from svcfabric.spi.dhcp import DhcpSpec, DhcpSubnet
from svcfabric.spi.l2l3 import Address, DhcpHost, Leg, PortSpec
from tests import bedhost, beds

_COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6


class Dhcp:
    """What is served on a bed; all of it goes at the end."""

    def __init__(self, bed: beds.Bed) -> None:
        self.bed = bed
        self._served: list[tuple[beds.HostProcess, str]] = []
        self._clients = itertools.count(1)
        self.specs: list[DhcpSpec] = []

    def serve(self, net: beds.Net, address: str, *hosts: beds.HostProcess, **more: Any) -> DhcpSpec:
        """DHCP of a network on these hosts (all), with one subnet: the network's."""
        given = {"mode": "dhcpv4", "gateway": net.gateway, **more.pop("subnet", {})}
        subnet = DhcpSubnet(subnet_id="s", cidr=net.cidr, **given)
        return self.apply(spec_of(net, address, subnet, **more), *hosts)

    def apply(self, spec: DhcpSpec, *hosts: beds.HostProcess) -> DhcpSpec:
        self.specs.append(spec)
        for host in hosts or self.bed.hosts:
            self._served.append((host, spec.id))
            host.apply(spec)
        return spec

    def client(self, net: beds.Net, host: beds.HostProcess, *addresses: str, **told: Any) -> beds.Server:
        """A port whose namespace has the wire and no address."""
        port_id = str(uuid.uuid4())
        spec = PortSpec(
            id=port_id,
            project_id=told.pop("project_id", "p1"),
            segment=net.segment,
            mac=beds.mac_of(port_id),
            addresses=tuple(net.address(address) for address in addresses),
            dhcp=DhcpHost(hostname=told.pop("hostname", "vm"), **told),
        )
        self.bed.bind(spec, host)
        return self.plug(spec, host)

    def plug(self, spec: PortSpec, host: beds.HostProcess) -> beds.Server:
        client = beds.Server(namespace=f"{self.bed.name}-c{next(self._clients)}", port=spec, host=host)
        netns.create(client.namespace)
        host(bedhost.plug_port, spec.id, client.namespace, "eth0", [], "")
        return client

    def close(self) -> None:
        for host, ident in reversed(self._served):
            with contextlib.suppress(Exception):
                host(bedhost.remove, "dhcp", ident)
        for host in self.bed.hosts:
            for ident in host.observe("port"):
                host(bedhost.remove, "port", ident)


@contextlib.contextmanager
def dhcp(bed: beds.Bed) -> Iterator[Dhcp]:
    """For the block."""
    made = Dhcp(bed)
    try:
        yield made
    finally:
        made.close()


def spec_of(net: beds.Net, address: str, *subnets: DhcpSubnet, **more: Any) -> DhcpSpec:
    """A spec whose leg has an address in each subnet, the one given in the first."""
    port_id = str(uuid.uuid4())
    length = int(net.cidr.partition("/")[2])
    held = Address(address=address, prefix_length=length, subnet_id=subnets[0].subnet_id if subnets else "")
    leg = Leg(port_id=port_id, mac=beds.mac_of(port_id), segment=net.segment, addresses=(held,))
    return DhcpSpec(id=port_id, project_id="p1", leg=leg, subnets=subnets, **{"dns_domain": "example.org", **more})


def settings(station: Any, given: Mapping[str, str]) -> None:
    """Runs on a host: its drivers are made anew with these settings."""
    station.options["settings"] = dict(given)
    station.restart()


# ---- clients


@dataclasses.dataclass(frozen=True)
class Answer:
    """``kind``: OFFER, ACK, NAK. ``options``: by number. ``seconds``: from the first question."""

    kind: int
    address: str
    options: dict[int, bytes]
    seconds: float

    def addresses(self, number: int) -> list[str]:
        data = self.options.get(number, b"")
        return [socket.inet_ntoa(data[at : at + 4]) for at in range(0, len(data), 4)]

    def routes(self, number: int = 121) -> dict[str, str]:
        found, data = {}, self.options.get(number, b"")
        while data:
            length, size = data[0], (data[0] + 7) // 8
            destination = socket.inet_ntoa(data[1 : 1 + size].ljust(4, b"\0"))
            found[f"{destination}/{length}"] = socket.inet_ntoa(data[1 + size : 5 + size])
            data = data[5 + size :]
        return found


def lease(client: beds.Server, timeout: float = 3.0, mac: str = "") -> Answer | None:
    """Ask for a lease until there is one (every 10 ms), and take it; None when nobody answers."""
    return netns.run_in(client.namespace, _lease, mac or client.port.mac, timeout)


def renew(client: beds.Server, address: str, server: str = "", timeout: float = 3.0) -> Answer | None:
    """Ask to keep an address, as one that was here before; the answer, ACK or NAK."""
    return netns.run_in(client.namespace, _request_once, client.port.mac, address, timeout)


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    sock.bind(("", 68))
    return sock


def _lease(mac: str, timeout: float) -> Answer | None:
    began = time.monotonic()
    with _socket() as sock:
        xid = os.urandom(4)
        offer = _ask(sock, _message(DISCOVER, mac, xid), xid, began, timeout)
        if offer is None:
            return None
        chosen = {50: socket.inet_aton(offer.address), 54: offer.options[54]}
        return _ask(sock, _message(REQUEST, mac, xid, chosen), xid, began, timeout)


def _request_once(mac: str, address: str, timeout: float) -> Answer | None:
    with _socket() as sock:
        xid = os.urandom(4)
        wanted = _message(REQUEST, mac, xid, {50: socket.inet_aton(address)})
        return _ask(sock, wanted, xid, time.monotonic(), timeout)


def _ask(sock: socket.socket, message: bytes, xid: bytes, began: float, timeout: float) -> Answer | None:
    while time.monotonic() < began + timeout:
        with contextlib.suppress(OSError):  # the interface is just coming up
            sock.sendto(message, ("255.255.255.255", 67))
        sock.settimeout(0.01)
        with contextlib.suppress(TimeoutError):
            while True:
                data = sock.recv(4096)
                if data[4:8] == xid and data[0] == 2:
                    return _answer(data, began)
    return None


def _message(kind: int, mac: str, xid: bytes, more: Mapping[int, bytes] | None = None) -> bytes:
    head = struct.pack("!BBBB4sHH", 1, 1, 6, 0, xid, 0, 0x8000) + bytes(16)
    asked = bytes([1, 3, 6, 12, 15, 26, 28, 51, 66, 67, 119, 121, 249])
    options = {53: bytes([kind]), **(more or {}), 55: asked}
    text = b"".join(bytes([number, len(data)]) + data for number, data in options.items())
    return head + bytes.fromhex(mac.replace(":", "")).ljust(16, b"\0") + bytes(192) + _COOKIE + text + b"\xff"


def _answer(data: bytes, began: float) -> Answer:
    options, at = {}, 240
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        options[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return Answer(options[53][0], socket.inet_ntoa(data[16:20]), options, time.monotonic() - began)


_SCRIPT = "#!/bin/sh\nenv | grep -E '^(reason|new_|old_)' >> {file}\n"


def dhclient(client: beds.Server, *flags: str, timeout: float = 20.0) -> dict[str, str]:
    """What ISC's client learns (``new_ip_address`` and the like); it sets nothing and ends."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        script = directory / "script"
        script.write_text(_SCRIPT.format(file=directory / "told"))
        script.chmod(0o755)
        (directory / "conf").write_text(
            "option rfc3442 code 121 = array of unsigned integer 8;\n"
            "also request interface-mtu, rfc3442, dhcp6.name-servers, dhcp6.domain-search;\n"
        )
        command = ["dhclient", "-1", "-d", "-sf", script, "-cf", directory / "conf", "-lf", directory / "leases"]
        process = netns.run_in(
            client.namespace,
            subprocess.Popen,
            [*command, "-pf", directory / "pid", *flags, "eth0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + timeout
            while time.monotonic() < deadline:
                told = _told(directory / "told")
                if told.get("reason", "PREINIT").rstrip("6") not in ("PREINIT", "MEDIUM", "FAIL", "EXPIRE"):
                    return told
                time.sleep(0.01)
            return {}
        finally:
            process.kill()
            process.wait()


def _told(file: pathlib.Path) -> dict[str, str]:
    with contextlib.suppress(FileNotFoundError):
        return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return {}
