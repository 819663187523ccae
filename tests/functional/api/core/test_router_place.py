"""Where routers live, and what goes with them."""

import pytest


@pytest.fixture
def two_hosts(world):
    world.agent("h1", "192.0.2.1")
    world.agent("h2", "192.0.2.2", ["public"])


def test_a_router_gets_a_host_at_once(world, two_hosts, tenant, private):
    router = tenant.make("router")
    assert world.placements(router["id"]) == {"h1": "owner"}
    port_id = tenant.attach(router, subnet_id=private["subnet"]["id"])["port_id"]
    assert world.placements(port_id) == {"h1": "owner"}
    specs = world.specs("h1")
    (leg,) = specs[router["id"]].legs
    assert leg.port_id == port_id
    assert leg.addresses[0].address == "10.0.0.1"
    assert specs[port_id].wire == "leg"
    assert specs[router["id"]].gateway is None
    assert tenant.show("router", router["id"])["status"] == "ACTIVE"
    assert tenant.show("port", port_id)["status"] == "BUILD"
    world.answer()
    assert tenant.show("port", port_id)["status"] == "ACTIVE"


def test_routers_spread(world, two_hosts, tenant):
    hosts = [next(iter(world.placements(tenant.make("router")["id"]))) for _ in range(6)]
    assert sorted(hosts) == ["h1"] * 3 + ["h2"] * 3


def test_a_gateway_on_a_physical_network_takes_the_router_there(world, two_hosts, tenant, private, public):
    router = tenant.make("router")
    port_id = tenant.attach(router, subnet_id=private["subnet"]["id"])["port_id"]
    world.answer()
    assert world.placements(router["id"]) == {"h1": "owner"}
    tenant.change("router", router["id"], external_gateway_info={"network_id": public["id"]})
    assert world.placements(router["id"]) == {"h2": "owner"}
    assert world.placements(port_id) == {"h2": "owner"}
    spec = world.specs("h2")[router["id"]]
    assert spec.gateway.segment.physical_network == "public"
    assert spec.gateway.addresses[0].gateway == "172.24.4.1"
    assert spec.enable_snat is True
    assert {leg.port_id for leg in spec.legs} == {port_id}
    world.answer()
    assert tenant.show("router", router["id"])["status"] == "ACTIVE"
    assert router["id"] in world.gone("h1")


def test_a_router_waits_for_a_host(world, tenant, private, public):
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    port_id = tenant.attach(router, subnet_id=private["subnet"]["id"])["port_id"]
    vm = tenant.port(private)
    fip = tenant.make("floatingip", floating_network_id=public["id"], port_id=vm["id"])
    assert world.placements(router["id"]) == {}
    assert tenant.show("router", router["id"])["status"] == "BUILD"
    assert tenant.show("port", port_id)["status"] == "DOWN"
    world.agent("h1", "192.0.2.1")
    world.sweep()
    assert world.placements(router["id"]) == {}, "its gateway's wire is not there"
    world.agent("h2", "192.0.2.2", ["public"])
    world.sweep()
    for ident in (router["id"], port_id, fip["id"]):
        assert world.placements(ident) == {"h2": "owner"}
    world.answer()
    assert tenant.show("router", router["id"])["status"] == "ACTIVE"
    assert tenant.show("floatingip", fip["id"])["status"] == "ACTIVE"


def test_changes_reach_the_routers_host(world, two_hosts, tenant, private, public, admin):
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    ident = router["id"]

    def spec():
        return world.specs("h2")[ident]

    tenant.change("router", ident, name="n")
    before = world.generation(ident)
    tenant.change("router", ident, description="d")
    assert world.generation(ident) == before
    tenant.change("router", ident, routes=[{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}])
    assert [(r.destination, r.nexthop) for r in spec().routes] == [("10.9.0.0/16", "10.0.0.9")]
    tenant.change("router", ident, routes=[], admin_state_up=False)
    assert spec().admin_state_up is False
    info = {"network_id": public["id"], "enable_snat": False}
    admin.change("router", ident, external_gateway_info=info)
    assert spec().enable_snat is False
    moved = {**info, "external_fixed_ips": [{"ip_address": "172.24.4.99"}]}
    admin.change("router", ident, external_gateway_info=moved)
    assert spec().gateway.addresses[0].address == "172.24.4.99"
    tenant.change("router", ident, external_gateway_info=None)
    assert spec().gateway is None
    other = tenant.subnet(tenant.network(), "10.7.0.0/24")
    tenant.attach(router, subnet_id=other["id"])
    assert len(spec().legs) == 2
    tenant.detach(router, subnet_id=other["id"])
    assert len(spec().legs) == 1


def test_a_floating_ip_is_where_its_router_is(world, two_hosts, tenant, private, public):
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    vm = tenant.port(private)
    world.forget()
    fip = tenant.make("floatingip", floating_network_id=public["id"], port_id=vm["id"])
    assert {envelope.id for _, envelope in world.sent.applied} == {fip["id"]}
    spec = world.specs("h2")[fip["id"]]
    assert spec.router_id == router["id"]
    assert spec.floating_address == fip["floating_ip_address"]
    assert spec.fixed_address == vm["fixed_ips"][0]["ip_address"]
    world.answer()
    assert tenant.show("floatingip", fip["id"])["status"] == "ACTIVE"
    other = tenant.port(private)
    tenant.change("floatingip", fip["id"], port_id=other["id"])
    assert world.specs("h2")[fip["id"]].fixed_address == other["fixed_ips"][0]["ip_address"]
    tenant.change("floatingip", fip["id"], port_id=None)
    assert fip["id"] in world.gone("h2")
    tenant.change("floatingip", fip["id"], port_id=vm["id"])
    assert world.placements(fip["id"]) == {"h2": "owner"}
    world.answer()
    tenant.delete(f"/ports/{vm['id']}")
    assert world.placements(fip["id"]) == {}


def test_nothing_is_left_in_the_end(world, two_hosts, tenant, admin, private, public):
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    vm = admin.port(private, project_id=tenant.project, **{"binding:host_id": "h1"})
    fip = tenant.make("floatingip", floating_network_id=public["id"], port_id=vm["id"])
    world.answer()
    tenant.delete(f"/floatingips/{fip['id']}")
    tenant.delete(f"/ports/{vm['id']}")
    tenant.detach(router, subnet_id=private["subnet"]["id"])
    tenant.delete(f"/routers/{router['id']}")
    tenant.delete(f"/networks/{private['id']}")
    admin.delete(f"/networks/{public['id']}")
    world.answer()
    assert world.counts() == {"agents": 2}


def test_a_router_that_is_being_deleted_gets_no_host(world, two_hosts, tenant):
    router = tenant.make("router")
    world.answer()
    tenant.delete(f"/routers/{router['id']}")
    kind = world.kinds["router"]
    assert world.database.write(lambda conn: kind.place(conn, router["id"], "h2")) == []
    assert world.placements(router["id"]) == {}
