"""Limits in the units of the kernel. Pure."""

from __future__ import annotations

import dataclasses

MAX = 2**32 - 1
# Without a burst of its own a limit lets this part of a second's worth through at once: little enough to measure
# nothing of it after a second, enough for TCP to fill the limit.
_BURST, _LEAST_BURST = 50, 15_000
# A queue holds this part of a second's worth, and two packets as large as segmentation offload makes them.
_QUEUE, _LEAST_QUEUE = 20, 2 * 65_536
_PACKETS = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """What a shaper is told: ``rate`` in bytes/s, ``burst`` and ``queue`` in bytes."""

    rate: int
    burst: int
    queue: int


def shape(kbps: int, burst_kb: int, mtu: int) -> Shape:
    """A limit of ``kbps`` kbit/s with bursts of ``burst_kb`` kbit, 0 for good ones. A packet always fits in a burst."""
    rate = kbps * 125
    burst = burst_kb * 125 if burst_kb else max(rate // _BURST, _LEAST_BURST)
    burst = min(max(burst, mtu + 100), MAX)
    return Shape(rate, burst, min(max(rate // _QUEUE, _LEAST_QUEUE) + burst, MAX))


def packets(kpps: int, burst_kpps: int) -> str:
    """nft's words for what exceeds ``kpps`` thousand packets a second, with bursts of ``burst_kpps`` thousand."""
    rate = kpps * 1000
    burst = burst_kpps * 1000 or max(rate // _PACKETS, 5)
    return f"limit rate over {rate}/second burst {min(burst, MAX)} packets"
