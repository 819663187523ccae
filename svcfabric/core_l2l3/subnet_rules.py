"""What makes a subnet sound. Pure; every refusal names the rule."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from svcfabric import errors
from svcfabric.core_l2l3 import pools
from svcfabric.core_l2l3.addressing import policies
from svcfabric.core_l2l3.topology import AUTO, Subnet

MAX_PREFIX_WITH_DHCP = {4: 30, 6: 126}
POLICIES = frozenset({"allocation_policy", "recycling_policy", "recycling_delay"})


def refused(reason: str) -> errors.InvalidInput:
    """The error for a subnet that cannot be."""
    return errors.InvalidInput(f"Invalid input for operation: {reason}.")


def source(body: Mapping[str, Any]) -> str:
    """Where a new subnet's prefix comes from: ``given``, ``pool`` or ``default`` (the default pool).

    Raises ``errors.BadRequest`` for what contradicts itself or names no source.
    """
    given = body.get("cidr") is not None
    if given and "prefixlen" in body:
        raise _bad("cidr and prefixlen must not be supplied together")
    if body.get("subnetpool_id") and body.get("use_default_subnetpool"):
        raise _bad("subnetpool_id and use_default_subnetpool cannot both be specified")
    pooled = "pool" if body.get("subnetpool_id") else "default" if body.get("use_default_subnetpool") else ""
    if not pooled and not given:
        raise _bad("a subnetpool must be specified in the absence of a cidr")
    if not given and body.get("allocation_pools") is not None:
        raise _bad("allocation_pools allowed only for specific subnet requests.")
    return pooled or "given"


def _bad(reason: str) -> errors.BadRequest:
    return errors.BadRequest(f"Bad subnets request: {reason}.", neutron_type="BadRequest")


def complete(body: Mapping[str, Any]) -> dict[str, Any]:
    """A new subnet's own columns, with gateway and pools filled in. Raises ``errors.BadRequest``/``Conflict``.

    ``body`` names its ``cidr``, and ``subnetpool_id`` if it is of a pool.
    """
    version, cidr, dhcp = body["ip_version"], body["cidr"], body.get("enable_dhcp", True)
    _same_family(version, cidr, "cidr")
    _check_prefix(cidr, dhcp)
    _check_modes(body, version, cidr, dhcp)
    gateway = body["gateway_ip"] if "gateway_ip" in body else pools.first_host(cidr)
    check_gateway(version, cidr, gateway)
    given = body.get("allocation_pools")
    ranges = pools.default_pools(cidr, gateway) if given is None else pools.checked_pools(cidr, given, gateway)
    check_told(version, body)
    return {
        "ip_version": version,
        "cidr": cidr,
        "gateway_ip": gateway,
        "enable_dhcp": dhcp,
        "ipv6_address_mode": body.get("ipv6_address_mode"),
        "ipv6_ra_mode": body.get("ipv6_ra_mode"),
        "allocation_pools": pools.as_json(ranges, version),
        "dns_nameservers": body.get("dns_nameservers") or [],
        "host_routes": body.get("host_routes") or [],
        "subnetpool_id": body.get("subnetpool_id"),
        "service_types": body.get("service_types") or [],
        **policies.wanted(body),
    }


def changed(row: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """An update's values for a stored subnet, checked against it. Raises ``errors.BadRequest``/``Conflict``."""
    version, cidr = row["ip_version"], row["cidr"]
    values = dict(body)
    gateway = values.get("gateway_ip", row["gateway_ip"])
    if "gateway_ip" in values:
        check_gateway(version, cidr, gateway)
    if values.get("allocation_pools") is not None:
        ranges = pools.checked_pools(cidr, values["allocation_pools"], gateway)
        values["allocation_pools"] = pools.as_json(ranges, version)
    elif "gateway_ip" in values and gateway != row["gateway_ip"]:
        pools.refuse_gateway_in(pools.from_json(row["allocation_pools"]), gateway, version)
    if values.get("enable_dhcp") is False and (row["ipv6_address_mode"] or row["ipv6_ra_mode"]):
        raise refused("Cannot disable enable_dhcp with ipv6 attributes set")
    if values.get("enable_dhcp") and not row["enable_dhcp"]:
        _check_prefix(cidr, True)
    check_told(version, values)
    if values.keys() & POLICIES:
        values |= policies.wanted(values, row)
    return values


def refuse_overlap(cidr: str, others: Sequence[Subnet]) -> None:
    """Raise when a prefix shares addresses with another of its network."""
    for other in others:
        if pools.overlapping(cidr, other.cidr):
            raise refused(
                f"Requested subnet with cidr: {cidr} for network: {other.network_id} overlaps with another subnet "
                f"({other.cidr})"
            )


def check_gateway(version: int, cidr: str, gateway: str | None) -> None:
    """A gateway is of the subnet's family; inside the prefix it is an address a host may have."""
    if gateway is None:
        return
    _same_family(version, gateway, "gateway_ip")
    if pools.contains(cidr, gateway):
        net = ipaddress.ip_network(cidr)
        ends = {net.network_address, net.broadcast_address} if version == 4 and net.prefixlen <= 30 else set()
        if ipaddress.ip_address(gateway) in ends or (version == 6 and net.prefixlen <= 126 and gateway == str(net[0])):
            raise refused("Gateway is not valid on subnet")


def check_told(version: int, body: Mapping[str, Any]) -> None:
    """Resolvers and routes told to ports are of the subnet's family."""
    for address in body.get("dns_nameservers") or ():
        _same_family(version, address, "dns_nameserver")
    for route in body.get("host_routes") or ():
        _same_family(version, route["nexthop"], "nexthop")
        _same_family(version, route["destination"], "destination")


def _same_family(version: int, text: str, name: str) -> None:
    if ipaddress.ip_interface(text).version != version:
        raise refused(f"{name} '{text}' does not match the ip_version '{version}'")


def _check_prefix(cidr: str, dhcp: bool) -> None:
    net = ipaddress.ip_network(cidr)
    if net.prefixlen == 0 or net.network_address == ipaddress.IPv6Address("::"):
        raise refused(f"a subnet of prefix '{cidr}' is not supported")
    if not dhcp:
        return
    if net.prefixlen > MAX_PREFIX_WITH_DHCP[net.version]:
        raise refused("Subnet has a prefix length that is incompatible with DHCP service enabled")
    if net.is_multicast:
        raise refused("Multicast IP subnet is not supported if enable_dhcp is True")
    if net.is_loopback:
        raise refused("Loopback IP subnet is not supported if enable_dhcp is True")
    if int(net.network_address) == 0:
        raise refused("First IP '0.0.0.0' of network is not supported if enable_dhcp is True")


def _check_modes(body: Mapping[str, Any], version: int, cidr: str, dhcp: bool) -> None:
    modes = {name: body.get(name) for name in ("ipv6_ra_mode", "ipv6_address_mode")}
    given = {name: mode for name, mode in modes.items() if mode is not None}
    if version == 4:
        for name in given:
            raise refused(f"{name} is not valid when ip_version is 4")
        return
    if given and not dhcp:
        raise refused("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if len(given) == 2 and len(set(given.values())) == 2:
        raise refused(
            f"ipv6_ra_mode set to '{modes['ipv6_ra_mode']}' with ipv6_address_mode set to "
            f"'{modes['ipv6_address_mode']}' is not valid. If both attributes are set, they must be the same value"
        )
    if any(mode in AUTO for mode in given.values()) and ipaddress.ip_network(cidr).prefixlen != 64:
        raise refused(f"Invalid CIDR {cidr} for IPv6 address mode: automatic addresses need a prefix of /64")
