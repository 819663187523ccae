import pytest

NOBODY = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def router(tenant, public, private):
    made = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(made, subnet_id=private["subnet"]["id"])
    return made


@pytest.fixture
def port(tenant, private):
    return tenant.port(private, name="vm", device_id="d")


def test_a_floating_ip_as_clients_know_it(tenant, public, router, port):
    made = tenant.make("floatingip", floating_network_id=public["id"], port_id=port["id"], description="web")
    assert made["floating_ip_address"].startswith("172.24.4.")
    assert made["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert (made["router_id"], made["port_id"]) == (router["id"], port["id"])
    assert made["status"] == "DOWN"
    assert made["port_details"]["name"] == "vm"
    assert made["project_id"] == tenant.project
    assert "name" not in made
    assert tenant.show("floatingip", made["id"]) == made
    assert tenant.list("floatingip", f"port_id={port['id']}") == [made]
    assert tenant.list("floatingip", f"floating_ip_address={made['floating_ip_address']}") == [made]


def test_leading_nowhere_then_somewhere_then_nowhere(tenant, public, router, port):
    made = tenant.make("floatingip", floating_network_id=public["id"])
    nowhere = {"port_id": None, "fixed_ip_address": None, "router_id": None, "port_details": None, "status": "DOWN"}
    assert {name: made[name] for name in nowhere} == nowhere
    somewhere = tenant.change("floatingip", made["id"], port_id=port["id"])
    assert (somewhere["port_id"], somewhere["router_id"]) == (port["id"], router["id"])
    again = tenant.change("floatingip", made["id"], port_id=None)
    assert {name: again[name] for name in nowhere} == nowhere
    tenant.delete(f"/floatingips/{made['id']}")
    assert tenant.refused(404, "GET", f"/floatingips/{made['id']}")[0] == "FloatingIPNotFound"


def test_the_port_goes_the_floating_ip_stays(tenant, public, router, port):
    made = tenant.make("floatingip", floating_network_id=public["id"], port_id=port["id"])
    tenant.delete(f"/ports/{port['id']}")
    left = tenant.show("floatingip", made["id"])
    assert (left["port_id"], left["fixed_ip_address"], left["router_id"]) == (None, None, None)


def test_of_several_addresses_one_must_be_named(tenant, public, router, private):
    port = tenant.port(private, fixed_ips=[{"ip_address": "10.0.0.5"}, {"ip_address": "10.0.0.6"}])
    body = {"floatingip": {"floating_network_id": public["id"], "port_id": port["id"]}}
    assert "multiple fixed IPv4 addresses" in tenant.refused(400, "POST", "/floatingips", body)[1]
    made = tenant.make("floatingip", **body["floatingip"], fixed_ip_address="10.0.0.5")
    moved = tenant.change("floatingip", made["id"], port_id=port["id"], fixed_ip_address="10.0.0.6")
    assert moved["fixed_ip_address"] == "10.0.0.6"
    assert tenant.change("floatingip", made["id"], fixed_ip_address="10.0.0.5")["fixed_ip_address"] == "10.0.0.5"
    body["floatingip"]["fixed_ip_address"] = "10.0.0.77"
    assert "does not have fixed ip" in tenant.refused(400, "POST", "/floatingips", body)[1]


def test_one_floating_ip_a_fixed_address(tenant, public, router, port):
    body = {"floating_network_id": public["id"], "port_id": port["id"]}
    made = tenant.make("floatingip", **body)
    kind, _ = tenant.refused(409, "POST", "/floatingips", {"floatingip": body})
    assert kind == "FloatingIPPortAlreadyAssociated"
    second = tenant.make("floatingip", floating_network_id=public["id"])
    tenant.refused(409, "PUT", f"/floatingips/{second['id']}", {"floatingip": {"port_id": port["id"]}})
    same = tenant.change("floatingip", made["id"], port_id=port["id"])
    assert same["revision_number"] == made["revision_number"]


def test_where_there_is_no_way(tenant, public, private, port):
    body = {"floatingip": {"floating_network_id": public["id"], "port_id": port["id"]}}
    kind, _ = tenant.refused(404, "POST", "/floatingips", body)
    assert kind == "ExternalGatewayForFloatingIPNotFound"
    router = tenant.make("router")
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    tenant.refused(404, "POST", "/floatingips", body)
    assert tenant.list("floatingip") == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"floating_network_id": NOBODY}, 404),
        ({"floating_network_id": "private"}, 400),
        ({"port_id": NOBODY}, 404),
        ({"fixed_ip_address": "10.0.0.5"}, 400),
        ({"subnet_id": NOBODY}, 400),
        ({"floating_ip_address": "172.24.4.9"}, 403),
        ({"router_id": NOBODY}, 400),
        ({"name": "x"}, 400),
    ],
)
def test_what_cannot_be(tenant, public, private, given, status):
    ident = {"private": private["id"]}.get(given.get("floating_network_id", ""))
    body = {"floating_network_id": public["id"], **given} | ({"floating_network_id": ident} if ident else {})
    tenant.refused(status, "POST", "/floatingips", {"floatingip": body})
    assert tenant.list("floatingip") == []


def test_an_administrator_names_the_address(admin, public):
    made = admin.make("floatingip", floating_network_id=public["id"], floating_ip_address="172.24.4.9")
    assert made["floating_ip_address"] == "172.24.4.9"
    body = {"floatingip": {"floating_network_id": public["id"], "floating_ip_address": "172.24.4.9"}}
    assert admin.refused(409, "POST", "/floatingips", body)[0] == "IpAddressAlreadyAllocated"
    body = {"port": {"network_id": public["id"], "fixed_ips": [{"ip_address": "172.24.4.9"}]}}
    admin.refused(409, "POST", "/ports", body)


def test_the_address_is_ipv4_of_the_subnet_asked_for(admin, public):
    v6 = admin.subnet(public, "2001:db8::/64", enable_dhcp=False)
    other = admin.subnet(public, "172.24.5.0/24", enable_dhcp=False)
    made = admin.make("floatingip", floating_network_id=public["id"], subnet_id=other["id"])
    assert made["floating_ip_address"].startswith("172.24.5.")
    assert "." in admin.make("floatingip", floating_network_id=public["id"])["floating_ip_address"]
    body = {"floatingip": {"floating_network_id": public["id"], "subnet_id": v6["id"]}}
    admin.refused(400, "POST", "/floatingips", body)


def test_when_no_address_is_left(admin):
    network = admin.network(**{"router:external": True})
    admin.subnet(network, "172.24.9.0/30", enable_dhcp=False)
    admin.make("floatingip", floating_network_id=network["id"])
    body = {"floatingip": {"floating_network_id": network["id"]}}
    assert admin.refused(409, "POST", "/floatingips", body)[0] == "IpAddressGenerationFailure"


def test_what_a_floating_ip_needs_stays(tenant, public, router, port, private):
    tenant.make("floatingip", floating_network_id=public["id"], port_id=port["id"])
    path = f"/routers/{router['id']}"
    interface = {"subnet_id": private["subnet"]["id"]}
    kind, _ = tenant.refused(409, "PUT", f"{path}/remove_router_interface", interface)
    assert kind == "RouterInterfaceInUseByFloatingIP"
    kind, _ = tenant.refused(409, "PUT", path, {"router": {"external_gateway_info": {}}})
    assert kind == "RouterExternalGatewayInUseByFloatingIp"
    other = [{"ip_address": "10.0.0.201"}]
    assert tenant.refused(400, "PUT", f"/ports/{port['id']}", {"port": {"fixed_ips": other}})[0] == "BadRequest"


def test_its_own_port_is_nobodys(tenant, admin, public):
    made = tenant.make("floatingip", floating_network_id=public["id"])
    (port,) = admin.list("port", "device_owner=network:floatingip")
    assert (port["device_id"], port["project_id"]) == (made["id"], "")
    assert admin.refused(409, "DELETE", f"/ports/{port['id']}")[0] == "ServicePortInUse"
    assert tenant.list("port") == []
    tenant.delete(f"/floatingips/{made['id']}")
    assert admin.list("port", f"network_id={public['id']}") == []


def test_the_router_at_the_gateway_address_is_preferred(tenant, public, private, port):
    first = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(first, port_id=tenant.port(private)["id"])
    second = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(second, subnet_id=private["subnet"]["id"])
    made = tenant.make("floatingip", floating_network_id=public["id"], port_id=port["id"])
    assert made["router_id"] == second["id"]


def test_updates_of_what_is_said(tenant, public):
    made = tenant.make("floatingip", floating_network_id=public["id"], tags=["a"])
    changed = tenant.change("floatingip", made["id"], description="d")
    assert changed["description"] == "d"
    assert changed["tags"] == ["a"]
    tenant.ask("PUT", f"/floatingips/{made['id']}/tags/b", None, 201)
    assert tenant.show("floatingip", made["id"])["tags"] == ["a", "b"]


def test_what_cannot_be_led_to(tenant, admin, stranger, public, router, private):
    def refused(port, caller=tenant):
        body = {"floatingip": {"floating_network_id": public["id"], "port_id": port["id"]}}
        return caller.refused(400, "POST", "/floatingips", body)[1]

    v6 = tenant.subnet(private, "2001:db8::/64")
    assert "no fixed IPv4" in refused(tenant.port(private, fixed_ips=[{"subnet_id": v6["id"]}]))
    (interface,) = tenant.list("port", f"device_id={router['id']}")
    assert "unable to be assigned" in refused(interface)
    mine = tenant.port(private)
    body = {"floating_network_id": public["id"], "project_id": stranger.project, "port_id": mine["id"]}
    assert admin.make("floatingip", **body)["port_id"] == mine["id"]


def test_an_external_network_needs_an_ipv4_subnet(admin):
    network = admin.network(**{"router:external": True})
    admin.subnet(network, "2001:db8::/64", enable_dhcp=False)
    body = {"floatingip": {"floating_network_id": network["id"]}}
    assert "IPv4 subnet" in admin.refused(400, "POST", "/floatingips", body)[1]
