"""Shapers on interfaces (tc): one limit for all (tbf), or a class each (htb). With an open ``IPRoute``.

Setting a limit that is in place already only changes its numbers: what waits goes on waiting.
"""

from __future__ import annotations

import errno
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.tcmsg import plugins, sched_pfifo

from svcfabric.drivers.linux import link
from svcfabric.drivers.linux.qos.amounts import Shape

ROOT = 0x10000
_QUANTUM = 65_536  # what a class may send at a time, where several wait; without it the kernel guesses and warns
_QUEUES = 1000  # packets

# A queue limited in bytes has the same option as one limited in packets, which the library knows.
plugins.setdefault("bfifo", sched_pfifo)


def limit(ipr: Any, index: int, wanted: Shape) -> None:
    """All that leaves by the interface obeys the limit."""
    ipr.tc("replace", "tbf", index=index, handle=ROOT, rate=wanted.rate, burst=wanted.burst, limit=wanted.queue, mtu=0)


def unlimit(ipr: Any, index: int) -> None:
    """Whatever shaper the interface has goes; none is no error."""
    _forget(lambda: ipr.tc("del", index=index, root=True))


def ensure_classes(ipr: Any, index: int) -> None:
    """Make the interface one that has classes, if it is not yet. What is in none of them is not limited."""
    try:
        ipr.tc("add", "htb", index=index, handle=ROOT, default=0)
    except NetlinkError as exc:
        if exc.code != errno.EEXIST:
            raise


def set_class(ipr: Any, index: int, minor: int, wanted: Shape) -> None:
    """What is in the class obeys the limit."""
    ipr.tc(
        "replace-class",
        "htb",
        index=index,
        handle=ROOT | minor,
        parent=ROOT,
        rate=wanted.rate,
        burst=wanted.burst,
        cburst=wanted.burst,
        quantum=_QUANTUM,
    )
    ipr.tc("replace", "bfifo", index=index, handle=minor << 16, parent=ROOT | minor, limit=wanted.queue)


def drop_class(ipr: Any, index: int, minor: int) -> None:
    """The class goes; none is no error."""
    _forget(lambda: ipr.tc("del-class", "htb", index=index, handle=ROOT | minor, parent=ROOT))


def ensure_ifb(ipr: Any, ifname: str, alias: str) -> int:
    """An ifb device of that name, up; its index."""
    index = link.index_here(ifname)
    if not index:
        ipr.link("add", ifname=ifname, kind="ifb")
        index = link.index_here(ifname)
        ipr.link("set", index=index, ifalias=alias, txqlen=_QUEUES, state="up")
    return index


def _forget(call: Any) -> None:
    try:
        call()
    except NetlinkError as exc:
        if exc.code not in (errno.ENOENT, errno.ENODEV, errno.EINVAL):
            raise
