"""Handing out addresses.

What is wanted is worked out first (``wanted``, pure), then addresses are chosen at random from the pools, a
handful checked in one query, and stored under a unique constraint: two requests that choose the same one
cannot both commit, and the loser's transaction is run again. Subnets with policies of their own, and those so
full that guessing fails, have a memory (``addressing.memory``).
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3 import pools
from svcfabric.core_l2l3.addressing import memory, released
from svcfabric.core_l2l3.core import DHCP, ROUTER_INTERFACE
from svcfabric.core_l2l3.models import ip_allocations
from svcfabric.core_l2l3.topology import Network, Subnet
from svcfabric.db.base import Ascii, Id

FixedIp = dict[str, str]  # {"subnet_id": ..., "ip_address": ...}
# Candidates beyond those needed, look by look: when the last finds too few, the subnet is full or nearly so.
LOOKS = (8, 32, 128, 512)
CROWDED = 0.75  # part of the candidates taken from which on the next address of the subnet begins with the second look
REMEMBERED = 10_000  # crowded subnets a process knows
MAX_FIXED_IPS = 5

_RANDOM = random.Random()
_crowded: dict[str, None] = {}
_SUBNET = sa.bindparam("subnet", type_=Id)
_AMONG = sa.select(ip_allocations.c.address).where(
    ip_allocations.c.subnet_id == _SUBNET,
    ip_allocations.c.address.in_(sa.bindparam("addresses", expanding=True, type_=Ascii)),
)
_EVERY = sa.select(ip_allocations.c.address).where(ip_allocations.c.subnet_id == _SUBNET)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One address to get: ``address`` of the only subnet, or any of the first subnet that has one left."""

    subnets: tuple[Subnet, ...]
    address: str | None = None


def wanted(
    network: Network, fixed_ips: Sequence[Mapping[str, str]] | None, *, mac: str, device_owner: str
) -> list[Want]:
    """What a port needs. ``fixed_ips`` None: one address of each family, and those that follow from its MAC.

    Raises ``errors.BadRequest`` (``errors.NotFound`` for a subnet elsewhere) when it cannot be had.
    """
    router = device_owner == ROUTER_INTERFACE
    network = serving(network, device_owner)
    auto = () if router else tuple(subnet for subnet in network.subnets if subnet.auto)
    if fixed_ips is None:
        handed_out = [tuple(s for s in network.subnets if s.ip_version == version and not s.auto) for version in (4, 6)]
        wants = [Want(subnets=choices) for choices in handed_out if choices]
    else:
        if len(fixed_ips) > MAX_FIXED_IPS and device_owner != DHCP:
            raise errors.InvalidInput(
                f"Invalid input for operation: fixed_ips: a port can have at most {MAX_FIXED_IPS} addresses."
            )
        wants = [_named(network, one, mac=mac, router=router) for one in fixed_ips]
    named = {want.subnets[0].id for want in wants if want.subnets[0].auto}
    wants += [Want(subnets=(s,), address=pools.eui64(s.cidr, mac)) for s in auto if s.id not in named]
    if len({(want.subnets[0].id, want.address) for want in wants if want.address}) < sum(
        want.address is not None for want in wants
    ):
        raise errors.InvalidInput("Invalid input for operation: fixed_ips: an address is named twice.")
    return wants


def serving(network: Network, device_owner: str) -> Network:
    """The network with those of its subnets that are for such a port: those that name its kind first.

    Raises ``errors.Conflict`` when it has subnets, but none for that kind.
    """
    if not any(subnet.service_types for subnet in network.subnets):
        return network
    mine = [
        subnet
        for subnet in network.subnets
        if not subnet.service_types
        or device_owner in subnet.service_types
        or (device_owner == DHCP and subnet.enable_dhcp)
    ]
    if not mine:
        raise errors.Conflict(
            f"No valid service subnet for the given device owner, network {network.id}, service type {device_owner}.",
            neutron_type="IpAddressGenerationFailureNoMatchingSubnet",
        )
    return dataclasses.replace(network, subnets=tuple(sorted(mine, key=lambda subnet: not subnet.service_types)))


def _named(network: Network, one: Mapping[str, str], *, mac: str, router: bool) -> Want:
    subnet_id, address = one.get("subnet_id"), one.get("ip_address")
    if subnet_id:
        subnet = network.subnet(subnet_id)
        if subnet is None:
            raise errors.InvalidInput(
                f"Invalid input for operation: Failed to create port on network {network.id}, because "
                f"fixed_ips included invalid subnet {subnet_id}."
            )
        if address and not pools.host_address(subnet.cidr, address):
            raise errors.BadRequest(
                f"IP address {address} is not a valid IP for the specified subnet.",
                neutron_type="InvalidIpForSubnet",
            )
    elif address:
        subnet = next((s for s in network.subnets if pools.host_address(s.cidr, address)), None)
        if subnet is None:
            raise errors.BadRequest(
                f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
                neutron_type="InvalidIpForNetwork",
            )
    else:
        raise errors.InvalidInput("Invalid input for operation: IP allocation requires subnet_id or ip_address.")
    if subnet.auto and not router:
        made = pools.eui64(subnet.cidr, mac)
        if address and address != made:
            raise errors.InvalidInput(
                f"Invalid input for operation: IPv6 address {address} cannot be directly assigned to a port on "
                f"subnet {subnet.id} as the subnet is configured for automatic addresses.",
                neutron_type="AllocationOnAutoAddressSubnet",
            )
        address = made
    return Want(subnets=(subnet,), address=address)


