"""Interface names: at most 15 characters, made from ids; the full id is in the interface's alias."""

from __future__ import annotations

import hashlib


def bridge(network_id: str) -> str:
    """A network's bridge."""
    return f"br-{network_id[:11]}"


def bridge_mac(tag: str, network_id: str) -> str:
    """A bridge's own MAC: always the same, locally administered, another one for each agent."""
    digest = hashlib.sha256(f"{tag}/{network_id}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x0A, *digest[:5]))


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
