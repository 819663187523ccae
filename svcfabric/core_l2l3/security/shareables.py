"""Security groups and address groups as shared objects: a policy lets another project have ports in, rules of, one."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from svcfabric.core_l2l3.models import ports
from svcfabric.core_l2l3.rbac.sharing import Shareable
from svcfabric.core_l2l3.security.models import (
    address_groups,
    port_security_groups,
    security_group_rules,
    security_groups,
)


def _in_groups(conn: sa.Connection, group_id: str, action: str) -> Iterable[str]:
    """Projects with ports in a group, or rules that refer to it."""
    joined = ports.join(port_security_groups, port_security_groups.c.port_id == ports.c.id)
    members = sa.select(ports.c.project_id).select_from(joined)
    rules = sa.select(security_group_rules.c.project_id)
    return conn.execute(
        sa.union(
            members.where(port_security_groups.c.security_group_id == group_id),
            rules.where(security_group_rules.c.remote_group_id == group_id),
        )
    ).scalars()


def _referring(conn: sa.Connection, group_id: str, action: str) -> Iterable[str]:
    """Projects with rules that refer to an address group."""
    rules = sa.select(security_group_rules.c.project_id).distinct()
    return conn.execute(rules.where(security_group_rules.c.remote_address_group_id == group_id)).scalars()


GROUP = Shareable(object_type="security_group", label="Security Group", table=security_groups, users=_in_groups)
ADDRESS_GROUP = Shareable(object_type="address_group", label="Address Group", table=address_groups, users=_referring)
