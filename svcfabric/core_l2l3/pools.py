"""Address arithmetic: allocation pools as ranges of whole numbers. Pure."""

from __future__ import annotations

import ipaddress
import itertools
import random
from collections.abc import Collection, Iterable, Mapping, Sequence

from svcfabric import errors

Pool = tuple[int, int]  # first and last address, both in it


def text(number: int, version: int) -> str:
    """An address as it is written."""
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def number(address: str) -> int:
    """An address as a whole number."""
    return int(ipaddress.ip_address(address))


def contains(cidr: str, address: str) -> bool:
    """Whether an address is of a prefix (and of its family)."""
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr)


def usable(cidr: str) -> Pool:
    """First and last address a host may have: without an IPv4 network's own and broadcast, or IPv6's anycast."""
    net = ipaddress.ip_network(cidr)
    first, last = int(net.network_address), int(net.broadcast_address)
    if net.version == 4:
        return (first + 1, last - 1) if net.prefixlen <= 30 else (first, last)
    return (first + 1, last) if net.prefixlen <= 126 else (first, last)


def host_address(cidr: str, address: str) -> bool:
    """Whether a port on the prefix may have that address."""
    if not contains(cidr, address):
        return False
    first, last = usable(cidr)
    return first <= number(address) <= last


def first_host(cidr: str) -> str | None:
    """The address a gateway gets when none is named; None when a lone address leaves no room for one."""
    net = ipaddress.ip_network(cidr)
    if net.num_addresses == 1:
        return None
    return text(int(net.network_address) + 1, net.version)


def default_pools(cidr: str, gateway: str | None) -> list[Pool]:
    """Every usable address but the gateway's."""
    first, last = usable(cidr)
    if gateway is None or not contains(cidr, gateway):
        return [(first, last)]
    at = number(gateway)
    return [(low, high) for low, high in ((first, min(last, at - 1)), (max(first, at + 1), last)) if low <= high]


def checked_pools(cidr: str, given: Sequence[Mapping[str, str]], gateway: str | None) -> list[Pool]:
    """Pools a client names. Raises ``errors.BadRequest``/``Conflict`` when they leave the prefix, overlap or
    hold the gateway."""
    net = ipaddress.ip_network(cidr)
    low, high = usable(cidr)
    pools: list[Pool] = []
    for one in given:
        start, end = ipaddress.ip_address(one["start"]), ipaddress.ip_address(one["end"])
        shown = f"{start}-{end}"
        if start.version != net.version or end.version != net.version or int(start) > int(end):
            raise errors.BadRequest(f"The allocation pool {shown} is not valid.", neutron_type="InvalidAllocationPool")
        if int(start) < low or int(end) > high:
            raise errors.BadRequest(
                f"The allocation pool {shown} spans beyond the subnet cidr {cidr}.",
                neutron_type="OutOfBoundsAllocationPool",
            )
        pools.append((int(start), int(end)))
    _refuse_overlap(cidr, pools, net.version)
    refuse_gateway_in(pools, gateway, net.version)
    return pools


def _refuse_overlap(cidr: str, pools: list[Pool], version: int) -> None:
    ordered = sorted(pools)
    for one, other in itertools.pairwise(ordered):
        if other[0] <= one[1]:
            raise errors.Conflict(
                f"Found overlapping allocation pools: {shown(one, version)} {shown(other, version)} for subnet {cidr}.",
                neutron_type="OverlappingAllocationPools",
            )


def refuse_gateway_in(pools: Iterable[Pool], gateway: str | None, version: int) -> None:
    """Raise ``errors.InUse`` when a pool would hand out the gateway's address."""
    if gateway is None:
        return
    at = number(gateway)
    for pool in pools:
        if pool[0] <= at <= pool[1]:
            raise errors.InUse(
                f"Gateway ip {gateway} conflicts with allocation pool {shown(pool, version)}.",
                neutron_type="GatewayConflictWithAllocationPools",
            )


def shown(pool: Pool, version: int) -> str:
    """A pool as messages tell it."""
    return f"{text(pool[0], version)}-{text(pool[1], version)}"


def as_json(pools: Iterable[Pool], version: int) -> list[dict[str, str]]:
    """Pools as the API shows them."""
    return [{"start": text(first, version), "end": text(last, version)} for first, last in pools]


def from_json(pools: Iterable[Mapping[str, str]]) -> list[Pool]:
    """Stored pools."""
    return [(number(pool["start"]), number(pool["end"])) for pool in pools]


def size(pools: Iterable[Pool]) -> int:
    """How many addresses pools hold."""
    return sum(last - first + 1 for first, last in pools)


def sample(pools: Sequence[Pool], count: int, rng: random.Random) -> list[int]:
    """Up to ``count`` different addresses of the pools, in random order: all of them when there are no more."""
    total = size(pools)
    if total <= 2 * count:
        chosen = [at for first, last in pools for at in range(first, last + 1)]
        rng.shuffle(chosen)
        return chosen[:count] if total > count else chosen
    places: dict[int, None] = {}
    while len(places) < count:
        places[rng.randrange(total)] = None
    return [nth(pools, place) for place in places]


def nth(pools: Sequence[Pool], place: int) -> int:
    """The address at that place, counted from 0 through all pools."""
    for first, last in pools:
        if place <= last - first:
            return first + place
        place -= last - first + 1
    raise IndexError(place)


def free(pools: Sequence[Pool], taken: Collection[int], count: int, rng: random.Random) -> list[int]:
    """Up to ``count`` addresses of the pools that are not taken, found by walking the gaps; fewer mean full."""
    return sample(gaps(pools, taken), count, rng)


def holds(pools: Iterable[Pool], at: int) -> bool:
    """Whether an address is of the pools."""
    return any(first <= at <= last for first, last in pools)


def gaps(pools: Sequence[Pool], taken: Collection[int]) -> list[Pool]:
    """What of the pools is not taken."""
    found: list[Pool] = []
    for first, last in pools:
        low = first
        for at in sorted(t for t in taken if first <= t <= last):
            if low < at:
                found.append((low, at - 1))
            low = at + 1
        if low <= last:
            found.append((low, last))
    return found


def eui64(cidr: str, mac: str) -> str:
    """The address a host with that MAC gives itself on an IPv6 /64 prefix."""
    digits = mac.replace(":", "")
    low = int(digits[:6] + "fffe" + digits[6:], 16) ^ (1 << 57)
    return text(int(ipaddress.ip_network(cidr).network_address) | low, 6)


def overlapping(one: str, other: str) -> bool:
    """Whether two prefixes share an address."""
    first, second = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)
