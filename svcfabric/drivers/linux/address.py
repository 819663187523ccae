"""The addresses of an interface: exactly those given, added before others go."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterable
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

_NODAD = 0x02  # addresses come from the control plane, which hands each out once
_LINK_SCOPE = 253


def set_addresses(ipr: Any, index: int, wanted: Iterable[tuple[str, int]]) -> list[str]:
    """Give the interface exactly these (address, prefix length); returns the addresses that are new.

    IPv6 link-local addresses are the kernel's own and stay.
    """
    target = {_key(address, length) for address, length in wanted}
    present = {
        _key(each.get_attr("IFA_LOCAL") or each.get_attr("IFA_ADDRESS"), each["prefixlen"])
        for each in ipr.get_addr(index=index)
        if not (each["family"] == 10 and each["scope"] == _LINK_SCOPE)
    }
    added = []
    for address, length in wanted:
        if _key(address, length) not in present:
            _add(ipr, index, address, length)
            added.append(address)
    for address, length in sorted(present - target):
        ipr.addr("del", index=index, address=address, prefixlen=length)
    return added


def add_addresses(ipr: Any, index: int, addresses: Iterable[tuple[str, int]]) -> None:
    """Add (address, prefix length) to an interface; those it has already are no error."""
    for address, length in addresses:
        _add(ipr, index, address, length)


def _add(ipr: Any, index: int, address: str, length: int) -> None:
    flags = {"flags": _NODAD} if ":" in address else {}
    try:
        ipr.addr("add", index=index, address=address, prefixlen=length, **flags)
    except NetlinkError as exc:
        if exc.code != errno.EEXIST:
            raise


def _key(address: str, length: int) -> tuple[str, int]:
    return str(ipaddress.ip_address(address)), length
