import re

import pytest

NOBODY = "11111111-1111-1111-1111-111111111111"


def test_a_port_as_clients_know_it(tenant, private):
    made = tenant.port(private, name="p", device_id="vm", device_owner="compute:nova")
    assert made["status"] == "DOWN"
    assert made["admin_state_up"] is True
    assert re.fullmatch(r"fa:16:3e(:[0-9a-f]{2}){3}", made["mac_address"])
    (fixed,) = made["fixed_ips"]
    assert fixed["subnet_id"] == private["subnet"]["id"]
    assert fixed["ip_address"].startswith("10.0.0.")
    assert made["binding:vnic_type"] == "normal"
    assert {"binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details"}.isdisjoint(made)
    assert tenant.show("port", made["id"]) == made
    assert tenant.list("port") == [made]


def test_binding_is_the_administrators(tenant, admin, private):
    port = tenant.port(private)
    shown = admin.show("port", port["id"])
    assert (shown["binding:host_id"], shown["binding:vif_type"]) == ("", "unbound")
    tenant.refused(403, "PUT", f"/ports/{port['id']}", {"port": {"binding:host_id": "h1"}})
    profile = {"os_vif_delegation": True}
    bound = admin.change("port", port["id"], **{"binding:host_id": "h1", "binding:profile": profile})
    assert (bound["binding:host_id"], bound["binding:vif_type"]) == ("h1", "other")
    assert bound["binding:profile"] == profile
    assert bound["binding:vif_details"]["connectivity"] == "l2"
    assert bound["status"] == "BUILD"


def test_a_network_without_subnets_gives_ports_without_addresses(tenant):
    assert tenant.port(tenant.network())["fixed_ips"] == []


def test_an_address_of_each_family(tenant, private):
    v6 = tenant.subnet(private, "2001:db8::/64")
    fixed = tenant.port(private)["fixed_ips"]
    assert [ip["subnet_id"] for ip in fixed] == [private["subnet"]["id"], v6["id"]]


def test_addresses_asked_for(tenant, private):
    other = tenant.subnet(private, "10.0.1.0/24")
    made = tenant.port(private, fixed_ips=[{"subnet_id": other["id"]}, {"ip_address": "10.0.0.77"}])
    assert made["fixed_ips"][0]["subnet_id"] == other["id"]
    assert made["fixed_ips"][1]["ip_address"] == "10.0.0.77"
    assert tenant.port(private, fixed_ips=[])["fixed_ips"] == []


def test_an_address_outside_the_pools_may_be_asked_for(tenant):
    network = tenant.network()
    tenant.subnet(network, allocation_pools=[{"start": "10.0.0.20", "end": "10.0.0.30"}])
    assert tenant.port(network, fixed_ips=[{"ip_address": "10.0.0.99"}])["fixed_ips"][0]["ip_address"] == "10.0.0.99"


@pytest.mark.parametrize(
    ("fixed_ips", "status", "kind"),
    [
        ([{"ip_address": "10.0.0.5"}], 409, "IpAddressAlreadyAllocated"),
        ([{"ip_address": "10.9.9.9"}], 400, "InvalidIpForNetwork"),
        ([{"ip_address": "10.0.0.255"}], 400, "InvalidIpForNetwork"),
        ([{"subnet_id": NOBODY}], 400, "InvalidInput"),
        ([{}], 400, "InvalidInput"),
        ("10.0.0.5", 400, "HTTPBadRequest"),
        ([{"address": "10.0.0.5"}], 400, "HTTPBadRequest"),
    ],
)
def test_addresses_that_cannot_be_had(tenant, private, fixed_ips, status, kind):
    tenant.port(private, fixed_ips=[{"ip_address": "10.0.0.5"}])
    body = {"port": {"network_id": private["id"], "fixed_ips": fixed_ips}}
    assert tenant.refused(status, "POST", "/ports", body)[0] in (kind, "InvalidInput")
    assert len(tenant.list("port")) == 1


def test_a_full_network(tenant):
    network = tenant.network()
    tenant.subnet(network, "10.0.0.0/29")
    given = {tenant.port(network)["fixed_ips"][0]["ip_address"] for _ in range(5)}
    assert given == {f"10.0.0.{n}" for n in range(2, 7)}
    body = {"port": {"network_id": network["id"]}}
    assert tenant.refused(409, "POST", "/ports", body)[0] == "IpAddressGenerationFailure"
    tenant.subnet(network, "10.0.1.0/29")
    assert tenant.port(network)["fixed_ips"][0]["ip_address"].startswith("10.0.1.")


