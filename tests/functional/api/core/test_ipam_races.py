"""Eight writers at once on subnets of every policy: no address twice, none lost, no error of ours."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from svcfabric.core_l2l3.addressing.models import ip_released
from svcfabric.core_l2l3.models import ip_allocations

WRITERS = 8
PAIRS = [
    ("random", "at_once"),
    ("first_free", "at_once"),
    ("least_recently_used", "at_once"),
    ("first_free", "exhausted"),
]


def at_once(work, count):
    """Run ``work(n)`` for each n from as many threads as there are writers, all starting together."""
    barrier = threading.Barrier(WRITERS)

    def run(first):
        barrier.wait()
        return [work(n) for n in range(first, count, WRITERS)]

    with ThreadPoolExecutor(WRITERS) as pool:
        return [answer for answers in pool.map(run, range(WRITERS)) for answer in answers]


def kinds(answers):
    return {answer["NeutronError"]["type"] if "NeutronError" in answer else "made" for answer in answers}


@pytest.mark.parametrize(("allocation", "recycling"), PAIRS)
def test_churn(tenant, world, allocation, recycling):
    network = tenant.network()
    tenant.subnet(network, "10.0.0.0/26", allocation_policy=allocation, recycling_policy=recycling)
    body = {"port": {"network_id": network["id"]}}

    def churn(n):
        made = tenant.ask("POST", "/ports", body)
        if "port" in made and n % 3:
            tenant.delete(f"/ports/{made['port']['id']}")
        return made

    assert kinds(at_once(churn, 72)) == {"made"}
    held = {one["ip_address"] for port in tenant.list("port") for one in port["fixed_ips"]}
    assert len(held) == 24
    assert {row.address for row in world.rows(sa.select(ip_allocations.c.address))} == held
    assert not held & {row.address for row in world.rows(sa.select(ip_released.c.address))}
    answers = at_once(lambda _: tenant.ask("POST", "/ports", body), 40)
    assert kinds(answers) == {"made", "IpAddressGenerationFailure"}
    given = [one["ip_address"] for port in tenant.list("port") for one in port["fixed_ips"]]
    assert len(given) == len(set(given)) == 61


def test_all_want_what_one_names(tenant):
    network = tenant.network()
    tenant.subnet(network, "10.0.0.0/26", allocation_policy="first_free")
    body = {"port": {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.3"}]}}
    free = {"port": {"network_id": network["id"]}}
    answers = at_once(lambda n: tenant.ask("POST", "/ports", body if n % 2 else free), 16)
    assert kinds(answers) == {"made", "IpAddressAlreadyAllocated"}
    given = [one["ip_address"] for port in tenant.list("port") for one in port["fixed_ips"]]
    assert len(given) == len(set(given))
    assert "10.0.0.3" in given


def test_a_policy_changes_while_ports_come_and_go(tenant):
    network = tenant.network()
    subnet = tenant.subnet(network, "10.0.0.0/26")
    body = {"port": {"network_id": network["id"]}}
    policies = ("first_free", "least_recently_used", "random")

    def work(n):
        if n % 8 == 3:
            change = {"subnet": {"allocation_policy": policies[n // 8 % 3]}}
            return tenant.ask("PUT", f"/subnets/{subnet['id']}", change)
        made = tenant.ask("POST", "/ports", body)
        if n % 2:
            tenant.delete(f"/ports/{made['port']['id']}")
        return made

    assert kinds(at_once(work, 64)) == {"made"}
    answers = at_once(lambda _: tenant.ask("POST", "/ports", body), 64)
    assert kinds(answers) == {"made", "IpAddressGenerationFailure"}
    given = [one["ip_address"] for port in tenant.list("port") for one in port["fixed_ips"]]
    assert len(given) == len(set(given)) == 61


def test_one_pool_gives_each_prefix_once(tenant):
    pool = tenant.make("subnetpool", name="p", prefixes=["10.0.0.0/25"], min_prefixlen=29)
    networks = [tenant.network()["id"] for _ in range(24)]

    def work(n):
        body = {"network_id": networks[n], "ip_version": 4, "subnetpool_id": pool["id"]}
        return tenant.ask("POST", "/subnets", {"subnet": body})

    assert kinds(at_once(work, 24)) == {"made", "SubnetAllocationError"}
    cidrs = [one["cidr"] for one in tenant.list("subnet")]
    assert len(cidrs) == len(set(cidrs)) == 16


def test_one_topology_however_often_it_is_asked_for(admin, tenant, public):
    admin.change("network", public["id"], is_default=True)
    given = {"prefixes": ["10.8.0.0/16"], "default_prefixlen": 24, "is_default": True, "shared": True}
    admin.make("subnetpool", name="p", **given)
    answers = at_once(lambda _: tenant.ask("GET", "/auto-allocated-topology/None"), 8)
    assert kinds(answers) == {"made"}
    assert len({answer["auto_allocated_topology"]["id"] for answer in answers}) == 1
    assert len([one for one in tenant.list("network") if one["project_id"] == tenant.project]) == 1
