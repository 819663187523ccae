"""The native resources' attribute tables."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import Attribute, Check
from svcfabric.insertion import rules

_ID = checks.uuid()
_LIST = checks.list_of(checks.json_object())


def _shown(name: str, check: Check, doc: str, **more: Any) -> Attribute:
    return Attribute(name=name, check=check, doc=doc, sortable=more.get("filterable", True), **more)


INSERTION = (
    _shown("id", _ID, "Identity."),
    _shown("project_id", checks.string(255), "Owning project (also tenant_id)."),
    _shown("instance_id", _ID, "The service instance that is inserted."),
    _shown("attach_type", checks.enum(rules.ATTACH_TYPES), "What it is inserted at."),
    _shown("attach_id", _ID, "Which one."),
    _shown("mode", checks.enum(rules.MODES), "How it meets the traffic."),
    _shown("direction", checks.enum(rules.DIRECTIONS), "Which traffic, seen from the attach point."),
    _shown("position", checks.integer(0), "Order on the attach point, outside to inside."),
    _shown("failure_policy", checks.enum(rules.FAILURE_POLICIES), "What happens to traffic when it fails."),
    _shown("subnet_id", checks.uuid(nullable=True), "Where its address is from."),
    _shown("port_id", checks.uuid(nullable=True), "Its own port."),
    _shown("revision_number", checks.integer(0), "Grows with every change."),
    _shown("created_at", checks.nullable(checks.timestamp()), "When it was recorded, UTC."),
    _shown("updated_at", checks.nullable(checks.timestamp()), "When it was last changed, UTC."),
)

SERVICE_INSTANCE = (
    _shown("id", _ID, "Identity; the service's own resource has the same."),
    _shown("project_id", checks.string(255), "Owning project (also tenant_id)."),
    _shown("kind", checks.string(64), "Kind of service: loadbalancer, ..."),
    _shown("driver", checks.string(64), "What realises it."),
    _shown("generation", checks.integer(0), "Number of the newest change asked for."),
    _shown("changed_at", checks.nullable(checks.timestamp()), "When it was asked for, UTC."),
    _shown("provisioning_status", checks.string(32), "ACTIVE when every host has answered for that change."),
    _shown("observed", _LIST, "What each host has answered for; which host, for administrators.", filterable=False),
    _shown("attachments", _LIST, "Its insertions.", filterable=False),
)
