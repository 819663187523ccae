"""Leases of ports that are gone: dnsmasq gives nobody else an address before it is told of its release."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator

_CLIENT_V4, _SERVER_V4, _CLIENT_V6, _SERVER_V6 = 68, 67, 546, 547
_ALL_SERVERS = "ff02::1:2"
_COOKIE = b"\x63\x82\x53\x63"
_RELEASE_V4, _RELEASE_V6 = 7, 8


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """A line of dnsmasq's lease file. IPv4: ``mac``; IPv6: ``duid`` of the client and ``iaid``."""

    address: str
    mac: str = ""
    duid: bytes = b""
    iaid: int = 0


def parse(text: str) -> Iterator[Lease]:
    """The leases in a lease file; what is no lease is passed over."""
    for line in text.splitlines():
        words = line.split()
        if len(words) != 5:
            continue
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(words[2]).version == 4:
                yield Lease(words[2], mac=words[1].rpartition("-")[2])
            elif words[1].isdecimal():
                yield Lease(words[2], duid=bytes.fromhex(words[4].replace(":", "")), iaid=int(words[1]))


def stale(leases: Iterable[Lease], mac_of: Callable[[str], str | None]) -> list[Lease]:
    """Leases of nobody. ``mac_of``: who has an address now, None for nobody."""
    found = []
    for lease in leases:
        holder = mac_of(lease.address)
        if holder is None or (lease.mac and lease.mac != holder):
            found.append(lease)
    return found


def release_here(leases: Iterable[Lease], ifname: str, servers: Iterable[tuple[str, int]], duid: bytes) -> None:
    """Say to the server in this thread's namespace that these are over, in their clients' names.

    ``servers``: (its address, prefix length) on every subnet; ``duid``: its DHCPv6 identity.
    """
    own = [ipaddress.ip_interface(f"{address}/{length}") for address, length in servers]
    for lease in leases:
        address = ipaddress.ip_address(lease.address)
        if address.version == 6:
            _send_v6(release_v6(lease, duid), ifname)
            continue
        for each in own:
            if address in each.network:
                _send_v4(release_v4(lease, str(each.ip)), ifname, str(each.ip))


def release_v4(lease: Lease, server: str) -> bytes:
    """A DHCPRELEASE (RFC 2131)."""
    mac = bytes.fromhex(lease.mac.replace(":", ""))
    head = struct.pack("!BBBB4sHH", 1, 1, len(mac), 0, os.urandom(4), 0, 0)
    addresses = socket.inet_aton(lease.address) + bytes(12)
    options = bytes([53, 1, _RELEASE_V4, 54, 4]) + socket.inet_aton(server) + b"\xff"
    return (head + addresses + mac.ljust(16, b"\0") + bytes(192) + _COOKIE + options).ljust(300, b"\0")


def release_v6(lease: Lease, server: bytes) -> bytes:
    """A Release (RFC 8415)."""
    address = _option(5, socket.inet_pton(socket.AF_INET6, lease.address) + bytes(8))
    return (
        bytes([_RELEASE_V6])
        + os.urandom(3)
        + _option(1, lease.duid)
        + _option(2, server)
        + _option(8, bytes(2))
        + _option(3, lease.iaid.to_bytes(4, "big") + bytes(8) + address)
    )


def _option(number: int, data: bytes) -> bytes:
    return struct.pack("!HH", number, len(data)) + data


def _send_v4(packet: bytes, ifname: str, server: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # so bound, it comes to the server as if from the network
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ifname.encode())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", _CLIENT_V4))
        sock.sendto(packet, (server, _SERVER_V4))


def _send_v6(packet: bytes, ifname: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        index = socket.if_nametoindex(ifname)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        sock.bind(("::", _CLIENT_V6))
        sock.sendto(packet, (_ALL_SERVERS, _SERVER_V6, 0, index))
