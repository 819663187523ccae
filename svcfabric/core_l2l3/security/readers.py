"""Where each attribute of security groups, their rules and address groups comes from, and who sees which rows."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from svcfabric.api.resource import Row
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.reader import Expression, Reader
from svcfabric.core_l2l3.security.models import (
    address_groups,
    default_security_group_rules,
    security_group_rules,
    security_groups,
)
from svcfabric.core_l2l3.security.rule_checks import PARENT
from svcfabric.db.base import Ascii

_HISTORY = ("created_at", "updated_at", "revision_number")
_MATCH = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")


def _columns(table: sa.Table, *names: str) -> dict[str, Expression]:
    return {name: table.c[name] for name in names}


GROUPS = Reader(
    "Security Group",
    security_groups,
    {
        **_columns(security_groups, "id", "project_id", "name", "description", "stateful"),
        "shared": access.shared("security_group", security_groups, column=""),
        **_columns(security_groups, *_HISTORY, "tags"),
    },
    visible=access.visible("security_group", security_groups, everyone=""),
    internal={"default_of": security_groups.c.default_of},
)

_RULES_OF_GROUPS = security_group_rules.join(
    security_groups, security_groups.c.id == security_group_rules.c.security_group_id
)

RULES = Reader(
    "Security Group Rule",
    security_group_rules,
    {
        **_columns(security_group_rules, "id", "project_id", "security_group_id", *_MATCH),
        **_columns(security_group_rules, "remote_address_group_id", "normalized_cidr", "remote_group_id"),
        "belongs_to_default_sg": sa.type_coerce(security_groups.c.default_of.is_not(None), sa.Boolean()),
        **_columns(security_group_rules, "description", *_HISTORY),
        "security_group_project_id": security_groups.c.project_id,
    },
    source=_RULES_OF_GROUPS,
    # The rules of one's own groups, whoever made them.
    visible=lambda project: sa.or_(
        security_group_rules.c.project_id == project, security_groups.c.project_id == project
    ),
)

DEFAULT_RULES = Reader(
    "Default Security Group Rule",
    default_security_group_rules,
    {
        **_columns(default_security_group_rules, "id", *_MATCH, "remote_address_group_id"),
        "remote_group_id": sa.case(
            (default_security_group_rules.c.remote_is_parent.is_(True), sa.literal_column(f"'{PARENT}'", Ascii)),
            else_=default_security_group_rules.c.remote_group_id,
        ),
        **_columns(default_security_group_rules, "used_in_default_sg", "used_in_non_default_sg"),
        **_columns(default_security_group_rules, "description", *_HISTORY),
    },
    visible=lambda _project: sa.true(),
)

ADDRESS_GROUPS = Reader(
    "Address Group",
    address_groups,
    {
        **_columns(address_groups, "id", "project_id", "name", "description", "addresses"),
        "shared": access.shared("address_group", address_groups, column=""),
        **_columns(address_groups, *_HISTORY),
    },
    visible=access.visible("address_group", address_groups, everyone=""),
)


def rules_of(conn: sa.Connection, group_ids: Sequence[str]) -> dict[str, list[Row]]:
    """The rules of groups as the API shows them, oldest first: one query."""
    found: dict[str, list[Row]] = {ident: [] for ident in group_ids}
    columns = {name: column for name, column in RULES.columns.items() if name != "security_group_project_id"}
    stmt = (
        sa.select(*columns.values())
        .select_from(_RULES_OF_GROUPS)
        .where(security_group_rules.c.security_group_id.in_(list(group_ids)))
        .order_by(security_group_rules.c.created_at, security_group_rules.c.id)
    )
    for values in conn.execute(stmt):
        row = dict(zip(columns, values, strict=True))
        found[row["security_group_id"]].append({**row, "tenant_id": row["project_id"]})
    return found
