"""What makes a subnet pool sound. Pure; every refusal names the rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcfabric import errors
from svcfabric.core_l2l3.addressing import prefixes

DEFAULT_MIN = {4: 8, 6: 64}
LENGTHS = ("min_prefixlen", "max_prefixlen", "default_prefixlen")


def family(given: Sequence[str]) -> int:
    """The one family of a pool's prefixes. Raises ``errors.BadRequest`` when there is none or more than one."""
    if not given:
        raise errors.BadRequest("Empty subnet pool prefix list.", neutron_type="EmptySubnetPoolPrefixList")
    versions = {prefixes.version([prefix]) for prefix in given}
    if len(versions) > 1:
        raise errors.BadRequest(
            "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", neutron_type="PrefixVersionMismatch"
        )
    return versions.pop()


def lengths(version: int, body: Mapping[str, Any]) -> dict[str, int]:
    """The three prefix lengths, filled in. Raises ``errors.BadRequest`` when one is out of bounds."""
    least = body.get("min_prefixlen", DEFAULT_MIN[version])
    most = body.get("max_prefixlen", prefixes.BITS[version])
    usual = body.get("default_prefixlen", least)
    found = {"min_prefixlen": least, "max_prefixlen": most, "default_prefixlen": usual}
    if least > most:
        raise _bounds("min_prefixlen", least, "max_prefixlen", most)
    if most > prefixes.BITS[version]:
        raise _bounds("max_prefixlen", most, "ip_version_max", prefixes.BITS[version])
    if usual < least:
        raise _bounds("default_prefixlen", usual, "min_prefixlen", least)
    if usual > most:
        raise _bounds("default_prefixlen", usual, "max_prefixlen", most)
    return found


def _bounds(name: str, length: int, other: str, bound: int) -> errors.BadRequest:
    return errors.BadRequest(
        f"Illegal prefix bounds: {name}={length}, {other}={bound}.", neutron_type="IllegalSubnetPoolPrefixBounds"
    )


def extended(version: int, before: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """A pool's prefixes after an update. Raises ``errors.BadRequest`` when it would lose some, or change family."""
    if family(wanted) != version:
        raise errors.BadRequest(
            "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", neutron_type="PrefixVersionMismatch"
        )
    if not prefixes.within(before, wanted):
        raise bad_update("Existing prefixes must be a subset of the new prefixes")
    return prefixes.compacted(wanted)


def bad_update(reason: str) -> errors.BadRequest:
    """The error for prefixes that cannot become those wanted."""
    return errors.BadRequest(f"Illegal update to prefixes: {reason}.", neutron_type="IllegalSubnetPoolPrefixUpdate")


def check_length(pool: Mapping[str, Any], length: int) -> None:
    """Raise ``errors.BadRequest`` when a pool gives no prefixes of that length."""
    if length > pool["max_prefixlen"]:
        raise errors.BadRequest(
            f"Unable to allocate subnet with prefix length {length}, maximum allowed prefix is "
            f"{pool['max_prefixlen']}.",
            neutron_type="MaxPrefixSubnetAllocationError",
        )
    if length < pool["min_prefixlen"]:
        raise errors.BadRequest(
            f"Unable to allocate subnet with prefix length {length}, minimum allowed prefix is "
            f"{pool['min_prefixlen']}.",
            neutron_type="MinPrefixSubnetAllocationError",
        )


def choose(pool: Mapping[str, Any], taken: Sequence[str], cidr: str | None, length: int) -> str:
    """The prefix a subnet gets: ``cidr`` when it is free, or any of that length. Raises ``errors.Conflict``."""
    if cidr is None:
        found = prefixes.choose(pool["prefixes"], taken, length)
        if found is None:
            raise _failed(f"Insufficient prefix space to allocate subnet size /{length}")
        return found
    if not prefixes.within([cidr], pool["prefixes"]) or prefixes.overlapping([cidr], taken):
        raise _failed("Cannot allocate requested subnet from the available set of prefixes")
    return cidr


def _failed(reason: str) -> errors.Conflict:
    return errors.Conflict(f"Failed to allocate subnet: {reason}.", neutron_type="SubnetAllocationError")


def check_quota(pool: Mapping[str, Any], mine: Sequence[str], cidr: str) -> None:
    """Raise ``errors.OverQuota`` when a project (its prefixes: ``mine``) would take more of a pool than it may."""
    quota = pool["default_quota"]
    if quota and sum(map(prefixes.units, mine)) + prefixes.units(cidr) > quota:
        raise errors.OverQuota("Per-project subnet pool prefix quota exceeded.", neutron_type="SubnetPoolQuotaExceeded")


def check_affinity(
    pool: Mapping[str, Any] | None, scope: str | None, version: int, others: Sequence[tuple[int, str | None]]
) -> None:
    """Subnets of one family on a network are of one pool, or of pools of one address scope.

    ``pool``: of the new subnet; ``scope``: the network's; ``others``: (family, pool) of its subnets. Raises
    ``errors.BadRequest``.
    """
    if scope and pool is not None and pool["address_scope_id"] != scope:
        raise scopes_differ()
    for family_, other in others:
        if family_ != version:
            continue
        if (pool is None and other) or (pool is not None and other != pool["id"] and not scope):
            raise errors.BadRequest(
                "Subnets hosted on the same network must be allocated from the same subnet pool.",
                neutron_type="NetworkSubnetPoolAffinityError",
            )


def scopes_differ() -> errors.BadRequest:
    """The error for a network whose subnets would be of several address scopes."""
    return errors.BadRequest(
        "Subnets of the same address family hosted on the same network must all participate in the same address scope.",
        neutron_type="NetworkAddressScopeAffinityError",
    )
