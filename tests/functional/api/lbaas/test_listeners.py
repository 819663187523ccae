from __future__ import annotations

import pytest


@pytest.fixture
def lb(tenant, subnet):
    return tenant.balancer(subnet)


def test_create_show_update_delete(world, tenant, lb):
    made = tenant.listener(
        lb,
        name="in",
        description="d",
        connection_limit=200,
        insert_headers={"X-Forwarded-For": "true", "X-Forwarded-Port": "False"},
        allowed_cidrs=["10.0.0.0/8", "192.0.2.7"],
        timeout_client_data=1000,
        timeout_tcp_inspect=50,
        tags=[str(number) for number in range(100)],
    )
    assert made["loadbalancers"] == [{"id": lb["id"]}]
    assert made["allowed_cidrs"] == ["10.0.0.0/8", "192.0.2.7/32"]
    assert (made["timeout_client_data"], made["timeout_member_data"], made["timeout_tcp_inspect"]) == (1000, 50000, 50)
    assert made["l7policies"] == made["sni_container_refs"] == []
    assert made["default_tls_container_ref"] is made["default_pool_id"] is None
    assert made["client_authentication"] == "NONE"
    assert "loadbalancer_id" not in made
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["listeners"] == [{"id": made["id"]}]
    world.settle()
    path = f"/listeners/{made['id']}"
    changed = tenant.put(
        path,
        {
            "listener": {
                "name": "new",
                "connection_limit": None,
                "insert_headers": {"X-Forwarded-For": "false"},
                "allowed_cidrs": None,
                "timeout_client_data": None,
                "admin_state_up": False,
            }
        },
    )["listener"]
    assert changed["provisioning_status"] == "PENDING_UPDATE"
    assert (changed["connection_limit"], changed["allowed_cidrs"], changed["timeout_client_data"]) == (-1, None, 50000)
    assert changed["insert_headers"] == {"X-Forwarded-For": "false"}
    assert (changed["description"], changed["timeout_tcp_inspect"]) == ("d", 50)
    assert changed["operating_status"] == "OFFLINE"
    (listener,) = world.spec(lb["id"]).listeners
    assert (listener.name, listener.admin_state_up, listener.insert_headers) == (
        "new",
        False,
        (("X-Forwarded-For", "false"),),
    )
    tenant.delete(path)
    assert tenant.get(path, 404)["faultstring"] == f"Listener {made['id']} not found."
    tenant.delete(path, 404)
    assert world.spec(lb["id"]).listeners == ()


def test_one_listener_a_port_within_what_a_host_can_open(tenant, lb):
    tenant.listener(lb, 80)
    again = tenant.listener(lb, 80, 409)["faultstring"]
    expected = "Another Listener on this Load Balancer is already using protocol HTTP and protocol_port 80"
    assert again == expected
    assert "protocol TCP and protocol_port 80" in tenant.listener(lb, 80, 409, protocol="TCP")["faultstring"]
    tenant.listener(lb, 81, protocol="TCP")


def test_protocols_that_are_not_offered_are_named_with_those_that_are(tenant, lb):
    for protocol in ("UDP", "SCTP", "TERMINATED_HTTPS", "PROMETHEUS", "http", "", None, 5):
        refused = tenant.listener(lb, want=400, protocol=protocol)["faultstring"]
        assert refused.startswith("Invalid input for field/attribute protocol. "), refused
        assert protocol is None or "Value should be one of: HTTP, HTTPS, TCP" in refused


def test_the_default_pool_is_one_of_the_same_load_balancer_and_fits(world, tenant, subnet, lb):
    other = tenant.balancer(subnet)
    pool, foreign, tcp = tenant.pool(lb), tenant.pool(other), tenant.pool(lb, protocol="TCP")
    refused = tenant.listener(lb, want=404, default_pool_id=foreign["id"])["faultstring"]
    assert refused == f"Pool {foreign['id']} not found."
    refused = tenant.listener(lb, want=400, default_pool_id=tcp["id"])["faultstring"]
    assert refused.startswith("Validation failure: The pool protocol 'TCP' is invalid while the listener protocol is")
    listener = tenant.listener(lb, default_pool_id=pool["id"])
    assert listener["default_pool_id"] == pool["id"]
    assert tenant.get(f"/pools/{pool['id']}")["pool"]["listeners"] == [{"id": listener["id"]}]
    path = f"/listeners/{listener['id']}"
    tenant.put(path, {"listener": {"default_pool_id": foreign["id"]}}, 404)
    tenant.put(path, {"listener": {"default_pool_id": tcp["id"]}}, 400)
    assert tenant.put(path, {"listener": {"default_pool_id": None}})["listener"]["default_pool_id"] is None
    assert world.spec(lb["id"]).listeners[0].default_pool_id == ""


def test_cidrs_must_fit_the_address(tenant, lb):
    for cidrs in (["2001:db8::/64"], ["10.0.0.0/8", "2001:db8::/64"]):
        assert "IP version incompatible" in tenant.listener(lb, want=400, allowed_cidrs=cidrs)["faultstring"]
    listener = tenant.listener(lb, allowed_cidrs=[])
    assert listener["allowed_cidrs"] is None
    tenant.put(f"/listeners/{listener['id']}", {"listener": {"allowed_cidrs": ["2001:db8::/64"]}}, 400)


def test_tls_is_refused_in_the_words_clients_know(tenant, lb):
    for more, words in (
        ({"default_tls_container_ref": "x"}, "Certificate container references are not allowed on HTTP protocol"),
        ({"tls_ciphers": "x"}, "TLS is not offered here"),
        ({"tls_versions": ["TLSv1.2"]}, "TLS is not offered here"),
        ({"alpn_protocols": ["h2"]}, "TLS is not offered here"),
        ({"client_authentication": "MANDATORY"}, "requires a client CA"),
        ({"hsts_max_age": 5}, "TERMINATED_HTTPS"),
        ({"l7policies": [{"action": "REJECT"}]}, "L7 policies are not offered here"),
    ):
        assert words in tenant.listener(lb, want=400, **more)["faultstring"]
    tenant.listener(lb, sni_container_refs=[], tls_versions=None, client_authentication="NONE", l7policies=[])


def test_times_come_from_the_configuration(tmp_path):
    from tests.service_world import World

    world = World(f"sqlite:///{tmp_path}/times.db", lbaas__timeout_client_data=7, lbaas__timeout_member_connect=8)
    tenant = world.caller()
    listener = tenant.listener(tenant.balancer(world.network.add("10.0.0.0/24", tenant.project)))
    assert (listener["timeout_client_data"], listener["timeout_member_connect"]) == (7, 8)
    world.close()
