"""Spec <-> wire: plain JSON-able dicts with the kind and a version.

A reader ignores fields it does not know (a newer server) and takes defaults for those that are absent
(an older one). Lists on the wire are tuples in specs.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Hashable, Mapping
from typing import Any, cast

from svcfabric.spi import dhcp, l2l3, lbaas, security
from svcfabric.spi.spec import Envelope, Spec

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
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


@functools.cache
def _hints(cls: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _build(cls: type[Any], data: Mapping[str, Any]) -> Any:
    hints = _hints(cast(Hashable, cls))
    names = {f.name for f in dataclasses.fields(cls)}
    return cls(**{name: _value(hints[name], item) for name, item in data.items() if name in names})


def _value(hint: Any, item: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin is tuple:
        args = typing.get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_value(args[0], each) for each in item)
        return tuple(_value(arg, each) for arg, each in zip(args, item, strict=True))
    if origin in (typing.Union, types.UnionType):
        return None if item is None else _value(next(a for a in typing.get_args(hint) if a is not type(None)), item)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, item)
    return item
