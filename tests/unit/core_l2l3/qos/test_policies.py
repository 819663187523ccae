"""Policies without a database: what their rules come to, and which cannot stand together."""

import pytest

from svcfabric import errors
from svcfabric.core_l2l3.qos.conflicts import refuse_conflicts
from svcfabric.core_l2l3.qos.rule_kinds import KINDS, unenforced
from svcfabric.core_l2l3.qos.spec import limits
from svcfabric.spi.l2l3 import Qos


def rule(kind, ident="r1", **said):
    return {"id": ident, "type": kind, **said}


def test_limits():
    rules = [
        rule("bandwidth_limit", direction="egress", max_kbps=5, max_burst_kbps=6),
        rule("bandwidth_limit", direction="ingress", max_kbps=7, max_burst_kbps=0),
        rule("packet_rate_limit", direction="ingress", max_kpps=8, max_burst_kpps=9),
        rule("dscp_marking", dscp_mark=0),
        rule("minimum_bandwidth", direction="egress", min_kbps=1),
    ]
    assert limits(rules) == Qos(
        egress_kbps=5, egress_burst_kb=6, ingress_kbps=7, ingress_kpps=8, ingress_burst_kpps=9, dscp=0
    )


def test_no_limits():
    assert limits(None) == limits([]) == Qos()
    assert limits([rule("bandwidth_limit", direction="egress", max_kbps=0, max_burst_kbps=6)]) == Qos()


def test_what_is_not_enforced():
    assert unenforced([rule("dscp_marking"), rule("minimum_packet_rate")]) == ["minimum_packet_rate"]
    assert [name for name, kind in KINDS.items() if not kind.enforced] == ["minimum_bandwidth", "minimum_packet_rate"]


LIMIT = rule("bandwidth_limit", direction="egress", max_kbps=10)


@pytest.mark.parametrize(
    "new",
    [
        rule("bandwidth_limit", "r2", direction="egress", max_kbps=99),
        rule("minimum_bandwidth", "r2", direction="egress", min_kbps=11),
    ],
)
def test_conflicts(new):
    with pytest.raises(errors.Conflict):
        refuse_conflicts("p", [LIMIT], new)
    with pytest.raises(errors.Conflict):
        refuse_conflicts("p", [new], LIMIT)


@pytest.mark.parametrize(
    "new",
    [
        LIMIT,
        rule("bandwidth_limit", "r2", direction="ingress", max_kbps=99),
        rule("minimum_bandwidth", "r2", direction="egress", min_kbps=10),
        rule("minimum_bandwidth", "r2", direction="ingress", min_kbps=11),
        rule("dscp_marking", "r2", dscp_mark=8),
    ],
)
def test_no_conflicts(new):
    refuse_conflicts("p", [LIMIT], new)
