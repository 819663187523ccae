"""The same over PostgreSQL and MariaDB: statuses in SQL, duplicates by constraint, writers at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.service_world import World


@pytest.fixture
def world(database_url):
    made = World(database_url)
    made.agent()
    yield made
    made.close()


def test_a_life(world, tenant, subnet):
    pool = {
        "name": "p",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": [{"address": "192.0.2.1", "protocol_port": 80}],
        "healthmonitor": {"type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 1},
    }
    lb = tenant.balancer(
        subnet, name="é", tags=["x"], listeners=[{"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}]
    )
    (pool,) = lb["pools"]
    world.settle()
    world.observe("host-1", lb["id"], {lb["id"]: "ONLINE", pool["members"][0]["id"]: "ONLINE"})
    listed = tenant.get("/loadbalancers?provisioning_status=ACTIVE&operating_status=ONLINE&tags=x&sort=updated_at:desc")
    assert [row["id"] for row in listed["loadbalancers"]] == [lb["id"]]
    tenant.listener(lb, 80, 409)
    tenant.member(pool, "192.0.2.1", 80, 409)
    tenant.monitor(pool, want=409)
    tenant.member(pool, "192.0.2.2", 80, weight=5)
    wanted = [{"address": "192.0.2.2", "protocol_port": 80, "weight": 6}, {"address": "192.0.2.3", "protocol_port": 80}]
    tenant.put(f"/pools/{pool['id']}/members", {"members": wanted}, 202)
    members = tenant.get(f"/pools/{pool['id']}/members?sort=address")["members"]
    assert [(row["weight"], row["operating_status"]) for row in members] == [(6, "OFFLINE"), (1, "OFFLINE")]
    page = tenant.get(f"/pools/{pool['id']}/members?sort=address&limit=1&marker={members[0]['id']}")["members"]
    assert [row["id"] for row in page] == [members[1]["id"]]
    tenant.put(f"/healthmonitors/{pool['healthmonitor']['id']}", {"healthmonitor": {"delay": 5}})
    tenant.put(f"/listeners/{lb['listeners'][0]['id']}", {"listener": {"allowed_cidrs": ["10.0.0.0/8"]}})
    assert world.spec(lb["id"]).listeners[0].allowed_cidrs == ("10.0.0.0/8",)
    tenant.get(f"/loadbalancers/{lb['id']}/status")
    assert tenant.get("/v1/service_instances")["service_instances"][0]["attachments"]
    tenant.delete(f"/pools/{pool['id']}")
    tenant.delete(f"/loadbalancers/{lb['id']}?cascade=true")
    world.settle()
    assert {name: count for name, count in world.counts().items() if count} == {"agents": 1}


def at_once(count: int, work: Any) -> list[Any]:
    results: list[Any] = [None] * count
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        gate.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_eight_writers_of_one_pool(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    pool = tenant.pool(lb)
    callers = [world.caller(tenant.project) for _ in range(8)]

    def add(number: int) -> list[int]:
        statuses = []
        for step in range(6):
            # ports of its own, and one port that all of them want
            port = 1 if step == 3 else 100 * (number + 1) + step
            body = {"member": {"address": "192.0.2.1", "protocol_port": port}}
            callers[number].ask("POST", f"/pools/{pool['id']}/members", body)
            statuses.append(callers[number].status)
        return statuses

    results = at_once(8, add)
    assert all(status in (201, 409) for statuses in results for status in statuses), results
    assert sum(statuses[3] == 201 for statuses in results) == 1
    assert sum(status == 201 for statuses in results for status in statuses) == 41
    assert len(tenant.get(f"/pools/{pool['id']}/members")["members"]) == 41
    # one generation for each that was taken, none for those refused
    assert [generation for _, generation in world.generations()] == [2 + 41]


def test_a_quota_holds_against_writers_at_once(world, tenant, admin, subnet):
    admin.put(f"/quotas/{tenant.project}", {"quota": {"listener": 3}}, 202)
    lb = tenant.balancer(subnet)
    callers = [world.caller(tenant.project) for _ in range(8)]

    def add(number: int) -> int:
        body = {"listener": {"loadbalancer_id": lb["id"], "protocol": "TCP", "protocol_port": number + 1}}
        callers[number].ask("POST", "/listeners", body)
        return callers[number].status

    assert sorted(at_once(8, add)) == [201] * 3 + [403] * 5


def test_one_default_pool_whoever_comes_first(world, tenant, subnet):
    listener = tenant.listener(tenant.balancer(subnet))
    callers = [world.caller(tenant.project) for _ in range(6)]

    def add(number: int) -> int:
        body = {"pool": {"listener_id": listener["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}}
        callers[number].ask("POST", "/pools", body)
        return callers[number].status

    assert sorted(at_once(6, add)) == [201] + [409] * 5
    assert len(tenant.get("/pools")["pools"]) == 1
