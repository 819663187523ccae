import pytest

from tests.core_world import Caller


def test_a_subnet_as_clients_know_it(tenant):
    network = tenant.network()
    made = tenant.subnet(
        network,
        "10.0.0.0/24",
        name="s",
        dns_nameservers=["8.8.8.8", "9.9.9.9"],
        host_routes=[{"destination": "10.9.0.0/16", "nexthop": "10.0.0.7"}],
    )
    assert made["gateway_ip"] == "10.0.0.1"
    assert made["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert made["dns_nameservers"] == ["8.8.8.8", "9.9.9.9"]
    assert made["host_routes"] == [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.7"}]
    assert (made["ip_version"], made["enable_dhcp"]) == (4, True)
    assert (made["ipv6_address_mode"], made["ipv6_ra_mode"]) == (None, None)
    assert made["router:external"] is False
    assert "shared" not in made
    assert tenant.show("subnet", made["id"]) == made
    assert tenant.list("subnet") == [made]
    assert tenant.show("network", network["id"])["subnets"] == [made["id"]]


def test_prefixes_of_a_network_do_not_overlap(tenant):
    network, other = tenant.network(), tenant.network()
    tenant.subnet(network, "10.0.0.0/24")
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.128/25"}}
    kind, message = tenant.refused(400, "POST", "/subnets", body)
    assert kind == "InvalidInput"
    assert "overlaps with another subnet" in message
    tenant.subnet(other, "10.0.0.0/24")
    tenant.subnet(network, "10.0.1.0/24")


def test_bulk_over_several_networks_is_all_or_none(tenant):
    nets = [tenant.network(), tenant.network()]

    def wanted(*cidrs):
        return {
            "subnets": [
                {"network_id": net["id"], "ip_version": 4, "cidr": cidr} for net, cidr in zip(nets, cidrs, strict=False)
            ]
        }

    made = tenant.ask("POST", "/subnets", wanted("10.0.0.0/24", "10.0.0.0/24"), 201)["subnets"]
    assert [one["network_id"] for one in made] == [net["id"] for net in nets]
    tenant.ask("POST", "/subnets", wanted("10.0.1.0/24", "10.0.0.0/25"), 400)
    assert len(tenant.list("subnet")) == 2
    assert [tenant.show("network", net["id"])["subnets"] for net in nets] == [[one["id"]] for one in made]


def test_updates(tenant, private):
    ident = private["subnet"]["id"]
    changed = tenant.change(
        "subnet",
        ident,
        name="n",
        dns_nameservers=["8.8.4.4"],
        host_routes=[{"destination": "10.20.0.0/32", "nexthop": "10.100.1.2"}],
        enable_dhcp=False,
        gateway_ip="10.0.0.9",
        allocation_pools=[{"start": "10.0.0.20", "end": "10.0.0.30"}],
    )
    assert changed["gateway_ip"] == "10.0.0.9"
    assert tenant.show("subnet", ident) == changed
    assert tenant.change("subnet", ident, gateway_ip=None)["gateway_ip"] is None
    assert tenant.change("subnet", ident, dns_nameservers=None)["dns_nameservers"] == []
    tenant.refused(400, "PUT", f"/subnets/{ident}", {"subnet": {"cidr": "10.0.0.0/25"}})


def test_new_pools_are_what_addresses_come_from(tenant, private):
    tenant.change("subnet", private["subnet"]["id"], allocation_pools=[{"start": "10.0.0.40", "end": "10.0.0.40"}])
    assert tenant.port(private)["fixed_ips"][0]["ip_address"] == "10.0.0.40"


@pytest.mark.parametrize(
    ("values", "kind", "status"),
    [
        ({"gateway_ip": "10.0.0.50"}, "GatewayConflictWithAllocationPools", 409),
        ({"gateway_ip": "2001:db8::1"}, "InvalidInput", 400),
        ({"gateway_ip": "10.0.0.0"}, "InvalidInput", 400),
        ({"allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.9"}]}, "GatewayConflictWithAllocationPools", 409),
        ({"allocation_pools": [{"start": "10.0.1.1", "end": "10.0.1.9"}]}, "OutOfBoundsAllocationPool", 400),
        ({"dns_nameservers": ["2001:db8::1"]}, "InvalidInput", 400),
    ],
)
def test_unsound_updates_are_refused_and_change_nothing(tenant, private, values, kind, status):
    path = f"/subnets/{private['subnet']['id']}"
    assert tenant.refused(status, "PUT", path, {"subnet": values})[0] == kind
    assert tenant.get(path)["subnet"] == private["subnet"]


def test_a_subnet_with_addresses_handed_out_stays(tenant, private):
    port = tenant.port(private)
    path = f"/subnets/{private['subnet']['id']}"
    assert tenant.refused(409, "DELETE", path)[0] == "SubnetInUse"
    tenant.delete(f"/ports/{port['id']}")
    tenant.delete(path)
    assert tenant.show("network", private["id"])["subnets"] == []


def test_automatic_addresses_come_and_go_with_their_subnet(tenant, private):
    port = tenant.port(private)
    auto = tenant.subnet(private, "2001:db8::/64", ipv6_address_mode="slaac", ipv6_ra_mode="slaac")
    addresses = {ip["subnet_id"]: ip["ip_address"] for ip in tenant.show("port", port["id"])["fixed_ips"]}
    digits = port["mac_address"].replace(":", "")
    expected = f"2001:db8::{int(digits[:4], 16) ^ 0x200:x}:{int(digits[4:6], 16):x}ff:fe{digits[6:8]}:{digits[8:]}"
    assert addresses[auto["id"]].replace(":0", ":") == expected.replace(":0", ":")
    tenant.delete(f"/subnets/{auto['id']}")
    assert tenant.show("port", port["id"])["fixed_ips"] == port["fixed_ips"]


def test_only_the_owner_adds_to_a_shared_network(admin, stranger):
    shared = admin.network(shared=True)
    body = {"subnet": {"network_id": shared["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}}
    assert stranger.refused(403, "POST", "/subnets", body)[0] == "PolicyNotAuthorized"


def test_nobody_adds_to_a_network_he_cannot_see(private, stranger):
    body = {"subnet": {"network_id": private["id"], "ip_version": 4, "cidr": "10.5.0.0/24"}}
    assert stranger.refused(404, "POST", "/subnets", body)[0] == "NetworkNotFound"


def test_subnets_tell_whether_they_lead_outside(public, tenant: Caller):
    assert tenant.show("subnet", public["subnet"]["id"])["router:external"] is True
    assert tenant.list("subnet", "router:external=true")[0]["id"] == public["subnet"]["id"]


def test_the_same_addresses_in_two_projects(tenant, stranger):
    for caller in (tenant, stranger):
        network = caller.network()
        subnet = caller.subnet(network, "10.0.0.0/24")
        port = caller.port(network, fixed_ips=[{"subnet_id": subnet["id"], "ip_address": "10.0.0.5"}])
        assert port["fixed_ips"][0]["ip_address"] == "10.0.0.5"
