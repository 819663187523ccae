"""Tables of policies and their rules.

A policy's rules are read with it, so they are a JSON column on its row, which whoever changes them locks.
``qos_rules`` finds the policy of a rule by the rule's id alone.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Table, UniqueConstraint

from svcfabric.db.base import Ascii, Id, Json, Name, metadata, resource_columns

qos_policies = Table(
    "qos_policies",
    metadata,
    *(column for column in resource_columns() if column.name != "admin_state_up"),
    Column("shared", Boolean, nullable=False, default=False, index=True),
    # The project whose default it is (its own), null for no default: a project has one.
    Column("default_of", Name, nullable=True),
    # [{"id", "qos_policy_id", "type", and what the type has}, ...], as clients see them.
    Column("rules", Json, nullable=False, default=list),
    UniqueConstraint("default_of"),
)

qos_rules = Table(
    "qos_rules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("qos_policy_id", Id, ForeignKey("qos_policies.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("type", Ascii, nullable=False),
)
