"""What new groups begin with: the rules that templates make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3.security import rule_checks
from svcfabric.core_l2l3.security.models import default_security_group_rules as templates
from svcfabric.db.base import new_id, now

Values = dict[str, Any]


def load(conn: sa.Connection, *, default: bool) -> list[Values]:
    """The templates of default groups, or of all others."""
    used = templates.c.used_in_default_sg if default else templates.c.used_in_non_default_sg
    stmt = sa.select(templates).where(used.is_(True)).order_by(templates.c.created_at, templates.c.id)
    return [dict(row._mapping) for row in conn.execute(stmt)]


def rules_of(group: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> list[Values]:
    """The rules that templates make in a group, as rows."""
    return [rule_row(_in_group(template, group), group["project_id"]) for template in found]


def rule_row(rule: Mapping[str, Any], project_id: str) -> Values:
    """The row of a new rule. ``rule`` is canonical."""
    stamp = now()
    names = ("security_group_id", "direction", "ethertype", "protocol", "port_range_min", "port_range_max")
    remotes = ("remote_ip_prefix", "remote_group_id", "remote_address_group_id")
    return {
        "id": new_id(),
        "project_id": project_id,
        "description": rule.get("description") or "",
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": [],
        **{name: rule[name] for name in (*names, *remotes)},
        "normalized_cidr": rule_checks.normalized(rule["remote_ip_prefix"]),
        "digest": rule_checks.digest(rule),
    }


def _in_group(template: Mapping[str, Any], group: Mapping[str, Any]) -> Values:
    remote = group["id"] if template["remote_is_parent"] else template["remote_group_id"]
    return {**template, "security_group_id": group["id"], "remote_group_id": remote, "description": ""}
