"""Which rules cannot stand together in one policy. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from svcfabric import errors
from svcfabric.core_l2l3.qos.rule_kinds import ANY, BANDWIDTH_LIMIT, MINIMUM_BANDWIDTH, MINIMUM_PACKET_RATE, Rule


def refuse_conflicts(policy_id: str, rules: Sequence[Rule], new: Rule) -> None:
    """Raise ``errors.Conflict`` when ``new`` contradicts one of ``rules`` (itself, by id, aside)."""
    for rule in rules:
        if rule["id"] == new["id"]:
            continue
        _refuse_crossed_bounds(policy_id, rule, new)
        _refuse_mixed_directions(policy_id, rule, new)
        if rule["type"] == new["type"] and rule.get("direction") == new.get("direction"):
            raise errors.Conflict(
                f"Rule {new['type']} conflicts with rule {rule['id']}, which policy {policy_id} has already.",
                neutron_type="QoSRulesConflict",
            )


def _refuse_crossed_bounds(policy_id: str, rule: Rule, new: Rule) -> None:
    """A guarantee above the limit of the same direction."""
    by_type = {rule["type"]: rule, new["type"]: new}
    if by_type.keys() != {BANDWIDTH_LIMIT, MINIMUM_BANDWIDTH} or rule["direction"] != new["direction"]:
        return
    if by_type[MINIMUM_BANDWIDTH]["min_kbps"] > by_type[BANDWIDTH_LIMIT]["max_kbps"]:
        value = "max_kbps" if new["type"] == BANDWIDTH_LIMIT else "min_kbps"
        existing = "min_kbps" if value == "max_kbps" else "max_kbps"
        raise _parameters(policy_id, rule, new[value], rule[existing])


def _refuse_mixed_directions(policy_id: str, rule: Rule, new: Rule) -> None:
    """A guaranteed packet rate for both directions together beside one for a single direction."""
    if rule["type"] == new["type"] == MINIMUM_PACKET_RATE and (rule["direction"] == ANY) != (new["direction"] == ANY):
        raise _parameters(policy_id, rule, new["direction"], rule["direction"])


def _parameters(policy_id: str, rule: Rule, value: object, existing: object) -> errors.Conflict:
    return errors.Conflict(
        f"Policy {policy_id} cannot have a rule with value {value}: "
        f"its rule of type {rule['type']} has value {existing}.",
        neutron_type="QoSRuleParameterConflict",
    )
