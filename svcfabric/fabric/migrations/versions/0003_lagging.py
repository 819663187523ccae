"""What changed lately, and what is to go, is found without a look at everything

Revision: fabric_0003
"""

import sqlalchemy as sa
from alembic import op

revision = "fabric_0003"
down_revision = "fabric_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_instances_changed_at", "instances", ["changed_at"])
    op.create_index(
        "ix_placements_removing",
        "placements",
        ["removing"],
        sqlite_where=sa.text("removing IS 1"),
        postgresql_where=sa.text("removing IS true"),
    )


def downgrade() -> None:
    op.drop_index("ix_placements_removing", "placements")
    op.drop_index("ix_instances_changed_at", "instances")
