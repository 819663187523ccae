"""The policies subnets may name: the built-in ones, and those other distributions bring."""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from svcfabric import errors
from svcfabric.spi.ipam import AllocationPolicy, RecyclingPolicy

ALLOCATION, RECYCLING = "svcfabric.ipam.allocation", "svcfabric.ipam.recycling"
DEFAULTS = ("random", "at_once")  # the only pair that needs no memory
MAX_DELAY = 366 * 24 * 3600
ROUNDS = 4

P = TypeVar("P", AllocationPolicy, RecyclingPolicy)
_RANDOM = random.SystemRandom()


def scattered(n: int, total: int, key: str) -> int:
    """The ``n``-th of ``total`` places in an order that looks random: a Feistel cipher that walks its cycle."""
    half = max(1, ((total - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    place = n
    while True:
        left, right = place >> half, place & mask
        for turn in range(ROUNDS):
            digest = hashlib.blake2b(f"{key}/{turn}/{right}".encode(), digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(digest) & mask)
        place = left << half | right
        if place < total:
            return place


BUILT_IN_ALLOCATION = (
    AllocationPolicy(name="random", place=scattered, rank=lambda _number, _released: f"{_RANDOM.getrandbits(64):016x}"),
    AllocationPolicy(
        name="first_free", place=lambda n, _total, _key: n, rank=lambda number, _released: f"{number:039d}"
    ),
    AllocationPolicy(
        name="least_recently_used",
        place=lambda n, _total, _key: n,
        rank=lambda _number, released: "0" if released is None else f"{int(released * 1_000_000):020d}",
    ),
)
BUILT_IN_RECYCLING = (
    RecyclingPolicy(name="at_once"),
    RecyclingPolicy(name="delay", hold=float, least_delay=1, delay=3600),
    RecyclingPolicy(name="same_project", prefer="own"),
    RecyclingPolicy(name="exhausted", prefer="fresh"),
    RecyclingPolicy(name="dns", hold=float, named=True, least_delay=0),
)


@functools.cache
def allocation() -> Mapping[str, AllocationPolicy]:
    """Allocation policies by name."""
    return _installed(ALLOCATION, BUILT_IN_ALLOCATION, AllocationPolicy, entry_points(group=ALLOCATION))


@functools.cache
def recycling() -> Mapping[str, RecyclingPolicy]:
    """Recycling policies by name."""
    return _installed(RECYCLING, BUILT_IN_RECYCLING, RecyclingPolicy, entry_points(group=RECYCLING))


def _installed(group: str, built_in: tuple[P, ...], kind: type[P], points: Iterable[EntryPoint]) -> dict[str, P]:
    found = {policy.name: policy for policy in built_in}
    for point in points:
        policy = point.load()
        if not isinstance(policy, kind):
            raise TypeError(f"entry point {point.name} of {group} is no {kind.__name__}")
        if policy.name in found:
            raise ValueError(f"entry point {point.name} of {group}: there is a policy {policy.name!r} already")
        found[policy.name] = policy
    return found


def wanted(body: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The policy columns of a subnet that a request leaves it with.

    ``before``: the stored row. Raises ``errors.InvalidInput`` for policies nobody brings or a delay they do not take.
    """
    row = before or {}
    name = body.get("allocation_policy") or row.get("allocation_policy") or DEFAULTS[0]
    recycled = body.get("recycling_policy") or row.get("recycling_policy") or DEFAULTS[1]
    _known("allocation_policy", name, allocation())
    _known("recycling_policy", recycled, recycling())
    kept = row.get("recycling_delay") if row.get("recycling_policy") == recycled else None
    delay = _delay(recycling()[recycled], body.get("recycling_delay"), kept)
    return {"allocation_policy": name, "recycling_policy": recycled, "recycling_delay": delay}


def remembers(row: Mapping[str, Any]) -> bool:
    """Whether a subnet with these policies needs a memory from the start."""
    return (row["allocation_policy"], row["recycling_policy"]) != DEFAULTS


def _known(attribute: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise errors.InvalidInput(f"Invalid input for {attribute}. Reason: '{name}' is not in {sorted(known)}.")


def _delay(policy: RecyclingPolicy, given: int | None, kept: int | None) -> int:
    if policy.least_delay is None:
        if given:
            raise errors.InvalidInput(
                f"Invalid input for recycling_delay. Reason: recycling policy '{policy.name}' takes none."
            )
        return 0
    if given is None:
        return policy.delay if kept is None else kept
    if given < policy.least_delay:
        raise errors.InvalidInput(
            f"Invalid input for recycling_delay. Reason: recycling policy '{policy.name}' needs at least "
            f"{policy.least_delay} seconds."
        )
    return given
