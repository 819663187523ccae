"""Load balancers, listeners, pools, members, health monitors."""

import sqlalchemy as sa
from alembic import op

from svcfabric.db import base

revision = "lbaas_0001"
down_revision = None
branch_labels = ("lbaas",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lbaas_loadbalancers",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("project_id", base.Name, nullable=False),
        sa.Column("name", base.Name, nullable=False),
        sa.Column("description", base.Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", base.Time, nullable=False),
        sa.Column("updated_at", base.Time, nullable=True),
        sa.Column("tags", base.Json(), nullable=False),
        sa.Column("provider", base.Ascii, nullable=False),
        sa.Column("vip_address", base.Ascii, nullable=False),
        sa.Column("vip_port_id", base.Id, nullable=False),
        sa.Column("vip_subnet_id", base.Id, nullable=False),
        sa.Column("vip_network_id", base.Id, nullable=False),
        sa.Column("vip_port_owned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lbaas_loadbalancers")),
        sa.UniqueConstraint("vip_port_id", name=op.f("uq_lbaas_loadbalancers_vip_port_id")),
    )
    op.create_index(op.f("ix_lbaas_loadbalancers_project_id"), "lbaas_loadbalancers", ["project_id"], unique=False)
    op.create_index(
        op.f("ix_lbaas_loadbalancers_vip_network_id"), "lbaas_loadbalancers", ["vip_network_id"], unique=False
    )
    op.create_index(
        op.f("ix_lbaas_loadbalancers_vip_subnet_id"), "lbaas_loadbalancers", ["vip_subnet_id"], unique=False
    )
    op.create_table(
        "lbaas_pools",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("project_id", base.Name, nullable=False),
        sa.Column("name", base.Name, nullable=False),
        sa.Column("description", base.Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", base.Time, nullable=False),
        sa.Column("updated_at", base.Time, nullable=True),
        sa.Column("tags", base.Json(), nullable=False),
        sa.Column("loadbalancer_id", base.Id, nullable=False),
        sa.Column("created_generation", sa.BigInteger(), nullable=False),
        sa.Column("changed_generation", sa.BigInteger(), nullable=False),
        sa.Column("protocol", base.Ascii, nullable=False),
        sa.Column("lb_algorithm", base.Ascii, nullable=False),
        sa.Column("session_persistence", base.Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lbaas_pools")),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["lbaas_loadbalancers.id"],
            name=op.f("fk_lbaas_pools_loadbalancer_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_lbaas_pools_loadbalancer_id"), "lbaas_pools", ["loadbalancer_id"], unique=False)
    op.create_index(op.f("ix_lbaas_pools_project_id"), "lbaas_pools", ["project_id"], unique=False)
    op.create_table(
        "lbaas_listeners",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("project_id", base.Name, nullable=False),
        sa.Column("name", base.Name, nullable=False),
        sa.Column("description", base.Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", base.Time, nullable=False),
        sa.Column("updated_at", base.Time, nullable=True),
        sa.Column("tags", base.Json(), nullable=False),
        sa.Column("loadbalancer_id", base.Id, nullable=False),
        sa.Column("created_generation", sa.BigInteger(), nullable=False),
        sa.Column("changed_generation", sa.BigInteger(), nullable=False),
        sa.Column("protocol", base.Ascii, nullable=False),
        sa.Column("transport", base.Ascii, nullable=False),
        sa.Column("protocol_port", sa.Integer(), nullable=False),
        sa.Column("connection_limit", sa.Integer(), nullable=False),
        sa.Column("default_pool_id", base.Id, nullable=True),
        sa.Column("insert_headers", base.Json(), nullable=False),
        sa.Column("allowed_cidrs", base.Json(), nullable=True),
        sa.Column("timeout_client_data", sa.Integer(), nullable=False),
        sa.Column("timeout_member_connect", sa.Integer(), nullable=False),
        sa.Column("timeout_member_data", sa.Integer(), nullable=False),
        sa.Column("timeout_tcp_inspect", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lbaas_listeners")),
        sa.ForeignKeyConstraint(
            ["default_pool_id"], ["lbaas_pools.id"], name=op.f("fk_lbaas_listeners_default_pool_id")
        ),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["lbaas_loadbalancers.id"],
            name=op.f("fk_lbaas_listeners_loadbalancer_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("loadbalancer_id", "transport", "protocol_port", name=op.f("uq_lbaas_listeners_port")),
    )
    op.create_index(op.f("ix_lbaas_listeners_default_pool_id"), "lbaas_listeners", ["default_pool_id"], unique=False)
    op.create_index(op.f("ix_lbaas_listeners_project_id"), "lbaas_listeners", ["project_id"], unique=False)
    op.create_table(
        "lbaas_members",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("project_id", base.Name, nullable=False),
        sa.Column("name", base.Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", base.Time, nullable=False),
        sa.Column("updated_at", base.Time, nullable=True),
        sa.Column("tags", base.Json(), nullable=False),
        sa.Column("loadbalancer_id", base.Id, nullable=False),
        sa.Column("created_generation", sa.BigInteger(), nullable=False),
        sa.Column("changed_generation", sa.BigInteger(), nullable=False),
        sa.Column("pool_id", base.Id, nullable=False),
        sa.Column("address", base.Ascii, nullable=False),
        sa.Column("canonical_address", base.Ascii, nullable=False),
        sa.Column("protocol_port", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("backup", sa.Boolean(), nullable=False),
        sa.Column("subnet_id", base.Id, nullable=True),
        sa.Column("monitor_address", base.Ascii, nullable=True),
        sa.Column("monitor_port", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lbaas_members")),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["lbaas_loadbalancers.id"],
            name=op.f("fk_lbaas_members_loadbalancer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["lbaas_pools.id"], name=op.f("fk_lbaas_members_pool_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("pool_id", "canonical_address", "protocol_port", name=op.f("uq_lbaas_members_endpoint")),
    )
    op.create_index(op.f("ix_lbaas_members_loadbalancer_id"), "lbaas_members", ["loadbalancer_id"], unique=False)
    op.create_index(op.f("ix_lbaas_members_project_id"), "lbaas_members", ["project_id"], unique=False)
    op.create_table(
        "lbaas_healthmonitors",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("project_id", base.Name, nullable=False),
        sa.Column("name", base.Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("created_at", base.Time, nullable=False),
        sa.Column("updated_at", base.Time, nullable=True),
        sa.Column("tags", base.Json(), nullable=False),
        sa.Column("loadbalancer_id", base.Id, nullable=False),
        sa.Column("created_generation", sa.BigInteger(), nullable=False),
        sa.Column("changed_generation", sa.BigInteger(), nullable=False),
        sa.Column("pool_id", base.Id, nullable=False),
        sa.Column("type", base.Ascii, nullable=False),
        sa.Column("delay", sa.Integer(), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("max_retries_down", sa.Integer(), nullable=False),
        sa.Column("http_method", base.Ascii, nullable=True),
        sa.Column("url_path", sa.String(1024), nullable=True),
        sa.Column("expected_codes", base.Name, nullable=True),
        sa.Column("http_version", base.Ascii, nullable=True),
        sa.Column("domain_name", base.Name, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lbaas_healthmonitors")),
        sa.ForeignKeyConstraint(
            ["loadbalancer_id"],
            ["lbaas_loadbalancers.id"],
            name=op.f("fk_lbaas_healthmonitors_loadbalancer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pool_id"], ["lbaas_pools.id"], name=op.f("fk_lbaas_healthmonitors_pool_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("pool_id", name=op.f("uq_lbaas_healthmonitors_pool")),
    )
    op.create_index(
        op.f("ix_lbaas_healthmonitors_loadbalancer_id"), "lbaas_healthmonitors", ["loadbalancer_id"], unique=False
    )
    op.create_index(op.f("ix_lbaas_healthmonitors_project_id"), "lbaas_healthmonitors", ["project_id"], unique=False)


def downgrade() -> None:
    op.drop_table("lbaas_healthmonitors")
    op.drop_table("lbaas_members")
    op.drop_table("lbaas_listeners")
    op.drop_table("lbaas_pools")
    op.drop_table("lbaas_loadbalancers")
