"""The table of sharing policies.

What a policy for everybody ("*") says is repeated on the shared object's row (``shared``, a network's ``external``
and ``everyone``), so that whoever reads such a row needs no second table. The same goes for a port's
``network_project_id``: the project that sees the port because the network is its.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint

from svcfabric.db.base import Ascii, Id, Name, metadata

rbac_policies = Table(
    "rbac_policies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project_id", Name, nullable=False, index=True),
    Column("object_type", Ascii, nullable=False),
    Column("object_id", Id, nullable=False),
    # access_as_shared or access_as_external.
    Column("action", Ascii, nullable=False),
    # A project's id, or * for every project.
    Column("target_project", Name, nullable=False),
    UniqueConstraint("object_id", "action", "target_project"),
    # Holds all that a list of shared things asks for.
    Index("ix_rbac_policies_target", "target_project", "object_type", "action", "object_id"),
)
