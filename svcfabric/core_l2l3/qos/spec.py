"""From policies to what hosts are told: the policy in force for a port, a policy's limits as one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.core_l2l3.core import ROUTER_GATEWAY
from svcfabric.core_l2l3.models import networks, ports
from svcfabric.core_l2l3.qos.rule_kinds import BANDWIDTH_LIMIT, DSCP_MARKING, PACKET_RATE_LIMIT, Rule
from svcfabric.spi.l2l3 import Qos

# Owners of ports that are the cloud's own: a network's policy is not for them, a router's gateway aside.
_INTERNAL = ("network:", "neutron:")
NONE = Qos()


def limits(rules: Sequence[Rule] | None) -> Qos:
    """What a policy's rules say; None for no policy. Guarantees are no limits and left out."""
    if not rules:
        return NONE
    values: dict[str, Any] = {}
    for rule in rules:
        if rule["type"] == BANDWIDTH_LIMIT and rule["max_kbps"]:
            values[f"{rule['direction']}_kbps"] = rule["max_kbps"]
            values[f"{rule['direction']}_burst_kb"] = rule["max_burst_kbps"]
        elif rule["type"] == PACKET_RATE_LIMIT and rule["max_kpps"]:
            values[f"{rule['direction']}_kpps"] = rule["max_kpps"]
            values[f"{rule['direction']}_burst_kpps"] = rule["max_burst_kpps"]
        elif rule["type"] == DSCP_MARKING:
            values["dscp"] = rule["dscp_mark"]
    return Qos(**values)


def inherits() -> sa.ColumnElement[bool]:
    """Whether a port has its network's policy when it has none of its own."""
    internal = sa.or_(*(ports.c.device_owner.startswith(prefix) for prefix in _INTERNAL))
    return sa.or_(ports.c.device_owner == ROUTER_GATEWAY, sa.not_(internal))


def policy_in_force() -> sa.ColumnElement[Any]:
    """The id of the policy in force for a port, where ``networks`` is joined: its own, else its network's."""
    return sa.func.coalesce(ports.c.qos_policy_id, sa.case((inherits(), networks.c.qos_policy_id)))
