"""Links by name. Each function takes an open ``IPRoute`` of the namespace it is about."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import netns
from svcfabric.drivers.linux.fault import HostFault

UP = 1

_DOOMED = 0x5F000000


def find(ipr: Any, ifname: str) -> Any | None:
    """The link's message (``["index"]``, ``["flags"]``, ``.get_attr("IFLA_MTU")``...), or None."""
    try:
        found = ipr.link("get", ifname=ifname)
    except NetlinkError as exc:
        if exc.code == errno.ENODEV:
            return None
        raise
    return found[0] if found else None


def index_here(ifname: str) -> int:
    """The link's index in this thread's namespace, 0 if there is none; no netlink, 10 us."""
    try:
        return socket.if_nametoindex(ifname)
    except OSError:
        return 0


def names_here() -> dict[str, int]:
    """All links of this thread's namespace, {name: index}; 3 us each."""
    return {name: index for index, name in socket.if_nameindex()}


def each(ipr: Any) -> Iterator[Any]:
    """All links of the namespace: one dump, 40 us each. Not for loops."""
    yield from ipr.get_links()


def delete(ipr: Any, ifname: str) -> bool:
    """Delete the link (of a veth: both ends, at once); False if there was none."""
    try:
        ipr.link("del", ifname=ifname)
    except NetlinkError as exc:
        if exc.code == errno.ENODEV:
            return False
        raise
    return True


def delete_many(ipr: Any, ifnames: Iterable[str]) -> int:
    """Delete several links in the time of one (each deletion waits 10-20 ms for the kernel); how many."""
    indexes = [index for index in map(index_here, ifnames) if index]
    if len(indexes) == 1:
        ipr.link("del", index=indexes[0])
    elif indexes:
        group = _DOOMED + indexes[0]  # indexes are unique, so no two deletions share a group
        for index in indexes:
            ipr.link("set", index=index, group=group)
        ipr.link("del", group=group)
    return len(indexes)


def delete_here(ifname: str) -> bool:
    """``delete`` in this thread's namespace."""
    with IPRoute() as ipr:
        return delete(ipr, ifname)


def until_carrying(namespace: str | None, ifname: str, timeout: float = 0.5) -> bool:
    """Wait until the link really sends what it is given; False if it does not within ``timeout`` seconds.

    A veth whose other end came up drops frames silently ("noop") until a kernel worker has noticed, some
    milliseconds later.
    """

    def sends(ipr: Any) -> bool:
        found = find(ipr, ifname)
        return found is not None and found.get_attr("IFLA_QDISC") != "noop"

    def wait(ipr: Any) -> bool:
        deadline = time.monotonic() + timeout
        while not sends(ipr):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
        return True

    return netns.rtnl(namespace, wait)


def name_of(link: Any) -> str:
    """The interface's name."""
    return str(link.get_attr("IFLA_IFNAME"))


def alias_of(link: Any) -> str:
    """The interface's alias ("" for none); the kit keeps ``KIND:INSTANCE_ID`` there."""
    return str(link.get_attr("IFLA_IFALIAS") or "")


def refuse_anothers(link: Any, instance_id: str) -> None:
    """Raise ``HostFault`` for the interface of another instance, whose id begins alike: names hold part of it only."""
    if alias_of(link).partition(":")[2] not in ("", instance_id):
        raise HostFault(f"interface {name_of(link)} is another's, whose id begins alike", detail=alias_of(link))


def is_up(link: Any) -> bool:
    """Whether it is administratively up."""
    return bool(link["flags"] & UP)
