"""Read untrusted YAML with errors that name the field and the rule, e.g. ``servers[2].port: 1 to 65535``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


class Invalid(ValueError):
    """The file does not say what it must; ``str()`` names field and rule."""


class Reader:
    """One mapping of the file. ``path`` is where it stands; every key must be read before ``done``."""

    def __init__(self, data: Any, path: str = "") -> None:
        if not isinstance(data, Mapping):
            raise Invalid(f"{path or 'the file'}: must be a mapping of names to values, is {_shown(data)}")
        self.data, self.path = data, path
        self.asked: set[str] = set()

    def field(self, key: str) -> str:
        """The full name of a key, for messages."""
        return f"{self.path}.{key}" if self.path else key

    def refuse(self, key: str, rule: str) -> Invalid:
        """The error to raise for a key."""
        return Invalid(f"{self.field(key)}: {rule}")

    def get(self, key: str, kind: type[T], what: str, default: T | None = None) -> T:
        """A value of exactly that type; without a default it is required."""
        self.asked.add(key)
        value = self.data.get(key)
        if value is None:
            if default is None:
                raise self.refuse(key, f"is required ({what})")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.refuse(key, f"must be {what}, is {_shown(value)}")
        return value

    def name(self, key: str = "name", default: str | None = None) -> str:
        """A name: it becomes part of namespace and file names."""
        value = self.get(key, str, "a name", default)
        if value and not _NAME.fullmatch(value):
            raise self.refuse(key, "must be 1 to 31 lower-case letters, digits and dashes, starting with a letter")
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self.get(key, int, "a whole number", default)
        if not low <= value <= high:
            raise self.refuse(key, f"must be {low} to {high}, is {value}")
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.get(key, str, f"one of {', '.join(allowed)}", default)
        if value not in allowed:
            raise self.refuse(key, f"must be one of {', '.join(allowed)}, is {_shown(value)}")
        return value

    def cidr(self, key: str) -> str:
        """An IPv4 or IPv6 network without host bits."""
        value = self.get(key, str, "a network such as 10.0.0.0/24")
        try:
            return str(ipaddress.ip_network(value))
        except ValueError as exc:
            raise self.refuse(key, f"must be a network such as 10.0.0.0/24: {exc}") from exc

    def path_of(self, key: str, default: str) -> str:
        """The path of a URL."""
        value = self.get(key, str, "a path such as /health", default)
        if not re.fullmatch(r"/[!-~]*", value):
            raise self.refuse(key, f"must start with / and have no spaces, is {_shown(value)}")
        return value

    def names(self, key: str, *, least: int = 0) -> tuple[str, ...]:
        """A list of names, none twice."""
        values = self._list(key, least)
        for value in values:
            if not isinstance(value, str) or values.count(value) > 1:
                raise self.refuse(key, f"must be a list of different names, has {_shown(value)}")
        return tuple(values)

    def items(self, key: str, read: Callable[[Reader], T], *, least: int = 0) -> tuple[T, ...]:
        """A list of mappings, each read by ``read``."""
        field = self.field(key)
        return tuple(Reader(each, f"{field}[{index}]").whole(read) for index, each in enumerate(self._list(key, least)))

    def item(self, key: str, read: Callable[[Reader], T]) -> T | None:
        """A mapping inside this one, or None."""
        self.asked.add(key)
        value = self.data.get(key)
        return None if value is None else Reader(value, self.field(key)).whole(read)

    def whole(self, read: Callable[[Reader], T]) -> T:
        """What ``read`` makes of this mapping; refuses keys it did not ask for."""
        made = read(self)
        unknown = sorted(str(key) for key in self.data if key not in self.asked)
        if unknown:
            raise self.refuse(unknown[0], f"is not known here; known are {', '.join(sorted(self.asked))}")
        return made

    def _list(self, key: str, least: int) -> list[Any]:
        values = self.get(key, list, "a list", [])
        if len(values) < least:
            raise self.refuse(key, f"must have at least {least} entr{'y' if least == 1 else 'ies'}, has {len(values)}")
        return values


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