def test_every_address_of_a_pool_is_found_however_full_it_is(tenant, admin):
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"port": -1}}, 200)
    network = tenant.network()
    subnet = tenant.subnet(network, "10.0.0.0/23", gateway_ip=None)
    tenant.ask("POST", "/ports", {"ports": [{"network_id": network["id"]}] * 480}, 201)
    tenant.ask("POST", "/ports", {"ports": [{"network_id": network["id"]}] * 20}, 201)
    assert subnet["allocation_pools"] == [{"start": "10.0.0.1", "end": "10.0.1.254"}]
    for _ in range(10):
        tenant.port(network)
    ports = tenant.list("port", f"network_id={network['id']}")
    assert len({port["fixed_ips"][0]["ip_address"] for port in ports}) == 510
    tenant.refused(409, "POST", "/ports", {"port": {"network_id": network["id"]}})


def test_macs_are_of_one_port_a_network(tenant, private):
    mac = tenant.port(private)["mac_address"]
    body = {"port": {"network_id": private["id"], "mac_address": mac.upper()}}
    assert tenant.refused(409, "POST", "/ports", body)[0] == "MacAddressInUse"
    assert tenant.port(tenant.network(), mac_address=mac)["mac_address"] == mac
    twice = [{"network_id": private["id"], "mac_address": "02:00:00:00:00:09"}] * 2
    assert tenant.refused(409, "POST", "/ports", {"ports": twice})[0] == "MacAddressInUse"
    other = tenant.port(private)
    assert tenant.refused(409, "PUT", f"/ports/{other['id']}", {"port": {"mac_address": mac}})[0] == "MacAddressInUse"
    assert tenant.change("port", other["id"], mac_address="02:00:00:00:00:01")["mac_address"] == "02:00:00:00:00:01"


def test_updates(tenant, private):
    port = tenant.port(private)
    changed = tenant.change("port", port["id"], name="n", device_id="d", device_owner="compute:x", admin_state_up=False)
    assert (changed["name"], changed["device_id"], changed["admin_state_up"]) == ("n", "d", False)
    assert tenant.show("port", port["id"]) == changed


def test_new_addresses_keep_those_that_still_do(tenant, private):
    other = tenant.subnet(private, "10.0.1.0/24")
    first, second = {"subnet_id": private["subnet"]["id"]}, {"subnet_id": other["id"]}
    port = tenant.port(private, fixed_ips=[first, second])
    kept = tenant.change("port", port["id"], fixed_ips=[first])
    assert kept["fixed_ips"] == port["fixed_ips"][:1]
    both = tenant.change("port", port["id"], fixed_ips=[second, first])
    assert both["fixed_ips"][1] == port["fixed_ips"][0]
    assert tenant.change("port", port["id"], fixed_ips=[])["fixed_ips"] == []
    again = tenant.port(private, fixed_ips=port["fixed_ips"])
    assert again["fixed_ips"] == port["fixed_ips"]


def test_a_deleted_ports_address_is_free_again(tenant, private):
    port = tenant.port(private, fixed_ips=[{"ip_address": "10.0.0.5"}])
    tenant.delete(f"/ports/{port['id']}")
    tenant.refused(404, "GET", f"/ports/{port['id']}")
    tenant.port(private, fixed_ips=[{"ip_address": "10.0.0.5"}], mac_address=port["mac_address"])


