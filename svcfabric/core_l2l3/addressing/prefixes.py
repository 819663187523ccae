"""Prefix arithmetic of subnet pools. Pure; prefixes are texts, ranges (first, last) whole numbers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from svcfabric.core_l2l3.pools import Pool

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
BITS = {4: 32, 6: 128}


def compacted(prefixes: Sequence[str]) -> list[str]:
    """The same addresses in as few prefixes as there can be, in order. All are of one family."""
    return _texts(merged(prefixes), version(prefixes))


def version(prefixes: Iterable[str]) -> int:
    """The family of the first prefix; 4 when there is none."""
    return next((ipaddress.ip_network(prefix).version for prefix in prefixes), 4)


def ranges(prefixes: Iterable[str]) -> list[Pool]:
    """Prefixes as ranges."""
    return [_range(ipaddress.ip_network(prefix)) for prefix in prefixes]


def merged(prefixes: Iterable[str]) -> list[Pool]:
    """Prefixes as ranges in order, none touching another."""
    found: list[Pool] = []
    for first, last in sorted(ranges(prefixes)):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def within(prefixes: Iterable[str], outer: Iterable[str]) -> bool:
    """Whether every address of ``prefixes`` is in ``outer``."""
    return not _without(merged(prefixes), merged(outer))


def overlapping(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether the two share an address (families must be the same)."""
    mine = merged(one)
    return _without(mine, merged(other)) != mine


def without(prefixes: Sequence[str], gone: Iterable[str]) -> list[str]:
    """``prefixes`` less the addresses of ``gone``."""
    return _texts(_without(merged(prefixes), merged(gone)), version(prefixes))


def choose(prefixes: Sequence[str], taken: Iterable[str], prefixlen: int) -> str | None:
    """A free prefix of that length: of the smallest free block it fits, the lowest. None when there is none."""
    family = version(prefixes)
    best: Network | None = None
    for first, last in _without(merged(prefixes), merged(taken)):
        for block in _blocks(first, last, family):
            if block.prefixlen <= prefixlen and (best is None or block.prefixlen > best.prefixlen):
                best = block
                if block.prefixlen == prefixlen:
                    return str(block)
    return f"{best.network_address}/{prefixlen}" if best else None


def units(cidr: str) -> int:
    """What a prefix counts against a pool's quota: IPv4 addresses, or IPv6 networks of /64 (at least one)."""
    net = ipaddress.ip_network(cidr)
    return int(2 ** max(0, (32 if net.version == 4 else 64) - net.prefixlen))


def _range(net: Network) -> Pool:
    return int(net.network_address), int(net.broadcast_address)


def _without(mine: Sequence[Pool], gone: Sequence[Pool]) -> list[Pool]:
    """Ranges less others; both in order."""
    found: list[Pool] = []
    at = 0
    for first, last in mine:
        low = first
        while at < len(gone) and gone[at][1] < first:
            at += 1
        look = at
        while look < len(gone) and gone[look][0] <= last:
            if low < gone[look][0]:
                found.append((low, gone[look][0] - 1))
            low = max(low, gone[look][1] + 1)
            look += 1
        if low <= last:
            found.append((low, last))
    return found


def _blocks(first: int, last: int, family: int) -> Iterator[Network]:
    if family == 4:
        return ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))
    return ipaddress.summarize_address_range(ipaddress.IPv6Address(first), ipaddress.IPv6Address(last))


def _texts(found: Iterable[Pool], family: int) -> list[str]:
    return [str(block) for first, last in found for block in _blocks(first, last, family)]
