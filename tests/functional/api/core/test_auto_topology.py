"""A project's network at one request."""

import pytest

PATH = "/auto-allocated-topology/"


@pytest.fixture
def ready(admin, public):
    """A cloud with a default external network and default pools."""
    admin.change("network", public["id"], is_default=True)
    for name, prefix, length in (("four", "10.200.0.0/16", 24), ("six", "2001:db8::/32", 64)):
        given = {"prefixes": [prefix], "default_prefixlen": length, "is_default": True, "shared": True}
        admin.make("subnetpool", name=name, **given)
    return public


def made(caller):
    return {name: caller.list(name, "") for name in ("network", "subnet", "router")}


def own(caller):
    return {name: [row for row in rows if row["project_id"] == caller.project] for name, rows in made(caller).items()}


def test_once_made_it_is_the_same(ready, tenant):
    answer = tenant.get(PATH + tenant.project)["auto_allocated_topology"]
    assert answer["project_id"] == answer["tenant_id"] == tenant.project
    assert tenant.get(PATH + "None")["auto_allocated_topology"] == answer
    things = own(tenant)
    (network,) = things["network"]
    (router,) = things["router"]
    assert (network["id"], network["name"], network["admin_state_up"]) == (answer["id"], "auto_allocated_network", True)
    assert {one["name"] for one in things["subnet"]} == {"auto_allocated_subnet_v4", "auto_allocated_subnet_v6"}
    assert (router["name"], router["external_gateway_info"]["network_id"]) == ("auto_allocated_router", ready["id"])
    held = {ip["subnet_id"] for port in tenant.list("port") for ip in port["fixed_ips"]}
    assert {one["id"] for one in things["subnet"]} <= held


def test_taken_down_nothing_is_left(ready, tenant, world):
    before = world.counts()
    tenant.get(PATH + "None")
    tenant.delete(PATH + "None")
    tenant.delete(PATH + "None")
    world.answer()
    after = world.counts()
    assert {name: after.get(name) for name in before} == before


def test_it_stays_while_ports_are_on_it(ready, tenant):
    network_id = tenant.get(PATH + "None")["auto_allocated_topology"]["id"]
    port = tenant.port({"id": network_id})
    assert tenant.refused(409, "DELETE", PATH + "None")[0] == "NetworkInUse"
    assert len(own(tenant)["router"]) == 1
    tenant.delete(f"/ports/{port['id']}")
    tenant.delete(PATH + "None")


def test_dry_run_makes_nothing(ready, tenant):
    answer = tenant.get(PATH + "None?fields=dry-run")["auto_allocated_topology"]
    assert answer["id"] == "dry-run=pass"
    assert own(tenant) == {"network": [], "subnet": [], "router": []}
    assert tenant.refused(400, "GET", PATH + "None?fields=nonsense")[0] == "BadRequest"


def test_what_is_missing_is_told(admin, public, tenant):
    for path in (PATH + "None", PATH + "None?fields=dry-run"):
        kind, message = tenant.refused(409, "GET", path)
        assert (kind, "external network" in message) == ("AutoAllocationFailure", True)
    admin.change("network", public["id"], is_default=True)
    kind, message = tenant.refused(409, "GET", PATH + "None")
    assert (kind, "subnetpools" in message) == ("AutoAllocationFailure", True)
    assert own(tenant) == {"network": [], "subnet": [], "router": []}


def test_a_pool_without_room_leaves_nothing(admin, public, tenant, stranger):
    admin.change("network", public["id"], is_default=True)
    admin.make("subnetpool", name="p", prefixes=["10.9.0.0/29"], min_prefixlen=29, is_default=True, shared=True)
    stranger.get(PATH + "None")
    assert tenant.refused(409, "GET", PATH + "None")[0] == "AutoAllocationFailure"
    assert own(tenant) == {"network": [], "subnet": [], "router": []}


def test_others_topologies_are_an_administrators(ready, admin, tenant, stranger):
    assert stranger.refused(403, "GET", PATH + tenant.project)
    assert stranger.refused(403, "DELETE", PATH + tenant.project)
    answer = admin.get(PATH + tenant.project)["auto_allocated_topology"]
    assert [one["id"] for one in own(tenant)["network"]] == [answer["id"]]
    admin.delete(PATH + tenant.project)
    assert own(tenant)["network"] == []


def test_the_default_network_is_external_and_the_only_one(admin, tenant, public):
    inner = tenant.network()
    refused = admin.refused(400, "PUT", f"/networks/{inner['id']}", {"network": {"is_default": True}})
    assert refused[0] == "InvalidInput"
    admin.change("network", public["id"], is_default=True)
    assert admin.change("network", public["id"], description="d")["is_default"] is True
    body = {"router:external": True, "is_default": True}
    assert admin.refused(409, "POST", "/networks", {"network": body})[0] == "DefaultExternalNetworkExists"
    tenant.refused(403, "POST", "/networks", {"network": {"is_default": True}})
    assert [one["id"] for one in admin.list("network", "is_default=True")] == [public["id"]]
    assert admin.change("network", public["id"], **{"router:external": False})["is_default"] is False
