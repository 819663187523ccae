"""From rows to specs: groups, their members, address lists, and how a port is filtered.

Every loader takes many ids and runs a constant number of queries.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3.models import ports
from svcfabric.core_l2l3.security import protocols
from svcfabric.core_l2l3.security.models import address_groups, security_group_rules, security_groups
from svcfabric.core_l2l3.security.placing import member_id
from svcfabric.spi.security import (
    AddressGroupSpec,
    AddressPair,
    MemberSpec,
    PortSecurity,
    SecurityGroupSpec,
    SecurityRule,
)
from svcfabric.spi.spec import Spec

# The columns of ``ports`` that ``port_security`` reads.
PORT_COLUMNS = (ports.c.port_security_enabled, ports.c.security_groups, ports.c.allowed_address_pairs)


def load_groups(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Spec]:
    """Groups with their rules."""
    of_these = security_group_rules.c.security_group_id.in_(list(ids))
    found: dict[str, list[SecurityRule]] = {}
    for row in conn.execute(sa.select(security_group_rules).where(of_these).order_by(security_group_rules.c.id)):
        found.setdefault(row.security_group_id, []).append(_rule(row))
    columns = (security_groups.c.id, security_groups.c.project_id, security_groups.c.stateful)
    return {
        row.id: SecurityGroupSpec(
            id=row.id, project_id=row.project_id, stateful=row.stateful, rules=tuple(found.get(row.id, ()))
        )
        for row in conn.execute(sa.select(*columns).where(security_groups.c.id.in_(list(ids))))
    }


def load_members(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Spec]:
    """Ports as members of their groups."""
    columns = (ports.c.id, ports.c.project_id, ports.c.fixed_ips, ports.c.security_groups)
    stmt = sa.select(*columns, ports.c.allowed_address_pairs).where(ports.c.id.in_([member_id(each) for each in ids]))
    found: dict[str, Spec] = {}
    for row in conn.execute(stmt):
        own = (ip["ip_address"] for ip in row.fixed_ips)
        pairs = (cidr_of(pair["ip_address"]) for pair in row.allowed_address_pairs)
        ident = member_id(row.id)
        found[ident] = MemberSpec(
            id=ident,
            project_id=row.project_id,
            port_id=row.id,
            groups=tuple(row.security_groups),
            addresses=tuple(dict.fromkeys((*own, *pairs))),
        )
    return found


def load_address_groups(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Spec]:
    """Address lists."""
    columns = (address_groups.c.id, address_groups.c.project_id, address_groups.c.addresses)
    return {
        row.id: AddressGroupSpec(id=row.id, project_id=row.project_id, cidrs=tuple(row.addresses))
        for row in conn.execute(sa.select(*columns).where(address_groups.c.id.in_(list(ids))))
    }


def port_security(row: Any) -> PortSecurity | None:
    """How a port is filtered on its host: None when it is not. ``row``: of ``PORT_COLUMNS`` at least."""
    if not row.port_security_enabled:
        return None
    return PortSecurity(
        groups=tuple(row.security_groups),
        pairs=tuple(
            AddressPair(mac=pair["mac_address"], cidr=cidr_of(pair["ip_address"])) for pair in row.allowed_address_pairs
        ),
    )


def cidr_of(address: str) -> str:
    """An address or prefix as a prefix without host bits."""
    return str(ipaddress.ip_network(address, strict=False))


def _rule(row: Any) -> SecurityRule:
    return SecurityRule(
        direction=row.direction,
        version=6 if row.ethertype == "IPv6" else 4,
        protocol=protocols.matched(row.protocol),
        first=-1 if row.port_range_min is None else row.port_range_min,
        last=-1 if row.port_range_max is None else row.port_range_max,
        cidr=row.normalized_cidr or "",
        group=row.remote_group_id or "",
        address_group=row.remote_address_group_id or "",
    )
