"""The connection table of the bridge namespace: find, judge, delete. In a thread inside that namespace."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from svcfabric.drivers.linux import ctnetlink
from svcfabric.drivers.linux.security.flow import Address, Flow
from svcfabric.drivers.linux.security.shapes import Network

_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")
# with more addresses than this it is cheaper to read every entry than to search each for every address
_FEW = 16


def cut_here(networks: Collection[Network], forbidden: Callable[[Flow], bool]) -> int:
    """Forget the connections from or to any of the networks that are ``forbidden``; how many.

    The next packet of such a connection meets the rules as they are now: cut after the rules changed.
    """
    if not int(_COUNT.read_text()):
        return 0
    wrong = [entry for flow, entry in about_here(networks) if forbidden(flow)]
    ctnetlink.delete(wrong)
    return len(wrong)


def about_here(networks: Collection[Network]) -> Iterator[tuple[Flow, bytes]]:
    """The connections in zones from or to any of the networks, each with its entry in the table."""
    hosts = {each.network_address for each in networks if each.prefixlen == each.max_prefixlen}
    wide = [each for each in networks if each.prefixlen < each.max_prefixlen]
    sought = [each.packed for each in hosts] if not wide and len(hosts) <= _FEW else [b""]
    for entry in ctnetlink.entries(sought):
        flow = _flow(entry)
        if flow is not None and any(_within(end, hosts, wide) for end in (flow.source, flow.destination)):
            yield flow, entry


def _within(address: Address, hosts: Collection[Address], wide: Collection[Network]) -> bool:
    return address in hosts or any(address in each for each in wide)


def _flow(entry: bytes) -> Flow | None:
    zone, first = ctnetlink.zone(entry), ctnetlink.original(entry)
    if not zone or first is None:
        return None
    return Flow(
        zone=zone,
        source=first.source,
        destination=first.destination,
        protocol=first.protocol,
        source_port=first.source_port,
        port=first.port,
        icmp=first.icmp,
    )
