"""The core: networks, subnets, ports, routers, floating IPs

Revision: core_l2l3_0001
"""

import sqlalchemy as sa
from alembic import op

from svcfabric.db.base import Ascii, Host, Id, Json, Name, Time

revision = "core_l2l3_0001"
down_revision = None
branch_labels = ("core_l2l3",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "networks",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False, index=True),
        sa.Column("external", sa.Boolean(), nullable=False, index=True),
        sa.Column("network_type", Ascii, nullable=False),
        sa.Column("physical_network", Ascii, nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.Column("mtu", sa.Integer(), nullable=False),
        sa.Column("subnet_ids", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("network_type", "physical_network", "segmentation_id"),
    )
    op.create_table(
        "routers",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("gw_port_id", Id, nullable=True),
        sa.Column("gw_network_id", Id, sa.ForeignKey("networks.id"), nullable=True, index=True),
        sa.Column("enable_snat", sa.Boolean(), nullable=False),
        sa.Column("routes", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "subnets",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("network_id", Id, sa.ForeignKey("networks.id"), nullable=False, index=True),
        sa.Column("shared", sa.Boolean(), nullable=False, index=True),
        sa.Column("external", sa.Boolean(), nullable=False, index=True),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("cidr", Ascii, nullable=False),
        sa.Column("gateway_ip", Ascii, nullable=True),
        sa.Column("enable_dhcp", sa.Boolean(), nullable=False),
        sa.Column("ipv6_address_mode", Ascii, nullable=True),
        sa.Column("ipv6_ra_mode", Ascii, nullable=True),
        sa.Column("allocation_pools", Json(), nullable=False),
        sa.Column("dns_nameservers", Json(), nullable=False),
        sa.Column("host_routes", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "ports",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("name", Name, nullable=False),
        sa.Column("description", Name, nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("network_id", Id, sa.ForeignKey("networks.id"), nullable=False),
        sa.Column("mac_address", Ascii, nullable=False, index=True),
        sa.Column("fixed_ips", Json(), nullable=False),
        sa.Column("device_id", Name, nullable=False, index=True),
        sa.Column("device_owner", Name, nullable=False),
        sa.Column("router_id", Id, sa.ForeignKey("routers.id"), nullable=True, index=True),
        sa.Column("host", Host, nullable=False),
        sa.Column("leg", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("vnic_type", Ascii, nullable=False),
        sa.Column("profile", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("network_id", "mac_address"),
        sa.Index("ix_ports_network_id_host", "network_id", "host"),
    )
    op.create_table(
        "floatingips",
        sa.Column("id", Id, nullable=False),
        sa.Column("project_id", Name, nullable=False, index=True),
        sa.Column("description", Name, nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("floating_network_id", Id, sa.ForeignKey("networks.id"), nullable=False, index=True),
        sa.Column("floating_ip_address", Ascii, nullable=False, index=True),
        sa.Column("floating_port_id", Id, sa.ForeignKey("ports.id"), nullable=False, unique=True),
        sa.Column("port_id", Id, sa.ForeignKey("ports.id"), nullable=True),
        sa.Column("fixed_ip_address", Ascii, nullable=True),
        sa.Column("router_id", Id, sa.ForeignKey("routers.id"), nullable=True, index=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("port_id", "fixed_ip_address", "floating_network_id"),
    )
    op.create_table(
        "ip_allocations",
        sa.Column("subnet_id", Id, sa.ForeignKey("subnets.id"), nullable=False),
        sa.Column("address", Ascii, nullable=False),
        sa.Column("port_id", Id, sa.ForeignKey("ports.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.PrimaryKeyConstraint("subnet_id", "address"),
    )


def downgrade() -> None:
    op.drop_table("ip_allocations")
    op.drop_table("floatingips")
    op.drop_table("ports")
    op.drop_table("subnets")
    op.drop_table("routers")
    op.drop_table("networks")
