"""Insertions as services record them and tenants see them; service instances of every kind."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import sqlalchemy as sa

from svcfabric import errors
from svcfabric.db.base import new_id
from svcfabric.fabric import instances
from svcfabric.fabric.interfaces import Attachment
from svcfabric.insertion.models import insertions
from svcfabric.insertion.service import Record
from tests.service_world import World


@pytest.fixture
def world(database_url):
    made = World(database_url)
    made.agent()
    yield made
    made.close()


def nat(project="p", **more):
    base = {
        "instance_id": new_id(),
        "project_id": project,
        "attach_type": "router",
        "attach_id": new_id(),
        "mode": "nat",
    }
    return Attachment(**{**base, **more})


def test_recorded_and_dropped(world):
    record, first = Record(), nat()
    tap = dataclasses.replace(first, mode="tap", direction="ingress", failure_policy="bypass_hop")
    ident = world.database.write(lambda conn: record.attach(conn, first))
    world.database.write(lambda conn: record.attach(conn, tap))
    rows = world.rows(sa.select(insertions).order_by(insertions.c.position))
    assert [(row.mode, row.position, row.direction, row.failure_policy) for row in rows] == [
        ("tap", 100, "ingress", "bypass_hop"),
        ("nat", 500, "both", "fail_closed"),
    ]
    assert rows[1].id == ident
    world.database.write(lambda conn: record.detach(conn, first.instance_id))
    assert world.rows(sa.select(insertions)) == []


def test_refused_with_the_reason(world):
    record, first = Record(), nat()
    world.database.write(lambda conn: record.attach(conn, first))
    other = dataclasses.replace(first, instance_id=new_id())
    with pytest.raises(errors.Conflict, match=f"{first.attach_id} already has service instance {first.instance_id}"):
        world.database.write(lambda conn: record.attach(conn, other))
    with pytest.raises(errors.Conflict, match="is already inserted at router"):
        world.database.write(lambda conn: record.attach(conn, first))
    with pytest.raises(errors.BadRequest, match="mode: "):
        world.database.write(lambda conn: record.attach(conn, dataclasses.replace(first, mode="x")))
    assert len(world.rows(sa.select(insertions))) == 1


def test_of_those_who_ask_at_once_one_gets_it(world):
    record, first = Record(), nat()
    results = []
    gate = threading.Barrier(8)

    def ask():
        mine = dataclasses.replace(first, instance_id=new_id())
        gate.wait()
        try:
            world.database.write(lambda conn: record.attach(conn, mine))
            results.append("taken")
        except errors.Conflict:
            results.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["refused"] * 7 + ["taken"]


def test_a_load_balancer_is_an_endpoint_on_its_network(world):
    tenant, stranger, admin = world.caller(), world.caller(), world.caller("platform", "admin")
    subnet = world.network.add("10.7.0.0/24", tenant.project)
    lb = tenant.balancer(subnet)
    (row,) = tenant.get("/v1/insertions")["insertions"]
    assert (row["instance_id"], row["mode"], row["direction"]) == (lb["id"], "endpoint", "both")
    assert (row["attach_type"], row["attach_id"]) == ("network", subnet.network_id)
    assert (row["subnet_id"], row["port_id"]) == (subnet.id, lb["vip_port_id"])
    assert row["project_id"] == row["tenant_id"] == tenant.project
    assert "claim" not in row
    assert tenant.get(f"/v1/insertions/{row['id']}")["insertion"] == row
    assert stranger.get("/v1/insertions")["insertions"] == []
    missing = stranger.get(f"/v1/insertions/{row['id']}", 404)
    assert missing["error"]["message"] == f"Insertion {row['id']} could not be found."
    assert admin.get(f"/v1/insertions?instance_id={lb['id']}")["insertions"] == [row]
    assert tenant.get("/v1/insertions?mode=tap")["insertions"] == []
    tenant.get("/v1/insertions?mode=magic", 400)
    tenant.get("/v1/insertions?nonsense=1", 400)
    for method in ("POST", "PUT", "DELETE"):
        where = "/v1/insertions" if method == "POST" else f"/v1/insertions/{row['id']}"
        tenant.ask(method, where, None, 405)
    tenant.delete(f"/loadbalancers/{lb['id']}")
    assert len(tenant.get("/v1/insertions")["insertions"]) == 1  # it is there until the host has removed it
    world.settle()
    assert tenant.get("/v1/insertions")["insertions"] == []


def test_service_instances_tell_what_each_host_has_answered(world):
    tenant, stranger, admin = world.caller(), world.caller(), world.caller("platform", "admin")
    lb = tenant.balancer(world.network.add("10.7.0.0/24", tenant.project))
    path = f"/v1/service_instances/{lb['id']}"
    shown = tenant.get(path)["service_instance"]
    assert (shown["kind"], shown["driver"], shown["generation"]) == ("loadbalancer", "haproxy", 1)
    assert shown["provisioning_status"] == "PENDING_CREATE"
    assert shown["attachments"] == tenant.get("/v1/insertions")["insertions"] or shown["attachments"][0]["mode"]
    world.refusals[lb["id"]] = ("The configuration was refused.", "haproxy: [ALERT] line 7")
    world.settle()
    shown = tenant.get(path)["service_instance"]
    assert shown["provisioning_status"] == "ERROR"
    (observed,) = shown["observed"]
    assert (observed["role"], observed["observed_generation"]) == ("owner", 1)
    assert observed.keys().isdisjoint({"host", "error_detail"})
    assert observed["error"] == "The configuration was refused."
    assert "ALERT" not in str(shown)
    (observed,) = admin.get(path)["service_instance"]["observed"]
    assert (observed["host"], observed["error_detail"]) == ("host-1", "haproxy: [ALERT] line 7")
    stranger.get(path, 404)
    assert stranger.get("/v1/service_instances")["service_instances"] == []
    for query in ("kind=loadbalancer", "provisioning_status=ERROR", "driver=haproxy", f"id={lb['id']}"):
        assert len(tenant.get(f"/v1/service_instances?{query}")["service_instances"]) == 1
    assert tenant.get("/v1/service_instances?provisioning_status=ACTIVE")["service_instances"] == []


def test_what_services_are_inserted_at_is_no_service(world):
    admin = world.caller("platform", "admin")
    for kind in ("network", "port", "router", "floatingip", "vpn"):
        make = {"kind": kind, "project_id": "p", "driver": "linux"}
        world.database.write(lambda conn, make=make: instances.create(conn, new_id(), **make))
    assert [row["kind"] for row in admin.get("/v1/service_instances")["service_instances"]] == ["vpn"]


def test_lists_cost_as_many_statements_however_long(world):
    tenant = world.caller()
    subnet = world.network.add("10.7.0.0/24", tenant.project)
    costs = []
    for _ in range(2):
        for _ in range(5):
            tenant.balancer(subnet)
        with world.statements() as seen:
            tenant.get("/v1/service_instances")
            tenant.get("/v1/insertions")
        costs.append(len(seen))
    assert costs == [4, 4]
    whole = [row["id"] for row in tenant.get("/v1/service_instances")["service_instances"]]
    page = tenant.get(f"/v1/service_instances?limit=3&marker={whole[2]}")["service_instances"]
    assert [row["id"] for row in page] == whole[3:6]
    tenant.get("/v1/service_instances?marker=x", 400)
    back = tenant.get(
        f"/v1/insertions?limit=2&marker={tenant.get('/v1/insertions')['insertions'][4]['id']}&page_reverse=true"
    )
    assert len(back["insertions"]) == 2
