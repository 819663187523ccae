"""What a router says."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import Attribute, Check, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.core_l2l3.schemas.network import ADMIN_STATE_UP
from svcfabric.core_l2l3.zones import schemas as zones

MAX_ROUTES = 30

ROUTES = checks.list_of(
    checks.mapping({"destination": checks.cidr(), "nexthop": checks.ip_address()}, required=("destination", "nexthop")),
    unique=True,
    max=MAX_ROUTES,
)
EXTERNAL_FIXED_IPS = checks.list_of(
    checks.mapping({"subnet_id": checks.uuid(), "ip_address": checks.ip_address()}), max=5
)
GATEWAY = checks.nullable(
    checks.mapping(
        {
            "network_id": checks.nullable(checks.uuid()),
            "enable_snat": checks.boolean(),
            "external_fixed_ips": EXTERNAL_FIXED_IPS,
            "qos_policy_id": checks.uuid(nullable=True),
        }
    )
)

NOT_BUILT = {
    "distributed": "a router is on one host, and all that it forwards goes through it",
}


def _no_gateways() -> Check:
    def convert(value: Any) -> Any:
        raise checks.Refused("a router has one external gateway here: external_gateway_info")

    return Check(convert=convert, schema={"type": "array", "maxItems": 0})


ATTRIBUTES = (
    *standard_attributes(Dialect.NEUTRON),
    ADMIN_STATE_UP,
    Attribute(
        name="status", check=checks.string(), sortable=True, doc="BUILD until a host has made it, ACTIVE, ERROR."
    ),
    Attribute(
        name="external_gateway_info",
        check=GATEWAY,
        default=None,
        post=True,
        put=True,
        filterable=False,
        doc="The external network it reaches the world through: network_id, enable_snat, external_fixed_ips,"
        " qos_policy_id.",
    ),
    Attribute(
        name="routes",
        check=ROUTES,
        reset=list,
        put=True,
        filterable=False,
        extension="extraroute",
        doc="Static routes; each next hop must be on one of its subnets.",
    ),
    Attribute(
        name="conntrack_helpers",
        check=checks.list_of(checks.json_object()),
        filterable=False,
        extension="expose-l3-conntrack-helper",
        doc="Its conntrack helpers, in short.",
    ),
    Attribute(
        name="ha",
        check=checks.boolean(),
        post=True,
        put=True,
        admin_write=True,
        admin_read=True,
        extension="l3-ha",
        doc="Whether it moves to another host when its own is dead; true unless an administrator says otherwise.",
    ),
    *(
        Attribute(
            name=name,
            check=checks.boolean(),
            default=False,
            post=True,
            put=True,
            admin_write=True,
            admin_read=True,
            doc=f"Always false: {reason}.",
        )
        for name, reason in NOT_BUILT.items()
    ),
    Attribute(
        name="external_gateways",
        check=_no_gateways(),
        post=True,
        put=True,
        visible=False,
        filterable=False,
        doc="Refused: a router has one external gateway, external_gateway_info.",
    ),
    *zones.attributes("router_availability_zone", "Zones it may be in; anywhere without."),
)
