"""What this part adds to a subnet."""

from __future__ import annotations

import re
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, Attribute, Check
from svcfabric.core_l2l3.addressing.policies import MAX_DELAY

POLICIES = "svcfabric-ipam-policies"
_OWNER = re.compile(r"[A-Za-z][\w-]*:.*")
MAX_TYPES = 50


def _service_type(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 255:
        raise checks.Refused(f"Subnet service type {checks.shown(value)} is not a string.")
    if not _OWNER.fullmatch(value) or "\0" in value:
        raise errors.BadRequest(
            f"Subnet service type {checks.shown(value)} does not correspond to a valid device owner: it must begin "
            "with a word and a colon, as in compute:nova.",
            neutron_type="InvalidSubnetServiceType",
        )
    return value


SERVICE_TYPES = checks.list_of(
    Check(convert=_service_type, schema={"type": "string"}, parse=_service_type), max=MAX_TYPES, unique=True
)

SUBNET = (
    Attribute(
        name="prefixlen",
        check=checks.integer(0, 128),
        default=ABSENT,
        post=True,
        visible=False,
        filterable=False,
        extension="subnet_allocation",
        doc="Length of the prefix to take from the subnet pool; the pool's default_prefixlen unless given.",
    ),
    Attribute(
        name="subnetpool_id",
        check=checks.nullable(checks.uuid()),
        default=None,
        post=True,
        sortable=True,
        extension="subnet_allocation",
        doc="The subnet pool its prefix is taken from.",
    ),
    Attribute(
        name="use_default_subnetpool",
        check=checks.boolean(),
        default=False,
        post=True,
        visible=False,
        filterable=False,
        extension="default-subnetpools",
        doc="Take the prefix from the default pool of its family.",
    ),
    Attribute(
        name="service_types",
        check=SERVICE_TYPES,
        default=list,
        reset=list,
        post=True,
        put=True,
        filterable=False,
        extension="subnet-service-types",
        doc="The device owners of the ports it is for; [] for all.",
    ),
    Attribute(
        name="allocation_policy",
        check=checks.string(64, 1),
        default=ABSENT,
        post=True,
        put=True,
        sortable=True,
        extension=POLICIES,
        doc="How addresses are handed out: random, first_free, least_recently_used, or a policy that is installed.",
    ),
    Attribute(
        name="recycling_policy",
        check=checks.string(64, 1),
        default=ABSENT,
        post=True,
        put=True,
        sortable=True,
        extension=POLICIES,
        doc="When an address that was given back may be handed out again: at_once, delay (after recycling_delay "
        "seconds), same_project (first to the project that had it), exhausted (only when no others are left), dns "
        "(not while a DNS record names it), or a policy that is installed.",
    ),
    Attribute(
        name="recycling_delay",
        check=checks.integer(0, MAX_DELAY),
        default=ABSENT,
        post=True,
        put=True,
        sortable=True,
        extension=POLICIES,
        doc="Seconds an address is held back, for recycling policies that take it: delay (3600) and dns (0).",
    ),
)
