"""How security groups join the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svcfabric.api.resource import Action, ActionRequest, Attribute, Extension, Handler, Resource
from svcfabric.core_l2l3.core import Core, declare_quota
from svcfabric.core_l2l3.kinds import PlainKind
from svcfabric.core_l2l3.part import Part
from svcfabric.core_l2l3.security import placing, schemas, shareables, spec
from svcfabric.core_l2l3.security.address_groups import AddressGroups
from svcfabric.core_l2l3.security.default_rules import DefaultRules
from svcfabric.core_l2l3.security.defaults import DefaultGroups
from svcfabric.core_l2l3.security.groups import SecurityGroups
from svcfabric.core_l2l3.security.models import address_groups, security_group_rules, security_groups
from svcfabric.core_l2l3.security.rules import SecurityGroupRules

# (alias, name, what it adds)
_SERVED = (
    ("address-group", "Address group", "Named lists of CIDRs, for rules."),
    ("allowed-address-pairs", "Allowed Address Pairs", "Addresses a port may use beside its own."),
    ("port-security", "Port Security", "Filtering of a port switched off, and what a network's ports begin with."),
    ("port-security-groups-filtering", "Port filtering on security groups", "Ports by their security groups."),
    ("security-group", "security-group", "Who may talk to a port."),
    ("security-groups-default-rules", "Default rules for security groups", "What new groups begin with."),
    ("security-groups-normalized-cidr", "Normalized CIDR field for security group rules", "A rule's prefix, cleared."),
    (
        "security-groups-remote-address-group",
        "Remote address group id field for security group rules",
        "Rules that refer to address groups.",
    ),
    (
        "security-groups-rules-belongs-to-default-sg",
        "Security group rule belongs to the project's default security group",
        "Rules tell whether their group is the default one.",
    ),
    ("security-groups-shared-filtering", "Security group filtering on the shared field", "Groups by being shared."),
    ("stateful-security-group", "Stateful security group", "Groups without connection tracking."),
)


def part(core: Core, conf: Any) -> Part:
    """Security groups, their rules and templates, address groups."""
    declare_quota(core, conf, "security_group", 10, security_groups)
    declare_quota(core, conf, "security_group_rule", 100, security_group_rules)
    declare_quota(core, conf, "address_group", -1, address_groups)
    lists, defaults = AddressGroups(core), DefaultGroups()
    return Part(
        resources=(
            _resource("security_group", schemas.GROUP, SecurityGroups(core, defaults), "security-group"),
            _resource(
                "security_group_rule",
                schemas.RULE,
                SecurityGroupRules(core, defaults),
                "security-group",
                fixed=True,
                rules={"delete": "group_member"},
            ),
            _resource(
                "default_security_group_rule",
                schemas.DEFAULT_RULE,
                DefaultRules(core),
                "security-groups-default-rules",
                fixed=True,
                rules={"create": "admin", "delete": "admin", "get": "any"},
            ),
            _resource("address_group", schemas.ADDRESS_GROUP, lists, "address-group", tags=False, concealed=True),
        ),
        actions=tuple(_of_list(lists, name) for name in ("add_addresses", "remove_addresses")),
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _SERVED),
        kinds=(
            PlainKind(placing.GROUP, lambda conn, ids, _host: spec.load_groups(conn, ids), alike=True),
            PlainKind(placing.MEMBER, lambda conn, ids, _host: spec.load_members(conn, ids), alike=True),
            PlainKind(placing.ADDRESS_GROUP, lambda conn, ids, _host: spec.load_address_groups(conn, ids), alike=True),
        ),
        shareables=(shareables.GROUP, shareables.ADDRESS_GROUP),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )


def _resource(
    name: str, attributes: tuple[Attribute, ...], handler: Handler, extension: str, *, fixed: bool = False, **more: Any
) -> Resource:
    """``fixed``: neither changed nor labelled once it is made."""
    if fixed:
        more |= {"operations": frozenset({"create", "get", "list", "delete"}), "tags": False}
    return Resource(
        name=name,
        collection=f"{name}s",
        path=f"/{name.replace('_', '-')}s",
        attributes=attributes,
        handler=handler,
        extension=extension,
        **more,
    )


def _of_list(lists: AddressGroups, name: str) -> Action:
    def run(request: ActionRequest) -> Any:
        return (lists.add if name == "add_addresses" else lists.remove)(request)

    addresses = {"type": "array", "items": {"type": "string", "format": "cidr"}}
    return Action(
        method="PUT",
        path=f"/address-groups/{{id}}/{name}",
        run=run,
        rule=name,
        owner=lists,
        schema={"type": "object", "properties": {"addresses": addresses}, "required": ["addresses"]},
        doc=f"{'More' if name == 'add_addresses' else 'Fewer'} CIDRs in an address group.",
    )
