"""Routers that are moved by hand, and off hosts that are dead."""

import datetime

import pytest
import sqlalchemy as sa

from svcfabric.db.base import now
from svcfabric.fabric.models import agents
from svcfabric.fabric.sweep import Sweep

AFTER = 60.0

# rules that no database makes a difference to
ONE_DATABASE = pytest.mark.parametrize("core_database", ["sqlite"], indirect=True)


@pytest.fixture
def two_hosts(world):
    for number in (1, 2):
        world.agent(f"h{number}", f"192.0.2.{number}", ["public"])


@pytest.fixture
def site(world, two_hosts, tenant, private, public):
    """A router on h1 with a floating IP."""
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    port_id = tenant.attach(router, subnet_id=private["subnet"]["id"])["port_id"]
    vm = tenant.port(private)
    fip = tenant.make("floatingip", floating_network_id=public["id"], port_id=vm["id"])
    assert world.placements(router["id"]) == {"h1": "owner"}
    world.answer()
    return {"router": router["id"], "leg": port_id, "fip": fip["id"]}


def agent_of(admin, host):
    return admin.list("agent", f"host={host}&agent_type=L3%20agent")[0]["id"]


def everything_on(world, site, host):
    assert {name: world.placements(ident) for name, ident in site.items()} == {name: {host: "owner"} for name in site}


def test_who_has_which(world, site, admin, tenant):
    one, two = agent_of(admin, "h1"), agent_of(admin, "h2")
    (agent,) = admin.get(f"/routers/{site['router']}/l3-agents")["agents"]
    assert (agent["id"], agent["agent_type"], agent["host"], agent["alive"]) == (one, "L3 agent", "h1", True)
    assert [row["id"] for row in admin.get(f"/agents/{one}/l3-routers")["routers"]] == [site["router"]]
    assert admin.get(f"/agents/{two}/l3-routers")["routers"] == []
    assert admin.refused(404, "GET", f"/agents/{site['router']}/l3-routers")[0] == "AgentNotFound"
    tenant.refused(403, "GET", f"/routers/{site['router']}/l3-agents")
    tenant.refused(403, "POST", f"/agents/{two}/l3-routers", {"router_id": site["router"]})


def test_a_move_by_hand(world, site, admin, tenant):
    two = agent_of(admin, "h2")
    world.forget()
    asked = {"router_id": site["router"]}
    assert admin.ask("POST", f"/agents/{two}/l3-routers", asked, 201) == asked
    everything_on(world, site, "h2")
    assert set(site.values()) <= set(world.specs("h2"))
    assert {site["router"], site["fip"]} <= world.gone("h1")
    world.answer()
    admin.ask("POST", f"/agents/{two}/l3-routers", {"router_id": site["router"]}, 201)
    assert tenant.show("floatingip", site["fip"])["status"] == "ACTIVE"


def test_taken_off_and_added_again(world, site, admin, tenant):
    one, two = agent_of(admin, "h1"), agent_of(admin, "h2")
    path = f"/agents/{two}/l3-routers/{site['router']}"
    assert admin.refused(409, "DELETE", path)[0] == "RouterNotHostedByL3Agent"
    admin.ask("DELETE", f"/agents/{one}/l3-routers/{site['router']}", None, 204)
    everything = [world.placements(ident) for ident in site.values()]
    assert everything == [{}, {}, {}]
    assert admin.get(f"/routers/{site['router']}/l3-agents")["agents"] == []
    world.sweep()
    assert world.placements(site["router"]) == {}, "taken off by hand, it stays so"
    admin.ask("POST", f"/agents/{one}/l3-routers", {"router_id": site["router"]}, 201)
    everything_on(world, site, "h1")


