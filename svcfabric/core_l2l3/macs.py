"""MAC addresses of our own making."""

from __future__ import annotations

import random

_RANDOM = random.SystemRandom()


def random_mac(base: str) -> str:
    """A MAC that begins like ``base``: with its first three bytes, with four when the fourth is not 00."""
    parts = base.lower().split(":")
    kept = parts[:3] if parts[3] == "00" else parts[:4]
    return ":".join([*kept, *(f"{_RANDOM.getrandbits(8):02x}" for _ in range(6 - len(kept)))])
