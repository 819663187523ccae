"""What is said of availability zones, and of zones by networks and routers."""

from __future__ import annotations

from svcfabric.api import checks
from svcfabric.api.resource import Attribute

MAX_HINTS = 20
ZONES = (
    Attribute(name="id", check=checks.string(), visible=False, filterable=False, doc="What of where, for paging."),
    Attribute(name="name", check=checks.string(), sortable=True, doc="The zone, as its hosts' configuration says."),
    Attribute(name="resource", check=checks.string(), sortable=True, doc="network or router: what its hosts offer."),
    Attribute(
        name="state",
        check=checks.string(),
        sortable=True,
        doc="available, or unavailable: no host of it is alive and takes anything new.",
    ),
)


def attributes(extension: str, what: str) -> tuple[Attribute, ...]:
    """The attributes a resource that is placed has. ``what``: what the hints do."""
    return (
        Attribute(
            name="availability_zone_hints",
            check=checks.list_of(checks.string(255, 1), unique=True, max=MAX_HINTS),
            default=list,
            post=True,
            filterable=False,
            sortable=True,
            extension=extension,
            doc=what,
        ),
        Attribute(
            name="availability_zones",
            check=checks.list_of(checks.string()),
            filterable=False,
            extension=extension,
            doc="The zones of the hosts it is on.",
        ),
    )
