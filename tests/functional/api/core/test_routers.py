import pytest

NOBODY = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def router(tenant):
    return tenant.make("router", name="r")


def test_a_router_as_clients_know_it(tenant):
    made = tenant.make("router", name="r", admin_state_up=False)
    assert made["external_gateway_info"] is None
    assert made["routes"] == []
    assert made["admin_state_up"] is False
    assert tenant.show("router", made["id"]) == made
    assert tenant.list("router", "name=r") == [made]
    changed = tenant.change("router", made["id"], name="s", admin_state_up=True)
    assert (changed["name"], changed["admin_state_up"]) == ("s", True)
    tenant.delete(f"/routers/{made['id']}")
    assert tenant.refused(404, "GET", f"/routers/{made['id']}")[0] == "RouterNotFound"


def test_a_subnet_attached_and_taken_off(tenant, router, private):
    subnet = private["subnet"]
    answer = tenant.attach(router, subnet_id=subnet["id"])
    assert answer["id"] == router["id"]
    assert answer["subnet_id"] == subnet["id"]
    assert answer["subnet_ids"] == [subnet["id"]]
    assert answer["network_id"] == private["id"]
    assert answer["project_id"] == answer["tenant_id"] == tenant.project
    port = tenant.show("port", answer["port_id"])
    assert (port["device_id"], port["device_owner"]) == (router["id"], "network:router_interface")
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.1"}]
    assert tenant.list("port", f"device_id={router['id']}") == [port]
    gone = tenant.detach(router, subnet_id=subnet["id"])
    assert gone["port_id"] == answer["port_id"]
    tenant.refused(404, "GET", f"/ports/{answer['port_id']}")


def test_a_port_attached_and_taken_off(tenant, router, private):
    port = tenant.port(private)
    answer = tenant.attach(router, port_id=port["id"])
    assert (answer["port_id"], answer["subnet_id"]) == (port["id"], private["subnet"]["id"])
    assert tenant.show("port", port["id"])["device_id"] == router["id"]
    path = f"/routers/{router['id']}/remove_router_interface"
    wrong = {"port_id": port["id"], "subnet_id": NOBODY}
    assert tenant.refused(400, "PUT", path, wrong)[0] == "SubnetMismatchForPort"
    tenant.detach(router, port_id=port["id"], subnet_id=private["subnet"]["id"])


def test_what_cannot_be_attached(tenant, router, private):
    path = f"/routers/{router['id']}/add_router_interface"
    tenant.attach(router, subnet_id=private["subnet"]["id"])

    def refused(status, **body):
        return tenant.refused(status, "PUT", path, body)

    assert "already has a port" in refused(400, subnet_id=private["subnet"]["id"])[1]
    other = tenant.network()
    overlapping = tenant.subnet(other, "10.0.0.0/25")
    assert "overlaps with cidr" in refused(400, subnet_id=overlapping["id"])[1]
    closed = tenant.subnet(other, "10.8.0.0/24", gateway_ip=None)
    assert "must have a gateway IP" in refused(400, subnet_id=closed["id"])[1]
    assert refused(404, subnet_id=NOBODY)[0] == "SubnetNotFound"
    assert refused(404, port_id=NOBODY)[0] == "PortNotFound"
    used = tenant.port(other, device_id="vm")
    assert refused(409, port_id=used["id"])[0] == "PortInUse"
    bare = tenant.port(tenant.network())
    assert "at least one fixed IP" in refused(400, port_id=bare["id"])[1]
    assert "Either subnet_id or port_id" in refused(400)[1]
    refused(400, subnet_id="nonsense")
    refused(400, subnet_id=overlapping["id"], port_id=used["id"])
    refused(400, router_id=NOBODY)
    assert len(tenant.list("port", f"device_id={router['id']}")) == 1


def test_the_gateway_address_is_of_one_interface(tenant, router, private):
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    second = tenant.make("router")
    path = f"/routers/{second['id']}/add_router_interface"
    body = {"subnet_id": private["subnet"]["id"]}
    assert tenant.refused(409, "PUT", path, body)[0] == "IpAddressAlreadyAllocated"
    tenant.attach(second, port_id=tenant.port(private)["id"])


