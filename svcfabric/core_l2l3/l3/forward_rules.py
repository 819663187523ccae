"""What a port forwarding may be, and how it is written. Pure.

A *span* is a pair of ports, first and last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from svcfabric import errors
from svcfabric.spi.l2l3 import PortForward

Span = tuple[int, int]
_SIDES = ("external", "internal")


def refused(reason: str) -> errors.BadRequest:
    """The error for a forwarding that cannot be made as it is written."""
    return errors.BadRequest(f"Bad port_forwarding request: {reason}.", neutron_type="BadRequest")


def spans(body: Mapping[str, Any], current: Mapping[str, Span] | None = None) -> dict[str, Span]:
    """The external and internal ports a body asks for; those it does not name stay as in ``current``.

    Raises ``errors.BadRequest`` when they are not given at all, given twice, or do not match each other.
    """
    found = {side: _span(body, side) or (current or {}).get(side) for side in _SIDES}
    for side, span in found.items():
        if span is None:
            raise refused(f"{side}_port or {side}_port_range must be specified")
    external, internal = found["external"], found["internal"]
    assert external and internal
    if internal[1] > internal[0] and internal[1] - internal[0] != external[1] - external[0]:
        raise refused(
            "Invalid ranges of internal and/or external ports. The relation between internal and external ports must "
            "be N-N or 1-N"
        )
    return {"external": external, "internal": internal}


def _span(body: Mapping[str, Any], side: str) -> Span | None:
    """What a body says of one side. A port and a range may both be there when they say the same."""
    port, text = body.get(f"{side}_port"), body.get(f"{side}_port_range")
    single = (port, port) if port is not None else None
    if text is None:
        return single
    first, _, last = text.partition(":")
    span = (int(first), int(last or first))
    if single not in (None, span):
        raise refused(f"{side}_port {port} and {side}_port_range {text} contradict each other")
    return span


def text_of(span: Span) -> str:
    """A span as clients write it."""
    return f"{span[0]}:{span[1]}"


def overlap(one: Span, other: Span) -> bool:
    """Whether two spans have a port in common."""
    return one[0] <= other[1] and other[0] <= one[1]


def refuse_collision(side: str, wanted: Span, others: Iterable[Span]) -> None:
    """No port of a floating IP leads to two places, none of an inside address is led to twice."""
    for other in others:
        if overlap(wanted, other):
            raise refused(
                f"There is a port collision with the {side}_port_range. The following ranges collide: "
                f"{text_of(other)} and {text_of(wanted)}"
            )


def ports_shown(external: Span, internal: Span) -> dict[str, Any]:
    """The four attributes that tell the ports: single ones, too, where there is only one."""
    return {
        "external_port": external[0] if external[0] == external[1] else None,
        "external_port_range": text_of(external),
        "internal_port": internal[0] if internal[0] == internal[1] else None,
        "internal_port_range": text_of(internal),
    }


def kept(row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a forwarding's row is kept on its floating IP."""
    return {
        "id": row["id"],
        "protocol": row["protocol"],
        "internal_port_id": row["internal_port_id"],
        "internal_ip_address": row["internal_ip_address"],
        "external": [row["external_first"], row["external_last"]],
        "internal": [row["internal_first"], row["internal_last"]],
    }


def in_floatingip(stored: Iterable[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """What a floating IP says of its forwardings: those of single ports as clients know them, others by ranges."""
    shown = []
    for one in stored or ():
        ports = ports_shown(tuple(one["external"]), tuple(one["internal"]))
        single = ports["external_port"] is not None
        names = ("external_port", "internal_port") if single else ("external_port_range", "internal_port_range")
        common = {name: one[name] for name in ("id", "protocol", "internal_ip_address", "internal_port_id")}
        shown.append(common | {name: ports[name] for name in names})
    return shown


def specs(stored: Iterable[Mapping[str, Any]] | None) -> tuple[PortForward, ...]:
    """The same as hosts are told."""
    return tuple(
        PortForward(
            protocol=one["protocol"],
            external_first=one["external"][0],
            external_last=one["external"][1],
            address=one["internal_ip_address"],
            first=one["internal"][0],
            last=one["internal"][1],
        )
        for one in stored or ()
    )
