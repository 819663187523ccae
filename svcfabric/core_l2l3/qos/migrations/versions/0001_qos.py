"""Quality of service: policies, rules, and what has a policy

Revision: qos_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Id, Json, Name, Time

revision = "qos_0001"
down_revision = None
branch_labels = ("qos",)
depends_on = "core_l2l3_0002"

HOLDERS = (
    ("networks", "qos_policy_id"),
    ("ports", "qos_policy_id"),
    ("floatingips", "qos_policy_id"),
    ("routers", "gw_qos_policy_id"),
)


def upgrade() -> None:
    op.create_table(
        "qos_policies",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False, index=True),
        sa.Column("default_of", Name, nullable=True),
        sa.Column("rules", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("default_of"),
    )
    op.create_table(
        "qos_rules",
        sa.Column("id", Id, nullable=False),
        sa.Column(
            "qos_policy_id", Id, sa.ForeignKey("qos_policies.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("type", Ascii, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for table, column in HOLDERS:
        op.add_column(table, sa.Column(column, Id, nullable=True))
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    for table, column in HOLDERS:
        op.drop_index(f"ix_{table}_{column}", table)
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column)
    op.drop_table("qos_rules")
    op.drop_table("qos_policies")
