"""Agents have an availability zone and a description

Revision: fabric_0002
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Name

revision = "fabric_0002"
down_revision = "fabric_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("availability_zone", Ascii, nullable=False, server_default="nova"))
    op.add_column("agents", sa.Column("description", Name, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("agents") as batch:
        batch.drop_column("description")
        batch.drop_column("availability_zone")
