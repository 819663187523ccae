"""The types of rules there are: what each says, and which of them hosts can enforce. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import REQUIRED, Attribute, Check

Rule = Mapping[str, Any]

MAX = 2**31 - 1
DIRECTIONS = ("egress", "ingress")
ANY = "any"
DSCP_MARKS = (0, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 44, 46, 48, 56)

BANDWIDTH_LIMIT = "bandwidth_limit"
DSCP_MARKING = "dscp_marking"
PACKET_RATE_LIMIT = "packet_rate_limit"
MINIMUM_BANDWIDTH = "minimum_bandwidth"
MINIMUM_PACKET_RATE = "minimum_packet_rate"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RuleKind:
    """A type of rule. ``extension``: alias that introduces its collection, ``alias_extension`` that of the path
    without the policy. ``enforced``: whether hosts do what it says.
    """

    type: str
    attributes: tuple[Attribute, ...]
    extension: str = "qos"
    alias_extension: str = "qos-rules-alias"
    enforced: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """What a rule of this type says, by attribute."""
        return tuple(attribute.name for attribute in self.attributes)

    def parameters(self) -> list[dict[str, Any]]:
        """The attributes and their allowed values, as ``rule-types`` tells them."""
        return [_parameter(attribute.name, attribute.check.schema) for attribute in self.attributes]


def _number(name: str, doc: str, default: Any = REQUIRED) -> Attribute:
    return Attribute(
        name=name, check=checks.integer(0, MAX), default=default, post=True, put=True, sortable=True, doc=doc
    )


def _direction(*more: str) -> Attribute:
    return Attribute(
        name="direction",
        check=checks.enum((*DIRECTIONS, *more)),
        default="egress",
        post=True,
        put=True,
        sortable=True,
        doc="As its holder sees it: egress is what it sends.",
    )


def _mark(value: Any) -> int:
    mark: int = checks.integer().convert(value)
    if mark not in DSCP_MARKS:
        raise checks.Refused(f"'{mark}' is not in {list(DSCP_MARKS)}")
    return mark


_MARK = Check(convert=_mark, schema={"type": "integer", "enum": list(DSCP_MARKS)})

KINDS: Mapping[str, RuleKind] = {
    kind.type: kind
    for kind in (
        RuleKind(
            type=BANDWIDTH_LIMIT,
            attributes=(
                _number("max_kbps", "At most so much, kbit/s; 0 for no limit."),
                _number("max_burst_kbps", "So much at once, kbit; 0 for what the driver finds good.", 0),
                _direction(),
            ),
        ),
        RuleKind(
            type=DSCP_MARKING,
            attributes=(
                Attribute(
                    name="dscp_mark",
                    check=_MARK,
                    default=REQUIRED,
                    post=True,
                    put=True,
                    sortable=True,
                    doc="The mark of every packet sent.",
                ),
            ),
        ),
        RuleKind(
            type=PACKET_RATE_LIMIT,
            attributes=(
                _number("max_kpps", "At most so many, 1,000 packets/s; 0 for no limit."),
                _number("max_burst_kpps", "So many at once, 1,000 packets; 0 for what the driver finds good.", 0),
                _direction(),
            ),
            extension="qos-pps",
        ),
        RuleKind(
            type=MINIMUM_BANDWIDTH,
            attributes=(_number("min_kbps", "At least so much, kbit/s."), _direction()),
            enforced=False,
        ),
        RuleKind(
            type=MINIMUM_PACKET_RATE,
            attributes=(_number("min_kpps", "At least so many, 1,000 packets/s."), _direction(ANY)),
            extension="qos-pps-minimum",
            alias_extension="qos-pps-minimum-rule-alias",
            enforced=False,
        ),
    )
}


def unenforced(rules: Sequence[Rule]) -> list[str]:
    """The types among ``rules`` that no host enforces."""
    return sorted({rule["type"] for rule in rules if not KINDS[rule["type"]].enforced})


def _parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {"parameter_name": name, "parameter_type": "choices", "parameter_values": list(schema["enum"])}
    bounds = {"start": schema["minimum"], "end": schema["maximum"]}
    return {"parameter_name": name, "parameter_type": "range", "parameter_values": bounds}
