"""One change of the tables: what is there, what should be, the nft text that leads from one to the other. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

from svcfabric.drivers.linux.security import base, names


@dataclasses.dataclass
class Mirror:
    """What is in the kernel: names of chains and sets, and the elements of the maps all ports share.

    ``elements``: map or set -> {key: value}; what is in groups' sets is not mirrored. ``owners``: interface ->
    the port's id, as the elements of the map ``names.IN`` have it.
    """

    chains: set[str] = dataclasses.field(default_factory=set)
    sets: set[str] = dataclasses.field(default_factory=set)
    elements: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    owners: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether what all ports share is there."""
        return base.CHAINS.keys() <= self.chains and base.SETS.keys() <= self.sets


class Transaction:
    """Collects changes; ``text`` has them in an order the kernel takes, ``done`` notes them in the mirror."""

    def __init__(self, there: Mirror) -> None:
        self.there = there
        self._new_sets: dict[str, str] = {}
        self._filled: dict[str, list[str]] = {}
        self._emptied: list[str] = []
        self._added: dict[str, list[str]] = {}
        self._deleted: dict[str, list[str]] = {}
        self._chains: dict[str, list[str]] = {}
        self._mapped: dict[tuple[str, str], str] = {}
        self._unmapped: dict[tuple[str, str], str] = {}
        self._owners: dict[str, str] = {}
        self._dropped_chains: dict[str, None] = {}
        self._dropped_sets: dict[str, None] = {}

    def chain(self, name: str, rules: Iterable[str]) -> None:
        """A chain with exactly these rules."""
        self._dropped_chains.pop(name, None)
        self._chains[name] = list(rules)

    def placeholder(self, name: str) -> None:
        """A chain to jump to, as it is, or empty."""
        if name not in self.there.chains:
            self._chains.setdefault(name, [])

    def drop_chain(self, name: str) -> None:
        """No such chain, if nothing jumps to it any more."""
        self._chains.pop(name, None)
        if name in self.there.chains:
            self._dropped_chains[name] = None

    def new_set(self, name: str, definition: str, elements: Callable[[], Iterable[str]]) -> None:
        """A set, and what ``elements`` says in it, unless there is one already."""
        if name not in self.there.sets and name not in self._new_sets:
            self._new_sets[name] = definition
            self._filled[name] = list(elements())

    def refill(self, name: str, elements: Iterable[str]) -> None:
        """Exactly these elements in a set that is there."""
        if name not in self._new_sets:
            self._emptied.append(name)
            self._filled[name] = list(elements)

    def change_set(self, name: str, added: Iterable[str], deleted: Iterable[str]) -> None:
        """These elements in and out of a set that is there."""
        if name not in self._new_sets:
            self._added.setdefault(name, []).extend(added)
            self._deleted.setdefault(name, []).extend(deleted)

    def drop_set(self, name: str) -> None:
        """No such set."""
        if name in self.there.sets:
            self._dropped_sets[name] = None

    def elements(self, wanted: Mapping[tuple[str, str], str], unwanted: Iterable[tuple[str, str]]) -> None:
        """Elements of the shared maps: {(map, key): value} there, ``unwanted`` (map, key) not."""
        for name, key in unwanted:
            value = self.there.elements.get(name, {}).get(key)
            if value is not None and (name, key) not in wanted:
                self._unmapped[name, key] = value
        for (name, key), value in wanted.items():
            before = self.there.elements.get(name, {}).get(key)
            if before != value:
                self._mapped[name, key] = value
                if before is not None:
                    self._unmapped[name, key] = before

    def owned(self, interface: str, port_id: str) -> None:
        """Note whose the interface (quoted, as a key) is, if its element is added."""
        self._owners[interface] = port_id

    def goes(self, name: str, key: str) -> bool:
        """Whether that element is taken out."""
        return (name, key) in self._unmapped

    def text(self) -> str:
        """As for ``nft -f``; "" when nothing changes."""
        fresh = [name for name in self._chains if name not in self.there.chains]
        lines = [f"add set {name} {{ {definition} }}" for name, definition in self._new_sets.items()]
        lines += [f"add chain {name}" for name in fresh]
        lines += [_element("delete", name, [_pair(key, value)]) for (name, key), value in self._unmapped.items()]
        lines += [f"flush chain {name}" for name in self._chains if name in self.there.chains]
        lines += [f"flush chain {name}" for name in self._dropped_chains]
        lines += [f"add rule {name} {rule}" for name, rules in self._chains.items() for rule in rules]
        for name, gone in self._deleted.items():
            if gone:  # added first, so that one that is not there is no error
                lines += [_element("add", name, gone), _element("delete", name, gone)]
        lines += [f"flush set {name}" for name in self._emptied]
        for name, found in (*self._filled.items(), *self._added.items()):
            lines += [_element("add", name, found)] if found else []
        lines += [
            _element("add", name, [_pair(key + self._comment(name, key), value)])
            for (name, key), value in self._mapped.items()
        ]
        lines += [f"delete chain {name}" for name in self._dropped_chains]
        lines += [f"delete set {name}" for name in self._dropped_sets]
        return "\n".join(lines) + "\n" if lines else ""

    def _comment(self, name: str, key: str) -> str:
        return f' comment "{self._owners[key]}"' if name == names.IN and key in self._owners else ""

    def done(self) -> None:
        """It was carried out."""
        self.there.chains |= self._chains.keys()
        self.there.chains -= self._dropped_chains.keys()
        self.there.sets |= self._new_sets.keys()
        self.there.sets -= self._dropped_sets.keys()
        for name, key in self._unmapped:
            self.there.elements.get(name, {}).pop(key, None)
            if name == names.IN:
                self.there.owners.pop(key, None)
        for (name, key), value in self._mapped.items():
            self.there.elements.setdefault(name, {})[key] = value
            if name == names.IN and key in self._owners:
                self.there.owners[key] = self._owners[key]


def _element(verb: str, name: str, elements: list[str]) -> str:
    return f"{verb} element {name} {{ {', '.join(elements)} }}"


def _pair(key: str, value: str) -> str:
    return f"{key} : {value}" if value else key
