"""Tables of the fabric."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from svcfabric.db.base import Ascii, Host, Id, Json, Name, Time, metadata

# One row per thing that is realised on hosts. ``generation`` counts what was asked.
instances = Table(
    "instances",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Ascii, nullable=False),
    Column("project_id", Name, nullable=False),
    Column("driver", Ascii, nullable=False),
    Column("generation", BigInteger, nullable=False, default=1),
    Column("deleted", Boolean, nullable=False, default=False),
    # A singleton (router, load balancer) wants exactly one host, chosen by the fabric.
    Column("wants_host", Boolean, nullable=False, default=False),
    Column("changed_at", Time, nullable=False, index=True),
    Index("ix_instances_kind_deleted", "kind", "deleted"),
)

# Instance x host. ``observed_generation`` is the newest generation the host has answered for;
# with ``error`` set the answer was a refusal and what ran before still runs.
placements = Table(
    "placements",
    metadata,
    Column("instance_id", Id, ForeignKey("instances.id", ondelete="CASCADE"), nullable=False),
    Column("host", Host, nullable=False),
    # ``owner``: the thing lives here. ``remote``: the host must know of it (a port's forwarding entry).
    Column("role", Ascii, nullable=False, default="owner"),
    Column("observed_generation", BigInteger, nullable=False, default=0),
    Column("removing", Boolean, nullable=False, default=False),
    Column("error_code", Ascii, nullable=False, default=""),
    Column("error", Text, nullable=False, default=""),
    Column("error_detail", Text, nullable=False, default=""),
    PrimaryKeyConstraint("instance_id", "host"),
    Index("ix_placements_host", "host"),
    # Of those that are to go only, where that can be said: who asks for the others must not be led to it.
    Index(
        "ix_placements_removing",
        "removing",
        sqlite_where=text("removing IS 1"),
        postgresql_where=text("removing IS true"),
    ),
)

agents = Table(
    "agents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("host", Host, nullable=False, unique=True),
    Column("agent_type", Ascii, nullable=False),
    Column("availability_zone", Ascii, nullable=False, default="nova", server_default="nova"),
    # An operator's note.
    Column("description", Name, nullable=True),
    Column("admin_state_up", Boolean, nullable=False, default=True),
    Column("local_ip", Ascii, nullable=False, default=""),
    # [[kind, driver], ...]: what it can realise.
    Column("drivers", Json, nullable=False, default=list),
    Column("physical_networks", Json, nullable=False, default=list),
    Column("configuration", Json, nullable=False, default=dict),
    Column("created_at", Time, nullable=False),
    Column("started_at", Time, nullable=False),
    Column("heartbeat_at", Time, nullable=False),
)

# Operating status and counters as hosts report them; they never touch a generation.
observations = Table(
    "observations",
    metadata,
    Column("object_id", Id, nullable=False),
    Column("host", Host, nullable=False),
    Column("instance_id", Id, nullable=False, index=True),
    Column("status", Ascii, nullable=False, default=""),
    Column("counters", Json, nullable=True),
    Column("observed_at", Time, nullable=False),
    PrimaryKeyConstraint("object_id", "host"),
)

# Limits that differ from the configured default; -1 is unlimited.
quotas = Table(
    "quotas",
    metadata,
    Column("project_id", Name, nullable=False),
    Column("resource", Ascii, nullable=False),
    Column("limit", Integer, nullable=False),
    PrimaryKeyConstraint("project_id", "resource"),
)

# Locked while a limited project creates, so that two requests cannot both take the last one.
quota_locks = Table(
    "quota_locks",
    metadata,
    Column("project_id", Name, nullable=False),
    Column("resource", Ascii, nullable=False),
    PrimaryKeyConstraint("project_id", "resource"),
)

# Work shared among controllers: whoever holds the row until ``expires_at`` does it.
leases = Table(
    "leases",
    metadata,
    Column("name", Ascii, primary_key=True),
    Column("holder", Id, nullable=False),
    Column("expires_at", Time, nullable=False),
)