@ONE_DATABASE
def test_where_a_router_cannot_be(world, site, admin):
    world.agent("h3", "192.0.2.3")
    body = {"router_id": site["router"]}
    kind, message = admin.refused(409, "POST", f"/agents/{agent_of(admin, 'h3')}/l3-routers", body)
    assert (kind, "physical network" in message) == ("RouterSchedulingFailed", True)
    two = agent_of(admin, "h2")
    admin.change("agent", two, admin_state_up=False)
    assert admin.refused(404, "POST", f"/agents/{two}/l3-routers", body)[0] == "InvalidL3Agent"
    admin.change("agent", two, admin_state_up=True)
    silence(world, "h2")
    assert "heard of" in admin.refused(409, "POST", f"/agents/{two}/l3-routers", body)[1]
    assert admin.refused(404, "POST", f"/agents/{two}/l3-routers", {"router_id": two})[0] == "RouterNotFound"
    admin.refused(400, "POST", f"/agents/{two}/l3-routers", {"router_id": "nonsense"})
    everything_on(world, site, "h1")


# ---- failover -----------------------------------------------------------------------------------------------


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def controller(world):
    """A controller's sweep whose time a test makes pass, a second at a time."""
    clock = Clock()
    options = {"interval": 5.0, "down_time": 20.0, "clock": clock}
    sweep = Sweep(world.database, world.kinds, world.dispatcher, failover_time=AFTER, **options)

    def watch(seconds, step=5.0):
        for _ in range(int(seconds / step)):
            clock.now += step
            sweep.once()

    return watch


def silence(world, *hosts):
    """The hosts were last heard of an hour ago."""
    an_hour_ago = now() - datetime.timedelta(hours=1)
    stmt = sa.update(agents).where(agents.c.host.in_(hosts)).values(heartbeat_at=an_hour_ago)
    world.database.write(lambda conn: conn.execute(stmt))


def test_a_router_leaves_a_dead_host(world, site, controller, tenant):
    silence(world, "h1")
    controller(AFTER)
    everything_on(world, site, "h1")
    controller(10)
    everything_on(world, site, "h2")
    assert set(site.values()) <= set(world.specs("h2"))
    world.answer()
    assert tenant.show("router", site["router"])["status"] == "ACTIVE"
    world.agent("h1", "192.0.2.1", ["public"])
    controller(2 * AFTER)
    everything_on(world, site, "h2")


@ONE_DATABASE
def test_one_that_is_not_to_stays(world, site, controller, admin, tenant):
    assert admin.show("router", site["router"])["ha"] is True
    assert "ha" not in tenant.show("router", site["router"])
    body = {"router": {"ha": False}}
    assert tenant.refused(403, "PUT", f"/routers/{site['router']}", body)[0] == "PolicyNotAuthorized"
    before = world.generation(site["router"])
    assert admin.change("router", site["router"], ha=False)["ha"] is False
    assert world.generation(site["router"]) == before
    silence(world, "h1")
    controller(2 * AFTER)
    everything_on(world, site, "h1")
    admin.change("router", site["router"], ha=True)
    controller(10)
    everything_on(world, site, "h2")


@ONE_DATABASE
def test_a_host_that_comes_back_in_time_keeps_its_routers(world, site, controller):
    silence(world, "h1")
    controller(AFTER - 10)
    world.agent("h1", "192.0.2.1", ["public"])
    controller(10)
    silence(world, "h1")
    controller(AFTER - 10)
    everything_on(world, site, "h1")


@ONE_DATABASE
def test_an_outage_of_the_controllers_is_no_death(world, site, controller):
    silence(world, "h1", "h2")
    controller(2 * AFTER)
    world.agent("h2", "192.0.2.2", ["public"])
    controller(AFTER)
    everything_on(world, site, "h1")
    controller(3600, step=1800)  # no sweep for half an hour, twice
    everything_on(world, site, "h1")
    controller(AFTER + 10)
    everything_on(world, site, "h2")


@ONE_DATABASE
def test_nobody_left_to_take_it(world, site, controller, admin):
    admin.change("agent", agent_of(admin, "h2"), admin_state_up=False)
    silence(world, "h1")
    controller(2 * AFTER)
    everything_on(world, site, "h1")


@ONE_DATABASE
def test_switched_off(world, site):
    clock = Clock()
    options = {"interval": 5.0, "down_time": 20.0, "clock": clock, "failover_time": 0.0}
    sweep = Sweep(world.database, world.kinds, world.dispatcher, **options)
    silence(world, "h1")
    for _ in range(40):
        clock.now += 5.0
        sweep.once()
    everything_on(world, site, "h1")
