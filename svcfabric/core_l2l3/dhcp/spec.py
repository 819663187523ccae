"""From rows to specs: what a host answers for a network, and for one port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3 import spec
from svcfabric.core_l2l3.core import Settings
from svcfabric.core_l2l3.models import networks, subnets
from svcfabric.spi.dhcp import DhcpSpec, DhcpSubnet
from svcfabric.spi.l2l3 import Route
from svcfabric.spi.spec import Spec

STATEFUL, STATELESS = "dhcpv6-stateful", "dhcpv6-stateless"
_SUBNETS = (
    sa.select(
        subnets.c.id,
        subnets.c.network_id,
        subnets.c.ip_version,
        subnets.c.cidr,
        subnets.c.gateway_ip,
        subnets.c.ipv6_address_mode,
        subnets.c.ipv6_ra_mode,
        subnets.c.dns_nameservers,
        subnets.c.host_routes,
        networks.c.project_id,
    )
    .join_from(subnets, networks, networks.c.id == subnets.c.network_id)
    .where(subnets.c.enable_dhcp.is_(True))
    .order_by(subnets.c.created_at, subnets.c.id)
)


def load(conn: sa.Connection, settings: Settings, ids: Sequence[str]) -> dict[str, Spec]:
    """DHCP as every host that serves it sees it, by id: four queries."""
    legs = spec.load_legs(conn, ids)
    called = spec.load_dns(conn, ids, settings.dns_domain)
    served: dict[str, list[Any]] = {}
    wanted = sorted({leg.segment.network_id for leg in legs.values()})
    for row in conn.execute(_SUBNETS.where(subnets.c.network_id.in_(wanted))).all():
        served.setdefault(row.network_id, []).append(row)
    found: dict[str, Spec] = {}
    for ident, leg in legs.items():
        rows = served.get(leg.segment.network_id, [])
        present = {address.subnet_id for address in leg.addresses}
        found[ident] = DhcpSpec(
            id=ident,
            project_id=rows[0].project_id if rows else "",
            leg=leg,
            subnets=tuple(subnet for row in rows if row.id in present and (subnet := _subnet(row))),
            dns_domain=settings.dns_domain,
            lease=settings.dhcp_lease_duration,
            metadata=settings.metadata,
            dns=called.get(ident),
        )
    return found


def mode_of(ip_version: int, address_mode: str | None, ra_mode: str | None) -> str:
    """How a subnet's addresses are told by DHCP; "" for one whose hosts make them without asking.

    An IPv6 subnet without modes is served like a stateful one; one whose addresses others hand out is not.
    """
    if ip_version == 4:
        return "dhcpv4"
    if address_mode in (STATEFUL, STATELESS):
        return str(address_mode)
    return "" if address_mode or ra_mode else STATEFUL


def _subnet(row: Any) -> DhcpSubnet | None:
    mode = mode_of(row.ip_version, row.ipv6_address_mode, row.ipv6_ra_mode)
    if not mode:
        return None
    return DhcpSubnet(
        subnet_id=row.id,
        cidr=row.cidr,
        mode=mode,
        gateway=row.gateway_ip or "",
        dns_nameservers=tuple(row.dns_nameservers),
        routes=tuple(Route(destination=r["destination"], nexthop=r["nexthop"]) for r in row.host_routes),
    )
