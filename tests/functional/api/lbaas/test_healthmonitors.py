from __future__ import annotations

import pytest


@pytest.fixture
def lb(tenant, subnet):
    return tenant.balancer(subnet)


@pytest.fixture
def pool(tenant, lb):
    return tenant.pool(lb)


def test_create_show_update_delete(world, tenant, lb, pool):
    made = tenant.monitor(
        pool,
        name="h",
        url_path="/up?x=1",
        expected_codes="200, 204",
        http_method="HEAD",
        http_version=1.1,
        domain_name="a.example",
        max_retries_down=5,
    )
    assert made["pools"] == [{"id": pool["id"]}]
    assert (made["http_version"], made["expected_codes"], made["operating_status"]) == (1.1, "200, 204", "ONLINE")
    assert not {"description", "pool_id"} & made.keys()
    assert tenant.get(f"/pools/{pool['id']}")["pool"]["healthmonitor_id"] == made["id"]
    path = f"/healthmonitors/{made['id']}"
    changed = tenant.put(
        path, {"healthmonitor": {"url_path": None, "delay": 9, "max_retries_down": None, "admin_state_up": False}}
    )["healthmonitor"]
    assert (changed["url_path"], changed["delay"], changed["max_retries_down"]) == ("/", 9, 3)
    assert (changed["http_method"], changed["operating_status"]) == ("HEAD", "OFFLINE")
    spec = world.spec(lb["id"]).pools[0].healthmonitor
    assert spec is not None
    assert (spec.delay, spec.expected_codes, spec.http_version, spec.domain_name) == (9, "200,204", "1.1", "a.example")
    for name, value in (("type", "TCP"), ("pool_id", pool["id"])):
        assert name in tenant.put(path, {"healthmonitor": {name: value}}, 400)["faultstring"]
    tenant.delete(path)
    assert tenant.get(path, 404)["faultstring"] == f"Health Monitor {made['id']} not found."
    assert tenant.get(f"/pools/{pool['id']}")["pool"]["healthmonitor_id"] is None


def test_a_pool_has_one_at_most(tenant, pool):
    tenant.monitor(pool)
    assert tenant.monitor(pool, want=409)["faultstring"] == "This pool already has a health monitor"


def test_defaults_by_type(tenant, lb, pool):
    made = tenant.monitor(pool)
    assert (made["http_method"], made["url_path"], made["expected_codes"]) == ("GET", "/", "200")
    assert made["http_version"] is made["domain_name"] is None
    plain = tenant.monitor(tenant.pool(lb), type="TCP")
    assert plain["http_method"] is plain["url_path"] is plain["expected_codes"] is None
    refused = tenant.put(f"/healthmonitors/{plain['id']}", {"healthmonitor": {"url_path": "/x"}}, 400)["faultstring"]
    assert refused == "url_path is not a valid option for health monitors of type TCP"


def test_types_that_are_not_offered_are_named_with_those_that_are(tenant, pool):
    for kind in ("HTTPS", "PING", "TLS-HELLO", "UDP-CONNECT", "SCTP"):
        assert "Value should be one of: HTTP, TCP" in tenant.monitor(pool, want=400, type=kind)["faultstring"]


def test_a_domain_name_needs_http_1_1(tenant, pool):
    refused = tenant.monitor(pool, want=400, domain_name="a.example")["faultstring"]
    assert "'http_version' must be specified when 'domain_name' is provided." in refused
    refused = tenant.monitor(pool, want=400, domain_name="a.example", http_version=1.0)["faultstring"]
    assert refused == "http_version 1.0 is not a valid option for health monitors HTTP 1.1 domain name health check"


def test_a_pool_that_is_not_there(tenant, pool):
    ident = "0cf03f21-6d93-4d8f-9bd3-0e5b9e8f3f0b"
    assert tenant.monitor({"id": ident}, want=404)["faultstring"] == f"Pool {ident} not found."
