"""The fabric: instances, placements, agents, observations, quotas, leases

Revision: fabric_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Host, Id, Json, Name, Time

revision = "fabric_0001"
down_revision = None
branch_labels = ("fabric",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", Id, nullable=False),
        sa.Column("host", Host, nullable=False, unique=True),
        sa.Column("agent_type", Ascii, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("local_ip", Ascii, nullable=False),
        sa.Column("drivers", Json(), nullable=False),
        sa.Column("physical_networks", Json(), nullable=False),
        sa.Column("configuration", Json(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("started_at", Time, nullable=False),
        sa.Column("heartbeat_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "instances",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", Ascii, nullable=False),
        sa.Column("project_id", Name, nullable=False),
        sa.Column("driver", Ascii, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("wants_host", sa.Boolean(), nullable=False),
        sa.Column("changed_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.Index("ix_instances_kind_deleted", "kind", "deleted"),
    )
    op.create_table(
        "leases",
        sa.Column("name", Ascii, nullable=False),
        sa.Column("holder", Id, nullable=False),
        sa.Column("expires_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "observations",
        sa.Column("object_id", Id, nullable=False),
        sa.Column("host", Host, nullable=False),
        sa.Column("instance_id", Id, nullable=False, index=True),
        sa.Column("status", Ascii, nullable=False),
        sa.Column("counters", Json(), nullable=True),
        sa.Column("observed_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("object_id", "host"),
    )
    op.create_table(
        "quota_locks",
        sa.Column("project_id", Name, nullable=False),
        sa.Column("resource", Ascii, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource"),
    )
    op.create_table(
        "quotas",
        sa.Column("project_id", Name, nullable=False),
        sa.Column("resource", Ascii, nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource"),
    )
    op.create_table(
        "placements",
        sa.Column("instance_id", Id, sa.ForeignKey("instances.id", ondelete="CASCADE"), nullable=False),
        sa.Column("host", Host, nullable=False),
        sa.Column("role", Ascii, nullable=False),
        sa.Column("observed_generation", sa.BigInteger(), nullable=False),
        sa.Column("removing", sa.Boolean(), nullable=False),
        sa.Column("error_code", Ascii, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("error_detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("instance_id", "host"),
        sa.Index("ix_placements_host", "host"),
    )


def downgrade() -> None:
    op.drop_table("placements")
    op.drop_table("quotas")
    op.drop_table("quota_locks")
    op.drop_table("observations")
    op.drop_table("leases")
    op.drop_table("instances")
    op.drop_table("agents")
