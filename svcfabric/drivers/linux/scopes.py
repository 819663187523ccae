"""Address scopes at a router: between two of them nothing is forwarded, within one nothing is translated.

Floating IPs and their forwardings lead across, and so does source NAT on the way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from svcfabric.drivers.linux.nat import TABLE
from svcfabric.spi.l2l3 import Leg

TABLE6 = "ip6 sf_scopes"
_HOOK = "{ type filter hook forward priority filter; policy accept; }"
CHAINS = (f"{TABLE} c_scope {_HOOK}", f"{TABLE6} c_scope {_HOOK}")
MADE = (f"add table {TABLE6}",)


def rules(legs: Mapping[str, Leg], gateway: str, *, source_nat: bool) -> tuple[str, ...]:
    """nft commands that fill the chains, for legs by the names of their interfaces."""
    four = _apart({name: leg.scope4 for name, leg in legs.items() if _has(leg, 4)}, gateway if source_nat else "")
    six = _apart({name: leg.scope6 for name, leg in legs.items() if _has(leg, 6)}, "")
    return (*_filled(TABLE, four), *_filled(TABLE6, six))


def within(legs: Mapping[str, Leg], gateway: str) -> list[str]:
    """The inner interfaces whose IPv4 addresses are of the gateway's scope: outside they are known as they are."""
    scope = legs[gateway].scope4 if gateway in legs else ""
    return sorted(name for name, leg in legs.items() if scope and name != gateway and leg.scope4 == scope)


def _has(leg: Leg, version: int) -> bool:
    return any((":" in each.address) == (version == 6) for each in leg.addresses)


def _apart(scopes: Mapping[str, str], open_to: str) -> list[tuple[str, str]]:
    """Ordered pairs of interfaces of different scopes; all may go out by ``open_to``."""
    return [
        (one, other)
        for one in sorted(scopes)
        for other in sorted(scopes)
        if scopes[one] != scopes[other] and other != open_to
    ]


def _filled(table: str, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    listed = ", ".join(f'"{one}" . "{other}"' for one, other in pairs)
    if not listed:
        return ()
    chain = f"add rule {table} c_scope"
    return (
        f"{chain} ct state established,related accept",
        f"{chain} ct status dnat accept",
        f"{chain} iifname . oifname {{ {listed} }} drop",
    )
