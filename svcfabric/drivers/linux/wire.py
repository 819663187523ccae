"""A port's own wire: a veth pair whose one end is on the bridge while the other waits to be plugged.

All functions run with an open ``IPRoute`` of the bridge namespace.
"""

from __future__ import annotations

from typing import Any

from svcfabric.drivers.linux import forwarding, link, names
from svcfabric.spi.l2l3 import PortSpec

ALIAS = "port:"


def ensure(ipr: Any, spec: PortSpec, bridge: int) -> int:
    """The pair, its outer end on the bridge and up or down as the port is; the outer end's index."""
    tap, mtu = names.tap(spec.id), spec.segment.mtu
    found = link.find(ipr, tap) if link.index_here(tap) else None
    if found is not None and link.alias_of(found) != ALIAS + spec.id:
        link.refuse_anothers(found, spec.id)
        link.delete(ipr, tap)
        found = None
    if found is None:
        peer = {"ifname": names.parked(spec.id), "address": spec.mac, "mtu": mtu}
        ipr.link("add", ifname=tap, kind="veth", mtu=mtu, master=bridge, peer=peer)
        index = link.index_here(tap)
        ipr.link("set", index=index, ifalias=ALIAS + spec.id, state=_state(spec))
    else:
        index = int(found["index"])
        wanted = (bridge, mtu, spec.admin_state_up)
        if (found.get_attr("IFLA_MASTER"), found.get_attr("IFLA_MTU"), link.is_up(found)) != wanted:
            ipr.link("set", index=index, master=bridge, mtu=mtu, state=_state(spec))
        _set_parked(ipr, spec)
    forwarding.point_local(ipr, index, spec.mac)
    return index


def remove(ipr: Any, port_id: str) -> bool:
    """Delete the pair, wherever its inner end is; the leg of a function is left alone."""
    found = link.find(ipr, names.tap(port_id))
    if found is None or link.alias_of(found) != ALIAS + port_id:
        return False
    return link.delete(ipr, names.tap(port_id))


def _set_parked(ipr: Any, spec: PortSpec) -> None:
    """The inner end's MAC and MTU while it is here; once plugged it is its holder's."""
    if link.index_here(names.parked(spec.id)):
        found = link.find(ipr, names.parked(spec.id))
        if found is not None and (found.get_attr("IFLA_ADDRESS"), found.get_attr("IFLA_MTU")) != (
            spec.mac,
            spec.segment.mtu,
        ):
            ipr.link("set", index=found["index"], address=spec.mac, mtu=spec.segment.mtu)


def _state(spec: PortSpec) -> str:
    return "up" if spec.admin_state_up else "down"
