"""Where the attributes of address scopes and subnet pools come from, and who sees which."""

from __future__ import annotations

from svcfabric.core_l2l3.addressing.models import address_scopes, subnetpools
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.reader import Reader

ADDRESS_SCOPES = Reader(
    "Address Scope",
    address_scopes,
    {
        **{name: address_scopes.c[name] for name in ("id", "project_id", "name", "ip_version")},
        "shared": access.shared("address_scope", address_scopes),
    },
    internal={"shared_with_all": address_scopes.c.shared},
    stored={"shared": address_scopes.c.shared},
    visible=access.visible("address_scope", address_scopes),
)

_POOL = (
    "id",
    "project_id",
    "name",
    "description",
    "ip_version",
    "prefixes",
    "default_quota",
    "default_prefixlen",
    "min_prefixlen",
    "max_prefixlen",
    "is_default",
    "address_scope_id",
    "created_at",
    "updated_at",
    "revision_number",
    "tags",
)
SUBNETPOOLS = Reader(
    "Subnet Pool",
    subnetpools,
    {**{name: subnetpools.c[name] for name in _POOL}, "shared": access.shared("subnetpool", subnetpools)},
    stored={"shared": subnetpools.c.shared},
    visible=access.visible("subnetpool", subnetpools),
)
