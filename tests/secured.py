"""Security groups on a test bed's hosts, and what to try them with: specs by hand, frames by hand."""

from __future__ import annotations

import contextlib
import ipaddress
import select
import socket
import struct
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from pyroute2.conntrack import Conntrack

from svcfabric.drivers.linux import netns
from svcfabric.spi.l2l3 import Address
from svcfabric.spi.security import AddressGroupSpec, AddressPair, MemberSpec, PortSecurity, SecurityGroupSpec
from svcfabric.spi.security import SecurityRule as Rule
from tests import beds

TCP, UDP, ICMP, ICMPV6 = "6", "17", "1", "58"
KINDS = ("port", "security_group", "security_group_member", "address_group")


def rule(direction: str = "ingress", version: int = 4, **more: Any) -> Rule:
    return Rule(direction=direction, version=version, **more)


#: everything out, both versions: what a new group of Neutron's lets through
OUT = (rule("egress"), rule("egress", 6))


def group(hosts: Iterable[beds.HostProcess], *rules: Rule, stateful: bool = True, id: str = "") -> str:
    """A group with these rules on the hosts; its id. With ``id``: other rules for that one."""
    spec = SecurityGroupSpec(id=id or str(uuid.uuid4()), stateful=stateful, rules=rules)
    for host in hosts:
        host.apply(spec)
    return spec.id


def addresses(hosts: Iterable[beds.HostProcess], *cidrs: str, id: str = "") -> str:
    """An address group; its id."""
    spec = AddressGroupSpec(id=id or str(uuid.uuid4()), cidrs=cidrs)
    for host in hosts:
        host.apply(spec)
    return spec.id


def member(hosts: Iterable[beds.HostProcess], server: beds.Server, *groups: str, id: str = "") -> str:
    """A server as a member of groups; the membership's id."""
    held = tuple(each.address for each in server.port.addresses)
    spec = MemberSpec(id=id or str(uuid.uuid4()), port_id=server.port.id, groups=groups, addresses=held)
    for host in hosts:
        host.apply(spec)
    return spec.id


def secured(*groups: str, pairs: Iterable[tuple[str, str]] = ()) -> PortSecurity:
    return PortSecurity(groups=groups, pairs=tuple(AddressPair(mac=mac, cidr=cidr) for mac, cidr in pairs))


def dual(net: beds.Net, last: int) -> tuple[Address, Address]:
    """An IPv4 and an IPv6 address of a network whose CIDR is an IPv4 one."""
    first = net.address(str(ipaddress.ip_network(net.cidr)[last]))
    return first, Address(address=f"fd00::{last:x}", prefix_length=64)


# ---- trying


def reaches(client: beds.Server, server: beds.Server, port: int, address: str = "") -> bool:
    """Whether a TCP connection from one to the other comes about."""
    listener = beds.Listener(server.namespace, "::" if ":" in address else "0.0.0.0", port)
    try:
        with beds.connect(client.namespace, address or server.address, port, timeout=0.25):
            return True
    except OSError:
        return False
    finally:
        listener.close()


def pings(client: beds.Server, address: str) -> bool:
    """Whether any of two pings is answered."""
    return beds.ping(client.namespace, address, 2, wait=0.25).received > 0


class Conversation:
    """A TCP connection between two servers."""

    def __init__(self, client: beds.Server, server: beds.Server, port: int) -> None:
        listener = beds.Listener(server.namespace, port=port)
        try:
            self._there = beds.connect(client.namespace, server.address, port)
            self._here, _ = listener.accept()
        finally:
            listener.close()
        self._sent = 0

    def goes_on(self, wait: float = 0.6) -> bool:
        """Whether what both sides say now is heard on both. ``wait``: longer than it takes to say it again."""
        self._sent += 1
        word = struct.pack("!I", self._sent)
        deaf = {self._here: b"", self._there: b""}
        for speaker in (self._here, self._there):
            speaker.sendall(word)
        deadline = time.monotonic() + wait
        while deaf and time.monotonic() < deadline:
            for hearer in select.select(list(deaf), [], [], max(0.0, deadline - time.monotonic()))[0]:
                deaf[hearer] += hearer.recv(4096)
                if deaf[hearer].endswith(word):
                    del deaf[hearer]
        return not deaf

    def close(self) -> None:
        self._here.close()
        self._there.close()


def connections(host: beds.HostProcess) -> list[tuple[int, str, str]]:
    """(zone, source, destination) of a host's tracked IPv4 connections."""

    def read() -> list[tuple[int, str, str]]:
        with Conntrack() as table:
            return [(each.zone or 0, each.tuple_orig.saddr, each.tuple_orig.daddr) for each in table.dump_entries()]

    return netns.run_in(host.bridges, read)


# ---- frames by hand


def send(server: beds.Server, *frames: bytes) -> None:
    """Send frames out of a server's interface."""

    def out() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind(("eth0", 0))
            for each in frames:
                sock.send(each)

    netns.run_in(server.namespace, out)


@contextlib.contextmanager
def heard(server: beds.Server, wait: float = 0.15) -> Iterator[list[bytes]]:
    """The frames a server hears within the block, and a moment after it."""
    sniffer = beds.Sniffer(server.namespace, "eth0")
    found: list[bytes] = []
    try:
        yield found
        time.sleep(wait)
        found += sniffer.frames()
    finally:
        sniffer.close()


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def udp(
    source: tuple[str, str, int], target: tuple[str, str, int], data: bytes = b"x", vlan: int | None = None
) -> bytes:
    """A frame with a UDP datagram; source and target are (MAC, IP, port)."""
    one, other = ipaddress.ip_address(source[1]), ipaddress.ip_address(target[1])
    body = struct.pack("!HHHH", source[2], target[2], 8 + len(data), 0) + data
    if one.version == 6:
        pseudo = one.packed + other.packed + struct.pack("!II", len(body), 17)
        body = body[:6] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[8:]
    return ip(source[0], target[0], one, other, 17, body, vlan)


def ip(one: str, other: str, source: Any, target: Any, protocol: int, body: bytes, vlan: int | None = None) -> bytes:
    """A frame with an IP packet."""
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    if source.version == 6:
        header = struct.pack("!IHBB", 0x60000000, len(body), protocol, 255) + source.packed + target.packed
        return mac(other) + mac(one) + tag + b"\x86\xdd" + header + body
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + source.packed + target.packed
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return mac(other) + mac(one) + tag + b"\x08\x00" + header + body


def icmpv6(one: str, source: str, body: bytes, target: str = "ff02::1", other: str = "33:33:00:00:00:01") -> bytes:
    """A frame with an ICMPv6 message, ``body`` from its type on with a checksum of 0."""
    here, there = ipaddress.ip_address(source), ipaddress.ip_address(target)
    total = checksum(here.packed + there.packed + struct.pack("!II", len(body), 58) + body)
    return ip(one, other, here, there, 58, body[:2] + struct.pack("!H", total) + body[4:])


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
