"""A load balancer with all below it in one request."""

from __future__ import annotations

import pytest

MONITOR = {"type": "HTTP", "delay": 2, "timeout": 1, "max_retries": 2}
POOL = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
MEMBERS = [{"address": f"192.0.2.{number}", "protocol_port": 80} for number in (3, 1, 2)]
TREE = {
    "name": "whole",
    "listeners": [
        {
            "name": "http",
            "protocol": "HTTP",
            "protocol_port": 80,
            "insert_headers": {"X-Forwarded-For": "true"},
            "default_pool": {**POOL, "name": "web", "members": MEMBERS, "healthmonitor": MONITOR},
        },
        {"name": "alt", "protocol": "HTTP", "protocol_port": 8080, "default_pool": {"name": "web"}},
        {"name": "tls", "protocol": "HTTPS", "protocol_port": 443, "default_pool": {"name": "pass"}},
    ],
    "pools": [
        {"name": "pass", "protocol": "TCP", "lb_algorithm": "SOURCE_IP", "session_persistence": {"type": "SOURCE_IP"}},
        {**POOL, "name": "spare"},
    ],
}


def test_all_of_it_in_one_generation(world, tenant, subnet):
    lb = tenant.balancer(subnet, **TREE)
    assert [generation for _, generation in world.generations()] == [1]
    assert [row["name"] for row in lb["listeners"]] == ["http", "alt", "tls"]
    pools = {row["name"]: row for row in lb["pools"]}
    assert pools.keys() == {"web", "pass", "spare"}
    assert [row["default_pool_id"] for row in lb["listeners"]] == [
        pools["web"]["id"],
        pools["web"]["id"],
        pools["pass"]["id"],
    ]
    assert [row["address"] for row in pools["web"]["members"]] == ["192.0.2.3", "192.0.2.1", "192.0.2.2"]
    assert pools["web"]["healthmonitor"]["url_path"] == "/"
    assert {each["id"] for each in pools["web"]["listeners"]} == {row["id"] for row in lb["listeners"][:2]}
    assert "healthmonitor" not in pools["spare"]
    for row in (lb["listeners"][0], pools["web"], pools["web"]["members"][0], pools["web"]["healthmonitor"]):
        assert (row["provisioning_status"], row["project_id"]) == ("PENDING_CREATE", tenant.project)
        assert row["tenant_id"] == tenant.project and row["created_at"][10] == "T"
    world.settle()
    assert len(world.sent.applied) == 1
    shown = tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]
    assert shown["provisioning_status"] == "ACTIVE"
    assert shown["listeners"] == [{"id": row["id"]} for row in lb["listeners"]]
    spec = world.spec(lb["id"])
    assert [(each.protocol, each.protocol_port) for each in spec.listeners] == [
        ("HTTP", 80),
        ("HTTP", 8080),
        ("TCP", 443),
    ]
    assert [member.address for pool in spec.pools for member in pool.members] == ["192.0.2.3", "192.0.2.1", "192.0.2.2"]


def test_it_costs_as_many_statements_however_large(world, tenant, subnet):
    def tree(size):
        members = [{"address": f"192.0.2.{number}", "protocol_port": 80} for number in range(1, size)]
        pools = [{**POOL, "name": f"p{number}", "members": members, "healthmonitor": MONITOR} for number in range(size)]
        listeners = [
            {"protocol": "HTTP", "protocol_port": 80 + number, "default_pool": {"name": f"p{number}"}}
            for number in range(size)
        ]
        return {"listeners": listeners, "pools": pools}

    counts = []
    for size in (2, 20):
        with world.statements() as seen:
            tenant.balancer(subnet, **tree(size))
        counts.append(len(seen))
    assert counts[0] == counts[1] < 40, counts


HTTP = {"protocol": "HTTP", "protocol_port": 80}


@pytest.mark.parametrize(
    "tree, status, words",
    [
        ({"listeners": {}}, 400, "field/attribute listeners. "),
        ({"listeners": [{"protocol_port": 80}]}, 400, "field/attribute listeners[0].protocol. "),
        ({"listeners": [{**HTTP, "protocol_port": 0}]}, 400, "field/attribute listeners[0].protocol_port. "),
        ({"listeners": [HTTP, {**HTTP}]}, 409, "(in listeners[1].protocol_port)"),
        ({"listeners": [{**HTTP, "loadbalancer_id": "x"}]}, 400, "listeners[0]: loadbalancer_id"),
        ({"listeners": [{**HTTP, "insert_headers": {"X-Y": "true"}}]}, 400, "(in listeners[0])"),
        ({"listeners": [{**HTTP, "allowed_cidrs": ["2001:db8::/32"]}]}, 400, "(in listeners[0])"),
        ({"listeners": [{**HTTP, "default_pool": {"name": "nowhere"}}]}, 400, "'nowhere' was referenced"),
        ({"listeners": [{**HTTP, "default_pool": {"lb_algorithm": "ROUND_ROBIN", "protocol": "HTTP"}}]}, 400, "named"),
        ({"listeners": [{**HTTP, "default_pool": {**POOL, "name": "p", "protocol": "TCP"}}]}, 400, "is invalid while"),
        ({"listeners": [{**HTTP, "l7policies": [{"action": "REJECT"}]}]}, 400, "listeners[0].l7policies"),
        ({"pools": [{**POOL, "name": "p"}, {**POOL, "name": "p"}]}, 400, "(in pools[1].name)"),
        ({"pools": [{**POOL, "name": "p", "lb_algorithm": "SOURCE_IP_PORT"}]}, 501, "(in pools[0])"),
        (
            {"pools": [{**POOL, "name": "p", "session_persistence": {"type": "APP_COOKIE"}}]},
            400,
            "(in pools[0])",
        ),
        (
            {"pools": [{**POOL, "name": "p", "members": [{"address": "169.254.169.254", "protocol_port": 1}]}]},
            400,
            "(in pools[0].members[0])",
        ),
        (
            {"pools": [{**POOL, "name": "p", "members": [MEMBERS[0], MEMBERS[0]]}]},
            409,
            "Another member on this pool is already using ip 192.0.2.3",
        ),
        (
            {"pools": [{**POOL, "name": "p", "healthmonitor": {**MONITOR, "type": "TCP", "url_path": "/"}}]},
            400,
            "(in pools[0].healthmonitor)",
        ),
        (
            {"pools": [{**POOL, "name": "p", "healthmonitor": {**MONITOR, "url_path": "/a\nb"}}]},
            400,
            "field/attribute pools[0].healthmonitor.url_path. ",
        ),
    ],
)
def test_a_tree_with_a_mistake_leaves_nothing(world, tenant, subnet, tree, status, words):
    before = world.counts()
    refused = tenant.balancer(subnet, want=status, **tree)["faultstring"]
    assert words in refused
    assert world.counts() == before


def test_a_subnet_of_another_project_in_a_member(world, tenant, stranger, subnet):
    foreign = world.network.add("10.9.0.0/24", stranger.project)
    member = {**MEMBERS[0], "subnet_id": foreign.id}
    before = world.counts()
    refused = tenant.balancer(subnet, want=404, pools=[{**POOL, "name": "p", "members": [member]}])["faultstring"]
    assert refused == f"Subnet {foreign.id} not found. (in pools[0])"
    assert world.counts() == before
