"""The table of insertions."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, UniqueConstraint

from svcfabric.db.base import Ascii, Id, Name, Time, metadata

# A service instance at an attach point.
insertions = Table(
    "insertions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Name, nullable=False, index=True),
    Column("instance_id", Id, nullable=False),
    Column("attach_type", Ascii, nullable=False),
    Column("attach_id", Id, nullable=False),
    Column("mode", Ascii, nullable=False),
    Column("direction", Ascii, nullable=False),
    # The order of those a packet passes one after another; outside to inside.
    Column("position", Integer, nullable=False),
    Column("failure_policy", Ascii, nullable=False),
    Column("subnet_id", Id, nullable=True),
    Column("port_id", Id, nullable=True),
    # What this insertion has for itself alone, or null: two requests at once cannot both have it.
    Column("claim", String(128), nullable=True),
    Column("revision_number", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=True),
    UniqueConstraint("instance_id", "attach_type", "attach_id", "mode", name="uq_insertions_point"),
    UniqueConstraint("claim", name="uq_insertions_claim"),
    Index("ix_insertions_attach", "attach_type", "attach_id"),
)
