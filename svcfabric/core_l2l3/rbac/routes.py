"""Sharing policies in the network API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svcfabric.api.resource import Extension, Resource
from svcfabric.core_l2l3.core import Core, declare_quota
from svcfabric.core_l2l3.part import Part
from svcfabric.core_l2l3.rbac import schemas
from svcfabric.core_l2l3.rbac.models import rbac_policies
from svcfabric.core_l2l3.rbac.networks import NETWORK
from svcfabric.core_l2l3.rbac.policies import RbacPolicies
from svcfabric.core_l2l3.rbac.sharing import Shareable

QUOTA = 10
# The extension that tells clients that a type of object can be shared; networks and QoS policies need none.
_EXTENSIONS = {
    "address_group": ("rbac-address-group", "Address group RBAC", "Sharing address groups."),
    "address_scope": ("rbac-address-scope", "Address scope RBAC", "Sharing address scopes."),
    "security_group": ("rbac-security-groups", "Security group RBAC", "Sharing security groups."),
    "subnetpool": ("rbac-subnetpool", "Subnet pool RBAC", "Sharing subnet pools."),
}


def part(core: Core, conf: Any, shareables: Sequence[Shareable]) -> Part:
    """``/rbac-policies``, for networks and what the other parts can share."""
    declare_quota(core, conf, "rbac_policy", QUOTA, rbac_policies)
    kinds = {kind.object_type: kind for kind in (NETWORK, *shareables)}
    policies = Resource(
        name="rbac_policy",
        collection="rbac_policies",
        path="/rbac-policies",
        attributes=schemas.attributes(tuple(kinds)),
        handler=RbacPolicies(core, kinds),
        tags=False,
        extension="rbac-policies",
    )
    listed = (
        ("rbac-policies", "RBAC Policies", "Sharing with certain projects."),
        *(_EXTENSIONS[name] for name in sorted(kinds) if name in _EXTENSIONS),
    )
    return Part(
        resources=(policies,),
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in listed),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )
