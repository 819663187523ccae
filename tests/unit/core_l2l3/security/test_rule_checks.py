"""What rules may say, and which of them are the same."""

import pytest

from svcfabric import errors
from svcfabric.core_l2l3.security import protocols, rule_checks
from svcfabric.core_l2l3.security.placing import member_id

ANY = {
    "direction": "ingress",
    "ethertype": "IPv4",
    "protocol": None,
    "port_range_min": None,
    "port_range_max": None,
    "remote_ip_prefix": None,
    "remote_group_id": None,
    "remote_address_group_id": None,
}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, None),
        ("any", None),
        (6, "6"),
        ("006", "6"),
        ("TCP", "tcp"),
        ("255", "255"),
        (0, "0"),
        ("icmpv6", "icmpv6"),
    ],
)
def test_protocols(given, stored):
    assert rule_checks.to_protocol(given) == stored


@pytest.mark.parametrize("given", ["tcpp", 256, -1, True, 1.5, "", "²", ["tcp"], "99999999999"])
def test_what_is_no_protocol(given):
    with pytest.raises(errors.InvalidInput) as refused:
        rule_checks.to_protocol(given)
    assert refused.value.neutron_type == "SecurityGroupRuleInvalidProtocol"


@pytest.mark.parametrize(("given", "stored"), [(None, None), (0, 0), ("80", 80), (65535, 65535)])
def test_ports(given, stored):
    assert rule_checks.to_port(given) == stored


@pytest.mark.parametrize("given", [-1, 65536, "x", True, 1.5, "", "٣", [1], "000080"])
def test_what_is_no_port(given):
    with pytest.raises(errors.InvalidInput, match="Invalid value for port"):
        rule_checks.to_port(given)


@pytest.mark.parametrize(
    ("given", "stored", "cleared"),
    [
        ("10.0.0.34/24", "10.0.0.34/24", "10.0.0.0/24"),
        ("10.0.0.1", "10.0.0.1/32", "10.0.0.1/32"),
        ("FD00::1/64", "fd00::1/64", "fd00::/64"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_prefixes(given, stored, cleared):
    assert rule_checks.to_prefix(given) == stored
    assert rule_checks.normalized(stored) == cleared


@pytest.mark.parametrize("given", ["256", "10.0.0.0/33", "fe80::1%eth0", 10, ["10.0.0.0/8"], "10.0.0.1 "])
def test_what_is_no_prefix(given):
    with pytest.raises(errors.BadRequest) as refused:
        rule_checks.to_prefix(given)
    assert refused.value.neutron_type == "InvalidCIDR"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"protocol": "tcp"}, {"protocol": "6"}),
        ({"protocol": "ip"}, {"protocol": "0"}),
        ({"remote_ip_prefix": None}, {"remote_ip_prefix": "0.0.0.0/0"}),
        ({"protocol": "ipv6-icmp"}, {"protocol": "58"}),
    ],
)
def test_rules_that_are_the_same(one, other):
    assert rule_checks.digest(ANY | one) == rule_checks.digest(ANY | other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"protocol": "hopopt"}, {"protocol": "0"}),
        ({"protocol": None}, {"protocol": "0"}),
        ({"direction": "egress"}, {}),
        ({"ethertype": "IPv6"}, {}),
        ({"port_range_min": 0}, {}),
        ({"remote_group_id": "a"}, {"remote_address_group_id": "a"}),
        ({"remote_ip_prefix": "10.0.0.1/24"}, {"remote_ip_prefix": "10.0.0.0/24"}),
    ],
)
def test_rules_that_differ(one, other):
    assert rule_checks.digest(ANY | one) != rule_checks.digest(ANY | other)


@pytest.mark.parametrize(
    ("protocol", "matched"), [(None, ""), ("ip", ""), ("0", ""), ("hopopt", "0"), ("tcp", "6"), ("77", "77")]
)
def test_what_packets_are_compared_with(protocol, matched):
    assert protocols.matched(protocol) == matched


def test_a_port_and_its_membership_lead_to_each_other():
    port = "00000000-1111-4222-8333-444444444444"
    assert member_id(port) != port
    assert member_id(member_id(port)) == port
    assert len(member_id(port)) == 36
