"""The routes of a namespace: exactly these. The kit's own carry a protocol number, others are not touched."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import link, netns
from svcfabric.drivers.linux.fault import RouteRefused
from svcfabric.spi.l2l3 import Route

PROTOCOL = 245  # free in rt_protos; marks the kit's routes
_MAIN = 254


def set_routes(
    namespace: str | None, routes: Iterable[Route], default_gateway: str | Iterable[str] = "", *, device: str = ""
) -> None:
    """Make the kit's routes exactly ``routes`` and a default by ``default_gateway`` ("" none; one per family).

    A changed route is replaced in place, new ones come before old ones go. ``device``: the interface of the
    default routes, so that a gateway outside its subnets is reached too (and a new interface takes them over from
    the old one, though the gateway is the same). Raises ``RouteRefused``, naming
    those the kernel refused, after the others were set.
    """
    gateways = [default_gateway] if isinstance(default_gateway, str) else list(default_gateway)
    wanted = {str(ipaddress.ip_network(each.destination, strict=False)): each.nexthop for each in routes}
    defaults = {_any(gateway): gateway for gateway in gateways if gateway}
    netns.rtnl(namespace, _converge, {**wanted, **defaults}, set(defaults) if device else set(), device)


def _any(address: str) -> str:
    return "0.0.0.0/0" if ipaddress.ip_address(address).version == 4 else "::/0"


def _converge(ipr: Any, wanted: dict[str, str], onlink: set[str], device: str) -> None:
    present = {_destination(each): (each.get_attr("RTA_GATEWAY"), each.get_attr("RTA_OIF")) for each in own(ipr)}
    index = link.index_here(device) if device else 0
    refused = []
    for destination, nexthop in wanted.items():
        gateway, oif = present.get(destination, ("", 0))
        if gateway == nexthop and (destination not in onlink or oif == index):
            continue
        try:
            _replace(ipr, destination, nexthop, device if destination in onlink else "")
        except NetlinkError as exc:
            refused.append(f"{destination} via {nexthop}: {os.strerror(exc.code)}")
    for destination in present.keys() - wanted.keys():
        ipr.route("del", dst=destination, proto=PROTOCOL, family=_family(destination))
    if refused:
        raise RouteRefused("some routes cannot be set: their next hop is not reachable", detail="; ".join(refused))


def own(ipr: Any) -> list[Any]:
    """The kit's routes in the namespace, both families."""
    return [
        each for family in (2, 10) for each in ipr.get_routes(family=family, table=_MAIN) if each["proto"] == PROTOCOL
    ]


def _replace(ipr: Any, destination: str, nexthop: str, device: str) -> None:
    more: dict[str, Any] = {}
    if device:
        more = {"oif": link.index_here(device), "flags": ["onlink"]}
    ipr.route("replace", dst=destination, gateway=nexthop, proto=PROTOCOL, family=_family(destination), **more)


def _destination(route: Any) -> str:
    default = "0.0.0.0/0" if route["family"] == 2 else "::/0"
    return f"{route.get_attr('RTA_DST')}/{route['dst_len']}" if route["dst_len"] else default


def _family(destination: str) -> int:
    return 10 if ":" in destination else 2
