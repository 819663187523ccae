"""Availability zones: listed, hinted at, and where routers go."""

import pytest

from svcfabric.db.base import now
from tests.core_world import DRIVERS


@pytest.fixture
def hosts(world):
    """Two hosts, each in a zone of its own."""

    def beat(host, zone, **more):
        drivers = [{"kind": kind, "driver": "linux"} for kind in DRIVERS]
        world.controller.heartbeat(
            {"host": host, "availability_zone": zone, "drivers": drivers, "started_at": now().isoformat(), **more}
        )

    beat("h1", "east", physical_networks=["public"])
    beat("h2", "west", physical_networks=["public"])
    return beat


def zones(caller, query=""):
    return caller.get(f"/availability_zones?{query}")["availability_zones"]


def test_zones_are_listed_for_everybody(hosts, tenant):
    every = [
        {"name": zone, "resource": kind, "state": "available"}
        for zone in ("east", "west")
        for kind in ("network", "router")
    ]
    assert zones(tenant) == every
    assert zones(tenant, "name=east&resource=router") == [every[1]]
    assert zones(tenant, "state=unavailable") == []
    assert zones(tenant, "limit=1") == every[:1]
    assert zones(tenant, "sort_key=name&sort_dir=desc")[0]["name"] == "west"
    tenant.refused(400, "GET", "/availability_zones?nonsense=1")


def test_a_zone_that_takes_nothing_is_unavailable(hosts, admin, tenant):
    (agent,) = admin.get("/agents?host=h1&availability_zone=east&agent_type=host")["agents"]
    admin.ask("PUT", f"/agents/{agent['id']}", {"agent": {"admin_state_up": False}}, 200)
    assert {zone["name"] for zone in zones(tenant, "state=unavailable")} == {"east"}


def test_a_router_goes_where_its_hints_say(world, hosts, tenant):
    for zone, host in (("west", "h2"), ("east", "h1")):
        for _ in range(2):  # also where there is more already
            router = tenant.make("router", availability_zone_hints=[zone])
            assert router["availability_zone_hints"] == [zone]
            assert world.placements(router["id"]) == {host: "owner"}
            assert tenant.show("router", router["id"])["availability_zones"] == [zone]
    anywhere = tenant.make("router")
    assert anywhere["availability_zone_hints"] == []
    either = tenant.make("router", availability_zone_hints=["west", "east"])
    assert len(world.placements(either["id"])) == 1


def test_a_router_waits_for_its_zone(world, hosts, admin, tenant, public):
    (agent,) = admin.get("/agents?host=h2&agent_type=host")["agents"]
    admin.ask("PUT", f"/agents/{agent['id']}", {"agent": {"admin_state_up": False}}, 200)
    router = tenant.make("router", availability_zone_hints=["west"], external_gateway_info={"network_id": public["id"]})
    assert (router["status"], router["availability_zones"]) == ("BUILD", [])
    world.sweep()
    assert world.placements(router["id"]) == {}
    admin.ask("PUT", f"/agents/{agent['id']}", {"agent": {"admin_state_up": True}}, 200)
    world.sweep()
    assert world.placements(router["id"]) == {"h2": "owner"}


@pytest.mark.parametrize("name", ["network", "router"])
def test_hints_name_zones_there_are(hosts, tenant, name):
    body = {name: {"availability_zone_hints": ["mars"]}}
    assert tenant.refused(404, "POST", f"/{name}s", body)[0] == "AvailabilityZoneNotFound"
    made = tenant.make(name, availability_zone_hints=["east"])
    tenant.refused(400, "PUT", f"/{name}s/{made['id']}", {name: {"availability_zone_hints": ["west"]}})
    assert tenant.show(name, made["id"])["availability_zone_hints"] == ["east"]
    assert [
        one["availability_zone_hints"] for one in tenant.list(name, "sort_key=availability_zone_hints&sort_dir=asc")
    ]


def test_a_network_is_in_the_zones_of_its_hosts(hosts, admin, tenant, private):
    assert tenant.show("network", private["id"])["availability_zones"] == []
    for host, seen in (("h1", ["east"]), ("h2", ["east", "west"])):
        admin.port(private, **{"binding:host_id": host})
        assert tenant.list("network")[0]["availability_zones"] == seen
    hosts("h2", "east")  # moved
    assert tenant.show("network", private["id"])["availability_zones"] == ["east"]


def test_agents_tell_their_zone_and_take_a_note(hosts, admin):
    (agent,) = admin.get("/agents?host=h1&agent_type=host")["agents"]
    assert (agent["availability_zone"], agent["description"]) == ("east", None)
    changed = admin.ask("PUT", f"/agents/{agent['id']}", {"agent": {"description": "rack 4"}}, 200)["agent"]
    assert changed["description"] == "rack 4"
    admin.refused(400, "PUT", f"/agents/{agent['id']}", {"agent": {"availability_zone": "west"}})
    assert admin.get("/agents?description=rack%204&agent_type=host")["agents"] == [changed]
