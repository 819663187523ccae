"""Operating status, counters and the status tree: measured by hosts, never set by the API."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from svcfabric.fabric import instances

MONITOR = {"type": "TCP", "delay": 2, "timeout": 1, "max_retries": 2}
POOL = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "name": "web"}
MEMBERS = [{"address": f"192.0.2.{number}", "protocol_port": 80, "name": f"m{number}"} for number in (1, 2)]


@pytest.fixture
def lb(world, tenant, subnet):
    pool = {**POOL, "members": MEMBERS, "healthmonitor": MONITOR}
    listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    made = tenant.balancer(subnet, name="lb", listeners=[listener])
    world.settle()
    return made


def ids(lb):
    (listener,), (pool,) = lb["listeners"], lb["pools"]
    return listener["id"], pool["id"], [member["id"] for member in pool["members"]]


def operating(tenant, path):
    (shown,) = tenant.get(path).values()
    return shown["operating_status"]


def test_nothing_is_online_until_a_host_says_so(world, tenant, lb):
    listener, pool, members = ids(lb)
    for path in (f"/loadbalancers/{lb['id']}", f"/listeners/{listener}", f"/pools/{pool}"):
        assert operating(tenant, path) == "OFFLINE"
    assert operating(tenant, f"/pools/{pool}/members/{members[0]}") == "OFFLINE"  # it has a monitor
    statuses = {lb["id"]: "DEGRADED", listener: "ONLINE", pool: "DEGRADED", members[0]: "ONLINE", members[1]: "ERROR"}
    world.observe("host-1", lb["id"], statuses)
    assert operating(tenant, f"/loadbalancers/{lb['id']}") == "DEGRADED"
    assert operating(tenant, f"/listeners/{listener}") == "ONLINE"
    assert operating(tenant, f"/pools/{pool}") == "DEGRADED"
    assert [operating(tenant, f"/pools/{pool}/members/{each}") for each in members] == ["ONLINE", "ERROR"]


def test_what_is_switched_off_is_offline_whatever_was_measured(world, tenant, lb):
    listener, pool, members = ids(lb)
    world.observe("host-1", lb["id"], dict.fromkeys([lb["id"], listener, pool, *members], "ONLINE"))
    paths = {
        f"/loadbalancers/{lb['id']}": "loadbalancer",
        f"/listeners/{listener}": "listener",
        f"/pools/{pool}": "pool",
        f"/pools/{pool}/members/{members[0]}": "member",
        f"/healthmonitors/{lb['pools'][0]['healthmonitor']['id']}": "healthmonitor",
    }
    for path, name in paths.items():
        assert operating(tenant, path) == "ONLINE"
        assert tenant.put(path, {name: {"admin_state_up": False}})[name]["operating_status"] == "OFFLINE"


def test_a_member_without_a_monitor(world, tenant, lb):
    _, pool, members = ids(lb)
    tenant.delete(f"/healthmonitors/{lb['pools'][0]['healthmonitor']['id']}")
    assert operating(tenant, f"/pools/{pool}/members/{members[0]}") == "NO_MONITOR"
    # never measured: being switched off changes nothing of that
    shown = tenant.put(f"/pools/{pool}/members/{members[0]}", {"member": {"admin_state_up": False}})["member"]
    assert shown["operating_status"] == "NO_MONITOR"


def test_the_newest_word_counts_after_a_move(world, tenant, admin, lb):
    listener, _, _ = ids(lb)
    world.observe("host-1", lb["id"], {lb["id"]: "ONLINE"})
    world.agent("host-2")
    admin.put(f"/loadbalancers/{lb['id']}/failover", None, 202)
    world.observe("host-2", lb["id"], {lb["id"]: "DEGRADED"})
    assert operating(tenant, f"/loadbalancers/{lb['id']}") == "DEGRADED"
    world.observe("host-1", lb["id"], {lb["id"]: "ERROR"})  # it has not removed it yet
    assert operating(tenant, f"/loadbalancers/{lb['id']}") == "DEGRADED"
    world.observe("host-2", lb["id"], {listener: "ONLINE"}, {listener: {"bytes_in": 1}})
    assert operating(tenant, f"/listeners/{listener}") == "ONLINE"


def test_lists_can_be_filtered_by_what_is_computed(world, tenant, subnet, lb):
    other = tenant.balancer(subnet)
    world.observe("host-1", lb["id"], {lb["id"]: "ONLINE"})

    def found(query):
        return [row["id"] for row in tenant.get(f"/loadbalancers?{query}")["loadbalancers"]]

    assert found("provisioning_status=ACTIVE") == [lb["id"]]
    assert found("provisioning_status=PENDING_CREATE") == [other["id"]]
    assert found("operating_status=ONLINE") == [lb["id"]]
    assert found("operating_status=OFFLINE&provisioning_status=PENDING_CREATE") == [other["id"]]
    assert found("sort=operating_status:desc") == [lb["id"], other["id"]]
    _, pool, members = ids(lb)
    world.observe("host-1", lb["id"], {members[0]: "ONLINE"})
    listed = tenant.get(f"/pools/{pool}/members?operating_status=ONLINE")["members"]
    assert [row["id"] for row in listed] == [members[0]]


def test_the_status_tree(world, tenant, subnet, lb):
    tenant.pool(lb, name="unused")
    listener, pool, members = ids(lb)
    world.settle()
    world.observe("host-1", lb["id"], {lb["id"]: "ONLINE", listener: "ONLINE", pool: "ONLINE", members[0]: "ONLINE"})
    expected = {
        "id": lb["id"],
        "name": "lb",
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "listeners": [
            {
                "id": listener,
                "name": "",
                "provisioning_status": "ACTIVE",
                "operating_status": "ONLINE",
                "pools": [
                    {
                        "id": pool,
                        "name": "web",
                        "provisioning_status": "ACTIVE",
                        "operating_status": "ONLINE",
                        "health_monitor": {
                            "id": lb["pools"][0]["healthmonitor"]["id"],
                            "name": "",
                            "type": "TCP",
                            "provisioning_status": "ACTIVE",
                            "operating_status": "ONLINE",
                        },
                        "members": [
                            {
                                "id": ident,
                                "name": f"m{number}",
                                "provisioning_status": "ACTIVE",
                                "operating_status": status,
                                "address": f"192.0.2.{number}",
                                "protocol_port": 80,
                            }
                            for ident, number, status in zip(members, (1, 2), ("ONLINE", "OFFLINE"), strict=True)
                        ],
                    }
                ],
            }
        ],
    }
    for word in ("status", "statuses"):
        assert tenant.get(f"/loadbalancers/{lb['id']}/{word}") == {"statuses": {"loadbalancer": expected}}
    empty = tenant.balancer(subnet)
    tree = tenant.get(f"/loadbalancers/{empty['id']}/status")["statuses"]["loadbalancer"]
    assert tree["listeners"] == [] and len(tree) == 5


def test_counters(world, tenant, lb):
    listener, _, _ = ids(lb)
    second = tenant.listener(lb, 81)["id"]
    paths = [f"/listeners/{listener}/stats", f"/listeners/{second}/stats", f"/loadbalancers/{lb['id']}/stats"]
    zero = dict.fromkeys(("active_connections", "bytes_in", "bytes_out", "request_errors", "total_connections"), 0)
    assert [tenant.get(path) for path in paths] == [{"stats": zero}] * 3
    counted = {"bytes_in": 10, "bytes_out": 20, "active_connections": 3, "total_connections": 7, "request_errors": 1}
    world.observe("host-1", lb["id"], {}, {listener: counted, second: {"bytes_in": 5, "unheard_of": 1}})
    # a host it was on before: what it counted stays counted, what was open there is not open any more
    world.database.write(lambda conn: instances.place(conn, lb["id"], "host-0"))
    world.database.write(lambda conn: instances.unplace(conn, lb["id"], "host-0"))
    world.observe("host-0", lb["id"], {}, {listener: counted})
    assert tenant.get(paths[0])["stats"] == {
        "bytes_in": 20,
        "bytes_out": 40,
        "active_connections": 3,
        "total_connections": 14,
        "request_errors": 2,
    }
    assert tenant.get(paths[2])["stats"]["bytes_in"] == 25


@pytest.mark.parametrize("verb", ["add", "delete"])
def test_members_that_come_and_go_while_the_tree_is_read(world, tenant, lb, verb):
    _, pool, members = ids(lb)
    turns = []

    def meanwhile(_conn, _cursor, statement, *_rest):
        if "lbaas_pools.lb_algorithm" in statement and not turns:
            turns.append(statement)
            if verb == "add":
                tenant.member({"id": pool}, "192.0.2.77")
            else:
                tenant.delete(f"/pools/{pool}/members/{members[0]}")

    sa.event.listen(world.database._reader, "before_cursor_execute", meanwhile)
    shown = tenant.get(f"/loadbalancers/{lb['id']}/status")["statuses"]["loadbalancer"]
    assert turns
    seen = {each["id"] for each in shown["listeners"][0]["pools"][0]["members"]}
    assert members[1] in seen <= set(members)
