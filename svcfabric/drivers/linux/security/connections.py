"""The connection table of the bridge namespace: find, judge, delete. In a thread inside that namespace."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from pyroute2.conntrack import Conntrack
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple

from svcfabric.drivers.linux.security.flow import Address, Flow
from svcfabric.drivers.linux.security.services import ICMP, ICMPV6
from svcfabric.drivers.linux.security.shapes import Network

_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
# with more addresses than this it is cheaper to read every entry than to search each for every address
_FEW = 16

# the kernel's words (linux/netfilter/nfnetlink_conntrack.h)
_NETLINK_NETFILTER, _GET, _REQUEST_DUMP = 12, 0x0101, 0x0301
_DONE, _ERROR = 3, 2
_HEADER = struct.Struct("=IH")
_TUPLE_ORIG, _ZONE = 1, 18
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_ENDS = {2: (1, 2), 10: (3, 4)}
_NUMBER, _SOURCE_PORT, _PORT = 1, 2, 3
_ICMP = {ICMP: (4, 5, 6), ICMPV6: (7, 8, 9)}


def cut_here(networks: Collection[Network], forbidden: Callable[[Flow], bool]) -> int:
    """Forget the connections from or to any of the networks that are ``forbidden``; how many.

    The next packet of such a connection meets the rules as they are now: cut after the rules changed.
    """
    if not int(_COUNT.read_text()):
        return 0
    wrong = {flow for flow in about_here(networks) if forbidden(flow)}
    for version, family in _FAMILIES.items():
        mine = [flow for flow in wrong if flow.source.version == version]
        if mine:
            with Conntrack(nfgen_family=family) as table:
                for flow in mine:
                    _forget(table, flow)
    return len(wrong)


def about_here(networks: Collection[Network]) -> Iterator[Flow]:
    """The connections in zones from or to any of the networks.

    One pass over the whole table, which takes the kernel 10 ms however little is in it:
    the kernel's own selection by address does not work for IPv6, and takes a pass for each direction.
    """
    hosts = {each.network_address for each in networks if each.prefixlen == each.max_prefixlen}
    wide = [each for each in networks if each.prefixlen < each.max_prefixlen]
    sought = [each.packed for each in hosts] if not wide and len(hosts) <= _FEW else [b""]
    for message in _dump(sought):
        flow = _flow(message)
        if flow is not None and any(_within(end, hosts, wide) for end in (flow.source, flow.destination)):
            yield flow


def _within(address: Address, hosts: Collection[Address], wide: Collection[Network]) -> bool:
    return address in hosts or any(address in each for each in wide)


def _dump(sought: Collection[bytes]) -> Iterator[bytes]:
    """The entries that have one of the addresses (packed) somewhere, each from its nfgenmsg header on."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock:
        sock.bind((0, 0))
        sock.send(struct.pack("=IHHIIBBH", 20, _GET, _REQUEST_DUMP, 1, 0, socket.AF_UNSPEC, 0, 0))
        while True:
            data, at = sock.recv(1 << 18), 0
            here = [each for each in sought if each in data]  # a hundred entries: mostly none of them is sought
            while at + 16 <= len(data):
                length, kind = _HEADER.unpack_from(data, at)
                if kind in (_DONE, _ERROR):
                    return
                if here and any(data.find(each, at, at + length) >= 0 for each in here):
                    yield data[at + 16 : at + length]
                at += (length + 3) & ~3


def _flow(message: bytes) -> Flow | None:
    found = _attributes(message[4:])
    parts = _attributes(found[_TUPLE_ORIG])
    ends, protocol = _attributes(parts[_TUPLE_IP]), _attributes(parts[_TUPLE_PROTO])
    if _ZONE not in found or message[0] not in _ENDS:
        return None
    source, destination = (ipaddress.ip_address(ends[each]) for each in _ENDS[message[0]])
    number = protocol[_NUMBER][0]
    icmp = None
    if number in _ICMP and set(_ICMP[number]) <= protocol.keys():
        ident, kind, code = (int.from_bytes(protocol[each]) for each in _ICMP[number])
        icmp = (ident, kind, code)
    return Flow(
        zone=int.from_bytes(found[_ZONE]),
        source=source,
        destination=destination,
        protocol=number,
        source_port=int.from_bytes(protocol.get(_SOURCE_PORT, b"")),
        port=int.from_bytes(protocol.get(_PORT, b"")),
        icmp=icmp,
    )


def _attributes(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += max(4, (length + 3) & ~3)
    return found


def _forget(table: Any, flow: Flow) -> None:
    family = _FAMILIES[flow.source.version]
    selection: dict[str, Any] = {"sport": flow.source_port, "dport": flow.port}
    if flow.icmp is not None:
        selection = dict(zip(("icmp_id", "icmp_type", "icmp_code"), flow.icmp, strict=True))
    addresses = {"saddr": str(flow.source), "daddr": str(flow.destination)}
    wanted = NFCTAttrTuple(family=family, proto=flow.protocol, **addresses, **selection)
    try:
        table.entry("del", tuple_orig=wanted, zone=flow.zone)
    except NetlinkError as exc:
        if exc.code != errno.ENOENT:
            raise
