"""What policies and rule types say; the attribute that ports, networks and floating IPs get."""

from __future__ import annotations

from svcfabric.api import checks
from svcfabric.api.resource import Attribute, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.core_l2l3.qos.rule_kinds import KINDS, RuleKind

ID = Attribute(name="id", check=checks.uuid(), sortable=True, doc="Identity, made by the service.")

POLICY = (
    *standard_attributes(Dialect.NEUTRON),
    Attribute(
        name="shared",
        check=checks.boolean(),
        default=False,
        post=True,
        put=True,
        admin_write=True,
        doc="Whether every project may use it.",
    ),
    Attribute(
        name="is_default",
        check=checks.boolean(),
        default=False,
        post=True,
        put=True,
        extension="qos-default",
        doc="Whether new networks of its project get it when they name none. A project has one default.",
    ),
    Attribute(name="rules", check=checks.list_of(checks.json_object()), filterable=False, doc="Its rules."),
)

RULE_TYPE = (
    Attribute(name="type", check=checks.enum(KINDS), doc="A type of rule that hosts here enforce."),
    Attribute(
        name="drivers",
        check=checks.list_of(checks.json_object()),
        filterable=False,
        extension="qos-rule-type-details",
        doc="The drivers that enforce it, and the values they take.",
    ),
    *(
        Attribute(name=name, check=checks.boolean(), visible=False, extension="qos-rule-type-filter", doc=doc)
        for name, doc in (
            ("all_supported", "List what at least one driver enforces (instead of what all do)."),
            ("all_rules", "List every type the API knows, enforced or not."),
        )
    ),
)


def attached(extension: str) -> Attribute:
    """``qos_policy_id`` of something a policy can be on."""
    return Attribute(
        name="qos_policy_id",
        check=checks.uuid(nullable=True),
        default=None,
        post=True,
        put=True,
        extension=extension,
        doc="The QoS policy on it; null for none.",
    )


def rule(kind: RuleKind) -> tuple[Attribute, ...]:
    """The attributes of a rule of that type."""
    return (ID, *kind.attributes)
