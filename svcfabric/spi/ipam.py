"""How a subnet hands out addresses and takes them back, as policies a distribution may add.

An entry point of the group ``svcfabric.ipam.allocation`` or ``svcfabric.ipam.recycling`` names an
``AllocationPolicy`` or ``RecyclingPolicy``; tenants then may name it on their subnets. A policy is pure: it says
in which order, the core keeps the books. Whatever the policy, the next address is found in the same time however
many are taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

RANK_LENGTH = 64  # most characters of a rank


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPolicy:
    """Which address comes next.

    ``place(n, total, key)``: the place, 0 to ``total`` - 1, in the subnet's pools of the ``n``-th address that is
    handed out for the first time; a permutation for each ``total`` and ``key`` (the subnet's id).
    ``rank(number, released)``: the key by which addresses compete, the lowest wins: ASCII digits and lower-case
    letters, compared as text. ``number`` is the address as a whole number; ``released`` the time, seconds since
    1970, at which it was last given back, None for one that nobody had yet.
    """

    name: str
    place: Callable[[int, int, str], int]
    rank: Callable[[int, float | None], str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecyclingPolicy:
    """When an address that was given back may be handed out again.

    ``hold(delay)``: for how many seconds nobody gets it, from the subnet's ``recycling_delay``. ``prefer``: ``rank``
    lets it compete with addresses nobody had as the allocation policy ranks them; ``fresh`` keeps it until there
    are no others; ``own`` does so too, but for the project that had it, which gets it before any other.
    ``named``: after that time, not as long as a DNS record names it.
    ``least_delay``: smallest ``recycling_delay`` it takes, None when it takes none; ``delay``: the default.
    """

    name: str
    hold: Callable[[int], float] = lambda _delay: 0.0
    prefer: Literal["rank", "fresh", "own"] = "rank"
    named: bool = False
    least_delay: int | None = None
    delay: int = 0
