import pytest
import sqlalchemy as sa

from svcfabric.core_l2l3.models import networks
from tests.core_world import World, wipe

NOBODY = "11111111-1111-1111-1111-111111111111"


def test_a_network_as_clients_know_it(tenant):
    made = tenant.network(name="blue", description="d")
    assert made["name"] == "blue"
    assert made["status"] == "ACTIVE"
    assert made["admin_state_up"] is True
    assert made["shared"] is False
    assert made["router:external"] is False
    assert made["subnets"] == []
    assert made["mtu"] == 1450
    assert made["project_id"] == made["tenant_id"] == tenant.project
    assert not [name for name in made if name.startswith("provider:")]
    assert tenant.show("network", made["id"]) == made
    assert tenant.list("network") == [made]


def test_the_wire_is_the_administrators_to_see_and_choose(admin, tenant):
    made = admin.network(**{"provider:network_type": "vxlan", "provider:segmentation_id": 77})
    assert (made["provider:network_type"], made["provider:segmentation_id"]) == ("vxlan", 77)
    assert made["provider:physical_network"] is None
    kind, _ = tenant.refused(403, "POST", "/networks", {"network": {"provider:network_type": "vxlan"}})
    assert kind == "PolicyNotAuthorized"
    for name in ("shared", "router:external"):
        tenant.refused(403, "POST", "/networks", {"network": {name: True}})


def test_a_wire_is_of_one_network(admin):
    admin.network(**{"provider:network_type": "vxlan", "provider:segmentation_id": 77})
    again = {"provider:network_type": "vxlan", "provider:segmentation_id": 77}
    assert admin.refused(409, "POST", "/networks", {"network": again})[0] == "TunnelIdInUse"
    flat = {"provider:network_type": "flat", "provider:physical_network": "public"}
    made = admin.network(**flat)
    assert made["mtu"] == 1500
    assert admin.refused(409, "POST", "/networks", {"network": flat})[0] == "FlatNetworkInUse"
    admin.delete(f"/networks/{made['id']}")
    admin.network(**flat)


def test_identifiers_are_handed_out_until_none_is_left(core_database, world):
    small = World(core_database, network__vni_min=1, network__vni_max=6)
    admin = small.caller("platform", "admin")
    made = [admin.network()["provider:segmentation_id"] for _ in range(6)]
    assert sorted(made) == [1, 2, 3, 4, 5, 6]
    assert admin.refused(503, "POST", "/networks", {"network": {}})[0] == "NoNetworkAvailable"


def test_updates(tenant):
    made = tenant.network(name="a")
    changed = tenant.change("network", made["id"], name="b", description="x", admin_state_up=False, mtu=1300)
    assert (changed["name"], changed["description"], changed["admin_state_up"], changed["mtu"]) == (
        "b",
        "x",
        False,
        1300,
    )
    assert changed["revision_number"] > made["revision_number"]
    assert tenant.show("network", made["id"]) == changed
    same = tenant.change("network", made["id"], name="b")
    assert same["revision_number"] == changed["revision_number"]


@pytest.mark.parametrize("mtu", [0, 1451, "much"])
def test_an_mtu_the_wire_does_not_carry_is_refused(tenant, mtu):
    assert "mtu" in tenant.refused(400, "POST", "/networks", {"network": {"mtu": mtu}})[1].lower()


@pytest.mark.parametrize(("cidr", "least"), [("2001:db8::/64", 1280), ("10.9.0.0/24", 68)])
def test_a_subnet_needs_its_mtu(tenant, cidr, least):
    made = tenant.network(mtu=least)
    tenant.subnet(made, cidr)
    small = {"network": {"mtu": least - 1}}
    kind, _ = tenant.refused(409, "PUT", f"/networks/{made['id']}", small)
    assert kind == "NetworkMTUSubnetConflict"
    narrow = tenant.network(mtu=least - 1)
    body = {"subnet": {"network_id": narrow["id"], "cidr": cidr, "ip_version": 6 if ":" in cidr else 4}}
    assert tenant.refused(409, "POST", "/subnets", body)[0] == "NetworkMTUSubnetConflict"


def test_the_wire_stays(admin):
    made = admin.network()
    admin.refused(400, "PUT", f"/networks/{made['id']}", {"network": {"provider:segmentation_id": 5}})


