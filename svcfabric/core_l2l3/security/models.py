"""Tables of security groups.

``ports`` and ``networks`` carry columns of this part, too: what a port says of its filtering is read with its row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, UniqueConstraint, true

from svcfabric.db.base import Ascii, Host, Id, Json, Name, metadata, resource_columns


def _columns_without(*names: str) -> list[Column[Any]]:
    return [column for column in resource_columns() if column.name not in names]


security_groups = Table(
    "security_groups",
    metadata,
    *_columns_without("admin_state_up"),
    Column("stateful", Boolean, nullable=False, default=True, server_default=true()),
    # The project whose default group this is: unique, so that two requests at once cannot make two.
    Column("default_of", Name, nullable=True, unique=True),
)

address_groups = Table(
    "address_groups",
    metadata,
    *_columns_without("admin_state_up"),
    # CIDRs in canonical form, in the order in which they came.
    Column("addresses", Json, nullable=False, default=list),
)


def _match_columns() -> list[Column[Any]]:
    """What a rule says of packets; the other side's group aside."""
    return [
        Column("direction", Ascii, nullable=False),
        Column("ethertype", Ascii, nullable=False),
        Column("protocol", Ascii, nullable=True),
        Column("port_range_min", Integer, nullable=True),
        Column("port_range_max", Integer, nullable=True),
        Column("remote_ip_prefix", Ascii, nullable=True),
        # What makes two rules the same rule (``rule_checks.digest``).
        Column("digest", Ascii, nullable=False),
    ]


security_group_rules = Table(
    "security_group_rules",
    metadata,
    *_columns_without("admin_state_up", "name"),
    Column("security_group_id", Id, ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=False),
    *_match_columns(),
    Column("normalized_cidr", Ascii, nullable=True),
    Column("remote_group_id", Id, ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=True),
    Column("remote_address_group_id", Id, ForeignKey("address_groups.id"), nullable=True),
    UniqueConstraint("security_group_id", "digest"),
    Index("ix_security_group_rules_remote_group_id", "remote_group_id", "security_group_id"),
    Index("ix_security_group_rules_remote_address_group_id", "remote_address_group_id", "security_group_id"),
)

# What new groups begin with.
default_security_group_rules = Table(
    "default_security_group_rules",
    metadata,
    *_columns_without("admin_state_up", "name", "project_id", "tags"),
    *_match_columns(),
    # The other side is the group the rule is made in (``PARENT`` to clients).
    Column("remote_is_parent", Boolean, nullable=False, default=False),
    Column("remote_group_id", Id, ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=True),
    Column("remote_address_group_id", Id, ForeignKey("address_groups.id"), nullable=True),
    Column("used_in_default_sg", Boolean, nullable=False),
    Column("used_in_non_default_sg", Boolean, nullable=False),
)

# The same as ``ports.security_groups``, for the way back. ``host`` repeats the port's.
port_security_groups = Table(
    "port_security_groups",
    metadata,
    Column("security_group_id", Id, ForeignKey("security_groups.id"), nullable=False),
    Column("port_id", Id, ForeignKey("ports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("host", Host, nullable=False, default=""),
    PrimaryKeyConstraint("security_group_id", "port_id"),
    Index("ix_port_security_groups_security_group_id_host", "security_group_id", "host"),
)
