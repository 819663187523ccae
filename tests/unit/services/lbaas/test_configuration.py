from __future__ import annotations

import pytest

from svcfabric import errors
from svcfabric.services.lbaas.service import limits
from svcfabric.services.lbaas.service.desk import Provider, parse_providers


def test_providers_and_other_names_for_them():
    found = parse_providers(["haproxy:In a namespace", "noop : Nothing", "amphora:haproxy", "octavia:amphora", "acme"])
    assert found == {
        "haproxy": Provider("haproxy", "haproxy", "In a namespace"),
        "noop": Provider("noop", "noop", "Nothing"),
        "amphora": Provider("amphora", "haproxy", "In a namespace"),
        "octavia": Provider("octavia", "haproxy", "In a namespace"),
        "acme": Provider("acme", "acme", ""),
    }


def test_an_alias_of_a_driver_that_is_not_offered_by_its_own_name():
    assert parse_providers(["amphora:noop"]) == {"amphora": Provider("amphora", "noop", "")}


@pytest.mark.parametrize("entries", [[":x"], ["a:b", "b:a"]])
def test_a_bad_list_of_providers_is_refused(entries):
    with pytest.raises(ValueError, match="enabled_providers"):
        parse_providers(entries)


def test_limits_by_either_spelling():
    assert limits.parse({"quota": {"load_balancer": 3, "healthmonitor": -1, "pool": None}}) == {
        "loadbalancer": 3,
        "healthmonitor": -1,
        "pool": None,
    }


@pytest.mark.parametrize(
    "body, words",
    [
        (None, "quota"),
        ([], "quota"),
        ({"quota": []}, "quota"),
        ({"quota": {"router": 1}}, "router"),
        ({"quota": {"pool": "x"}}, "pool"),
        ({"quota": {"pool": -2}}, "pool.*-1"),
        ({"quota": {"pool": True}}, "pool"),
        ({"quota": {"loadbalancer": 1, "load_balancer": 2}}, "load_balancer"),
    ],
)
def test_bad_limits(body, words):
    with pytest.raises(errors.BadRequest, match=words):
        limits.parse(body)
