"""Availability zones in the network API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svcfabric.api.resource import Extension, Resource
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.part import Part
from svcfabric.core_l2l3.zones.listing import Zones
from svcfabric.core_l2l3.zones.schemas import ZONES

_EXTENSIONS = (
    ("availability_zone", "Availability Zone", "Where hosts are."),
    ("availability_zone_filter", "Availability Zone Filter Extension", "Zones by name, resource and state."),
    ("network_availability_zone", "Network Availability Zone", "The zones networks are in."),
    ("router_availability_zone", "Router Availability Zone", "The zones routers are, and should be, in."),
)


def part(core: Core, conf: Any) -> Part:
    """``/availability_zones``."""
    return Part(
        resources=(
            Resource(
                name="availability_zone",
                collection="availability_zones",
                path="/availability_zones",
                attributes=ZONES,
                handler=Zones(core),
                operations=frozenset({"list"}),
                rules={"get": "any"},
                tags=False,
                default_sort=(("name", "asc"), ("resource", "asc")),
                extension="availability_zone",
            ),
        ),
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _EXTENSIONS),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )
