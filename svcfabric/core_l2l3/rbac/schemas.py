"""What a sharing policy says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import REQUIRED, Attribute, Check


def _object_type(known: Sequence[str]) -> Check:
    def convert(value: Any) -> str:
        text = str(checks.string(64).convert(value)).strip().lower()
        if text not in known:
            raise checks.Refused(f"'{checks.shown(value)}' is not a valid RBAC object type, one of {list(known)}")
        return text

    return Check(convert=convert, schema={"type": "string", "enum": list(known)})


def attributes(object_types: Sequence[str]) -> tuple[Attribute, ...]:
    """The table of attributes, given the types of objects that can be shared."""
    return (
        Attribute(name="id", check=checks.uuid(), sortable=True, doc="Identity, made by the service."),
        Attribute(
            name="project_id", check=checks.string(255), post=True, sortable=True, doc="Who made it (also tenant_id)."
        ),
        Attribute(
            name="object_type",
            check=_object_type(sorted(object_types)),
            default=REQUIRED,
            post=True,
            sortable=True,
            doc="What kind of object is shared.",
        ),
        Attribute(
            name="object_id", check=checks.uuid(), default=REQUIRED, post=True, sortable=True, doc="The shared object."
        ),
        Attribute(
            name="target_tenant",
            check=checks.string(255, 1),
            default=REQUIRED,
            post=True,
            put=True,
            sortable=True,
            doc="The project that may use the object; * for every project, which only an administrator may say.",
        ),
        Attribute(
            name="action",
            check=checks.string(64, 1),
            default=REQUIRED,
            post=True,
            sortable=True,
            doc="access_as_shared, or, for networks, access_as_external: as a gateway and for floating IPs.",
        ),
    )
