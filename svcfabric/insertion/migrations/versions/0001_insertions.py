"""Insertions."""

import sqlalchemy as sa
from alembic import op

from svcfabric.db import base

revision = "insertion_0001"
down_revision = None
branch_labels = ("insertion",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "insertions",
        sa.Column("id", base.Id, nullable=False),
        sa.Column("project_id", base.Name, nullable=False),
        sa.Column("instance_id", base.Id, nullable=False),
        sa.Column("attach_type", base.Ascii, nullable=False),
        sa.Column("attach_id", base.Id, nullable=False),
        sa.Column("mode", base.Ascii, nullable=False),
        sa.Column("direction", base.Ascii, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("failure_policy", base.Ascii, nullable=False),
        sa.Column("subnet_id", base.Id, nullable=True),
        sa.Column("port_id", base.Id, nullable=True),
        sa.Column("claim", sa.String(128), nullable=True),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", base.Time, nullable=False),
        sa.Column("updated_at", base.Time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_insertions")),
        sa.UniqueConstraint("claim", name=op.f("uq_insertions_claim")),
        sa.UniqueConstraint("instance_id", "attach_type", "attach_id", "mode", name=op.f("uq_insertions_point")),
    )
    op.create_index(op.f("ix_insertions_attach"), "insertions", ["attach_type", "attach_id"], unique=False)
    op.create_index(op.f("ix_insertions_project_id"), "insertions", ["project_id"], unique=False)


def downgrade() -> None:
    op.drop_table("insertions")