def test_if_match(tenant):
    made = tenant.network(name="a")
    path = f"/networks/{made['id']}"
    stale = tenant.refused(412, "PUT", path, {"network": {"name": "b"}}, If_Match="revision_number=99")
    assert stale[0] == "RevisionNumberConstraintFailed"
    now_at = f"revision_number={made['revision_number']}"
    tenant.ask("PUT", path, {"network": {"name": "b"}}, 200, If_Match=now_at)
    tenant.ask("PUT", path, {"network": {"name": "c"}}, 412, If_Match=now_at)
    tenant.ask("DELETE", path, None, 412, If_Match=now_at)


def test_a_network_goes_with_its_subnets(tenant):
    made = tenant.network()
    subnet = tenant.subnet(made)
    tenant.delete(f"/networks/{made['id']}")
    for path in (f"/networks/{made['id']}", f"/subnets/{subnet['id']}"):
        tenant.refused(404, "GET", path)


def test_a_network_with_ports_stays(tenant, private):
    port = tenant.port(private)
    kind, message = tenant.refused(409, "DELETE", f"/networks/{private['id']}")
    assert kind == "NetworkInUse"
    assert "There are one or more ports still in use on the network" in message
    assert port["id"] in message


def test_an_external_network_goes_with_its_idle_floating_ips(admin, public, world):
    admin.make("floatingip", floating_network_id=public["id"])
    admin.delete(f"/networks/{public['id']}")
    assert world.counts() == {}


def test_an_external_network_in_use_stays_external(admin, tenant, public):
    tenant.make("router", external_gateway_info={"network_id": public["id"]})
    body = {"network": {"router:external": False}}
    assert admin.refused(409, "PUT", f"/networks/{public['id']}", body)[0] == "ExternalNetworkInUse"


def test_shared_and_external_networks_are_seen_by_all(admin, tenant, stranger, public):
    shared = admin.network(shared=True)
    subnet = admin.subnet(shared)
    private = tenant.network()
    assert {one["id"] for one in stranger.list("network")} == {shared["id"], public["id"]}
    assert {one["id"] for one in stranger.list("subnet")} == {subnet["id"], public["subnet"]["id"]}
    assert stranger.list("network", "router:external=True") == [stranger.show("network", public["id"])]
    assert stranger.list("network", "shared=true&router:external=false")[0]["id"] == shared["id"]
    stranger.refused(404, "GET", f"/networks/{private['id']}")
    admin.change("network", shared["id"], shared=False)
    stranger.refused(404, "GET", f"/networks/{shared['id']}")
    stranger.refused(404, "GET", f"/subnets/{subnet['id']}")


def test_what_others_use_stays_shared(admin, tenant):
    shared = admin.network(shared=True)
    tenant.port(shared)
    body = {"network": {"shared": False}}
    assert admin.refused(409, "PUT", f"/networks/{shared['id']}", body)[0] == "InvalidSharedSetting"


def test_bulk_is_all_or_none(tenant):
    made = tenant.ask("POST", "/networks", {"networks": [{"name": "a"}, {"name": "b"}]}, 201)["networks"]
    assert [one["name"] for one in made] == ["a", "b"]
    tenant.ask("POST", "/networks", {"networks": [{"name": "c"}, {"name": "d", "mtu": 9000}]}, 400)
    assert {one["name"] for one in tenant.list("network")} == {"a", "b"}


def test_tags(tenant):
    made = tenant.network(tags=["red", "big"])
    path = f"/networks/{made['id']}/tags"
    tenant.ask("PUT", f"{path}/new", None, 201)
    assert tenant.get(path)["tags"] == ["red", "big", "new"]
    assert [one["id"] for one in tenant.list("network", "tags=red,new")] == [made["id"]]
    assert tenant.list("network", "not-tags=red") == []
    assert tenant.list("network", "tags=re") == []


def test_nobodys(tenant):
    for method, body in (("GET", None), ("PUT", {"network": {"name": "x"}}), ("DELETE", None)):
        kind, message = tenant.refused(404, method, f"/networks/{NOBODY}", body)
        assert kind == "NetworkNotFound"
        assert NOBODY in message


def test_a_bulk_of_networks_takes_the_last_identifiers(core_database):
    for _ in range(5):
        wipe(core_database)
        world = World(core_database, network__vni_min=100, network__vni_max=107)
        caller = world.caller()
        caller.ask("POST", "/networks", {"networks": [{}] * 8}, 201)
        numbers = [row.segmentation_id for row in world.rows(sa.select(networks.c.segmentation_id))]
        assert sorted(numbers) == list(range(100, 108))
        assert caller.refused(503, "POST", "/networks", {"network": {}})[0] == "NoNetworkAvailable"
