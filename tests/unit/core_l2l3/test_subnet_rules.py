import pytest

from svcfabric import errors
from svcfabric.core_l2l3 import subnet_rules
from svcfabric.core_l2l3.topology import Subnet

V4 = {"ip_version": 4, "cidr": "10.0.0.0/24"}
V6 = {"ip_version": 6, "cidr": "2001:db8::/64"}


def test_what_is_not_said_is_filled_in():
    made = subnet_rules.complete(V4)
    assert made["gateway_ip"] == "10.0.0.1"
    assert made["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert made["enable_dhcp"] is True
    assert (made["dns_nameservers"], made["host_routes"]) == ([], [])


def test_no_gateway_when_null_is_said():
    made = subnet_rules.complete({**V4, "gateway_ip": None})
    assert made["gateway_ip"] is None
    assert made["allocation_pools"] == [{"start": "10.0.0.1", "end": "10.0.0.254"}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**V4, "ip_version": 6}, "cidr '10.0.0.0/24' does not match the ip_version '6'"),
        ({**V4, "gateway_ip": "2001:db8::1"}, "gateway_ip '2001:db8::1' does not match"),
        ({**V4, "gateway_ip": "10.0.0.0"}, "Gateway is not valid on subnet"),
        ({**V4, "gateway_ip": "10.0.0.255"}, "Gateway is not valid on subnet"),
        ({**V6, "gateway_ip": "2001:db8::"}, "Gateway is not valid on subnet"),
        ({**V4, "cidr": "10.0.0.0/31"}, "incompatible with DHCP"),
        ({**V6, "cidr": "2001:db8::/127"}, "incompatible with DHCP"),
        ({**V4, "cidr": "224.0.0.0/24"}, "Multicast"),
        ({**V4, "cidr": "127.0.0.0/24"}, "Loopback"),
        ({**V4, "cidr": "0.0.0.0/8"}, "0.0.0.0"),
        ({**V4, "cidr": "0.0.0.0/0"}, "not supported"),
        ({**V6, "cidr": "::/64"}, "not supported"),
        ({**V4, "dns_nameservers": ["2001:db8::1"]}, "dns_nameserver '2001:db8::1' does not match"),
        ({**V4, "host_routes": [{"destination": "10.1.0.0/16", "nexthop": "2001:db8::1"}]}, "nexthop"),
        ({**V4, "host_routes": [{"destination": "2001::/64", "nexthop": "10.0.0.2"}]}, "destination"),
        ({**V4, "ipv6_ra_mode": "slaac"}, "ipv6_ra_mode is not valid when ip_version is 4"),
        ({**V4, "ipv6_address_mode": "slaac"}, "ipv6_address_mode is not valid when ip_version is 4"),
        ({**V6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"}, "must be the same value"),
        ({**V6, "ipv6_ra_mode": "slaac", "enable_dhcp": False}, "cannot be set when enable_dhcp is set to False"),
        ({**V6, "cidr": "2001:db8::/56", "ipv6_address_mode": "slaac"}, "/64"),
    ],
)
def test_an_unsound_subnet_is_refused_with_the_rule(body, words):
    with pytest.raises(errors.BadRequest) as refused:
        subnet_rules.complete(body)
    assert words in refused.value.message


@pytest.mark.parametrize("cidr", ["10.0.0.0/31", "10.0.0.4/32"])
def test_tiny_prefixes_do_without_dhcp(cidr):
    assert subnet_rules.complete({"ip_version": 4, "cidr": cidr, "enable_dhcp": False})["allocation_pools"]


def test_prefixes_of_a_network_do_not_overlap():
    other = Subnet(
        id="s",
        network_id="net",
        project_id="p",
        ip_version=4,
        cidr="10.0.0.0/16",
        gateway_ip=None,
        address_mode=None,
        pools=[],
    )
    subnet_rules.refuse_overlap("10.1.0.0/24", [other])
    with pytest.raises(errors.InvalidInput) as refused:
        subnet_rules.refuse_overlap("10.0.3.0/24", [other])
    assert "overlaps with another subnet" in refused.value.message


STORED = {**subnet_rules.complete(V4)}


def test_a_gateway_moves_out_of_the_pools_only():
    with pytest.raises(errors.InUse) as refused:
        subnet_rules.changed(STORED, {"gateway_ip": "10.0.0.7"})
    assert refused.value.neutron_type == "GatewayConflictWithAllocationPools"
    pools = [{"start": "10.0.0.20", "end": "10.0.0.30"}]
    changed = subnet_rules.changed(STORED, {"gateway_ip": "10.0.0.7", "allocation_pools": pools})
    assert changed == {"gateway_ip": "10.0.0.7", "allocation_pools": pools}


def test_new_pools_leave_the_gateway_out():
    with pytest.raises(errors.InUse):
        subnet_rules.changed(STORED, {"allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.9"}]})


def test_ipv6_modes_need_dhcp_as_long_as_they_last():
    stored = subnet_rules.complete({**V6, "ipv6_address_mode": "slaac"})
    with pytest.raises(errors.InvalidInput):
        subnet_rules.changed(stored, {"enable_dhcp": False})
