"""Tables of port forwarding and conntrack helpers.

What is read with its floating IP or router is kept on that row once more (``core_l2l3.models``), so that a show
and a list stay one SELECT.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, UniqueConstraint

from svcfabric.db.base import Ascii, Id, Name, Time, metadata

# Ports ``external_first`` to ``external_last`` of the floating address lead to the internal ones, in order.
port_forwardings = Table(
    "port_forwardings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Name, nullable=False, index=True),
    Column("description", Name, nullable=False, default=""),
    Column("floatingip_id", Id, ForeignKey("floatingips.id"), nullable=False),
    Column("protocol", Ascii, nullable=False),
    Column("external_first", Integer, nullable=False),
    Column("external_last", Integer, nullable=False),
    Column("internal_port_id", Id, ForeignKey("ports.id"), nullable=False, index=True),
    Column("internal_ip_address", Ascii, nullable=False),
    Column("internal_first", Integer, nullable=False),
    Column("internal_last", Integer, nullable=False),
    Column("created_at", Time, nullable=False),
    UniqueConstraint("floatingip_id", "protocol", "external_first"),
)

conntrack_helpers = Table(
    "conntrack_helpers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Name, nullable=False, index=True),
    Column("router_id", Id, ForeignKey("routers.id", ondelete="CASCADE"), nullable=False),
    Column("protocol", Ascii, nullable=False),
    Column("port", Integer, nullable=False),
    Column("helper", Ascii, nullable=False),
    # A connection has one helper.
    UniqueConstraint("router_id", "protocol", "port"),
)