def test_ipv6_prefixes_of_a_network_share_a_port(tenant, router):
    network = tenant.network()
    first, second = tenant.subnet(network, "2001:db8::/64"), tenant.subnet(network, "2001:db8:1::/64")
    one = tenant.attach(router, subnet_id=first["id"])
    two = tenant.attach(router, subnet_id=second["id"])
    assert one["port_id"] == two["port_id"]
    assert len(tenant.show("port", one["port_id"])["fixed_ips"]) == 2
    tenant.detach(router, subnet_id=first["id"])
    assert [ip["subnet_id"] for ip in tenant.show("port", one["port_id"])["fixed_ips"]] == [second["id"]]
    tenant.detach(router, subnet_id=second["id"])
    tenant.refused(404, "GET", f"/ports/{one['port_id']}")


def test_what_is_not_attached_cannot_be_taken_off(tenant, router, private):
    path = f"/routers/{router['id']}/remove_router_interface"
    body = {"subnet_id": private["subnet"]["id"]}
    assert tenant.refused(404, "PUT", path, body)[0] == "RouterInterfaceNotFoundForSubnet"
    port = tenant.port(private)
    assert tenant.refused(404, "PUT", path, {"port_id": port["id"]})[0] == "RouterInterfaceNotFound"


def test_a_routers_ports_are_the_routers(tenant, router, private):
    port_id = tenant.attach(router, subnet_id=private["subnet"]["id"])["port_id"]
    kind, message = tenant.refused(409, "DELETE", f"/ports/{port_id}")
    assert kind == "ServicePortInUse"
    assert "network:router_interface" in message
    for given in ({"device_id": "mine"}, {"device_owner": ""}):
        assert tenant.refused(409, "PUT", f"/ports/{port_id}", {"port": given})[0] == "UnsupportedPortDeviceOwner"
    kept = tenant.change("port", port_id, fixed_ips=[{"subnet_id": private["subnet"]["id"]}])
    assert kept["fixed_ips"][0]["ip_address"] == "10.0.0.1"
    assert tenant.refused(409, "DELETE", f"/routers/{router['id']}")[0] == "RouterInUse"
    assert tenant.refused(409, "DELETE", f"/subnets/{private['subnet']['id']}")[0] == "SubnetInUse"
    assert tenant.refused(409, "DELETE", f"/networks/{private['id']}")[0] == "NetworkInUse"
    gateway = {"subnet": {"gateway_ip": None}}
    assert tenant.refused(409, "PUT", f"/subnets/{private['subnet']['id']}", gateway)[0] == "GatewayIpInUse"


def test_a_port_that_says_it_is_a_routers_is_not(tenant, router, private):
    fake = tenant.port(private, device_id=router["id"], device_owner="network:router_interface")
    tenant.delete(f"/routers/{router['id']}")
    tenant.delete(f"/ports/{fake['id']}")


def test_routes(tenant, router, private):
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    one, two = ({"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.9"} for n in (1, 2))
    path = f"/routers/{router['id']}"
    assert tenant.change("router", router["id"], routes=[one])["routes"] == [one]
    added = tenant.ask("PUT", f"{path}/add_extraroutes", {"router": {"routes": [one, two]}}, 200)["router"]
    assert added["routes"] == [one, two]
    left = tenant.ask("PUT", f"{path}/remove_extraroutes", {"router": {"routes": [one]}}, 200)["router"]
    assert left["routes"] == [two]
    for hop in ("10.5.0.1", "10.0.0.1"):
        body = {"router": {"routes": [{"destination": "10.9.0.0/16", "nexthop": hop}]}}
        assert tenant.refused(400, "PUT", path, body)[0] == "InvalidRoutes"
    remove = {"subnet_id": private["subnet"]["id"]}
    kind, _ = tenant.refused(409, "PUT", f"{path}/remove_router_interface", remove)
    assert kind == "RouterInterfaceInUseByRoute"
    assert tenant.change("router", router["id"], routes=None)["routes"] == []
    tenant.detach(router, **remove)


