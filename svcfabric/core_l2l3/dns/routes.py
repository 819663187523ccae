"""What names add to the network API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svcfabric.api.resource import Extension
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.dns.schemas import EXTENSION, OF_PORTS
from svcfabric.core_l2l3.part import Part

# (alias, name, what it adds)
_SERVED = (
    (EXTENSION, "DNS Integration", "Names of ports and floating IPs, domains of networks."),
    (OF_PORTS, "dns_domain for ports", "Domains of single ports."),
)


def part(core: Core, conf: Any) -> Part:
    """Nothing but attributes."""
    return Part(
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _SERVED),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )
