"""Rules as nft statements: by shape, without overlaps, none per rule."""

import ipaddress
import itertools
import random

import pytest

from svcfabric.drivers.linux.security import shapes
from svcfabric.spi.security import SecurityGroupSpec, SecurityRule


def rule(**more):
    return SecurityRule(**{"direction": "ingress", "version": 4, **more})


def compiled(*rules, direction="ingress"):
    return shapes.statements(rules, direction)


def test_no_rules_let_nothing_through():
    assert compiled() == []
    assert compiled(rule(direction="egress")) == []


def test_any_rule_makes_the_narrower_ones_of_its_kind_needless():
    assert compiled(rule(), rule(protocol="6", first=80, last=80)) == ["meta nfproto ipv4 accept"]
    both = compiled(rule(protocol="6"), rule(protocol="6", first=80, last=80))
    assert both == ["meta nfproto ipv4 meta l4proto { 6 } accept"]


def test_ports_of_all_protocols_are_one_set():
    found = compiled(
        rule(protocol="6", first=80, last=80), rule(protocol="17", first=53, last=53), rule(protocol="6", first=81)
    )
    assert found == ["meta nfproto ipv4 meta l4proto . th dport { 6 . 80-81, 17 . 53 } accept"]


def test_overlapping_ranges_become_one():
    found = compiled(rule(protocol="6", first=10, last=20), rule(protocol="6", first=15, last=30))
    assert found == ["meta nfproto ipv4 meta l4proto . th dport { 6 . 10-30 } accept"]


def test_icmp_by_type_and_code():
    found = compiled(rule(protocol="1", first=8), rule(protocol="1", first=3, last=4))
    assert found == ["meta nfproto ipv4 icmp type . icmp code { 3 . 4, 8 . 0-255 } accept"]


def test_icmp_in_ipv6_is_icmpv6_by_both_numbers():
    assert compiled(rule(version=6, protocol="1")) == compiled(rule(version=6, protocol="58"))
    assert compiled(rule(version=6, protocol="58", first=128)) == [
        "meta nfproto ipv6 icmpv6 type . icmpv6 code { 128 . 0-255 } accept"
    ]


def test_the_whole_of_a_version_is_anybody():
    assert compiled(rule(cidr="0.0.0.0/0", protocol="6")) == compiled(rule(protocol="6"))
    assert compiled(rule(version=6, cidr="::/0")) == ["meta nfproto ipv6 accept"]


def test_the_other_side_is_the_source_on_the_way_in_and_the_destination_on_the_way_out():
    assert compiled(rule(cidr="10.1.2.3/32")) == ["ip saddr { 10.1.2.3 } accept"]
    out = rule(direction="egress", version=6, cidr="fd00::/8")
    assert compiled(out, direction="egress") == ["ip6 daddr { fd00::/8 } accept"]


def test_cidrs_within_one_another_are_in_sets_of_their_own():
    found = compiled(
        rule(cidr="10.0.0.0/8", protocol="6", first=80, last=90),
        rule(cidr="10.1.0.0/16", protocol="6", first=85, last=95),
        rule(cidr="10.2.0.0/16", protocol="6", first=22),
    )
    assert found == [
        "ip saddr . meta l4proto . th dport { 10.0.0.0/8 . 6 . 80-90 } accept",
        "ip saddr . meta l4proto . th dport { 10.1.0.0/16 . 6 . 85-95, 10.2.0.0/16 . 6 . 22 } accept",
    ]


def test_host_bits_are_ignored():
    assert compiled(rule(cidr="10.1.2.3/8")) == ["ip saddr { 10.0.0.0/8 } accept"]


def test_members_and_address_lists_are_named_sets():
    assert compiled(rule(group="g", protocol="6")) == [
        "ip saddr @m4_g meta l4proto { 6 } accept",
        "ip saddr @n4_g meta l4proto { 6 } accept",
    ]
    assert compiled(rule(version=6, address_group="a")) == ["ip6 saddr @a6_a accept"]


def test_a_thousand_rules_for_a_group_are_two_statements():
    rules = [rule(group="g", protocol="6", first=port) for port in range(1000, 3000, 2)]
    assert len(compiled(*rules)) == 2


def test_levels_never_hold_a_network_within_another():
    chosen = random.Random(7)
    networks = {
        ipaddress.ip_network((chosen.getrandbits(32), chosen.randrange(1, 33)), strict=False) for _ in range(300)
    }
    found = shapes.levels(networks)
    assert sorted(itertools.chain.from_iterable(found)) == sorted(networks)
    for level in found:
        assert not any(one.overlaps(other) for one, other in itertools.combinations(level, 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"direction": "sideways"},
        {"version": 5},
        {"cidr": "10.0.0.0/33"},
        {"cidr": "fd00::/8"},
        {"protocol": "6", "first": 80, "last": 70},
        {"protocol": "6", "first": 1, "last": 65536},
        {"protocol": "1", "first": 256},
        {"protocol": "47", "first": 1},
        {"first": 1},
        {"protocol": "tcp"},
        {"protocol": "256"},
        {"group": "a b; flush ruleset"},
        {"address_group": "{"},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        shapes.chains(SecurityGroupSpec(id="g", rules=(rule(**wrong),)))


def test_an_id_that_is_no_name_is_refused():
    with pytest.raises(ValueError):
        shapes.chains(SecurityGroupSpec(id="g; drop"))