def test_a_gateway(tenant, admin, public):
    info = {"network_id": public["id"]}
    made = tenant.make("router", external_gateway_info=info)
    gateway = made["external_gateway_info"]
    assert (gateway["network_id"], gateway["enable_snat"]) == (public["id"], True)
    (fixed,) = gateway["external_fixed_ips"]
    assert fixed["subnet_id"] == public["subnet"]["id"]
    (port,) = admin.list("port", f"device_id={made['id']}&device_owner=network:router_gateway")
    assert port["fixed_ips"] == [fixed]
    assert port["project_id"] == ""
    assert tenant.list("port", f"device_id={made['id']}") == []
    assert tenant.change("router", made["id"], external_gateway_info={})["external_gateway_info"] is None
    assert admin.list("port", f"network_id={public['id']}") == []
    again = tenant.change("router", made["id"], external_gateway_info=info)
    assert again["external_gateway_info"]["network_id"] == public["id"]
    tenant.delete(f"/routers/{made['id']}")
    assert admin.list("port", f"network_id={public['id']}") == []


def test_what_an_administrator_may_say_of_a_gateway(tenant, admin, public):
    fixed = [{"subnet_id": public["subnet"]["id"], "ip_address": "172.24.4.77"}]
    info = {"network_id": public["id"], "enable_snat": False, "external_fixed_ips": fixed}
    made = admin.make("router", external_gateway_info=info)
    assert made["external_gateway_info"] == info
    again = admin.refused(409, "POST", "/routers", {"router": {"external_gateway_info": info}})
    assert again[0] == "IpAddressAlreadyAllocated"
    moved = {**info, "external_fixed_ips": [{"ip_address": "172.24.4.78"}]}
    changed = admin.change("router", made["id"], external_gateway_info=moved)["external_gateway_info"]
    assert changed["external_fixed_ips"][0]["ip_address"] == "172.24.4.78"
    for name in ("enable_snat", "external_fixed_ips"):
        body = {"router": {"external_gateway_info": {"network_id": public["id"], name: info[name]}}}
        assert tenant.refused(403, "POST", "/routers", body)[0] == "PolicyNotAuthorized"
    taken = {**info, "external_fixed_ips": [{"ip_address": "172.24.4.1"}]}
    assert "gateway IP" in admin.refused(400, "POST", "/routers", {"router": {"external_gateway_info": taken}})[1]


def test_where_a_gateway_cannot_be(tenant, router, private, stranger):
    path = f"/routers/{router['id']}"

    def refused(caller, status, network_id):
        return caller.refused(status, "PUT", path, {"router": {"external_gateway_info": {"network_id": network_id}}})

    assert refused(tenant, 404, router["id"])[0] == "NetworkNotFound"
    assert "not an external network" in refused(tenant, 400, private["id"])[1]
    foreign = stranger.network()
    assert refused(tenant, 404, foreign["id"])[0] == "NetworkNotFound"


def test_a_gateway_overlaps_no_interface(tenant, admin, router):
    outside = admin.network(**{"router:external": True})
    admin.subnet(outside, "10.0.0.0/16")
    network = tenant.network()
    inside = tenant.subnet(network, "10.0.3.0/24")
    tenant.attach(router, subnet_id=inside["id"])
    body = {"router": {"external_gateway_info": {"network_id": outside["id"]}}}
    assert "overlaps" in tenant.refused(400, "PUT", f"/routers/{router['id']}", body)[1]
    tenant.detach(router, subnet_id=inside["id"])
    tenant.change("router", router["id"], **body["router"])
    assert (
        "overlaps"
        in tenant.refused(400, "PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": inside["id"]})[1]
    )


def test_routes_through_the_gateway_go_before_it(tenant, router, public):
    tenant.change("router", router["id"], external_gateway_info={"network_id": public["id"]})
    routes = [{"destination": "192.0.2.0/24", "nexthop": "172.24.4.250"}]
    tenant.change("router", router["id"], routes=routes)
    path = f"/routers/{router['id']}"
    assert tenant.refused(400, "PUT", path, {"router": {"external_gateway_info": None}})[0] == "InvalidRoutes"
    tenant.delete(path)


