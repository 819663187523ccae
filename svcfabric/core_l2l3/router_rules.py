"""What a router may be attached to and route by. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from svcfabric import errors
from svcfabric.core_l2l3 import pools
from svcfabric.core_l2l3.topology import Subnet

Route = Mapping[str, str]


def refused(reason: str) -> errors.BadRequest:
    """The error for a request about a router that cannot be carried out as it is written."""
    return errors.BadRequest(f"Bad router request: {reason}.", neutron_type="BadRequest")


def refuse_advertised(subnets: Iterable[Subnet]) -> None:
    """Raise ``errors.BadRequest`` for a subnet that another router advertises: two would contradict each other."""
    for subnet in subnets:
        if subnet.ip_version == 6 and subnet.ra_mode is None and subnet.address_mode is not None:
            raise refused(
                f"IPv6 subnet {subnet.id} has no ipv6_ra_mode: an external router advertises it, so none of these may "
                "be attached"
            )


def refuse_overlap(new: Iterable[Subnet], attached: Sequence[Subnet]) -> None:
    """No two prefixes a router is on may share addresses."""
    for subnet in new:
        for other in attached:
            if other.id == subnet.id:
                raise refused(f"Router already has a port on subnet {subnet.id}")
            if pools.overlapping(subnet.cidr, other.cidr):
                raise refused(
                    f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {other.cidr} of subnet {other.id}"
                )


def check_routes(routes: Sequence[Route], cidrs: Sequence[str], own: Iterable[str]) -> None:
    """Each next hop is on a prefix of the router's, and not the router itself. Raises ``errors.BadRequest``."""
    addresses = set(own)
    for route in routes:
        hop = route["nexthop"]
        family = ipaddress.ip_network(route["destination"]).version
        if family != ipaddress.ip_address(hop).version:
            raise _invalid(routes, f"nexthop {hop} and destination {route['destination']} are of different families")
        if not any(pools.contains(cidr, hop) for cidr in cidrs):
            raise _invalid(routes, "the nexthop is not connected with router")
        if hop in addresses:
            raise _invalid(routes, "the nexthop is used by router")


def routes_through(routes: Iterable[Route], cidr: str) -> list[Route]:
    """The routes whose next hop is on a prefix."""
    return [route for route in routes if pools.contains(cidr, route["nexthop"])]


def joined(routes: Sequence[Route], more: Iterable[Route]) -> list[Route]:
    """Routes with others added; one that is there already is not added twice."""
    result = list(routes)
    result += [route for route in more if route not in result]
    return result


def without(routes: Iterable[Route], gone: Sequence[Route]) -> list[Route]:
    """Routes with others taken out; one that is not there is no error."""
    return [route for route in routes if route not in gone]


def interface_answer(router_id: str, port: Mapping[str, Any], subnet_ids: Sequence[str]) -> dict[str, Any]:
    """What clients are told of an interface added or removed."""
    return {
        "id": router_id,
        "tenant_id": port["project_id"],
        "project_id": port["project_id"],
        "port_id": port["id"],
        "network_id": port["network_id"],
        "subnet_id": subnet_ids[0] if subnet_ids else None,
        "subnet_ids": list(subnet_ids),
    }


def _invalid(routes: Sequence[Route], reason: str) -> errors.BadRequest:
    return errors.BadRequest(f"Invalid format for routes: {list(routes)}, {reason}.", neutron_type="InvalidRoutes")
