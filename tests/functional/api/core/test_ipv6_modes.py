"""IPv6 subnets in every mode: which may be, and what addresses ports get."""

import itertools

import pytest
import sqlalchemy as sa

from svcfabric.core_l2l3 import pools
from svcfabric.core_l2l3.models import ip_allocations

MODES = ("slaac", "dhcpv6-stateless", "dhcpv6-stateful", None)
COMBINATIONS = list(itertools.product(MODES, MODES))
PREFIX = "2001:db8:7::/64"


def modes(ra, address):
    given = {"ipv6_ra_mode": ra, "ipv6_address_mode": address}
    return {name: mode for name, mode in given.items() if mode}


def addresses(port):
    return [one["ip_address"] for one in port["fixed_ips"]]


def test_every_combination(tenant):
    for number, (ra, address) in enumerate(COMBINATIONS):
        network = tenant.network()
        given = {"network_id": network["id"], "ip_version": 6, "cidr": f"2001:db8:{number}::/64", **modes(ra, address)}
        if ra and address and ra != address:
            kind, message = tenant.refused(400, "POST", "/subnets", {"subnet": given})
            assert (kind, "ipv6_ra_mode" in message) == ("InvalidInput", True)
            continue
        subnet = tenant.ask("POST", "/subnets", {"subnet": given}, 201)["subnet"]
        assert (subnet["ipv6_ra_mode"], subnet["ipv6_address_mode"]) == (ra, address)
        port = tenant.port(network)
        made = pools.eui64(subnet["cidr"], port["mac_address"])
        automatic = {ra, address} & {"slaac", "dhcpv6-stateless"}
        assert (addresses(port) == [made]) == bool(automatic)
        assert len(port["fixed_ips"]) == 1


@pytest.mark.parametrize("mode", ["slaac", "dhcpv6-stateless"])
def test_automatic_addresses_need_64_bits_and_dhcp(tenant, mode):
    network = tenant.network()
    body = {"network_id": network["id"], "ip_version": 6, "cidr": "2001:db8::/65", **modes(mode, mode)}
    assert tenant.refused(400, "POST", "/subnets", {"subnet": body})[0] == "InvalidInput"
    off = body | {"cidr": PREFIX, "enable_dhcp": False}
    assert tenant.refused(400, "POST", "/subnets", {"subnet": off})[0] == "InvalidInput"
    subnet = tenant.ask("POST", "/subnets", {"subnet": body | {"cidr": PREFIX}}, 201)["subnet"]
    path = f"/subnets/{subnet['id']}"
    assert tenant.refused(400, "PUT", path, {"subnet": {"enable_dhcp": False}})[0] == "InvalidInput"


def test_modes_of_ipv4_are_refused(tenant):
    body = {"network_id": tenant.network()["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"}
    assert tenant.refused(400, "POST", "/subnets", {"subnet": body})[0] == "InvalidInput"


@pytest.mark.parametrize(("ra", "address"), [("slaac", "slaac"), (None, "slaac"), ("dhcpv6-stateless", None)])
def test_ports_there_already_get_addresses_of_a_new_automatic_subnet(tenant, world, private, ra, address):
    ports = [tenant.port(private) for _ in range(3)]
    router = tenant.make("router")
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    subnet = tenant.subnet(private, PREFIX, **modes(ra, address))
    for port in ports:
        now = tenant.show("port", port["id"])
        assert addresses(now) == [*addresses(port), pools.eui64(PREFIX, port["mac_address"])]
        assert now["revision_number"] == port["revision_number"] + 1
    (leg,) = tenant.list("port", "device_owner=network:router_interface")
    assert len(leg["fixed_ips"]) == 1
    tenant.delete(f"/subnets/{subnet['id']}")
    assert [addresses(tenant.show("port", port["id"])) for port in ports] == [addresses(port) for port in ports]
    left = world.rows(sa.select(ip_allocations.c.address).where(ip_allocations.c.subnet_id == subnet["id"]))
    assert left == []


def test_an_automatic_subnet_for_a_kind_of_port_leaves_others_alone(tenant, private):
    other, one = tenant.port(private), tenant.port(private, device_owner="compute:nova")
    tenant.subnet(private, PREFIX, service_types=["compute:nova"], **modes("slaac", "slaac"))
    assert len(tenant.show("port", other["id"])["fixed_ips"]) == 1
    assert len(tenant.show("port", one["id"])["fixed_ips"]) == 2


def test_a_new_mac_makes_a_new_automatic_address(admin):
    network = admin.network()
    admin.subnet(network, "10.0.0.0/24")
    admin.subnet(network, PREFIX, **modes("slaac", "slaac"))
    port = admin.port(network)
    mac = "fa:16:3e:aa:bb:cc"
    moved = admin.change("port", port["id"], mac_address=mac)
    assert addresses(moved)[0] == addresses(port)[0]
    assert addresses(moved)[1:] == [pools.eui64(PREFIX, mac)]
    again = admin.change("port", port["id"], mac_address=port["mac_address"], fixed_ips=moved["fixed_ips"])
    assert set(addresses(again)) == set(addresses(port))


def test_an_automatic_address_cannot_be_chosen(tenant):
    network = tenant.network()
    subnet = tenant.subnet(network, PREFIX, **modes("slaac", "slaac"))
    fixed = [{"subnet_id": subnet["id"], "ip_address": "2001:db8:7::5"}]
    body = {"port": {"network_id": network["id"], "fixed_ips": fixed}}
    assert tenant.refused(400, "POST", "/ports", body)[0] == "AllocationOnAutoAddressSubnet"


def test_a_subnet_another_router_advertises_gets_none_of_ours(tenant):
    network = tenant.network()
    subnet = tenant.subnet(network, PREFIX, **modes(None, "slaac"))
    router = tenant.make("router")
    answer = tenant.attach(router, 400, subnet_id=subnet["id"])
    assert "external router" in answer["NeutronError"]["message"]
    second = tenant.subnet(network, "2001:db8:8::/64", **modes("slaac", "slaac"))
    tenant.attach(router, subnet_id=second["id"])
