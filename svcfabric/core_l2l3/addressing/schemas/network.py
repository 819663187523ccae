"""What this part adds to a network."""

from __future__ import annotations

from svcfabric.api import checks
from svcfabric.api.resource import Attribute

NETWORK = (
    Attribute(
        name="is_default",
        check=checks.boolean(),
        default=False,
        post=True,
        put=True,
        admin_write=True,
        extension="auto-allocated-topology",
        doc="Whether it is the external network that auto-allocated topologies lead to; there is at most one.",
    ),
    *(
        Attribute(
            name=f"ipv{version}_address_scope",
            check=checks.nullable(checks.uuid()),
            extension="address-scope",
            doc=f"The address scope its IPv{version} subnets' pools belong to.",
        )
        for version in (4, 6)
    ),
)
