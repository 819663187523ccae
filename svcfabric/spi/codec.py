"""Spec <-> wire: plain JSON-able dicts with the kind and a version.

A reader ignores fields it does not know (a newer server) and takes defaults for those that are absent
(an older one). Lists on the wire are tuples in specs.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from typing import Any, cast

from svcfabric.spi import dhcp, l2l3, lbaas, security
from svcfabric.spi.spec import Envelope, Spec

Reader = Callable[[Any], Any]

_ATOMS = frozenset({str, int, bool, float, type(None)})
_KINDS: dict[str, type[Spec]] = {
    cls.kind: cls
    for cls in (
        l2l3.NetworkSpec,
        l2l3.PortSpec,
        l2l3.RouterSpec,
        l2l3.FloatingIPSpec,
        security.SecurityGroupSpec,
        security.MemberSpec,
        security.AddressGroupSpec,
        dhcp.DhcpSpec,
        lbaas.LoadBalancerSpec,
    )
}


def register(cls: type[Spec]) -> type[Spec]:
    """Make a third party's spec class known to the wire; refuses a kind that is taken."""
    if _KINDS.setdefault(cls.kind, cls) is not cls:
        raise ValueError(f"spec kind {cls.kind!r} is already registered")
    return cls


def encode(envelope: Envelope) -> dict[str, Any]:
    """The wire form of an envelope."""
    spec = envelope.spec
    return {
        "kind": spec.kind,
        "version": spec.version,
        "generation": envelope.generation,
        "driver": envelope.driver,
        "spec": _plain(spec),
    }


def decode(wire: Mapping[str, Any]) -> Envelope:
    """The envelope in a wire form. Raises ``ValueError`` for a kind nobody registered, a field missing or malformed."""
    kind = wire.get("kind")
    cls = _KINDS.get(str(kind))
    if cls is None:
        raise ValueError(f"unknown spec kind {kind!r}")
    try:
        spec = _build(cls, wire["spec"])
        return Envelope(spec=spec, generation=int(wire["generation"]), driver=str(wire["driver"]))
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"malformed {kind} spec: {exc}") from exc


def _plain(value: Any) -> Any:
    cls = value.__class__
    if cls in _ATOMS:
        return value
    if cls is tuple:
        return [_plain(item) for item in value]
    return {name: _plain(getattr(value, name)) for name in _readers(cast(Hashable, cls))}


@functools.cache
def _readers(cls: Hashable) -> dict[str, Reader | None]:
    """What makes a field's value of what is on the wire, by field; None where it is the same."""
    hints = typing.get_type_hints(cls)
    return {field.name: _reader(hints[field.name]) for field in dataclasses.fields(cast(type[Any], cls))}


def _build(cls: type[Any], data: Mapping[str, Any]) -> Any:
    readers, values = _readers(cast(Hashable, cls)), {}
    for name, item in data.items():
        if name in readers:
            reader = readers[name]
            values[name] = item if reader is None else reader(item)
    return cls(**values)


def _reader(hint: Any) -> Reader | None:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            each = _reader(args[0])
            return tuple if each is None else lambda items: tuple(map(each, items))
        readers = [_reader(arg) or _same for arg in args]
        return lambda items: tuple(read(item) for read, item in zip(readers, items, strict=True))
    if origin in (typing.Union, types.UnionType):
        inner = _reader(next(arg for arg in args if arg is not type(None)))
        return None if inner is None else lambda item: None if item is None else inner(item)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return functools.partial(_build, hint)
    return None


def _same(item: Any) -> Any:
    return item
