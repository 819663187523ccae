"""Ports of a floating IP that lead to inside ports, as clients know them and as hosts are told."""

import pytest

# rules that no database makes a difference to
ONE_DATABASE = pytest.mark.parametrize("core_database", ["sqlite"], indirect=True)


@pytest.fixture
def site(world, tenant, private, public):
    """A router between, a floating IP without a port, a server."""
    world.agent("h1", physical=["public"])
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    return {
        "router": router,
        "fip": tenant.make("floatingip", floating_network_id=public["id"]),
        "port": tenant.port(private),
        "net": private,
    }


def forward(caller, site, want=201, port=None, **given):
    port = port or site["port"]
    body = {"internal_port_id": port["id"], "internal_ip_address": port["fixed_ips"][0]["ip_address"]}
    body |= {"protocol": "tcp", "internal_port": 80, "external_port": 8080, **given}
    body = {name: value for name, value in body.items() if value is not None}
    path = f"/floatingips/{site['fip']['id']}/port_forwardings"
    if want == 201:
        return caller.ask("POST", path, {"port_forwarding": body}, 201)["port_forwarding"]
    return caller.refused(want, "POST", path, {"port_forwarding": body})


def path_of(site, made):
    return f"/floatingips/{site['fip']['id']}/port_forwardings/{made['id']}"


def test_a_life(world, tenant, site):
    made = forward(tenant, site, description="d")
    assert {name: made[name] for name in made if name != "id"} == {
        "internal_port_id": site["port"]["id"],
        "internal_ip_address": site["port"]["fixed_ips"][0]["ip_address"],
        "protocol": "tcp",
        "internal_port": 80,
        "internal_port_range": "80:80",
        "external_port": 8080,
        "external_port_range": "8080:8080",
        "description": "d",
    }
    assert tenant.get(path_of(site, made))["port_forwarding"] == made
    listed = f"/floatingips/{site['fip']['id']}/port_forwardings"
    assert tenant.get(listed)["port_forwardings"] == [made]
    assert tenant.get(f"{listed}?external_port=8080&protocol=tcp")["port_forwardings"] == [made]
    assert tenant.get(f"{listed}?external_port=1")["port_forwardings"] == []
    fip = tenant.show("floatingip", site["fip"]["id"])
    names = ("id", "protocol", "internal_ip_address", "internal_port", "external_port", "internal_port_id")
    assert fip["port_forwardings"] == [{name: made[name] for name in names}]
    assert (fip["port_id"], fip["router_id"], fip["fixed_ip_address"]) == (None, site["router"]["id"], None)
    assert fip["revision_number"] > site["fip"]["revision_number"]
    (told,) = world.specs("h1")[fip["id"]].forwards
    assert (told.protocol, told.external_first, told.external_last) == ("tcp", 8080, 8080)
    assert (told.address, told.first, told.last) == (made["internal_ip_address"], 80, 80)
    assert world.specs("h1")[fip["id"]].fixed_address == ""
    world.answer()
    assert tenant.show("floatingip", fip["id"])["status"] == "ACTIVE"
    changed = tenant.ask("PUT", path_of(site, made), {"port_forwarding": {"internal_port": 81}}, 200)["port_forwarding"]
    assert (changed["internal_port"], changed["external_port"]) == (81, 8080)
    assert world.specs("h1")[fip["id"]].forwards[0].first == 81
    before = world.generation(fip["id"])
    tenant.ask("PUT", path_of(site, made), {"port_forwarding": {"description": "e"}}, 200)
    assert world.generation(fip["id"]) == before, "nothing a host would make of it"
    assert tenant.refused(409, "DELETE", f"/floatingips/{fip['id']}")[0] == "FipInUseByPortForwarding"
    tenant.delete(path_of(site, made))
    assert tenant.refused(404, "GET", path_of(site, made))[0] == "PortForwardingNotFound"
    fip = tenant.show("floatingip", fip["id"])
    assert (fip["port_forwardings"], fip["router_id"], fip["status"]) == ([], None, "DOWN")
    assert fip["id"] in world.gone("h1")
    tenant.delete(f"/floatingips/{fip['id']}")


@ONE_DATABASE
def test_ranges(world, tenant, site):
    many = forward(
        tenant, site, internal_port=None, external_port=None, internal_port_range="90:94", external_port_range="100:104"
    )
    assert (many["internal_port"], many["internal_port_range"], many["external_port_range"]) == (
        None,
        "90:94",
        "100:104",
    )
    one = forward(tenant, site, external_port=None, external_port_range="200:209")
    assert (one["internal_port"], one["external_port"], one["external_port_range"]) == (80, None, "200:209")
    told = world.specs("h1")[site["fip"]["id"]].forwards
    spans = [(each.external_first, each.external_last, each.first, each.last) for each in told]
    assert spans == [(100, 104, 90, 94), (200, 209, 80, 80)]
    shown = tenant.show("floatingip", site["fip"]["id"])["port_forwardings"]
    assert {each["external_port_range"] for each in shown} == {"100:104", "200:209"}


@ONE_DATABASE
def test_what_is_refused(tenant, site):
    forward(tenant, site)
    assert "port collision with the external" in forward(tenant, site, 400, internal_port=81)[1]
    assert "port collision with the internal" in forward(tenant, site, 400, external_port=8081)[1]
    ranged = {"internal_port": None, "external_port": None}
    wrong = forward(tenant, site, 400, **ranged, internal_port_range="1:5", external_port_range="11:16")
    assert "must be N-N or 1-N" in wrong[1]
    assert "external_port or external_port_range" in forward(tenant, site, 400, external_port=None)[1]
    assert "contradict" in forward(tenant, site, 400, external_port_range="1:9")[1]
    for given in (
        {"external_port": 65536},
        {"internal_port": 0},
        {"external_port": None, "external_port_range": "9:1"},
        {"external_port": None, "external_port_range": "1:70000"},
        {"protocol": "icmp"},
    ):
        forward(tenant, site, 400, **given)
    other = tenant.port(site["net"])
    outside = forward(tenant, site, 400, port=other, external_port=9, internal_ip_address="10.0.0.250")
    assert "is not suitable for internal neutron port" in outside[1]
    # not the same port of another protocol
    forward(tenant, site, protocol=17)


