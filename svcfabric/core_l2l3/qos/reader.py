"""How policies come out of the database."""

from __future__ import annotations

import sqlalchemy as sa

from svcfabric.core_l2l3.qos.models import qos_policies
from svcfabric.core_l2l3.rbac import access
from svcfabric.core_l2l3.reader import Reader

OBJECT_TYPE = "qos_policy"

_IS_DEFAULT = sa.type_coerce(qos_policies.c.default_of.is_not(None), sa.Boolean())

POLICIES = Reader(
    "QosPolicy",
    qos_policies,
    {
        "id": qos_policies.c.id,
        "project_id": qos_policies.c.project_id,
        "name": qos_policies.c.name,
        "description": qos_policies.c.description,
        "shared": access.shared(OBJECT_TYPE, qos_policies),
        "is_default": _IS_DEFAULT,
        "rules": qos_policies.c.rules,
        **{name: qos_policies.c[name] for name in ("created_at", "updated_at", "revision_number", "tags")},
    },
    stored={"shared": qos_policies.c.shared},
    visible=access.visible(OBJECT_TYPE, qos_policies),
)