def choose(
    conn: sa.Connection,
    network_id: str,
    wants: Sequence[Sequence[Want]],
    projects: Sequence[str],
    rng: random.Random = _RANDOM,
) -> list[list[FixedIp]]:
    """Addresses for several ports of a network, in the order of their wants: one query per subnet.

    ``projects``: of each port. Raises ``errors.Conflict`` when a named address is taken or the network has none left.
    """
    chosen: dict[tuple[int, int], FixedIp] = {}
    waiting = {(i, j): want for i, mine in enumerate(wants) for j, want in enumerate(mine)}
    while waiting:
        subnet = next(iter(waiting.values())).subnets[0]
        here = {place: want for place, want in waiting.items() if want.subnets[0].id == subnet.id}
        ours = {fixed["ip_address"] for fixed in chosen.values() if fixed["subnet_id"] == subnet.id}
        owners = {place: projects[place[0]] for place in here}
        for place, address in _of_subnet(conn, subnet, here, owners, ours, rng).items():
            chosen[place] = {"subnet_id": subnet.id, "ip_address": address}
            del waiting[place]
        for place in here.keys() & waiting.keys():
            waiting[place] = _elsewhere(network_id, here[place])
    return [[chosen[i, j] for j in range(len(mine))] for i, mine in enumerate(wants)]


def _elsewhere(network_id: str, want: Want) -> Want:
    if len(want.subnets) == 1:
        raise errors.Conflict(
            f"No more IP addresses available on network {network_id}.", neutron_type="IpAddressGenerationFailure"
        )
    return Want(subnets=want.subnets[1:])


def _of_subnet(
    conn: sa.Connection,
    subnet: Subnet,
    wants: Mapping[tuple[int, int], Want],
    owners: Mapping[tuple[int, int], str],
    ours: set[str],
    rng: random.Random,
) -> dict[tuple[int, int], str]:
    """Addresses of one subnet, for as many as it has any left."""
    named = {place: want.address for place, want in wants.items() if want.address is not None}
    addresses = list(named.values())
    for address in addresses:
        if address in ours or addresses.count(address) > 1:
            raise _taken(subnet.id, address)
    places = [place for place in wants if place not in named]
    if subnet.memory:
        _refuse_taken(conn, subnet, {address: owners[place] for place, address in named.items()})
        spoken_for = ours.union(addresses)
        return named | dict(
            zip(places, memory.take(conn, subnet, [owners[place] for place in places], spoken_for), strict=False)
        )
    return named | dict(zip(places, _take(conn, subnet, len(places), addresses, ours, rng), strict=False))


def _refuse_taken(conn: sa.Connection, subnet: Subnet, named: Mapping[str, str]) -> None:
    """Addresses clients name, with their port's project, of a subnet with a memory."""
    if not named:
        return
    for address in conn.execute(_AMONG, {"subnet": subnet.id, "addresses": list(named)}).scalars():
        raise _taken(subnet.id, address)
    released.claim(conn, subnet, named)


def _take(
    conn: sa.Connection, subnet: Subnet, count: int, named: list[str], ours: set[str], rng: random.Random
) -> list[str]:
    """Up to ``count`` free addresses of a subnet, the named ones checked on the way; fewer mean it is full."""
    ranges = pools.from_json(subnet.pools)
    spoken_for = ours.union(named)
    for look in LOOKS[int(subnet.id in _crowded) :]:
        candidates = (
            [pools.text(at, subnet.ip_version) for at in pools.sample(ranges, count + look, rng)] if count else []
        )
        taken = set(conn.execute(_AMONG, {"subnet": subnet.id, "addresses": candidates + named}).scalars())
        for address in named:
            if address in taken:
                raise _taken(subnet.id, address)
        left = [address for address in candidates if address not in taken and address not in spoken_for]
        if candidates:
            _note(subnet.id, len(taken) / len(candidates))
        if len(left) >= count or len(candidates) >= pools.size(ranges):
            return left[:count]
    every = {pools.number(address) for address in conn.execute(_EVERY, {"subnet": subnet.id}).scalars()}
    every.update(pools.number(address) for address in spoken_for)
    found = pools.free(ranges, every, count, rng)
    released.tighten(conn, subnet, every.union(found))
    return [pools.text(at, subnet.ip_version) for at in found]


def _note(subnet_id: str, taken: float) -> None:
    """How crowded a subnet is: a hint that spares looks, in this process only."""
    if taken < CROWDED:
        _crowded.pop(subnet_id, None)
    elif len(_crowded) < REMEMBERED:
        _crowded[subnet_id] = None


def _taken(subnet_id: str, address: str) -> errors.Conflict:
    return errors.Conflict(
        f"IP address {address} already allocated in subnet {subnet_id}.", neutron_type="IpAddressAlreadyAllocated"
    )
