"""Shapers on interfaces (tc, htb): one limit for all, or a class for each. With an open ``IPRoute``.

Setting a limit that is in place already only changes its numbers: what waits goes on waiting. That is why it is
not tbf: a packet larger than a new, smaller burst would wait there for ever.
"""

from __future__ import annotations

import errno
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.tcmsg import plugins, sched_pfifo

from svcfabric.drivers.linux import link
from svcfabric.drivers.linux.qos.amounts import Shape

ROOT = 0x10000
_ALL = 2  # the class of a shaper that has but one; a class's queue has its number, and 1 is the root's
_QUANTUM = 65_536  # what a class may send at a time, where several wait; without it the kernel guesses and warns
_QUEUES = 1000  # packets
_OPEN = Shape(rate=12_500_000_000, burst=1 << 20, queue=1 << 30)

# A queue limited in bytes has the same option as one limited in packets, which the library knows.
plugins.setdefault("bfifo", sched_pfifo)


def limit(ipr: Any, index: int, wanted: Shape) -> None:
    """All that leaves by the interface obeys the limit."""
    ensure_classes(ipr, index, default=_ALL)
    set_class(ipr, index, _ALL, wanted)


def open_up(ipr: Any, index: int, minor: int = _ALL) -> None:
    """Let what waits in a class out, before the class or the shaper goes; no such class is no error."""
    if ipr.get_classes(index=index):
        set_class(ipr, index, minor, _OPEN)


def unlimit(ipr: Any, index: int) -> None:
    """Whatever shaper the interface has goes; none is no error."""
    _forget(lambda: ipr.tc("del", index=index, root=True))


def ensure_classes(ipr: Any, index: int, default: int = 0) -> None:
    """Make the interface one that has classes, if it is not yet. What is in none is in ``default``; 0: not limited."""
    try:
        ipr.tc("add", "htb", index=index, handle=ROOT, default=default)
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
    _forget(lambda: ipr.tc("del-class", index=index, handle=ROOT | minor, parent=ROOT))


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
