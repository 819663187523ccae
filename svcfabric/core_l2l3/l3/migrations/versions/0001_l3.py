"""Port forwarding, conntrack helpers

Revision: l3_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Id, Json, Name, Time

revision = "l3_0001"
down_revision = None
branch_labels = ("l3",)
depends_on = "core_l2l3_0002"


def upgrade() -> None:
    op.create_table(
        "port_forwardings",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        sa.Column("floatingip_id", Id, nullable=False),
        sa.Column("protocol", Ascii, nullable=False),
        sa.Column("external_first", sa.Integer(), nullable=False),
        sa.Column("external_last", sa.Integer(), nullable=False),
        sa.Column("internal_port_id", Id, nullable=False),
        sa.Column("internal_ip_address", Ascii, nullable=False),
        sa.Column("internal_first", sa.Integer(), nullable=False),
        sa.Column("internal_last", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.ForeignKeyConstraint(["floatingip_id"], ["floatingips.id"], name=op.f("fk_port_forwardings_floatingip_id")),
        sa.ForeignKeyConstraint(["internal_port_id"], ["ports.id"], name=op.f("fk_port_forwardings_internal_port_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_port_forwardings")),
        sa.UniqueConstraint(
            "floatingip_id",
            "protocol",
            "external_first",
            name=op.f("uq_port_forwardings_floatingip_id_protocol_external_first"),
        ),
    )
    for column in ("project_id", "internal_port_id"):
        op.create_index(op.f(f"ix_port_forwardings_{column}"), "port_forwardings", [column])
    op.create_table(
        "conntrack_helpers",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False),
        sa.Column("router_id", Id, nullable=False),
        sa.Column("protocol", Ascii, nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("helper", Ascii, nullable=False),
        sa.ForeignKeyConstraint(
            ["router_id"], ["routers.id"], name=op.f("fk_conntrack_helpers_router_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conntrack_helpers")),
        sa.UniqueConstraint("router_id", "protocol", "port", name=op.f("uq_conntrack_helpers_router_id_protocol_port")),
    )
    op.create_index(op.f("ix_conntrack_helpers_project_id"), "conntrack_helpers", ["project_id"])
    op.add_column("floatingips", sa.Column("port_forwardings", Json, nullable=True))
    op.add_column("routers", sa.Column("conntrack_helpers", Json, nullable=True))
    op.add_column("routers", sa.Column("ha", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    for table, column in (("routers", "ha"), ("routers", "conntrack_helpers"), ("floatingips", "port_forwardings")):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
    op.drop_table("conntrack_helpers")
    op.drop_table("port_forwardings")
