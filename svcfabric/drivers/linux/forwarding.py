"""Static forwarding on a network's bridge: where each MAC is, and ARP answered on the spot.

Each function runs with an open ``IPRoute`` of the bridge namespace. Entries carry states on purpose: a
bridge entry without NOARP ("static") would be taken for an address of the bridge itself.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

ANY_MAC = "00:00:00:00:00:00"

_SELF, _MASTER = 0x02, 0x04
_NOARP, _PERMANENT = 0x40, 0x80
_GONE = (errno.ENOENT, errno.ENODEV, errno.EINVAL, errno.EADDRNOTAVAIL)


def point_local(ipr: Any, port: int, mac: str) -> None:
    """Frames for ``mac`` go to the bridge port with that interface index."""
    _entry(ipr, "replace", port, mac, _MASTER, _NOARP)


def point_remote(ipr: Any, vxlan: int, mac: str, vtep: str) -> None:
    """Frames for ``mac`` go through the VXLAN device to the host with tunnel address ``vtep``."""
    _entry(ipr, "replace", vxlan, mac, _SELF, _NOARP | _PERMANENT, dst=vtep)
    _entry(ipr, "replace", vxlan, mac, _MASTER, _NOARP)


def drop_remote(ipr: Any, vxlan: int, mac: str) -> None:
    """No longer send ``mac`` to another host; entries that point elsewhere stay."""
    _forget(lambda: _entry(ipr, "del", vxlan, mac, _SELF, _NOARP | _PERMANENT))
    _forget(lambda: _entry(ipr, "del", vxlan, mac, _MASTER, _NOARP))


def know(ipr: Any, bridge: int, mac: str, addresses: Iterable[str]) -> None:
    """Have the bridge answer ARP (and neighbour solicitations) for remote ones, not flood them for any."""
    for address in addresses:
        ipr.neigh("replace", ifindex=bridge, dst=address, lladdr=mac, state=_PERMANENT)


def unknow(ipr: Any, bridge: int, mac: str, addresses: Iterable[str]) -> None:
    """Undo ``know`` for those addresses that are still known with this MAC."""
    for address in addresses:
        if known_mac(ipr, bridge, address) == mac:
            _forget(lambda address=address: ipr.neigh("del", ifindex=bridge, dst=address, state=_PERMANENT))


def known_mac(ipr: Any, bridge: int, address: str) -> str | None:
    """The MAC the bridge answers with for an address, or None."""
    try:
        found = ipr.neigh("get", ifindex=bridge, dst=address)
    except NetlinkError as exc:
        if exc.code in _GONE:
            return None
        raise
    return str(found[0].get_attr("NDA_LLADDR")) if found else None


def set_flood(ipr: Any, vxlan: int, vteps: Iterable[str], before: Iterable[str] | None) -> None:
    """Send broadcast and unknown destinations to exactly these tunnel addresses.

    ``before``: what was set last on this device; None when unknown, which costs a dump of all entries.
    """
    wanted = {str(ipaddress.ip_address(vtep)) for vtep in vteps}
    for vtep in sorted(wanted):
        _entry(ipr, "append", vxlan, ANY_MAC, _SELF, _NOARP | _PERMANENT, dst=vtep)
    for vtep in sorted((set(before) if before is not None else flooded(ipr, vxlan)) - wanted):
        _forget(lambda vtep=vtep: _entry(ipr, "del", vxlan, ANY_MAC, _SELF, _NOARP | _PERMANENT, dst=vtep))


def flooded(ipr: Any, vxlan: int) -> set[str]:
    """The tunnel addresses that get broadcasts. A dump: 40 us per entry of all networks."""
    return {
        entry.get_attr("NDA_DST")
        for entry in ipr.fdb("dump", ifindex=vxlan)
        if entry.get_attr("NDA_DST") and entry.get_attr("NDA_LLADDR") == ANY_MAC
    }


def _entry(ipr: Any, command: str, index: int, mac: str, flags: int, state: int, **more: Any) -> None:
    # neigh() and not fdb(): the latter adds PERMANENT of its own accord
    ipr.neigh(command, family=socket.AF_BRIDGE, ifindex=index, lladdr=mac, flags=flags, state=state, **more)


def _forget(call: Any) -> None:
    try:
        call()
    except NetlinkError as exc:
        if exc.code not in _GONE:
            raise
