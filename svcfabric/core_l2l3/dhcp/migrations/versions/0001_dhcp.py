"""DHCP options of ports; hosts that do not serve a network

Revision: dhcp_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Host, Id, Json

revision = "dhcp_0001"
down_revision = None
branch_labels = ("dhcp",)
depends_on = "core_l2l3_0002"


def upgrade() -> None:
    op.create_table(
        "dhcp_exclusions",
        sa.Column("network_id", Id, nullable=False),
        sa.Column("host", Host, nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_dhcp_exclusions_network_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("network_id", "host", name=op.f("pk_dhcp_exclusions")),
    )
    op.create_index(op.f("ix_dhcp_exclusions_host"), "dhcp_exclusions", ["host"])
    # in brackets: MySQL gives text no other default
    op.add_column("ports", sa.Column("extra_dhcp_opts", Json, nullable=False, server_default=sa.text("('[]')")))


def downgrade() -> None:
    with op.batch_alter_table("ports") as batch:
        batch.drop_column("extra_dhcp_opts")
    op.drop_table("dhcp_exclusions")
