import threading

import pytest

DEFAULTS = {
    "network": 100,
    "subnet": 100,
    "port": 500,
    "router": 10,
    "floatingip": 50,
    "subnetpool": -1,
    "address_scope": -1,
    "security_group": 10,
    "security_group_rule": 100,
    "address_group": -1,
    "qos_policy": -1,
    "rbac_policy": 10,
}
# Where clients make one, and how a body names it, when not by the quota's own name.
PATHS = {
    "address_scope": "/address-scopes",
    "security_group": "/security-groups",
    "security_group_rule": "/security-group-rules",
    "address_group": "/address-groups",
    "qos_policy": "/qos/policies",
    "rbac_policy": "/rbac-policies",
}
NAMES = {"qos_policy": "policy"}


def test_limits_in_force(tenant, admin):
    assert tenant.get(f"/quotas/{tenant.project}")["quota"] == DEFAULTS
    assert tenant.get(f"/quotas/{tenant.project}/default")["quota"] == DEFAULTS
    changed = admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"network": 2, "router": -1}}, 200)["quota"]
    assert changed == {**DEFAULTS, "network": 2, "router": -1}
    assert tenant.get(f"/quotas/{tenant.project}")["quota"] == changed
    assert tenant.get(f"/quotas/{tenant.project}/default")["quota"] == DEFAULTS
    (stored,) = admin.get("/quotas")["quotas"]
    assert stored == {"project_id": tenant.project, "tenant_id": tenant.project, **changed}
    admin.delete(f"/quotas/{tenant.project}")
    assert tenant.get(f"/quotas/{tenant.project}")["quota"] == DEFAULTS
    assert admin.get("/quotas")["quotas"] == []


@pytest.mark.parametrize("path", ["details", "details.json"])
def test_use(tenant, private, path):
    tenant.port(private)
    details = tenant.get(f"/quotas/{tenant.project}/{path}")["quota"]
    assert details["network"] == {"limit": 100, "used": 1, "reserved": 0}
    assert details["port"] == {"limit": 500, "used": 1, "reserved": 0}
    assert details["router"] == {"limit": 10, "used": 0, "reserved": 0}


def test_ones_own_project(tenant):
    assert tenant.get("/quotas/tenant") == {"tenant": {"tenant_id": tenant.project}}
    assert tenant.get("/quotas/project") == {"project": {"project_id": tenant.project}}


def test_others_quotas_are_the_administrators(tenant, stranger):
    for path in ("", "/default", "/details"):
        stranger.refused(403, "GET", f"/quotas/{tenant.project}{path}")
    stranger.refused(403, "GET", "/quotas")
    tenant.refused(403, "PUT", f"/quotas/{tenant.project}", {"quota": {"network": 1000}})
    tenant.refused(403, "DELETE", f"/quotas/{tenant.project}")


@pytest.mark.parametrize(
    "body", [{}, {"quota": 5}, {"quota": {"network": -2}}, {"quota": {"network": "x"}}, {"quota": {"widget": 1}}, []]
)
def test_limits_that_cannot_be(admin, tenant, body):
    admin.refused(400, "PUT", f"/quotas/{tenant.project}", body)


def test_a_limit_below_what_is_used_needs_force(admin, tenant):
    tenant.network()
    path = f"/quotas/{tenant.project}"
    assert "already used 1" in admin.refused(400, "PUT", path, {"quota": {"network": 0}})[1]
    admin.ask("PUT", path, {"quota": {"network": 0, "force": True}}, 200)


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_limit_holds(world, admin, tenant, private, public, name):
    manager = world.caller(tenant.project, "manager")
    (group,) = tenant.get("/security-groups")["security_groups"]
    bodies = {
        "network": {},
        "subnet": {"network_id": private["id"], "ip_version": 4, "cidr": "10.3.0.0/24"},
        "port": {"network_id": private["id"]},
        "router": {},
        "floatingip": {"floating_network_id": public["id"]},
        "subnetpool": {"name": "p", "prefixes": ["10.64.0.0/16"]},
        "address_scope": {"name": "s", "ip_version": 4},
        "security_group": {"name": "g"},
        "security_group_rule": {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"},
        "address_group": {"name": "a", "addresses": []},
        "qos_policy": {"name": "q"},
        "rbac_policy": {
            "object_type": "network",
            "object_id": private["id"],
            "action": "access_as_shared",
            "target_tenant": "x",
        },
    }
    path, body = PATHS.get(name, f"/{name}s"), {NAMES.get(name, name): bodies[name]}
    used = tenant.get(f"/quotas/{tenant.project}/details")["quota"][name]["used"]
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {name: used}}, 200)
    kind, message = manager.refused(409, "POST", path, body)
    assert kind == "OverQuota"
    assert f"['{name}']" in message
    assert f"limit is {used}" in message
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {name: used + 1}}, 200)
    manager.ask("POST", path, body, 201)
    assert tenant.get(f"/quotas/{tenant.project}/details")["quota"][name]["used"] == used + 1


def test_a_bulk_counts_whole(admin, tenant):
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"network": 3}}, 200)
    tenant.ask("POST", "/networks", {"networks": [{}] * 4}, 409)
    tenant.ask("POST", "/networks", {"networks": [{}] * 3}, 201)


def test_what_the_cloud_makes_is_not_counted(tenant, public):
    tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.make("floatingip", floating_network_id=public["id"])
    assert tenant.get(f"/quotas/{tenant.project}/details")["quota"]["port"]["used"] == 0


def test_two_cannot_both_take_the_last_one(admin, tenant):
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"network": 5}}, 200)
    statuses = []

    def many():
        for _ in range(4):
            answer = tenant.ask("POST", "/networks", {"network": {}})
            statuses.append(409 if "NeutronError" in answer else 201)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] * 5 + [409] * 11
