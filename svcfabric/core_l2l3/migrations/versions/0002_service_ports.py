"""Ports know the service instance whose interface they are

Revision: core_l2l3_0002
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Id

revision = "core_l2l3_0002"
down_revision = "core_l2l3_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ports", sa.Column("service_instance_id", Id, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("ports") as batch:
        batch.drop_column("service_instance_id")
