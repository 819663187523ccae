"""What ports may say of their filtering."""

import pytest

from svcfabric import errors
from svcfabric.core_l2l3.security import on_ports, port_schema

CHECKS = {attribute.name: attribute.check for attribute in port_schema.ATTRIBUTES}


def test_pairs_are_stored_in_canonical_form():
    given = [{"ip_address": "10.0.0.7/8", "mac_address": "00-25-64-E8-19-DD"}, {"ip_address": "FD00::0001"}]
    pairs = CHECKS["allowed_address_pairs"].convert(given)
    assert pairs == [{"ip_address": "10.0.0.0/8", "mac_address": "00:25:64:e8:19:dd"}, {"ip_address": "fd00::1"}]
    assert on_ports.with_mac(pairs, "fa:16:3e:00:00:01")[1]["mac_address"] == "fa:16:3e:00:00:01"


@pytest.mark.parametrize("given", [{}, "x", [5], [{}], [{"ip_address": 5}], [{"ip_address": "10.0.0.1", "x": 1}]])
def test_what_are_no_pairs(given):
    with pytest.raises((errors.BadRequest, ValueError)):
        CHECKS["allowed_address_pairs"].convert(given)


def test_groups_are_bounded():
    many = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(port_schema.MAX_GROUPS + 1)]
    assert CHECKS["security_groups"].convert(many[1:]) == many[1:]
    with pytest.raises(ValueError, match="at most"):
        CHECKS["security_groups"].convert(many)
