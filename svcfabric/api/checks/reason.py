"""The reason a value is refused, in both APIs' words."""

from __future__ import annotations

from typing import Any

SHOWN = 512  # longest piece of a refused value repeated in an error


class Refused(ValueError):
    """Why a value is refused. ``octavia``: the same in the load-balancer API's words."""

    def __init__(self, reason: str, octavia: str = "") -> None:
        super().__init__(reason)
        self.octavia = octavia or reason


def shown(value: object) -> str:
    """A refused value as errors repeat it: cut when long."""
    text = str(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def text_of(value: Any) -> str:
    """The value as text. Raises ``Refused`` for anything else and for NUL, which no database stores."""
    if not isinstance(value, str):
        raise Refused(f"'{shown(value)}' is not a valid string", "Value should be string")
    if "\0" in value:
        raise Refused("a string must not contain the NUL character")
    return value
