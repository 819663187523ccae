"""Prefix arithmetic of subnet pools, against a plain count of addresses."""

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcfabric.core_l2l3.addressing import prefixes

SMALL = st.integers(0, 255).flatmap(
    lambda at: st.integers(24, 32).map(lambda length: str(ipaddress.ip_network(f"10.0.0.{at}/{length}", strict=False)))
)
MANY = st.lists(SMALL, max_size=6)


def addresses(given_):
    return {int(address) for prefix in given_ for address in ipaddress.ip_network(prefix)}


@given(MANY)
def test_compacted_has_the_same_addresses_in_order(given_):
    found = prefixes.compacted(given_)
    assert addresses(found) == addresses(given_)
    assert found == [str(net) for net in ipaddress.collapse_addresses(map(ipaddress.IPv4Network, given_))]


@given(MANY, MANY)
def test_without_leaves_the_rest(mine, gone):
    assert addresses(prefixes.without(mine, gone)) == addresses(mine) - addresses(gone)


@given(MANY, MANY)
def test_within_and_overlapping(one, other):
    assert prefixes.within(one, other) == (addresses(one) <= addresses(other))
    assert prefixes.overlapping(one, other) == bool(addresses(one) & addresses(other))


@given(MANY, MANY, st.integers(24, 32))
def test_chosen_is_free_and_as_tight_as_can_be(mine, taken, length):
    found = prefixes.choose(mine, taken, length)
    free = addresses(mine) - addresses(taken)
    every = [str(net) for net in ipaddress.ip_network("10.0.0.0/24").subnets(new_prefix=length)]
    if found is None:
        assert not any(addresses([one]) <= free for one in every)
        return
    assert found in every
    assert addresses([found]) <= free
    blocks = [ipaddress.ip_network(block) for block in prefixes.without(mine, taken)]
    fitting = sorted((-b.prefixlen, b) for b in blocks if b.prefixlen <= length)
    assert ipaddress.ip_network(found).subnet_of(fitting[0][1])


def test_a_pool_hands_out_every_prefix_once():
    taken = []
    while found := prefixes.choose(["192.0.2.0/25", "192.0.2.128/25"], taken, 28):
        taken.append(found)
    assert len(taken) == 16
    assert not any(prefixes.overlapping([a], [b]) for a, b in itertools.combinations(taken, 2))


@pytest.mark.parametrize(
    ("cidr", "units"), [("10.0.0.0/24", 256), ("10.0.0.1/32", 1), ("2001:db8::/48", 65536), ("2001:db8::/96", 1)]
)
def test_quota_units(cidr, units):
    assert prefixes.units(cidr) == units


def test_ipv6_prefixes_are_as_exact():
    assert prefixes.choose(["2001:db8::/32"], ["2001:db8::/64"], 64) == "2001:db8:0:1::/64"
    assert prefixes.compacted(["2001:db8:1::/48", "2001:db8::/48"]) == ["2001:db8::/47"]
