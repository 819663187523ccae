"""What a subnet says."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, REQUIRED, Attribute, Check, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.core_l2l3.addressing.schemas import subnet as addressing

MODES = ("slaac", "dhcpv6-stateless", "dhcpv6-stateful")
MAX_NAMESERVERS = 5
MAX_ROUTES = 20
MAX_POOLS = 50

POOLS = checks.list_of(
    checks.mapping({"start": checks.ip_address(), "end": checks.ip_address()}, required=("start", "end")),
    max=MAX_POOLS,
)
ROUTES = checks.list_of(
    checks.mapping({"destination": checks.cidr(), "nexthop": checks.ip_address()}, required=("destination", "nexthop")),
    unique=True,
    max=MAX_ROUTES,
)
NAMESERVERS = checks.list_of(checks.ip_address(), unique=True, max=MAX_NAMESERVERS)


def _version(value: Any) -> int:
    number: int = checks.integer().convert(value)
    if number not in (4, 6):
        raise checks.Refused(f"'{number}' is not in [4, 6]")
    return number


IP_VERSION = Check(convert=_version, schema={"type": "integer", "enum": [4, 6]})

ATTRIBUTES = (
    *standard_attributes(Dialect.NEUTRON),
    Attribute(name="network_id", check=checks.uuid(), default=REQUIRED, post=True, sortable=True, doc="Its network."),
    Attribute(
        name="ip_version",
        check=IP_VERSION,
        default=REQUIRED,
        post=True,
        sortable=True,
        doc="4 or 6.",
    ),
    Attribute(
        name="cidr",
        check=checks.nullable(checks.cidr()),
        default=ABSENT,
        post=True,
        sortable=True,
        doc="The prefix; must not overlap another of the network. Chosen from the subnet pool when there is one.",
    ),
    *addressing.SUBNET,
    Attribute(
        name="gateway_ip",
        check=checks.nullable(checks.ip_address()),
        default=ABSENT,
        post=True,
        put=True,
        sortable=True,
        doc="The default router's address: the first of the prefix unless given; null for none.",
    ),
    Attribute(
        name="allocation_pools",
        check=POOLS,
        default=ABSENT,
        post=True,
        put=True,
        filterable=False,
        doc="Ranges addresses are handed out from: everything but the gateway unless given.",
    ),
    Attribute(
        name="dns_nameservers",
        check=NAMESERVERS,
        default=list,
        reset=list,
        post=True,
        put=True,
        filterable=False,
        doc="Resolvers told to its ports.",
    ),
    Attribute(
        name="host_routes",
        check=ROUTES,
        default=list,
        reset=list,
        post=True,
        put=True,
        filterable=False,
        doc="Routes told to its ports.",
    ),
    Attribute(
        name="enable_dhcp",
        check=checks.boolean(),
        default=True,
        post=True,
        put=True,
        sortable=True,
        doc="Whether ports get addresses and what belongs to them by DHCP (IPv6: as its modes say).",
    ),
    Attribute(
        name="ipv6_address_mode",
        check=checks.nullable(checks.enum(MODES)),
        default=None,
        post=True,
        sortable=True,
        doc="How IPv6 hosts get addresses: with slaac and dhcpv6-stateless they follow from the MAC.",
    ),
    Attribute(
        name="ipv6_ra_mode",
        check=checks.nullable(checks.enum(MODES)),
        default=None,
        post=True,
        sortable=True,
        doc="What router advertisements say of it; the same as ipv6_address_mode when both are given.",
    ),
    Attribute(
        name="router:external",
        check=checks.boolean(),
        extension="subnet-external-network",
        doc="Whether its network is external.",
    ),
    Attribute(name="shared", check=checks.boolean(), visible=False, doc="Whether its network is shared."),
)
