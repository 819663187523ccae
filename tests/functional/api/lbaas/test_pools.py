from __future__ import annotations

import pytest


@pytest.fixture
def lb(tenant, subnet):
    return tenant.balancer(subnet)


def test_create_show_update_delete(world, tenant, lb):
    pool = tenant.pool(lb, name="p", session_persistence={"type": "APP_COOKIE", "cookie_name": "sid"}, tags=["t"])
    assert pool["loadbalancers"] == [{"id": lb["id"]}]
    assert pool["listeners"] == pool["members"] == []
    assert pool["healthmonitor_id"] is None
    assert pool["session_persistence"] == {
        "type": "APP_COOKIE",
        "cookie_name": "sid",
        "persistence_timeout": None,
        "persistence_granularity": None,
    }
    assert pool["tls_enabled"] is False
    path = f"/pools/{pool['id']}"
    changed = tenant.put(
        path,
        {"pool": {"lb_algorithm": "LEAST_CONNECTIONS", "session_persistence": {"type": "HTTP_COOKIE"}, "name": "q"}},
    )["pool"]
    assert (changed["lb_algorithm"], changed["name"]) == ("LEAST_CONNECTIONS", "q")
    assert changed["session_persistence"]["type"] == "HTTP_COOKIE"
    assert changed["session_persistence"]["cookie_name"] is None
    assert world.spec(lb["id"]).pools[0].lb_algorithm == "LEAST_CONNECTIONS"
    cleared = tenant.put(path, {"pool": {"session_persistence": None}})["pool"]
    assert cleared["session_persistence"] is None
    for name, value in (("protocol", "TCP"), ("loadbalancer_id", lb["id"]), ("listener_id", lb["id"])):
        assert name in tenant.put(path, {"pool": {name: value}}, 400)["faultstring"]
    tenant.delete(path)
    assert tenant.get(path, 404)["faultstring"] == f"Pool {pool['id']} not found."


def test_persistence_keeps_its_type_when_only_the_cookie_is_named(tenant, lb):
    pool = tenant.pool(lb, session_persistence={"type": "APP_COOKIE", "cookie_name": "a"})
    path = f"/pools/{pool['id']}"
    changed = tenant.put(path, {"pool": {"session_persistence": {"cookie_name": "b"}}})["pool"]
    assert changed["session_persistence"]["type"] == "APP_COOKIE"
    assert changed["session_persistence"]["cookie_name"] == "b"
    refused = tenant.put(path, {"pool": {"session_persistence": {"type": "APP_COOKIE"}}}, 400)["faultstring"]
    assert 'Field "cookie_name" must be specified' in refused
    tenant.pool(lb, want=400, session_persistence={})
    tenant.pool(lb, want=400, session_persistence={"cookie_name": "x"})


def test_as_a_listeners_default(world, tenant, lb):
    listener = tenant.listener(lb)
    pool = tenant.pool(listener_id=listener["id"])
    assert pool["listeners"] == [{"id": listener["id"]}]
    assert pool["loadbalancers"] == [{"id": lb["id"]}]
    assert tenant.get(f"/listeners/{listener['id']}")["listener"]["default_pool_id"] == pool["id"]
    second = tenant.pool(listener_id=listener["id"], want=409)["faultstring"]
    assert second == "This listener already has a default pool"
    other = tenant.listener(lb, 81)
    refused = tenant.pool(listener_id=other["id"], protocol="TCP", want=400)["faultstring"]
    assert "The pool protocol 'TCP' is invalid while the listener protocol is 'HTTP'." in refused
    tenant.pool(lb, listener_id=other["id"])
    assert len(world.spec(lb["id"]).pools) == 2


def test_a_listener_of_another_load_balancer(tenant, subnet, lb):
    elsewhere = tenant.listener(tenant.balancer(subnet))
    refused = tenant.pool(lb, listener_id=elsewhere["id"], want=404)["faultstring"]
    assert refused == f"Listener {elsewhere['id']} not found."


def test_a_parent_is_needed(tenant):
    refused = tenant.pool(want=400)["faultstring"]
    assert refused == "Validation failure: Must provide at least one of: loadbalancer_id, listener_id"


def test_deleting_it_takes_members_and_monitor_and_leaves_the_listener(world, tenant, lb):
    listener = tenant.listener(lb)
    pool = tenant.pool(listener_id=listener["id"])
    member, monitor = tenant.member(pool), tenant.monitor(pool)
    world.settle()
    world.observe("host-1", lb["id"], {pool["id"]: "ONLINE", member["id"]: "ONLINE"})
    tenant.delete(f"/pools/{pool['id']}")
    shown = tenant.get(f"/listeners/{listener['id']}")["listener"]
    assert (shown["default_pool_id"], shown["provisioning_status"]) == (None, "PENDING_UPDATE")
    tenant.get(f"/pools/{pool['id']}/members/{member['id']}", 404)
    tenant.get(f"/healthmonitors/{monitor['id']}", 404)
    assert world.spec(lb["id"]).pools == ()
    assert world.counts()["observations"] == 0


def test_what_no_provider_here_can_do(tenant, lb):
    refused = tenant.pool(lb, want=501, lb_algorithm="SOURCE_IP_PORT")
    assert refused["faultcode"] == "Server"
    assert "'haproxy' does not support a requested option: lb_algorithm SOURCE_IP_PORT" in refused["faultstring"]
    pool = tenant.pool(lb)
    tenant.put(f"/pools/{pool['id']}", {"pool": {"lb_algorithm": "SOURCE_IP_PORT"}}, 501)
    assert "TLS is not offered here" in tenant.pool(lb, want=400, tls_enabled=True)["faultstring"]
    for protocol in ("UDP", "SCTP", "PROXY", "PROXYV2"):
        refused = tenant.pool(lb, want=400, protocol=protocol)["faultstring"]
        assert "Value should be one of: HTTP, HTTPS, TCP" in refused
