"""What the doctor says of one thing."""

from __future__ import annotations

import dataclasses
import enum


class State(enum.StrEnum):
    """``DEGRADED``: works without, in another way or not as well. ``MISSING``: nothing works without."""

    OK = "ok"
    DEGRADED = "degraded"
    MISSING = "missing"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """``advice``: what is used instead, or how to get it; "" when all is well."""

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Finding:
    """It is there."""
    return Finding(name, State.OK, found)


def degraded(name: str, found: str, instead: str) -> Finding:
    """Works without; ``instead`` says how."""
    return Finding(name, State.DEGRADED, found, instead)


def missing(name: str, found: str, how: str) -> Finding:
    """Needed; ``how`` says how to get it."""
    return Finding(name, State.MISSING, found, how)
