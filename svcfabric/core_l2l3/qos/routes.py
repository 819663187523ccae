"""What quality of service adds to the network API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svcfabric.api.resource import Extension, Resource
from svcfabric.core_l2l3.core import Core, declare_quota
from svcfabric.core_l2l3.part import Part
from svcfabric.core_l2l3.qos import schemas
from svcfabric.core_l2l3.qos.models import qos_policies
from svcfabric.core_l2l3.qos.policies import SHAREABLE, Policies
from svcfabric.core_l2l3.qos.rule_kinds import KINDS, RuleKind
from svcfabric.core_l2l3.qos.rule_types import RuleTypes
from svcfabric.core_l2l3.qos.rules import Rules, RulesByAlias

# Changing what limits others' traffic is a project's manager's, as clients expect.
MANAGED = {"create": "manager", "update": "manager", "delete": "manager"}

# (alias, name, what it adds)
_SERVED = (
    ("qos", "Quality of Service", "Policies with rules, on ports and networks."),
    ("qos-bw-limit-direction", "Direction for QoS bandwidth limit rule", "Limits of what is received, too."),
    ("qos-bw-minimum-ingress", "Ingress direction for QoS minimum bandwidth rule", "Guarantees of what is received."),
    ("qos-default", "QoS default policy", "The policy a project's new networks get."),
    ("qos-fip", "Floating IP QoS", "Policies on floating IPs."),
    ("qos-gateway-ip", "Router gateway IP QoS", "Policies on routers' gateways."),
    ("qos-port-network-policy", "QoS port network policy ID", "The policy a port has by its network."),
    ("qos-pps", "QoS Rule Type Packet per Second Extension", "Limits of packet rates."),
    ("qos-pps-minimum", "QoS minimum packet rate rule", "Guarantees of packet rates."),
    ("qos-pps-minimum-rule-alias", "QoS minimum packet rate rules alias", "Those rules without naming the policy."),
    ("qos-rule-type-details", "Details of QoS rule types", "The drivers that enforce a type of rule."),
    ("qos-rule-type-filter", "Allow to filter the list of QoS rule types", "All types, or those any driver enforces."),
    ("qos-rules-alias", "Quality of Service rules alias API", "Rules without naming their policy."),
)


def part(core: Core, conf: Any) -> Part:
    """Policies, rules, rule types."""
    declare_quota(core, conf, "qos_policy", -1, qos_policies)
    return Part(
        resources=(
            Resource(
                name="policy",
                collection="policies",
                path="/qos/policies",
                attributes=schemas.POLICY,
                handler=Policies(core),
                rules=MANAGED,
                tag_path="/policies",
                extension="qos",
            ),
            *(resource for kind in KINDS.values() for resource in _rules(core, kind)),
            Resource(
                name="rule_type",
                collection="rule_types",
                path="/qos/rule-types",
                attributes=schemas.RULE_TYPE,
                handler=RuleTypes(core.settings.driver),
                operations=frozenset({"get", "list"}),
                rules={"get": "any"},
                tags=False,
                default_sort=(("type", "asc"),),
                extension="qos",
            ),
        ),
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _SERVED),
        shareables=(SHAREABLE,),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )


def _rules(core: Core, kind: RuleKind) -> tuple[Resource, Resource]:
    """A policy's rules of one type, and the same without the policy in the path."""
    rules, name = Rules(core, kind), f"{kind.type}_rule"
    below = Resource(
        name=name,
        collection=f"{name}s",
        path=f"/qos/policies/{{parent_id}}/{name}s",
        attributes=schemas.rule(kind),
        handler=rules,
        rule_name=f"policy_{name}",
        rules=MANAGED,
        tags=False,
        extension=kind.extension,
    )
    alias = Resource(
        name=f"alias_{name}",
        collection=f"alias_{name}s",
        path=f"/qos/alias-{kind.type.replace('_', '-')}-rules",
        attributes=schemas.rule(kind),
        handler=RulesByAlias(rules),
        operations=frozenset({"get", "update", "delete"}),
        rules=MANAGED,
        tags=False,
        extension=kind.alias_extension,
    )
    return below, alias
