"""The connection table of the bridge namespace: find, judge, delete. In a thread inside that namespace."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Any

from pyroute2.conntrack import Conntrack
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple

from svcfabric.drivers.linux.security.flow import Flow
from svcfabric.drivers.linux.security.services import ICMP, ICMPV6
from svcfabric.drivers.linux.security.shapes import Network

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
# over so many addresses one pass over the whole table is cheaper than two for each
_FEW = 8


def cut_here(networks: Collection[Network], forbidden: Callable[[Flow], bool]) -> int:
    """Forget the connections from or to any of the networks that are ``forbidden``; how many.

    The next packet of such a connection meets the rules as they are now: cut after the rules changed.
    """
    count = 0
    for version, family in _FAMILIES.items():
        mine = [each for each in networks if each.version == version]
        if mine:
            with Conntrack(nfgen_family=family) as table:
                wrong = {flow for flow in _about(table, version, mine) if forbidden(flow)}
                for flow in wrong:
                    _forget(table, flow)
                count += len(wrong)
    return count


def _about(table: Any, version: int, networks: Collection[Network]) -> Iterator[Flow]:
    if len(networks) > _FEW or any(each.prefixlen < each.max_prefixlen for each in networks):
        hosts = {each.network_address for each in networks if each.prefixlen == each.max_prefixlen}
        wide = [each for each in networks if each.prefixlen < each.max_prefixlen]
        for flow in _read(table, None):
            for end in (flow.source, flow.destination):
                if end in hosts or any(end in each for each in wide):
                    yield flow
        return
    for network in networks:
        for side in ("saddr", "daddr"):
            wanted = {side: str(network.network_address)}
            yield from _read(table, NFCTAttrTuple(family=_FAMILIES[version], **wanted))


def _read(table: Any, selection: NFCTAttrTuple | None) -> Iterator[Flow]:
    for message in list(table.dump(tuple_orig=selection)):
        flow = _flow(message)
        if flow is not None:
            yield flow


def _flow(message: Any) -> Flow | None:
    zone, found = message.get_attr("CTA_ZONE"), message.get_attr("CTA_TUPLE_ORIG")
    addresses, protocol = found.get_attr("CTA_TUPLE_IP"), found.get_attr("CTA_TUPLE_PROTO")
    version = 4 if message["nfgen_family"] == socket.AF_INET else 6
    number = protocol.get_attr("CTA_PROTO_NUM")
    icmp = None
    if number in (ICMP, ICMPV6):
        kind = "CTA_PROTO_ICMP" if number == ICMP else "CTA_PROTO_ICMPV6"
        icmp = tuple(int(protocol.get_attr(f"{kind}_{each}") or 0) for each in ("ID", "TYPE", "CODE"))
    if not zone:
        return None
    return Flow(
        zone=int(zone),
        source=ipaddress.ip_address(addresses.get_attr(f"CTA_IP_V{version}_SRC")),
        destination=ipaddress.ip_address(addresses.get_attr(f"CTA_IP_V{version}_DST")),
        protocol=int(number),
        source_port=int(protocol.get_attr("CTA_PROTO_SRC_PORT") or 0),
        port=int(protocol.get_attr("CTA_PROTO_DST_PORT") or 0),
        icmp=icmp,  # type: ignore[arg-type]
    )


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