def test_all_or_single_ports(tenant, public, site):
    other = tenant.port(site["net"])
    whole = tenant.make("floatingip", floating_network_id=public["id"], port_id=other["id"])
    assert forward(tenant, site, 409, port=other)[0] == "PortHasBindingFloatingIP"
    assert forward(tenant, site | {"fip": whole}, 409)[0] == "FloatingIPPortAlreadyAssociated"
    forward(tenant, site)
    body = {"floatingip": {"port_id": site["port"]["id"]}}
    assert tenant.refused(409, "PUT", f"/floatingips/{site['fip']['id']}", body)[0] == "FipInUseByPortForwarding"
    kept = tenant.change("floatingip", site["fip"]["id"], description="still")
    assert (kept["router_id"], len(kept["port_forwardings"])) == (site["router"]["id"], 1)


@ONE_DATABASE
def test_what_a_router_leads_through_stays(tenant, site):
    made = forward(tenant, site)
    path = f"/routers/{site['router']['id']}"
    remove = {"subnet_id": site["net"]["subnet"]["id"]}
    kind, _ = tenant.refused(409, "PUT", f"{path}/remove_router_interface", remove)
    assert kind == "RouterInterfaceInUseByFloatingIP"
    body = {"router": {"external_gateway_info": None}}
    assert tenant.refused(409, "PUT", path, body)[0] == "RouterExternalGatewayInUseByFloatingIp"
    tenant.delete(path_of(site, made))
    tenant.detach(site["router"], **remove)


def test_forwardings_go_with_their_port_and_its_addresses(world, tenant, site):
    subnet = {"subnet_id": site["net"]["subnet"]["id"]}
    port = tenant.port(site["net"], fixed_ips=[subnet, subnet])
    first, second = (ip["ip_address"] for ip in port["fixed_ips"])
    forward(tenant, site, port=port, external_port=1, internal_ip_address=first)
    forward(tenant, site, port=port, external_port=2, internal_ip_address=second)
    kept = forward(tenant, site)
    tenant.change("port", port["id"], fixed_ips=[{**subnet, "ip_address": second}])
    shown = tenant.show("floatingip", site["fip"]["id"])["port_forwardings"]
    assert sorted(each["external_port"] for each in shown) == [2, 8080]
    tenant.delete(f"/ports/{port['id']}")
    assert [each["id"] for each in tenant.show("floatingip", site["fip"]["id"])["port_forwardings"]] == [kept["id"]]
    assert [each.first for each in world.specs("h1")[site["fip"]["id"]].forwards] == [80]
    tenant.delete(f"/ports/{site['port']['id']}")
    assert tenant.show("floatingip", site["fip"]["id"])["router_id"] is None
    assert world.placements(site["fip"]["id"]) == {}


@ONE_DATABASE
def test_the_inside_port_changes(tenant, site):
    other = tenant.port(site["net"])
    made = forward(tenant, site)
    body = {"port_forwarding": {"internal_port_id": other["id"]}}
    changed = tenant.ask("PUT", path_of(site, made), body, 200)["port_forwarding"]
    assert changed["internal_ip_address"] == other["fixed_ips"][0]["ip_address"]


@ONE_DATABASE
def test_only_its_own_project_sees_it(tenant, stranger, admin, site):
    made = forward(tenant, site)
    listed = f"/floatingips/{site['fip']['id']}/port_forwardings"
    for method, path, body in (
        ("GET", listed, None),
        ("GET", path_of(site, made), None),
        ("PUT", path_of(site, made), {"port_forwarding": {"description": "x"}}),
        ("DELETE", path_of(site, made), None),
    ):
        stranger.refused(404, method, path, body)
    assert admin.get(listed)["port_forwardings"] == [made]


@ONE_DATABASE
def test_everything_at_once_or_nothing(tenant, site):
    port = {"internal_port_id": site["port"]["id"], "protocol": "tcp"}
    bodies = [{**port, "internal_port": n, "external_port": n} for n in (1, 2, 3)]
    path = f"/floatingips/{site['fip']['id']}/port_forwardings"
    made = tenant.ask("POST", path, {"port_forwardings": bodies}, 201)["port_forwardings"]
    assert [each["external_port"] for each in made] == [1, 2, 3]
    bodies = [{**port, "internal_port": n, "external_port": n} for n in (4, 3)]
    tenant.refused(400, "POST", path, {"port_forwardings": bodies})
    assert len(tenant.get(path)["port_forwardings"]) == 3


@ONE_DATABASE
def test_all_forwardings_of_one_request_are_at_one_router(tenant, public, site):
    other = tenant.network(name="other")
    other["subnet"] = tenant.subnet(other, "10.1.0.0/24", enable_dhcp=False)
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=other["subnet"]["id"])
    bodies = [
        {"internal_port_id": port["id"], "protocol": "tcp", "internal_port": 80, "external_port": n}
        for n, port in enumerate((site["port"], tenant.port(other)), start=1)
    ]
    path = f"/floatingips/{site['fip']['id']}/port_forwardings"
    assert "can not reach it" in tenant.refused(400, "POST", path, {"port_forwardings": bodies})[1]
    assert tenant.get(path)["port_forwardings"] == []
