"""The MAC address behind an IPv6 address, as the kernel knows it. Standard library only.

A link-local address says nothing of who has it (RFC 7217); its neighbour entry, which a connection has just made
or confirmed, does.
"""

from __future__ import annotations

import socket
import struct

_NEW, _GET, _ERROR = 28, 30, 2
_REQUEST = 1
_DST, _LLADDR = 1, 2
_HEADER, _NEIGHBOUR = struct.Struct("=IHHII"), struct.Struct("=BBHiHBB")


def opened_here() -> socket.socket:
    """A socket that answers for this thread's namespace, whoever holds it."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)


def mac_of(netlink: socket.socket, address: str, index: int) -> str | None:
    """The MAC behind ``address`` at the interface with that index, or None. One question at a time per socket."""
    netlink.settimeout(1.0)
    netlink.send(question(address, index))
    return answer(netlink.recv(65536))


def question(address: str, index: int) -> bytes:
    """The request."""
    packed = socket.inet_pton(socket.AF_INET6, address)
    body = _NEIGHBOUR.pack(socket.AF_INET6, 0, 0, index, 0, 0, 0) + struct.pack("=HH", 4 + len(packed), _DST) + packed
    return _HEADER.pack(_HEADER.size + len(body), _GET, _REQUEST, 0, 0) + body


def answer(data: bytes) -> str | None:
    """The MAC in the kernel's answer, None for a refusal."""
    _, kind, _, _, _ = _HEADER.unpack_from(data)
    if kind != _NEW:
        return None
    at = _HEADER.size + _NEIGHBOUR.size
    while at + 4 <= len(data):
        size, name = struct.unpack_from("=HH", data, at)
        if name == _LLADDR and size == 10:
            return data[at + 4 : at + 10].hex(":")
        at += max(4, (size + 3) & ~3)
    return None
