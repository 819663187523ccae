"""Another project's things do not exist: as targets, as parents, as references, in lists."""

from __future__ import annotations

import pytest

from tests.functional.api.lbaas.test_loadbalancers import own_port

NOWHERE = "0cf03f21-6d93-4d8f-9bd3-0e5b9e8f3f0b"
BODIES = {
    "loadbalancer": {"name": "mine now"},
    "listener": {"name": "mine now"},
    "pool": {"name": "mine now"},
    "member": {"weight": 0},
    "healthmonitor": {"delay": 60},
}


@pytest.fixture
def theirs(world, stranger):
    """A whole load balancer of the stranger's."""
    subnet = world.network.add("10.8.0.0/24", stranger.project)
    lb = stranger.balancer(subnet)
    listener = stranger.listener(lb)
    pool = stranger.pool(listener_id=listener["id"])
    return {
        "subnet": subnet,
        "loadbalancer": lb,
        "listener": listener,
        "pool": pool,
        "member": stranger.member(pool),
        "healthmonitor": stranger.monitor(pool),
    }


def path_of(theirs, name, ident=None):
    ident = ident or theirs[name]["id"]
    return f"/pools/{theirs['pool']['id']}/members/{ident}" if name == "member" else f"/{name}s/{ident}"


@pytest.mark.parametrize("name", BODIES)
def test_targets(world, tenant, theirs, name):
    before, generations = world.counts(), world.generations()
    for method, body in (("GET", None), ("PUT", {name: BODIES[name]}), ("DELETE", None)):
        tenant.ask(method, path_of(theirs, name), body, 404)
        foreign = tenant.ask(method, path_of(theirs, name), body)
        unknown = tenant.ask(method, path_of(theirs, name, NOWHERE), body)
        # told apart by nothing but the id that was asked for
        parent = theirs["pool"]["id"] if name == "member" else None
        foreign_text = foreign["faultstring"].replace(theirs[name]["id"], "ID")
        assert foreign_text == unknown["faultstring"].replace(NOWHERE, "ID") or parent in foreign_text
    assert (world.counts(), world.generations()) == (before, generations)


@pytest.mark.parametrize("name", BODIES)
def test_lists(tenant, stranger, admin, theirs, name):
    path = path_of(theirs, name).rpartition("/")[0]
    if name == "member":
        tenant.get(path, 404)
    else:
        assert tenant.get(path)[f"{name}s"] == []
        assert tenant.get(f"{path}?id={theirs[name]['id']}")[f"{name}s"] == []
        tenant.get(f"{path}?marker={theirs[name]['id']}", 400)
    for who in (stranger, admin):
        assert [row["id"] for row in who.get(path)[f"{name}s"]] == [theirs[name]["id"]]


def test_what_is_below(tenant, admin, theirs):
    lb, listener, pool = (theirs[name]["id"] for name in ("loadbalancer", "listener", "pool"))
    for path in (
        f"/loadbalancers/{lb}/status",
        f"/loadbalancers/{lb}/stats",
        f"/listeners/{listener}/stats",
        f"/pools/{pool}/members",
    ):
        tenant.get(path, 404)
        admin.get(path)
    tenant.delete(f"/loadbalancers/{lb}?cascade=true", 404)
    tenant.put(f"/loadbalancers/{lb}/failover", None, 404)
    tenant.put(f"/pools/{pool}/members", {"members": []}, 404)


def test_references(world, tenant, stranger, theirs, subnet):
    mine = tenant.balancer(subnet)
    listener, pool = tenant.listener(mine), tenant.pool(mine)
    port = own_port(world, stranger.project, (theirs["subnet"].id, "10.8.0.99"))
    before, generations = world.counts(), world.generations()
    their = theirs["subnet"]
    requests = [
        ("POST", "/loadbalancers", {"loadbalancer": {"vip_subnet_id": their.id}}, their.id),
        ("POST", "/loadbalancers", {"loadbalancer": {"vip_network_id": their.network_id}}, their.network_id),
        ("POST", "/loadbalancers", {"loadbalancer": {"vip_port_id": port}}, port),
        (
            "POST",
            "/listeners",
            {"listener": {"loadbalancer_id": theirs["loadbalancer"]["id"], "protocol": "TCP", "protocol_port": 9}},
            theirs["loadbalancer"]["id"],
        ),
        (
            "POST",
            "/listeners",
            {
                "listener": {
                    "loadbalancer_id": mine["id"],
                    "protocol": "HTTP",
                    "protocol_port": 9,
                    "default_pool_id": theirs["pool"]["id"],
                }
            },
            theirs["pool"]["id"],
        ),
        (
            "PUT",
            f"/listeners/{listener['id']}",
            {"listener": {"default_pool_id": theirs["pool"]["id"]}},
            theirs["pool"]["id"],
        ),
        *(
            ("POST", "/pools", {"pool": {key: ident, "protocol": "HTTP", "lb_algorithm": "SOURCE_IP"}}, ident)
            for key, ident in (
                ("loadbalancer_id", theirs["loadbalancer"]["id"]),
                ("listener_id", theirs["listener"]["id"]),
            )
        ),
        (
            "POST",
            "/pools",
            {
                "pool": {
                    "loadbalancer_id": mine["id"],
                    "listener_id": theirs["listener"]["id"],
                    "protocol": "HTTP",
                    "lb_algorithm": "SOURCE_IP",
                }
            },
            theirs["listener"]["id"],
        ),
        (
            "POST",
            f"/pools/{theirs['pool']['id']}/members",
            {"member": {"address": "192.0.2.1", "protocol_port": 1}},
            theirs["pool"]["id"],
        ),
        (
            "POST",
            f"/pools/{pool['id']}/members",
            {"member": {"address": "192.0.2.1", "protocol_port": 1, "subnet_id": their.id}},
            their.id,
        ),
        (
            "PUT",
            f"/pools/{pool['id']}/members",
            {"members": [{"address": "192.0.2.1", "protocol_port": 1, "subnet_id": their.id}]},
            their.id,
        ),
        (
            "POST",
            "/healthmonitors",
            {
                "healthmonitor": {
                    "pool_id": theirs["pool"]["id"],
                    "type": "TCP",
                    "delay": 1,
                    "timeout": 1,
                    "max_retries": 1,
                }
            },
            theirs["pool"]["id"],
        ),
    ]
    for method, path, body, ident in requests:
        refused = tenant.ask(method, path, body, 404)["faultstring"]
        assert f"{ident} not found." in refused, (method, path, refused)
    assert (world.counts(), world.generations()) == (before, generations)


def test_a_reader_changes_nothing(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    reader = world.caller(tenant.project, "reader")
    assert reader.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["id"] == lb["id"]
    before = world.generations()
    reader.balancer(subnet, want=403)
    reader.put(f"/loadbalancers/{lb['id']}", {"loadbalancer": {"name": "x"}}, 403)
    reader.delete(f"/loadbalancers/{lb['id']}", 403)
    reader.listener(lb, want=403)
    pool = tenant.pool(lb)
    reader.put(f"/pools/{pool['id']}/members", {"members": []}, 403)
    assert [generation for _, generation in world.generations()] == [before[0][1] + 1]


def test_another_projects_name_in_a_body(tenant, stranger, subnet):
    tenant.balancer(subnet, project_id=stranger.project, want=403)
    tenant.balancer(subnet, tenant_id=stranger.project, want=403)
