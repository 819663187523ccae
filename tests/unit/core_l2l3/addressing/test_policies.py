"""Policies of handing out addresses: what subnets may name, and in which order addresses come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcfabric import errors
from svcfabric.core_l2l3.addressing import policies
from svcfabric.spi.ipam import RANK_LENGTH


@pytest.mark.parametrize("name", ["random", "first_free", "least_recently_used"])
@pytest.mark.parametrize("total", [1, 2, 3, 61, 253, 1000])
def test_every_place_comes_once(name, total):
    place = policies.allocation()[name].place
    assert sorted(place(n, total, "subnet") for n in range(total)) == list(range(total))


def test_random_order_differs_from_subnet_to_subnet():
    orders = {tuple(policies.scattered(n, 1000, key) for n in range(20)) for key in ("a", "b", "c")}
    assert len(orders) == 3
    assert all(order != tuple(sorted(order)) for order in orders)


def test_random_order_of_a_prefix_of_64_bits():
    total = 2**64 - 2
    places = [policies.scattered(n, total, "subnet") for n in range(200)]
    assert len(set(places)) == 200
    assert all(0 <= place < total for place in places)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_first_free_ranks_by_address(one, other):
    rank = policies.allocation()["first_free"].rank
    assert (rank(one, None) < rank(other, 5.0)) == (one < other)


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_least_recently_used_ranks_by_time_and_new_ones_first(one, other):
    rank = policies.allocation()["least_recently_used"].rank
    assert rank(1, None) <= rank(2, one)
    if abs(one - other) > 1e-3:
        assert (rank(7, one) < rank(3, other)) == (one < other)


@pytest.mark.parametrize("name", policies.allocation())
def test_ranks_fit_their_column(name):
    rank = policies.allocation()[name].rank
    assert all(len(rank(2**128 - 1, released)) <= RANK_LENGTH for released in (None, 4e9))


def test_a_new_subnet_has_the_defaults_and_no_memory():
    columns = policies.wanted({})
    assert columns == {"allocation_policy": "random", "recycling_policy": "at_once", "recycling_delay": 0}
    assert not policies.remembers(columns)
    assert policies.remembers(policies.wanted({"allocation_policy": "first_free"}))
    assert policies.remembers(policies.wanted({"recycling_policy": "exhausted"}))


def test_delays():
    assert policies.wanted({"recycling_policy": "delay"})["recycling_delay"] == 3600
    assert policies.wanted({"recycling_policy": "delay", "recycling_delay": 5})["recycling_delay"] == 5
    stored = policies.wanted({"recycling_policy": "delay", "recycling_delay": 5})
    assert policies.wanted({"allocation_policy": "first_free"}, stored)["recycling_delay"] == 5
    assert policies.wanted({"recycling_policy": "dns"}, stored)["recycling_delay"] == 0
    assert policies.wanted({"recycling_policy": "at_once"}, stored)["recycling_delay"] == 0


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"allocation_policy": "best"}, "allocation_policy"),
        ({"recycling_policy": "never"}, "recycling_policy"),
        ({"recycling_delay": 5}, "recycling policy 'at_once' takes none"),
        ({"recycling_policy": "delay", "recycling_delay": 0}, "at least 1 seconds"),
    ],
)
def test_refusals_name_the_rule(body, says):
    with pytest.raises(errors.InvalidInput, match=says):
        policies.wanted(body)


class Point:
    """An entry point of another distribution."""

    def __init__(self, name, value):
        self.name, self._value = name, value

    def load(self):
        return self._value


def test_another_distribution_adds_a_policy():
    last = policies.AllocationPolicy(
        name="last_free", place=lambda n, total, _key: total - 1 - n, rank=lambda n, _t: ""
    )
    found = policies._installed("group", policies.BUILT_IN_ALLOCATION, policies.AllocationPolicy, [Point("last", last)])
    assert found["last_free"] is last
    assert "random" in found


@pytest.mark.parametrize("value", [policies.BUILT_IN_ALLOCATION[0], policies.BUILT_IN_RECYCLING[0], object()])
def test_a_policy_that_is_none_or_there_already_is_refused(value):
    with pytest.raises((TypeError, ValueError), match="entry point odd"):
        policies._installed("g", policies.BUILT_IN_ALLOCATION, policies.AllocationPolicy, [Point("odd", value)])
