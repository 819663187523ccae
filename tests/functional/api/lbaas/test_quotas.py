from __future__ import annotations


def test_limits_are_shown_set_and_reset(tenant, admin):
    path = f"/quotas/{tenant.project}"
    shown = tenant.get(path)["quota"]
    assert shown["loadbalancer"] == shown["load_balancer"] == shown["member"] == shown["l7rule"] == -1
    tenant.put(path, {"quota": {"loadbalancer": 5}}, 403)
    changed = admin.put(path, {"quota": {"load_balancer": 5, "healthmonitor": 2}}, 202)["quota"]
    assert (changed["loadbalancer"], changed["health_monitor"], changed["pool"]) == (5, 2, -1)
    assert admin.put(path, {"quota": {"loadbalancer": None}}, 202)["quota"]["loadbalancer"] == -1
    assert tenant.get(path)["quota"]["healthmonitor"] == 2
    (row,) = admin.get("/quotas")["quotas"]
    assert (row["project_id"], row["health_monitor"], row["loadbalancer"]) == (tenant.project, 2, None)
    assert admin.delete(path, 202) is None
    assert admin.get("/quotas")["quotas"] == []
    assert tenant.get("/quotas/defaults")["quota"] == tenant.get(f"{path}/default")["quota"]
    tenant.get("/quotas/another", 403)
    admin.put(path, {"quota": {"router": 1}}, 400)


def test_a_limit_that_is_reached_is_403_with_limit_and_use(world, tenant, admin, subnet):
    limits = {"loadbalancer": 1, "listener": 1, "pool": 1, "member": 2, "healthmonitor": 0}
    admin.put(f"/quotas/{tenant.project}", {"quota": limits}, 202)
    lb = tenant.balancer(subnet)
    refused = tenant.balancer(subnet, want=403)["faultstring"]
    assert "'loadbalancer'" in refused and "limit is 1, 1 are in use" in refused
    tenant.listener(lb)
    pool = tenant.pool(lb)
    tenant.member(pool)
    before = world.generations()
    tenant.listener(lb, 81, want=403)
    tenant.pool(lb, want=403)
    tenant.monitor(pool, want=403)
    items = [{"address": "192.0.2.1", "protocol_port": port} for port in (1, 2, 3)]
    tenant.put(f"/pools/{pool['id']}/members", {"members": items}, 403)
    assert world.generations() == before
    # the one that goes makes room for one that comes
    tenant.put(f"/pools/{pool['id']}/members", {"members": items[:2]}, 202)


def test_a_tree_is_counted_whole(world, tenant, admin, subnet):
    admin.put(f"/quotas/{tenant.project}", {"quota": {"member": 1}}, 202)
    members = [{"address": "192.0.2.1", "protocol_port": port} for port in (1, 2)]
    pool = {"name": "p", "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "members": members}
    before = world.counts()
    assert "'member'" in tenant.balancer(subnet, want=403, pools=[pool])["faultstring"]
    after = world.counts()
    assert {name for name in before if before[name] != after[name]} <= {"quota_locks"}


def test_a_project_that_can_be_none(admin):
    for ident in ("x" * 256, "a%00b", "%20"):
        for method, body in (("GET", None), ("PUT", {"quota": {"pool": 1}}), ("DELETE", None)):
            refused = admin.ask(method, f"/quotas/{ident}", body, 400)["faultstring"]
            assert "project_id" in refused
