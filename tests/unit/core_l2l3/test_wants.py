"""What addresses a port should get, before any is looked for."""

import pytest

from svcfabric import errors
from svcfabric.core_l2l3.core import ROUTER_INTERFACE
from svcfabric.core_l2l3.ipam import wanted
from svcfabric.core_l2l3.topology import Network, Subnet
from svcfabric.spi.l2l3 import Segment

MAC = "fa:16:3e:11:22:33"
EUI = "2001:db8:1:0:f816:3eff:fe11:2233"


def subnet(ident, cidr, mode=None, **given):
    return Subnet(
        id=ident,
        network_id="net",
        project_id="p",
        ip_version=6 if ":" in cidr else 4,
        cidr=cidr,
        gateway_ip=None,
        address_mode=mode,
        pools=[],
        **given,
    )


A4, B4 = subnet("a4", "10.0.0.0/24"), subnet("b4", "10.0.1.0/24")
A6 = subnet("a6", "2001:db8::/64", "dhcpv6-stateful")
AUTO = subnet("auto", "2001:db8:1::/64", "slaac")


def network(*subnets):
    return Network(
        id="net",
        project_id="p",
        shared=False,
        external=False,
        admin_state_up=True,
        segment=Segment(network_id="net", type="vxlan", vni=1),
        subnets=subnets,
    )


def plan(net, fixed_ips=None, owner=""):
    found = wanted(net, fixed_ips, mac=MAC, device_owner=owner)
    return [([s.id for s in want.subnets], want.address) for want in found]


def test_unasked_one_of_each_family_and_what_follows_from_the_mac():
    assert plan(network(A4, B4, A6, AUTO)) == [(["a4", "b4"], None), (["a6"], None), (["auto"], EUI)]


def test_a_network_without_subnets_gives_nothing():
    assert plan(network()) == []


def test_asking_for_none_still_gets_what_follows_from_the_mac():
    assert plan(network(A4, AUTO), []) == [(["auto"], EUI)]


def test_a_subnet_an_address_or_both():
    net = network(A4, B4)
    assert plan(net, [{"subnet_id": "b4"}]) == [(["b4"], None)]
    assert plan(net, [{"ip_address": "10.0.1.9"}]) == [(["b4"], "10.0.1.9")]
    assert plan(net, [{"subnet_id": "a4", "ip_address": "10.0.0.9"}]) == [(["a4"], "10.0.0.9")]


def test_an_automatic_subnet_named_is_not_given_twice():
    assert plan(network(AUTO), [{"subnet_id": "auto"}]) == [(["auto"], EUI)]


def test_a_router_interface_may_have_any_address_of_an_automatic_subnet():
    asked = [{"subnet_id": "auto", "ip_address": "2001:db8:1::1"}]
    assert plan(network(A4, AUTO), asked, ROUTER_INTERFACE) == [(["auto"], "2001:db8:1::1")]


@pytest.mark.parametrize(
    ("fixed_ips", "kind"),
    [
        ([{}], "InvalidInput"),
        ([{"subnet_id": "elsewhere"}], "InvalidInput"),
        ([{"subnet_id": "a4", "ip_address": "10.0.1.9"}], "InvalidIpForSubnet"),
        ([{"subnet_id": "a4", "ip_address": "10.0.0.255"}], "InvalidIpForSubnet"),
        ([{"ip_address": "10.9.9.9"}], "InvalidIpForNetwork"),
        ([{"subnet_id": "auto", "ip_address": "2001:db8:1::5"}], "AllocationOnAutoAddressSubnet"),
        ([{"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.9"}], "InvalidInput"),
        ([{"subnet_id": "a4"}] * 6, "InvalidInput"),
    ],
)
def test_what_cannot_be_had_is_refused(fixed_ips, kind):
    with pytest.raises(errors.BadRequest) as refused:
        plan(network(A4, B4, AUTO), fixed_ips)
    assert refused.value.neutron_type == kind


def test_advertised_as_automatic_is_automatic():
    advertised = subnet("ra", "2001:db8:2::/64", ra_mode="slaac")
    assert plan(network(advertised)) == [(["ra"], "2001:db8:2:0:f816:3eff:fe11:2233")]


def typed(ident, cidr, *types, **given):
    return subnet(ident, cidr, service_types=types, **given)


FIPS = typed("fips", "192.0.2.0/24", "network:floatingip")
GATES = typed("gates", "198.51.100.0/24", "network:router_gateway", "network:floatingip")


def test_subnets_for_a_kind_of_port_come_first_and_others_get_none_of_them():
    net = network(A4, FIPS, GATES)
    assert plan(net, owner="network:floatingip") == [(["fips", "gates", "a4"], None)]
    assert plan(net, owner="network:router_gateway") == [(["gates", "a4"], None)]
    assert plan(net, owner="compute:nova") == [(["a4"], None)]
    with pytest.raises(errors.InvalidInput, match="invalid subnet fips"):
        plan(net, [{"subnet_id": "fips"}], owner="compute:nova")


def test_no_subnet_for_that_kind_is_a_conflict():
    with pytest.raises(errors.Conflict, match="No valid service subnet"):
        plan(network(FIPS), owner="compute:nova")
    assert plan(network(), owner="compute:nova") == []


def test_dhcp_is_on_every_subnet_that_has_it():
    assert plan(network(FIPS), owner="network:dhcp") == [(["fips"], None)]
    off = typed("off", "203.0.113.0/24", "network:floatingip", enable_dhcp=False)
    with pytest.raises(errors.Conflict):
        plan(network(off), owner="network:dhcp")
