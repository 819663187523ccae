"""Where DHCP was switched off by hand."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint, Table

from svcfabric.db.base import Host, Id, metadata

# A host that an operator took a network's DHCP off: it stays off, whatever is bound there.
dhcp_exclusions = Table(
    "dhcp_exclusions",
    metadata,
    Column("network_id", Id, ForeignKey("networks.id", ondelete="CASCADE"), nullable=False),
    Column("host", Host, nullable=False, index=True),
    PrimaryKeyConstraint("network_id", "host"),
)
