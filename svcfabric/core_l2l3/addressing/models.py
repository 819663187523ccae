"""Tables of address scopes, subnet pools, and what is remembered of addresses that were handed out.

Writers lock in the order pool, network, subnet's memory, port.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table

from svcfabric.db.base import Ascii, Id, Json, Name, Time, metadata, resource_columns

address_scopes = Table(
    "address_scopes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Name, nullable=False, index=True),
    Column("name", Name, nullable=False, default=""),
    Column("shared", Boolean, nullable=False, default=False, index=True),
    Column("ip_version", Integer, nullable=False),
)

subnetpools = Table(
    "subnetpools",
    metadata,
    *(column for column in resource_columns() if column.name != "admin_state_up"),
    Column("shared", Boolean, nullable=False, default=False, index=True),
    Column("is_default", Boolean, nullable=False, default=False, index=True),
    Column("ip_version", Integer, nullable=False),
    # Merged and in order: ["10.0.0.0/8", ...].
    Column("prefixes", Json, nullable=False),
    Column("default_prefixlen", Integer, nullable=False),
    Column("min_prefixlen", Integer, nullable=False),
    Column("max_prefixlen", Integer, nullable=False),
    Column("default_quota", Integer, nullable=True),
    Column("address_scope_id", Id, ForeignKey("address_scopes.id"), nullable=True, index=True),
)

# One per subnet whose policies need a memory (``subnets.ip_memory``). Its row is locked by whoever hands out an
# address. ``position``: how many places of the pools, in the policy's order, have been handed out or passed over.
ip_cursors = Table(
    "ip_cursors",
    metadata,
    Column("subnet_id", Id, ForeignKey("subnets.id", ondelete="CASCADE"), primary_key=True),
    Column("position", BigInteger, nullable=False, default=0),
)

# Addresses of such subnets that ports had. The lowest ``rank`` is handed out first; not before ``held_until``
# (null: at any time).
ip_released = Table(
    "ip_released",
    metadata,
    Column("subnet_id", Id, ForeignKey("subnets.id", ondelete="CASCADE"), nullable=False),
    Column("address", Ascii, nullable=False),
    Column("rank", Ascii, nullable=False),
    Column("project_id", Name, nullable=False),
    Column("released_at", Time, nullable=False),
    Column("held_until", Time, nullable=True),
    PrimaryKeyConstraint("subnet_id", "address"),
    Index("ix_ip_released_rank", "subnet_id", "held_until", "rank"),
    Index("ix_ip_released_project", "subnet_id", "project_id", "held_until", "rank"),
    Index("ix_ip_released_held_until", "held_until"),
)

auto_topologies = Table(
    "auto_topologies",
    metadata,
    Column("project_id", Name, primary_key=True),
    Column("network_id", Id, nullable=False),
    Column("router_id", Id, nullable=False),
)
