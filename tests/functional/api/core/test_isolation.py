"""What is one project's is nobody else's: neither seen, changed, deleted, nor used by its id."""

import pytest


@pytest.fixture
def things(tenant, public, private):
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    port = tenant.port(private)
    return {
        "network": private,
        "subnet": private["subnet"],
        "port": port,
        "router": router,
        "floatingip": tenant.make("floatingip", floating_network_id=public["id"], port_id=port["id"]),
    }


@pytest.mark.parametrize("name", ["network", "subnet", "port", "router", "floatingip"])
def test_another_project_finds_nothing(things, stranger, tenant, name):
    path = f"/{name}s/{things[name]['id']}"
    before = tenant.get(path)
    stranger.refused(404, "GET", path)
    stranger.refused(404, "PUT", path, {name: {"description": "mine now"}})
    stranger.refused(404, "DELETE", path)
    stranger.refused(404, "GET", f"{path}/tags")
    stranger.refused(404, "PUT", f"{path}/tags/x")
    assert things[name]["id"] not in {one["id"] for one in stranger.list(name)}
    assert stranger.list(name, f"id={things[name]['id']}") == []
    assert stranger.list(name, f"project_id={tenant.project}") == []
    assert tenant.get(path) == before


def test_anothers_ids_cannot_be_used(things, stranger, public):
    network = stranger.network()
    subnet = stranger.subnet(network, "10.50.0.0/24")
    router = stranger.make("router", external_gateway_info={"network_id": public["id"]})
    mine = stranger.port(network)
    stranger.refused(404, "POST", "/ports", {"port": {"network_id": things["network"]["id"]}})
    fixed = [{"subnet_id": things["subnet"]["id"]}]
    stranger.refused(400, "POST", "/ports", {"port": {"network_id": network["id"], "fixed_ips": fixed}})
    stranger.refused(400, "PUT", f"/ports/{mine['id']}", {"port": {"fixed_ips": fixed}})
    body = {"network_id": things["network"]["id"], "ip_version": 4, "cidr": "10.60.0.0/24"}
    stranger.refused(404, "POST", "/subnets", {"subnet": body})
    add = f"/routers/{router['id']}/add_router_interface"
    stranger.refused(404, "PUT", add, {"subnet_id": things["subnet"]["id"]})
    stranger.refused(404, "PUT", add, {"port_id": things["port"]["id"]})
    theirs = f"/routers/{things['router']['id']}"
    stranger.refused(404, "PUT", f"{theirs}/add_router_interface", {"subnet_id": subnet["id"]})
    stranger.refused(404, "PUT", f"{theirs}/remove_router_interface", {"subnet_id": things["subnet"]["id"]})
    gateway = {"external_gateway_info": {"network_id": things["network"]["id"]}}
    stranger.refused(404, "PUT", f"/routers/{router['id']}", {"router": gateway})
    floating = {"floating_network_id": public["id"], "port_id": things["port"]["id"]}
    stranger.refused(404, "POST", "/floatingips", {"floatingip": floating})
    own = stranger.make("floatingip", floating_network_id=public["id"])
    stranger.refused(404, "PUT", f"/floatingips/{own['id']}", {"floatingip": {"port_id": things["port"]["id"]}})
    inside = {"floating_network_id": things["network"]["id"]}
    stranger.refused(404, "POST", "/floatingips", {"floatingip": inside})


@pytest.mark.parametrize("name", ["network", "router"])
def test_nothing_is_made_in_anothers_name(tenant, stranger, admin, name):
    body = {name: {"project_id": tenant.project}}
    assert stranger.ask("POST", f"/{name}s", body)["NeutronError"]
    assert tenant.list(name) == []
    assert admin.make(name, project_id=tenant.project)["project_id"] == tenant.project
    assert len(tenant.list(name)) == 1


@pytest.mark.parametrize("shared", ["shared", "router:external"])
def test_what_is_shared_is_its_owners_to_change(admin, stranger, shared):
    network = admin.network(**{shared: True})
    subnet = admin.subnet(network)
    for path, name in ((f"/networks/{network['id']}", "network"), (f"/subnets/{subnet['id']}", "subnet")):
        stranger.get(path)
        stranger.refused(403, "PUT", path, {name: {"name": "mine"}})
        stranger.refused(403, "DELETE", path)
        stranger.refused(403, "PUT", f"{path}/tags/x")


def test_a_subnet_of_anothers_shared_network_is_not_routed(admin, stranger):
    subnet = admin.subnet(admin.network(shared=True))
    router = stranger.make("router")
    path = f"/routers/{router['id']}/add_router_interface"
    assert "not owned" in stranger.refused(400, "PUT", path, {"subnet_id": subnet["id"]})[1]


def test_a_reader_reads(world, tenant, private):
    reader = world.caller(tenant.project, "reader")
    assert reader.show("network", private["id"])["id"] == private["id"]
    reader.refused(403, "PUT", f"/networks/{private['id']}", {"network": {"name": "x"}})
    reader.refused(403, "POST", "/networks", {"network": {}})
    reader.refused(403, "DELETE", f"/subnets/{private['subnet']['id']}")