def test_filters(tenant, private):
    one = tenant.port(private, name="one", fixed_ips=[{"ip_address": "10.0.0.17"}])
    two = tenant.port(private, name="two", fixed_ips=[{"ip_address": "10.0.0.170"}], device_id="vm")
    other = tenant.network()
    tenant.subnet(other, "10.1.0.0/24")
    three = tenant.port(other, name="three")

    def found(query):
        return {port["name"] for port in tenant.list("port", query)}

    assert found("fixed_ips=ip_address%3D10.0.0.17") == {"one"}
    assert found(f"fixed_ips=subnet_id%3D{private['subnet']['id']}") == {"one", "two"}
    both = f"fixed_ips=subnet_id%3D{private['subnet']['id']}&fixed_ips=ip_address%3D10.0.0.170"
    assert found(both) == {"two"}
    assert found("fixed_ips=ip_address%3D10.0.0.17&fixed_ips=ip_address%3D10.0.0.170") == {"one", "two"}
    assert found("fixed_ips=ip_address_substr%3D0.0.17") == {"one", "two"}
    assert found("fixed_ips=ip_address_substr%3D0.0.1_") == set()
    assert found(f"mac_address={one['mac_address'].upper()}") == {"one"}
    assert found(f"network_id={other['id']}&name=three") == {"three"}
    assert found("device_id=vm") == {"two"}
    assert found("device_id=") == {"one", "three"}
    assert found("status=DOWN") == {"one", "two", "three"}
    assert found(f"id={one['id']}&id={three['id']}") == {"one", "three"}
    assert found(f"id={NOBODY}") == set()
    assert tenant.list("port", "name=two&fields=id&fields=mac_address") == [
        {"id": two["id"], "mac_address": two["mac_address"]}
    ]
    tenant.refused(400, "GET", "/ports?nonsense=1")
    tenant.refused(400, "GET", "/ports?fixed_ips=10.0.0.17")


@pytest.mark.parametrize("name", ["id", "network_id", "mac_address", "fixed_ips", "device_id", "status", "name"])
def test_text_no_column_holds_finds_nothing(tenant, private, name):
    tenant.port(private)
    value = "ip_address_substr%3D" if name == "fixed_ips" else ""
    assert tenant.list("port", f"{name}={value}%C3%A9%E2%82%AC") == []
    tenant.refused(404, "GET", "/ports/%C3%A9")


def test_paging_and_sorting(tenant, private):
    for number in range(7):
        tenant.port(private, name=f"p{number % 3}")
    names, marker = [], ""
    for _ in range(4):
        page = tenant.list("port", f"limit=2&sort_key=name&sort_dir=desc{marker}")
        names += [port["name"] for port in page]
        marker = f"&marker={page[-1]['id']}" if page else marker
    assert names == ["p2", "p2", "p1", "p1", "p0", "p0", "p0"]
    every = [port["id"] for port in tenant.list("port")]
    assert every == sorted(every)
    back = tenant.list("port", f"limit=3&page_reverse=True&marker={every[5]}")
    assert [port["id"] for port in back] == every[2:5]
    tenant.refused(404, "GET", f"/ports?limit=2&marker={NOBODY}")


def test_bulk_is_all_or_none(tenant, private):
    other = tenant.network()
    bodies = [{"network_id": private["id"], "name": "a"}, {"network_id": other["id"], "admin_state_up": False}]
    made = tenant.ask("POST", "/ports", {"ports": bodies}, 201)["ports"]
    assert [port["network_id"] for port in made] == [private["id"], other["id"]]
    tenant.ask("POST", "/ports", {"ports": [*bodies, {"network_id": NOBODY}]}, 404)
    same = {"network_id": private["id"], "fixed_ips": [{"ip_address": "10.0.0.9"}]}
    tenant.ask("POST", "/ports", {"ports": [same, same]}, 409)
    assert len(tenant.list("port")) == 2


def test_on_a_shared_network_the_owner_chooses(admin, tenant):
    shared = admin.network(shared=True)
    subnet = admin.subnet(shared)
    made = tenant.port(shared, fixed_ips=[{"subnet_id": subnet["id"]}])
    for given in (
        {"mac_address": "02:00:00:00:00:05"},
        {"fixed_ips": [{"ip_address": "10.0.0.9"}]},
        {"device_owner": "network:dhcp"},
    ):
        tenant.refused(403, "POST", "/ports", {"port": {"network_id": shared["id"], **given}})
        tenant.refused(403, "PUT", f"/ports/{made['id']}", {"port": given})
    tenant.change("port", made["id"], name="mine", fixed_ips=made["fixed_ips"])


def test_tenants_have_no_ports_on_an_external_network(tenant, public, admin):
    tenant.refused(403, "POST", "/ports", {"port": {"network_id": public["id"]}})
    admin.port(public)


def test_a_network_one_cannot_see(private, stranger):
    kind, message = stranger.refused(404, "POST", "/ports", {"port": {"network_id": private["id"]}})
    assert kind == "NetworkNotFound"
    assert private["id"] in message
