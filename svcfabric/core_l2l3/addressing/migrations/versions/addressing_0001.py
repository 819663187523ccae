"""Address scopes, subnet pools, policies of handing out addresses, auto-allocated topologies

Revision: addressing_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Id, Json, Name, Time

revision = "addressing_0001"
down_revision = None
branch_labels = ("addressing",)
depends_on = "core_l2l3_0002"

SUBNETS = ("subnetpool_id", "service_types", "allocation_policy", "recycling_policy", "recycling_delay", "ip_memory")
NETWORKS = ("is_default", "ipv4_address_scope", "ipv6_address_scope")


def upgrade() -> None:
    op.create_table(
        "address_scopes",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False, index=True),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "subnetpools",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False, index=True),
        sa.Column("is_default", sa.Boolean(), nullable=False, index=True),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("prefixes", Json(), nullable=False),
        sa.Column("default_prefixlen", sa.Integer(), nullable=False),
        sa.Column("min_prefixlen", sa.Integer(), nullable=False),
        sa.Column("max_prefixlen", sa.Integer(), nullable=False),
        sa.Column("default_quota", sa.Integer(), nullable=True),
        sa.Column("address_scope_id", Id, sa.ForeignKey("address_scopes.id"), nullable=True, index=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ip_cursors",
        sa.Column("subnet_id", Id, sa.ForeignKey("subnets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subnet_id"),
    )
    op.create_table(
        "ip_released",
        sa.Column("subnet_id", Id, sa.ForeignKey("subnets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("address", Ascii, nullable=False),
        sa.Column("rank", Ascii, nullable=False),
        sa.Column("project_id", Name, nullable=False),
        sa.Column("released_at", Time, nullable=False),
        sa.Column("held_until", Time, nullable=True),
        sa.PrimaryKeyConstraint("subnet_id", "address"),
        sa.Index("ix_ip_released_rank", "subnet_id", "held_until", "rank"),
        sa.Index("ix_ip_released_project", "subnet_id", "project_id", "held_until", "rank"),
        sa.Index("ix_ip_released_held_until", "held_until"),
    )
    op.create_table(
        "auto_topologies",
        sa.Column("project_id", Name, nullable=False),
        sa.Column("network_id", Id, nullable=False),
        sa.Column("router_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
    )
    for column in (
        sa.Column("subnetpool_id", Id, nullable=True),
        sa.Column("service_types", Json(), nullable=False, server_default="[]"),
        sa.Column("allocation_policy", Ascii, nullable=False, server_default="random"),
        sa.Column("recycling_policy", Ascii, nullable=False, server_default="at_once"),
        sa.Column("recycling_delay", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("ip_memory", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("subnets", column)
    for column in (
        sa.Column("is_default", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("ipv4_address_scope", Id, nullable=True),
        sa.Column("ipv6_address_scope", Id, nullable=True),
    ):
        op.add_column("networks", column)
    op.create_index("ix_subnets_subnetpool_id", "subnets", ["subnetpool_id"])
    op.create_index("ix_networks_is_default", "networks", ["is_default"])


def downgrade() -> None:
    op.drop_index("ix_networks_is_default", "networks")
    op.drop_index("ix_subnets_subnetpool_id", "subnets")
    for table, columns in (("networks", NETWORKS), ("subnets", SUBNETS)):
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column)
    for table in ("auto_topologies", "ip_released", "ip_cursors", "subnetpools", "address_scopes"):
        op.drop_table(table)
