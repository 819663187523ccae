"""Availability zone hints of networks and routers

Revision: zones_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Json

revision = "zones_0001"
down_revision = None
branch_labels = ("zones",)
depends_on = "core_l2l3_0002"

TABLES = ("networks", "routers")


def upgrade() -> None:
    for table in TABLES:
        empty = sa.text("('[]')")
        op.add_column(table, sa.Column("availability_zone_hints", Json(), nullable=False, server_default=empty))


def downgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("availability_zone_hints")
