import pytest

from svcfabric import errors
from svcfabric.core_l2l3 import router_rules
from svcfabric.core_l2l3.topology import Subnet


def subnet(ident, cidr):
    return Subnet(
        id=ident,
        network_id="net",
        project_id="p",
        ip_version=4,
        cidr=cidr,
        gateway_ip=None,
        address_mode=None,
        pools=[],
    )


def test_a_router_is_on_no_two_overlapping_prefixes():
    attached = [subnet("a", "10.0.0.0/24")]
    router_rules.refuse_overlap([subnet("b", "10.0.1.0/24")], attached)
    for other, words in ((subnet("a", "10.0.0.0/24"), "already has a port"), (subnet("b", "10.0.0.0/16"), "overlaps")):
        with pytest.raises(errors.BadRequest, match=words):
            router_rules.refuse_overlap([other], attached)


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ({"destination": "10.9.0.0/16", "nexthop": "10.5.0.9"}, "not connected with router"),
        ({"destination": "10.9.0.0/16", "nexthop": "10.0.0.1"}, "used by router"),
        ({"destination": "2001:db8::/64", "nexthop": "10.0.0.9"}, "different families"),
    ],
)
def test_a_next_hop_is_on_a_prefix_of_the_router(route, words):
    with pytest.raises(errors.BadRequest) as refused:
        router_rules.check_routes([route], ["10.0.0.0/24"], ["10.0.0.1"])
    assert words in refused.value.message
    assert refused.value.neutron_type == "InvalidRoutes"


def test_routes_join_and_part_without_error():
    one, two = ({"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.9"} for n in (1, 2))
    assert router_rules.joined([one], [one, two]) == [one, two]
    assert router_rules.without([one], [two]) == [one]
    assert router_rules.without([one, two], [one]) == [two]


def test_routes_through_a_prefix():
    routes = [{"destination": "10.1.0.0/16", "nexthop": hop} for hop in ("10.0.0.9", "10.0.1.9")]
    assert router_rules.routes_through(routes, "10.0.1.0/24") == [routes[1]]
