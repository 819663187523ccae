"""Security groups, address groups, what ports say of their filtering

Revision: security_0001
"""

import hashlib
import uuid
from typing import Any

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Host, Id, Json, Name, Time, now

revision = "security_0001"
down_revision = None
branch_labels = ("security",)
depends_on = "core_l2l3_0002"

# direction, ethertype, from the group itself, in default groups, in others, what makes it the same rule
LEGACY = (
    ("egress", "IPv4", False, True, True, "egress|IPv4||||||"),
    ("egress", "IPv6", False, True, True, "egress|IPv6||||||"),
    ("ingress", "IPv4", True, True, False, "ingress|IPv4||||PARENT||"),
    ("ingress", "IPv6", True, True, False, "ingress|IPv6||||PARENT||"),
)


def _history() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
    )


def _match() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("direction", Ascii, nullable=False),
        sa.Column("ethertype", Ascii, nullable=False),
        sa.Column("protocol", Ascii, nullable=True),
        sa.Column("port_range_min", sa.Integer(), nullable=True),
        sa.Column("port_range_max", sa.Integer(), nullable=True),
        sa.Column("remote_ip_prefix", Ascii, nullable=True),
        sa.Column("digest", Ascii, nullable=False),
    )


def upgrade() -> None:
    op.create_table(
        "security_groups",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        *_history(),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("stateful", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("default_of", Name, nullable=True, unique=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "address_groups",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        *_history(),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("addresses", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "security_group_rules",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("description", Name, nullable=False),
        *_history(),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("security_group_id", Id, sa.ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=False),
        *_match(),
        sa.Column("normalized_cidr", Ascii, nullable=True),
        sa.Column("remote_group_id", Id, sa.ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=True),
        sa.Column("remote_address_group_id", Id, sa.ForeignKey("address_groups.id"), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("security_group_id", "digest"),
        sa.Index("ix_security_group_rules_remote_group_id", "remote_group_id", "security_group_id"),
        sa.Index("ix_security_group_rules_remote_address_group_id", "remote_address_group_id", "security_group_id"),
    )
    templates = op.create_table(
        "default_security_group_rules",
        sa.Column("id", Id, nullable=False),
        sa.Column("description", Name, nullable=False),
        *_history(),
        *_match(),
        sa.Column("remote_is_parent", sa.Boolean(), nullable=False),
        sa.Column("remote_group_id", Id, sa.ForeignKey("security_groups.id", ondelete="CASCADE"), nullable=True),
        sa.Column("remote_address_group_id", Id, sa.ForeignKey("address_groups.id"), nullable=True),
        sa.Column("used_in_default_sg", sa.Boolean(), nullable=False),
        sa.Column("used_in_non_default_sg", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "port_security_groups",
        sa.Column("security_group_id", Id, sa.ForeignKey("security_groups.id"), nullable=False),
        sa.Column("port_id", Id, sa.ForeignKey("ports.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("host", Host, nullable=False),
        sa.PrimaryKeyConstraint("security_group_id", "port_id"),
        sa.Index("ix_port_security_groups_security_group_id_host", "security_group_id", "host"),
    )
    # Ports that are here already stay unfiltered, as they were.
    op.add_column("ports", sa.Column("port_security_enabled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("ports", sa.Column("security_groups", Json(), nullable=False, server_default=sa.text("('[]')")))
    op.add_column("ports", sa.Column("allowed_address_pairs", Json(), nullable=False, server_default=sa.text("('[]')")))
    filtered: sa.Column[bool] = sa.Column(
        "port_security_enabled", sa.Boolean(), nullable=False, server_default=sa.true()
    )
    op.add_column("networks", filtered)
    op.bulk_insert(
        templates,
        [
            {
                "id": str(uuid.uuid4()),
                "description": f"Legacy default SG rule for {direction} traffic",
                "revision_number": 0,
                "created_at": now(),
                "direction": direction,
                "ethertype": ethertype,
                "digest": hashlib.sha256(same.encode()).hexdigest(),
                "remote_is_parent": parent,
                "used_in_default_sg": default,
                "used_in_non_default_sg": others,
            }
            for direction, ethertype, parent, default, others, same in LEGACY
        ],
    )


def downgrade() -> None:
    with op.batch_alter_table("networks") as batch:
        batch.drop_column("port_security_enabled")
    with op.batch_alter_table("ports") as batch:
        for name in ("allowed_address_pairs", "security_groups", "port_security_enabled"):
            batch.drop_column(name)
    for name in (
        "port_security_groups",
        "default_security_group_rules",
        "security_group_rules",
        "address_groups",
        "security_groups",
    ):
        op.drop_table(name)
