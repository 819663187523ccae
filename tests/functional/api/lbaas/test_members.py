from __future__ import annotations

import pytest
import sqlalchemy as sa

from svcfabric.services.lbaas.models import members as table


@pytest.fixture
def lb(tenant, subnet):
    return tenant.balancer(subnet)


@pytest.fixture
def pool(tenant, lb):
    return tenant.pool(lb)


def test_create_show_update_delete(world, tenant, subnet, lb, pool):
    member = tenant.member(
        pool,
        name="m",
        weight=50,
        backup=True,
        subnet_id=subnet.id,
        monitor_address="192.0.2.99",
        monitor_port=8080,
        tags=["a"],
    )
    assert (member["weight"], member["backup"], member["subnet_id"]) == (50, True, subnet.id)
    assert (member["operating_status"], member["provisioning_status"]) == ("NO_MONITOR", "PENDING_CREATE")
    assert member["vnic_type"] == "normal"
    assert not {"description", "request_sriov", "pool_id"} & member.keys()
    path = f"/pools/{pool['id']}/members/{member['id']}"
    assert tenant.get(path)["member"] == member
    changed = tenant.put(path, {"member": {"weight": None, "backup": None, "monitor_port": None, "name": "n"}})[
        "member"
    ]
    assert (changed["weight"], changed["backup"], changed["monitor_port"], changed["name"]) == (1, False, None, "n")
    assert changed["monitor_address"] == "192.0.2.99"
    (spec,) = world.spec(lb["id"]).pools[0].members
    assert (spec.address, spec.weight, spec.monitor_address, spec.monitor_port) == ("192.0.2.10", 1, "192.0.2.99", 0)
    for name, value in (("address", "192.0.2.1"), ("protocol_port", 1), ("subnet_id", subnet.id)):
        assert name in tenant.put(path, {"member": {name: value}}, 400)["faultstring"]
    tenant.delete(path)
    assert tenant.get(path, 404)["faultstring"] == f"Member {member['id']} not found."


def test_one_member_an_endpoint_whatever_the_spelling(tenant, pool):
    tenant.member(pool, "2001:db8:0:0:0:0:0:1", 80)
    for address in ("2001:db8::1", "2001:DB8::0001"):
        refused = tenant.member(pool, address, 80, 409)["faultstring"]
        assert refused == f"Another member on this pool is already using ip {address} on protocol_port 80"
    tenant.member(pool, "2001:db8::1", 81)
    listed = tenant.get(f"/pools/{pool['id']}/members?address=2001:0db8::1&protocol_port=80")["members"]
    assert [row["address"] for row in listed] == ["2001:db8:0:0:0:0:0:1"]


def test_members_belong_to_the_pool_in_the_path(tenant, lb, pool):
    member, other = tenant.member(pool), tenant.pool(lb)
    path = f"/pools/{other['id']}/members/{member['id']}"
    for method, body in (("GET", None), ("PUT", {"member": {"weight": 1}}), ("DELETE", None)):
        assert tenant.ask(method, path, body, 404)["faultstring"] == f"Member {member['id']} not found."
    assert tenant.get(f"/pools/{other['id']}/members")["members"] == []


def test_addresses_that_are_refused(tenant, pool):
    refused = tenant.member(pool, "169.254.169.254", want=400)["faultstring"]
    assert refused == "169.254.169.254 is not a valid option for member address"
    assert "SR-IOV" in tenant.member(pool, want=400, request_sriov=True)["faultstring"]


def test_adding_one_costs_the_same_in_any_pool(world, tenant, pool):
    with world.statements() as first:
        tenant.member(pool, port=1)
    many = [{"address": "192.0.2.10", "protocol_port": port} for port in range(2, 502)]
    tenant.put(f"/pools/{pool['id']}/members", {"members": many}, 202)
    with world.statements() as last:
        tenant.member(pool, port=600)
    assert first == last
    assert len(last) <= 8, last


