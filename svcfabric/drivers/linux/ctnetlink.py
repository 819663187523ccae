"""The kernel's connection table by netlink: read what has certain addresses, delete many at once.

In a thread inside the namespace. Entries are netlink's own bytes: taking one apart in Python costs more than
the kernel needs to delete it, and most entries of a full table are nobody's business.
"""

from __future__ import annotations

import dataclasses
import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Collection, Iterable, Iterator

from svcfabric.drivers.linux.fault import HostFault

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# the kernel's words (linux/netfilter/nfnetlink_conntrack.h, linux/netlink.h)
_NETLINK_NETFILTER, _GET, _DELETE = 12, 0x0101, 0x0102
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3
_TUPLE_ORIG, _TUPLE_REPLY, _ID, _ZONE = 1, 2, 12, 18
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_ENDS = {socket.AF_INET: (1, 2), socket.AF_INET6: (3, 4)}
_NUMBER, _SOURCE_PORT, _PORT = 1, 2, 3
_ICMP = {1: (4, 5, 6), 58: (7, 8, 9)}
_NAMES = (_TUPLE_ORIG, _ID, _ZONE)  # what tells one entry from all others
_HEADER = struct.Struct("=IHHII")
_BATCH = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Tuple:
    """One direction of a connection. ``icmp``: (id, type, code), or None for other protocols."""

    source: Address
    destination: Address
    protocol: int
    source_port: int = 0
    port: int = 0
    icmp: tuple[int, int, int] | None = None


def entries(sought: Collection[bytes] = (b"",)) -> Iterator[bytes]:
    """The entries that have one of the addresses (packed) somewhere; all when none is given.

    One pass over the whole table, which takes the kernel 10 ms however little is in it: its own selection by
    address does not work for IPv6, nor for the reply direction, and takes a pass for each.
    """
    with _socket() as sock:
        sock.send(_HEADER.pack(20, _GET, _REQUEST | _DUMP, 1, 0) + struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
        while True:
            for kind, body in _received(sock, sought):
                if kind in (_DONE, _ERROR):
                    return
                yield body


def delete(chosen: Iterable[bytes]) -> None:
    """Forget these entries; one that has ended meanwhile is no error. Raises ``HostFault``."""
    waiting = list(chosen)
    with _socket() as sock:
        for start in range(0, len(waiting), _BATCH):
            batch = waiting[start : start + _BATCH]
            sock.send(b"".join(_deletion(entry, number) for number, entry in enumerate(batch)))
            answers = 0
            while answers < len(batch):
                for _, body in _received(sock):
                    answers += 1
                    code = -struct.unpack_from("=i", body)[0]
                    if code not in (0, errno.ENOENT):
                        raise HostFault("connections could not be cut", detail=os.strerror(code))


def original(entry: bytes) -> Tuple | None:
    """Who began it, as his first packet said; None when it is of no IP family."""
    return _tuple(entry, _TUPLE_ORIG)


def reply(entry: bytes) -> Tuple | None:
    """What answers look like."""
    return _tuple(entry, _TUPLE_REPLY)


def zone(entry: bytes) -> int:
    """Its zone; 0 is the one of those that are in none."""
    return int.from_bytes(_attributes(entry[4:]).get(_ZONE, b""))


def _tuple(entry: bytes, which: int) -> Tuple | None:
    if entry[0] not in _ENDS:
        return None
    parts = _attributes(_attributes(entry[4:])[which])
    ends, protocol = _attributes(parts[_TUPLE_IP]), _attributes(parts[_TUPLE_PROTO])
    source, destination = (ipaddress.ip_address(ends[each]) for each in _ENDS[socket.AddressFamily(entry[0])])
    number = protocol[_NUMBER][0]
    icmp = None
    if number in _ICMP and set(_ICMP[number]) <= protocol.keys():
        ident, kind, code = (int.from_bytes(protocol[each]) for each in _ICMP[number])
        icmp = (ident, kind, code)
    source_port, port = (int.from_bytes(protocol.get(each, b"")) for each in (_SOURCE_PORT, _PORT))
    return Tuple(source, destination, number, source_port, port, icmp)


def _deletion(entry: bytes, number: int) -> bytes:
    named = b"".join(raw + bytes(-len(raw) & 3) for kind, raw in _raw_attributes(entry[4:]) if kind in _NAMES)
    length = _HEADER.size + 4 + len(named)
    return _HEADER.pack(length, _DELETE, _REQUEST | _ACK, number, 0) + entry[:4] + named


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    sock.bind((0, 0))
    return sock


def _received(sock: socket.socket, sought: Collection[bytes] = (b"",)) -> Iterator[tuple[int, bytes]]:
    """The messages of one datagram: (type, what follows the header). Entries only that have what is sought."""
    data, at = sock.recv(1 << 18), 0
    here = [each for each in sought if each in data]  # a hundred entries: mostly none of them is sought
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if kind in (_DONE, _ERROR) or (here and any(data.find(each, at, at + length) >= 0 for each in here)):
            yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _attributes(data: bytes) -> dict[int, bytes]:
    return {kind: raw[4:] for kind, raw in _raw_attributes(data)}


def _raw_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, the attribute with its header)."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        yield kind & 0x3FFF, data[at : at + length]
        at += max(4, (length + 3) & ~3)
