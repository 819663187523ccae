import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcfabric import errors
from svcfabric.core_l2l3 import pools


@pytest.mark.parametrize(
    ("cidr", "gateway", "expected"),
    [
        ("10.0.0.0/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),
        ("10.0.0.0/24", None, [("10.0.0.1", "10.0.0.254")]),
        ("10.0.0.0/24", "10.0.0.254", [("10.0.0.1", "10.0.0.253")]),
        ("10.0.0.0/24", "10.0.0.100", [("10.0.0.1", "10.0.0.99"), ("10.0.0.101", "10.0.0.254")]),
        ("10.0.0.0/24", "192.168.0.1", [("10.0.0.1", "10.0.0.254")]),
        ("10.0.0.0/30", "10.0.0.1", [("10.0.0.2", "10.0.0.2")]),
        ("10.0.0.0/31", "10.0.0.1", [("10.0.0.0", "10.0.0.0")]),
        ("10.0.0.4/32", None, [("10.0.0.4", "10.0.0.4")]),
        ("2001:db8::/64", "2001:db8::1", [("2001:db8::2", "2001:db8::ffff:ffff:ffff:ffff")]),
    ],
)
def test_default_pools_hold_every_usable_address_but_the_gateway(cidr, gateway, expected):
    version = 6 if ":" in cidr else 4
    found = pools.as_json(pools.default_pools(cidr, gateway), version)
    assert [(pool["start"], pool["end"]) for pool in found] == expected


@pytest.mark.parametrize(
    ("cidr", "first"), [("10.1.0.0/16", "10.1.0.1"), ("2001:db8::/64", "2001:db8::1"), ("10.0.0.4/32", None)]
)
def test_a_gateway_gets_the_first_address(cidr, first):
    assert pools.first_host(cidr) == first


@pytest.mark.parametrize(
    ("given_", "gateway", "error", "kind"),
    [
        ([("10.0.0.9", "10.0.0.2")], None, errors.BadRequest, "InvalidAllocationPool"),
        ([("2001::1", "2001::2")], None, errors.BadRequest, "InvalidAllocationPool"),
        ([("10.0.0.0", "10.0.0.9")], None, errors.BadRequest, "OutOfBoundsAllocationPool"),
        ([("10.0.0.9", "10.0.0.255")], None, errors.BadRequest, "OutOfBoundsAllocationPool"),
        ([("10.0.1.1", "10.0.1.9")], None, errors.BadRequest, "OutOfBoundsAllocationPool"),
        ([("10.0.0.2", "10.0.0.9"), ("10.0.0.9", "10.0.0.20")], None, errors.Conflict, "OverlappingAllocationPools"),
        ([("10.0.0.1", "10.0.0.9")], "10.0.0.1", errors.InUse, "GatewayConflictWithAllocationPools"),
    ],
)
def test_unsound_pools_are_refused(given_, gateway, error, kind):
    with pytest.raises(error) as refused:
        pools.checked_pools("10.0.0.0/24", [{"start": a, "end": b} for a, b in given_], gateway)
    assert refused.value.neutron_type == kind


def test_pools_survive_their_stored_form():
    ranges = pools.checked_pools("10.0.0.0/24", [{"start": "10.0.0.7", "end": "10.0.0.9"}], "10.0.0.1")
    assert pools.from_json(pools.as_json(ranges, 4)) == ranges
    assert pools.size(ranges) == 3


RANGES = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 20)), min_size=1, max_size=4).map(
    lambda raw: [(1000 * place + low, 1000 * place + low + more) for place, (low, more) in enumerate(raw)]
)


@given(RANGES, st.integers(1, 40), st.integers())
def test_a_sample_is_of_the_pools_and_without_repetition(ranges, count, seed):
    every = {at for low, high in ranges for at in range(low, high + 1)}
    found = pools.sample(ranges, count, random.Random(seed))
    assert len(found) == len(set(found)) == min(count, len(every))
    assert set(found) <= every


@given(RANGES, st.sets(st.integers(0, 3100)), st.integers(1, 40), st.integers())
def test_free_addresses_are_found_as_long_as_there_are_any(ranges, taken, count, seed):
    every = {at for low, high in ranges for at in range(low, high + 1)} - taken
    found = pools.free(ranges, taken, count, random.Random(seed))
    assert len(found) == len(set(found)) == min(count, len(every))
    assert set(found) <= every


def test_a_sample_of_a_huge_prefix_takes_no_time():
    ranges = pools.default_pools("2001:db8::/64", "2001:db8::1")
    assert len(pools.sample(ranges, 20, random.Random(1))) == 20


def test_eui64():
    assert pools.eui64("2001:db8::/64", "fa:16:3e:11:22:33") == "2001:db8::f816:3eff:fe11:2233"
    assert pools.eui64("fd00:1::/64", "00:00:00:00:00:01") == "fd00:1::200:ff:fe00:1"


def test_overlap():
    assert pools.overlapping("10.0.0.0/8", "10.1.0.0/16")
    assert not pools.overlapping("10.0.0.0/24", "10.0.1.0/24")
    assert not pools.overlapping("10.0.0.0/24", "2001:db8::/64")


@pytest.mark.parametrize(
    ("cidr", "address", "may"),
    [
        ("10.0.0.0/24", "10.0.0.5", True),
        ("10.0.0.0/24", "10.0.0.0", False),
        ("10.0.0.0/24", "10.0.0.255", False),
        ("10.0.0.0/24", "10.0.1.5", False),
        ("10.0.0.0/24", "2001:db8::5", False),
        ("2001:db8::/64", "2001:db8::", False),
        ("10.0.0.0/31", "10.0.0.0", True),
    ],
)
def test_addresses_a_host_may_have(cidr, address, may):
    assert pools.host_address(cidr, address) is may
