"""What security groups, their rules and address groups say."""

from __future__ import annotations

import ipaddress
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import REQUIRED, Attribute, Check, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.core_l2l3.security import rule_checks

DEFAULT = "default"  # the name of a project's own group
_NAME = checks.string(255)


def _to_name(value: Any) -> str:
    name: str = _NAME.convert(value)
    if name.lower() == DEFAULT:
        raise errors.InUse(
            "Default security group already exists: no other can have its name.",
            neutron_type="SecurityGroupDefaultAlreadyExists",
        )
    return name


NAME = Check(convert=_to_name, schema=_NAME.schema, parse=_NAME.parse)


def _text(convert: Any, schema: dict[str, Any]) -> Check:
    """A value of a rule. Filters take what is stored, and find nothing by what could not be."""

    def parse(text: str) -> Any:
        try:
            return convert(text)
        except errors.BadRequest:
            return checks.string().parse(text) if schema["type"] == ["string", "null"] else -1  # type: ignore[misc]

    return Check(convert=convert, schema=schema, parse=parse)


_PROTOCOL = _text(rule_checks.to_protocol, {"type": ["string", "null"]})
_ETHERTYPE = Check(
    convert=rule_checks.to_ethertype, schema={"type": "string", "enum": ["IPv4", "IPv6"]}, parse=checks.string().parse
)
_PORT = _text(rule_checks.to_port, {"type": ["integer", "null"], "minimum": 0, "maximum": 65535})
_PREFIX = _text(rule_checks.to_prefix, {"type": ["string", "null"]})
_ID = checks.nullable(checks.string(36))

SHARED = Attribute(name="shared", check=checks.boolean(), sortable=False, doc="Whether other projects may use it.")

GROUP = (
    *(attribute for attribute in standard_attributes(Dialect.NEUTRON, name=False)),
    Attribute(name="name", check=NAME, default="", post=True, put=True, sortable=True, doc="Name for people."),
    Attribute(
        name="stateful",
        check=checks.boolean(),
        default=True,
        post=True,
        put=True,
        extension="stateful-security-group",
        doc="Whether replies to what a rule lets through pass, too.",
    ),
    SHARED,
    Attribute(
        name="security_group_rules",
        check=checks.list_of(checks.json_object()),
        filterable=False,
        doc="Its rules, oldest first.",
    ),
)


def _fixed(name: str, check: Check, doc: str, **more: Any) -> Attribute:
    """An attribute that a create sets for good."""
    more.setdefault("sortable", True)
    return Attribute(name=name, check=check, post=True, doc=doc, **more)


_MATCH = (
    _fixed("direction", checks.enum(("ingress", "egress")), "ingress: to the port; egress: from it.", default=REQUIRED),
    _fixed("ethertype", _ETHERTYPE, "IPv4 or IPv6.", default="IPv4"),
    _fixed("protocol", _PROTOCOL, "IP protocol by name or number; null for any.", default=None),
    _fixed("port_range_min", _PORT, "First destination port, or ICMP type.", default=None),
    _fixed("port_range_max", _PORT, "Last destination port, or ICMP code.", default=None),
    _fixed("remote_ip_prefix", _PREFIX, "The other side, by address or CIDR.", default=None),
    _fixed(
        "remote_address_group_id",
        _ID,
        "The other side, by a list of CIDRs.",
        default=None,
        extension="security-groups-remote-address-group",
    ),
)

RULE = (
    *standard_attributes(Dialect.NEUTRON, name=False, tags=False),
    _fixed("security_group_id", checks.string(36), "The group it is a rule of.", default=REQUIRED),
    *_MATCH,
    _fixed("remote_group_id", _ID, "The other side, by the security group it is in.", default=None),
    Attribute(
        name="normalized_cidr",
        check=checks.nullable(checks.string()),
        sortable=True,
        extension="security-groups-normalized-cidr",
        doc="remote_ip_prefix with its host bits cleared.",
    ),
    Attribute(
        name="belongs_to_default_sg",
        check=checks.boolean(),
        extension="security-groups-rules-belongs-to-default-sg",
        doc="Whether its group is a project's default group.",
    ),
    Attribute(
        name="security_group_project_id",
        check=checks.string(),
        visible=False,
        filterable=False,
        doc="Whose group it is a rule of, when another made it: who may delete it, too.",
    ),
)

DEFAULT_RULE = (
    *standard_attributes(Dialect.NEUTRON, name=False, project=False, tags=False),
    *_MATCH,
    _fixed("remote_group_id", _ID, "A security group, or PARENT for the one it becomes a rule of.", default=None),
    _fixed(
        "used_in_default_sg",
        checks.boolean(),
        "Whether projects' default groups begin with it.",
        default=REQUIRED,
        sortable=False,
    ),
    _fixed(
        "used_in_non_default_sg",
        checks.boolean(),
        "Whether other groups begin with it.",
        default=REQUIRED,
        sortable=False,
    ),
)


def _to_cidr(value: Any) -> str:
    """A prefix with its length, host bits cleared."""
    found: str = checks.cidr().convert(value)
    return found


def to_network(value: Any) -> str:
    """An address or a prefix, as a prefix: what may be named to be taken out of an address group."""
    try:
        if isinstance(value, str) and "%" not in value:
            return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        pass
    raise checks.Refused(f"'{checks.shown(value)}' is not a valid IP subnet")


ADDRESSES = checks.list_of(Check(convert=_to_cidr, schema={"type": "string", "format": "cidr"}))


def _to_addresses(value: Any) -> list[str]:
    return [] if value is None else list(dict.fromkeys(ADDRESSES.convert(value)))


ADDRESS_GROUP = (
    *standard_attributes(Dialect.NEUTRON, tags=False),
    Attribute(
        name="addresses",
        check=Check(convert=_to_addresses, schema={**ADDRESSES.schema, "type": ["array", "null"]}),
        default=list,
        post=True,
        filterable=False,
        doc="CIDRs.",
    ),
    SHARED,
)