def test_if_match(tenant, router):
    path = f"/routers/{router['id']}"
    tenant.ask("PUT", path, {"router": {"name": "x"}}, 412, If_Match="revision_number=42")
    tenant.ask("DELETE", path, None, 412, If_Match="revision_number=42")
    tenant.ask("PUT", path, {"router": {"name": "x"}}, 200, If_Match=f"revision_number={router['revision_number']}")


def test_ports_a_router_cannot_have(tenant, admin, router, private):
    other = tenant.subnet(private, "10.0.1.0/24")
    two = tenant.port(private, fixed_ips=[{"subnet_id": private["subnet"]["id"]}, {"subnet_id": other["id"]}])
    path = f"/routers/{router['id']}/add_router_interface"
    assert "multiple IPv4 subnets" in tenant.refused(400, "PUT", path, {"port_id": two["id"]})[1]
    shared = admin.network(shared=True)
    admin.subnet(shared, "10.7.0.0/24")
    odd = admin.port(shared, project_id=tenant.project, fixed_ips=[{"ip_address": "10.7.0.1"}])
    assert "allocation pool" in tenant.refused(400, "PUT", path, {"port_id": odd["id"]})[1]
    tenant.attach(router, port_id=tenant.port(shared)["id"])


def test_a_gateway_is_of_a_network(admin):
    body = {"router": {"external_gateway_info": {"enable_snat": False}}}
    assert "network_id" in admin.refused(400, "POST", "/routers", body)[1]


@pytest.mark.parametrize("body", [{}, {"router": {}}, {"router": {"routes": [{"destination": "x"}]}}, []])
def test_bad_extra_routes(tenant, router, body):
    tenant.refused(400, "PUT", f"/routers/{router['id']}/add_extraroutes", body)


def test_too_many_routes(tenant, router, private):
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    routes = [{"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.9"} for n in range(1, 31)]
    tenant.change("router", router["id"], routes=routes)
    more = {"router": {"routes": [{"destination": "10.200.0.0/16", "nexthop": "10.0.0.9"}]}}
    assert "maximum 30" in tenant.refused(400, "PUT", f"/routers/{router['id']}/add_extraroutes", more)[1]


def test_a_bound_port_attached_moves_to_the_router(world, tenant, admin, router, private):
    world.agent("h1", "192.0.2.1")
    world.agent("h2", "192.0.2.2")
    world.sweep()
    (home,) = world.placements(router["id"])
    for host in ("h1", "h2"):
        port = admin.port(private, project_id=tenant.project, **{"binding:host_id": host})
        tenant.attach(router, port_id=port["id"])
        assert world.placements(port["id"])[home] == "owner"
        assert world.specs(home)[port["id"]].wire == "leg"
        tenant.detach(router, port_id=port["id"])


def test_routes_by_a_gateway_that_goes(tenant, admin, router, public):
    other = admin.network(
        name="other",
        **{"router:external": True, "provider:network_type": "vxlan", "provider:segmentation_id": 4242},
    )
    admin.subnet(other, "198.51.100.0/24", enable_dhcp=False)
    route = {"destination": "10.99.0.0/24", "nexthop": "172.24.4.200"}
    there, elsewhere = {"network_id": public["id"]}, {"network_id": other["id"]}
    tenant.change("router", router["id"], external_gateway_info=there)
    tenant.change("router", router["id"], routes=[route])
    path = f"/routers/{router['id']}"
    for info in (elsewhere, None):
        kind, message = tenant.refused(400, "PUT", path, {"router": {"external_gateway_info": info}})
        assert (kind, "not connected" in message) == ("InvalidRoutes", True)
    assert tenant.show("router", router["id"])["external_gateway_info"]["network_id"] == public["id"]
    changed = tenant.change("router", router["id"], external_gateway_info=elsewhere, routes=[])
    assert (changed["external_gateway_info"]["network_id"], changed["routes"]) == (other["id"], [])