def batch(tenant, pool, *items, want=202, query=""):
    body = {"members": [{"protocol_port": 80, **item} for item in items]}
    return tenant.put(f"/pools/{pool['id']}/members{query}", body, want)


def addresses(tenant, pool):
    return {row["address"]: row for row in tenant.get(f"/pools/{pool['id']}/members")["members"]}


def test_a_batch_replaces_the_members(world, tenant, pool):
    kept = tenant.member(pool, "192.0.2.1", 80, name="kept", weight=7, tags=["t"])
    gone = tenant.member(pool, "192.0.2.2", 80)
    before = world.generations()
    assert batch(tenant, pool, {"address": "192.0.2.1", "weight": 9}, {"address": "192.0.2.3", "name": "new"}) is None
    now = addresses(tenant, pool)
    assert now.keys() == {"192.0.2.1", "192.0.2.3"}
    assert now["192.0.2.1"]["id"] == kept["id"]
    assert (now["192.0.2.1"]["name"], now["192.0.2.1"]["weight"], now["192.0.2.1"]["tags"]) == ("kept", 9, ["t"])
    assert [after - then for (_, after), (_, then) in zip(world.generations(), before, strict=True)] == [1]
    tenant.get(f"/pools/{pool['id']}/members/{gone['id']}", 404)


def test_an_additive_batch_keeps_the_unnamed(tenant, pool):
    tenant.member(pool, "192.0.2.1", 80)
    batch(tenant, pool, {"address": "192.0.2.2"}, query="?additive_only=True")
    assert addresses(tenant, pool).keys() == {"192.0.2.1", "192.0.2.2"}
    batch(tenant, pool, query="?additive_only=false")
    assert addresses(tenant, pool) == {}


def test_a_batch_that_changes_nothing_costs_no_generation(world, tenant, pool):
    tenant.member(pool, "192.0.2.1", 80)
    before = world.generations()
    batch(tenant, pool, {"address": "192.0.2.1"})
    assert world.generations() == before


def test_a_batch_is_all_or_nothing(world, tenant, pool, stranger):
    tenant.member(pool, "192.0.2.1", 80)
    foreign = world.network.add("10.9.0.0/24", stranger.project)
    before, rows = world.generations(), world.rows(sa.select(table))
    for items, status, words in (
        ([{"address": "192.0.2.2"}, {"address": "x"}], 400, "members[1].address"),
        ([{"address": "192.0.2.2"}, {"address": "192.0.2.2"}], 409, "already using ip 192.0.2.2"),
        ([{"address": "192.0.2.1"}, {"address": "192.0.2.1"}], 400, "updated only once"),
        ([{"address": "169.254.169.254"}], 400, "member address"),
        ([{"address": "192.0.2.2", "subnet_id": foreign.id}], 404, foreign.id),
        ([{"address": "192.0.2.2", "wieght": 1}], 400, "members[0]: wieght"),
        (["x"], 400, "members[0]"),
    ):
        bodies = [{"protocol_port": 80, **item} if isinstance(item, dict) else item for item in items]
        got = tenant.put(f"/pools/{pool['id']}/members", {"members": bodies}, status)
        assert words in got["faultstring"]
    for body in (None, [], {}, {"member": []}, {"members": None}, {"members": {}}, {"members": [], "x": 1}):
        tenant.put(f"/pools/{pool['id']}/members", body, 400)
    assert (world.generations(), world.rows(sa.select(table))) == (before, rows)


def test_many_weights_are_one_statement(world, tenant, pool):
    items = [{"address": f"192.0.2.{number}"} for number in range(1, 101)]
    batch(tenant, pool, *items)
    with world.statements() as seen:
        batch(tenant, pool, *[{**item, "weight": number} for number, item in enumerate(items)])
    assert len(seen) <= 9, seen
    assert sorted(row["weight"] for row in addresses(tenant, pool).values())[-1] == 99
