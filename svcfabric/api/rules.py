"""Policy rules that follow from the declarations: their names in each dialect, and their defaults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from svcfabric.api.resource import Api, Dialect, Resource

# What a declaration may name as a default. The caller's roles are already expanded (admin > manager > member > reader).
_OWN = "project_id:%(project_id)s"
DEFAULTS = {
    "reader": f"rule:context_is_admin or (role:reader and {_OWN})",
    "member": f"rule:context_is_admin or (role:member and {_OWN})",
    # The owner's, or the owner's of the network it is on.
    "network_member": f"rule:context_is_admin or (role:member and ({_OWN} or project_id:%(network_project_id)s))",
    # The owner's, or the owner's of the security group it is a rule of.
    "group_member": f"rule:context_is_admin or (role:member and ({_OWN} or project_id:%(security_group_project_id)s))",
    "manager": f"rule:context_is_admin or (role:manager and {_OWN})",
    "admin": "rule:context_is_admin",
    "service": "rule:context_is_admin or role:service",
    "any": "@",
}
BASE = {
    "context_is_admin": "role:admin",
    "admin_only": "rule:context_is_admin",
    "owner": _OWN,
    "admin_or_owner": f"rule:context_is_admin or {_OWN}",
    "service_api": "role:service",
}
OPERATIONS = {"create": "member", "get": "reader", "list": "reader", "update": "member", "delete": "member"}

_OCTAVIA = {"create": "post", "get": "get_one", "list": "get_all", "update": "put", "delete": "delete"}
_NEUTRON = {"create": "create", "get": "get", "list": "get", "update": "update", "delete": "delete"}


def rule_of(dialect: Dialect, resource: Resource, operation: str) -> str:
    """The rule's name: ``create_network``, ``os_load-balancer_api:pool:post``, ``svcfabric:insertion:create``."""
    stem = resource.rule_name or resource.name
    if dialect is Dialect.OCTAVIA:
        return f"os_load-balancer_api:{stem}:{_OCTAVIA[operation]}"
    if dialect is Dialect.NATIVE:
        return f"svcfabric:{stem}:{operation}"
    return f"{_NEUTRON[operation]}_{stem}"


def tags_rule_of(resource: Resource, operation: str) -> str:
    """The rule of the tags below an item: ``update_network:tags``."""
    return f"{rule_of(Dialect.NEUTRON, resource, operation)}:tags"


def default_rules(apis: Sequence[Api]) -> dict[str, str]:
    """Every rule by name, as policy text. Raises ``ValueError`` for an unknown default."""
    rules = dict(BASE)
    for api in apis:
        for resource in api.resources:
            rules.update(_of_resource(api.dialect, resource))
        for action in api.actions:
            rules.setdefault(action.rule, _text(action.rule_default, action.rule))
    return rules


def _of_resource(dialect: Dialect, resource: Resource) -> Iterator[tuple[str, str]]:
    for operation, default in OPERATIONS.items():
        if operation not in resource.operations:
            continue
        if operation == "list":  # who may not read one may not read all
            default = resource.rules.get("get", default)
            if dialect is Dialect.NEUTRON and "get" in resource.operations:
                continue  # the same rule
        name = rule_of(dialect, resource, operation)
        yield name, _text(resource.rules.get(operation, default), name)
    for attribute in resource.attributes:
        if attribute.admin_write:
            for operation in ("create", "update"):
                yield f"{rule_of(dialect, resource, operation)}:{attribute.name}", DEFAULTS["admin"]
        if attribute.admin_read:
            yield f"{rule_of(dialect, resource, 'get')}:{attribute.name}", DEFAULTS["admin"]
    if dialect is Dialect.NEUTRON and resource.tags and "update" in resource.operations:
        read, write = resource.rules.get("get", "reader"), resource.rules.get("update", "member")
        for operation in ("get", "create", "update", "delete"):
            name = tags_rule_of(resource, operation)
            yield name, _text(read if operation == "get" else write, name)


def _text(default: str, name: str) -> str:
    if default not in DEFAULTS:
        raise ValueError(f"policy rule {name}: unknown default {default!r}, not one of {sorted(DEFAULTS)}")
    return DEFAULTS[default]
