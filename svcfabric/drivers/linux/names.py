"""Interface names: at most 15 characters, made from ids; the full id is in the interface's alias."""

from __future__ import annotations


def bridge(network_id: str) -> str:
    """A network's bridge."""
    return f"br-{network_id[:11]}"


def vxlan(network_id: str) -> str:
    """A network's VXLAN device."""
    return f"vx-{network_id[:11]}"


def tap(port_id: str) -> str:
    """The bridge's end of a port's wire."""
    return f"tap{port_id[:11]}"


def parked(port_id: str) -> str:
    """The free end of a port's wire while it waits in the bridge namespace."""
    return f"p{port_id[:13]}"


def leg(port_id: str) -> str:
    """The inner end of a leg, unless its owner names it."""
    return f"leg{port_id[:11]}"
