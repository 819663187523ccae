"""Sharing policies; what they say for everybody, on the rows they are about

Revision: rbac_0001
"""

import uuid

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Id, Name

revision = "rbac_0001"
down_revision = None
branch_labels = ("rbac",)
depends_on = "core_l2l3_0002"


def upgrade() -> None:
    policies = op.create_table(
        "rbac_policies",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("object_type", Ascii, nullable=False),
        sa.Column("object_id", Id, nullable=False),
        sa.Column("action", Ascii, nullable=False),
        sa.Column("target_project", Name, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rbac_policies")),
        sa.UniqueConstraint(
            "object_id", "action", "target_project", name=op.f("uq_rbac_policies_object_id_action_target_project")
        ),
        sa.Index("ix_rbac_policies_target", "target_project", "object_type", "action", "object_id"),
    )
    for table in ("networks", "subnets"):
        op.add_column(table, sa.Column("everyone", sa.Boolean(), nullable=False, server_default=sa.false()))
        op.create_index(op.f(f"ix_{table}_everyone"), table, ["everyone"])
        rows = sa.table(table, sa.column("shared"), sa.column("external"), sa.column("everyone"))
        public = sa.or_(rows.c.shared == sa.true(), rows.c.external == sa.true())
        op.execute(rows.update().where(public).values(everyone=sa.true()))
    op.add_column("ports", sa.Column("network_project_id", Name, nullable=False, server_default=""))
    op.create_index(op.f("ix_ports_network_project_id"), "ports", ["network_project_id"])
    _fill(policies)


def _fill(policies: sa.Table) -> None:
    """The policies and owners of what there is already."""
    conn = op.get_bind()
    flags = [sa.column(name, sa.Boolean()) for name in ("shared", "external")]
    networks = sa.table("networks", sa.column("id", Id), sa.column("project_id", Name), *flags)
    rows = [
        {
            "id": str(uuid.uuid4()),
            "project_id": network.project_id,
            "object_type": "network",
            "object_id": network.id,
            "action": action,
            "target_project": "*",
        }
        for network in conn.execute(sa.select(networks).where(sa.or_(*(flag.is_(True) for flag in flags))))
        for action, wanted in (("access_as_shared", network.shared), ("access_as_external", network.external))
        if wanted
    ]
    if rows:
        conn.execute(policies.insert(), rows)
    columns = [sa.column(name, kind) for name, kind in (("network_id", Id), ("project_id", Name))]
    ports = sa.table("ports", *columns, sa.column("network_project_id", Name))
    owner = sa.select(networks.c.project_id).where(networks.c.id == ports.c.network_id).scalar_subquery()
    conn.execute(ports.update().where(ports.c.project_id != owner).values(network_project_id=owner))


def downgrade() -> None:
    with op.batch_alter_table("ports") as batch:
        batch.drop_index(op.f("ix_ports_network_project_id"))
        batch.drop_column("network_project_id")
    for table in ("networks", "subnets"):
        with op.batch_alter_table(table) as batch:
            batch.drop_index(op.f(f"ix_{table}_everyone"))
            batch.drop_column("everyone")
    op.drop_table("rbac_policies")
