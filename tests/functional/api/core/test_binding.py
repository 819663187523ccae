"""Who must know of a port: its own host, and on a tunnelled network every other host that has the network."""

import pytest
import sqlalchemy as sa

from svcfabric.fabric import instances
from svcfabric.fabric.models import placements

HOSTS = ("h1", "h2", "h3")


@pytest.fixture
def hosts(world):
    return {host: world.agent(host, f"192.0.2.{n}") for n, host in enumerate(HOSTS, 1)}


@pytest.fixture
def bound(admin, private, world):
    """Makes a port on a host, in no security group, and has the hosts answer."""

    def make(host, **given):
        given = {"project_id": private["project_id"], "binding:host_id": host, "security_groups": [], **given}
        port = admin.port(private, **given)
        world.answer()
        return port

    return make


def test_what_is_bound_nowhere_costs_nothing(world, tenant, private):
    port = tenant.port(private)
    tenant.change("port", port["id"], name="x", admin_state_up=False)
    tenant.delete(f"/ports/{port['id']}")
    assert world.dispatcher.kicks == []
    assert {"instances", "placements"}.isdisjoint(world.counts())


def test_the_first_port_brings_the_network(world, hosts, bound, private, tenant):
    port = bound("h1")
    assert world.placements(port["id"]) == {"h1": "owner"}
    assert world.placements(private["id"]) == {"h1": "owner"}
    specs = world.specs("h1")
    assert specs[private["id"]].vteps == ()
    spec = specs[port["id"]]
    assert (spec.mac, spec.wire, spec.vtep) == (port["mac_address"], "veth", "")
    (address,) = spec.addresses
    assert (address.address, address.prefix_length) == (port["fixed_ips"][0]["ip_address"], 24)
    assert address.gateway == "10.0.0.1"
    assert spec.segment.type == "vxlan"
    assert spec.segment.mtu == 1450
    assert tenant.show("port", port["id"])["status"] == "ACTIVE"


def test_a_second_host_learns_all_and_all_learn_of_it(world, hosts, bound, private):
    one, two = bound("h1"), bound("h1")
    world.forget()
    three = bound("h2")
    assert world.placements(one["id"]) == {"h1": "owner", "h2": "remote"}
    assert world.placements(three["id"]) == {"h2": "owner", "h1": "remote"}
    there, here = world.specs("h1"), world.specs("h2")
    assert there[private["id"]].vteps == (hosts["h2"],)
    assert here[private["id"]].vteps == (hosts["h1"],)
    assert there[three["id"]].vtep == hosts["h2"]
    assert here[one["id"]].vtep == here[two["id"]].vtep == hosts["h1"]
    assert one["id"] not in there, "what is on the host already is not sent again"


def test_the_next_port_on_a_host_costs_what_the_first_cost(world, hosts, bound, private):
    for host in ("h1", "h2", "h2"):
        bound(host)
    world.forget()
    before = world.generation(private["id"])
    port = bound("h1")
    assert {envelope.id for _, envelope in world.sent.applied} == {port["id"]}
    assert {at for at, _ in world.sent.applied} == {"h1", "h2"}
    assert world.generation(private["id"]) == before


def test_the_last_port_takes_the_network_along(world, hosts, bound, private, admin):
    one, two = bound("h1"), bound("h2")
    world.forget()
    admin.delete(f"/ports/{two['id']}")
    assert world.gone("h2") == {private["id"], one["id"], two["id"]}
    assert world.gone("h1") == {two["id"]}
    assert world.specs("h1")[private["id"]].vteps == ()
    world.answer()
    assert world.placements(private["id"]) == {"h1": "owner"}
    admin.delete(f"/ports/{one['id']}")
    world.answer()
    assert {"instances", "placements"}.isdisjoint(world.counts())


def test_a_port_moves(world, hosts, bound, private, admin):
    stays, moves = bound("h1"), bound("h1")
    bound("h2")
    world.forget()
    assert admin.change("port", moves["id"], **{"binding:host_id": "h2"})["status"] == "BUILD"
    assert world.placements(moves["id"]) == {"h2": "owner", "h1": "remote"}
    assert world.specs("h1")[moves["id"]].vtep == hosts["h2"]
    assert world.specs("h2")[moves["id"]].vtep == ""
    assert world.placements(stays["id"]) == {"h1": "owner", "h2": "remote"}
    world.answer()
    assert admin.show("port", moves["id"])["status"] == "ACTIVE"


def test_a_port_moves_to_a_host_that_has_nothing_yet(world, hosts, bound, private, admin):
    port = bound("h1")
    admin.change("port", port["id"], **{"binding:host_id": "h3"})
    assert world.placements(port["id"]) == {"h3": "owner"}
    assert world.placements(private["id"]) == {"h3": "owner"}
    world.answer()
    assert world.placements(port["id"]) == {"h3": "owner"}
    assert world.gone("h1") == {port["id"], private["id"]}


def test_unbound_and_bound_again_before_the_host_has_answered(world, hosts, bound, private, admin):
    port = bound("h1")
    before = world.generation(port["id"])
    assert admin.change("port", port["id"], **{"binding:host_id": ""})["status"] == "DOWN"
    assert admin.change("port", port["id"], **{"binding:host_id": "h1"})["status"] == "BUILD"
    assert world.generation(port["id"]) > before
    world.answer()
    assert admin.show("port", port["id"])["status"] == "ACTIVE"
    assert world.placements(port["id"]) == {"h1": "owner"}


def test_a_network_returns_to_a_host_that_is_still_removing_it(world, hosts, bound, private, admin):
    stays, goes = bound("h1"), bound("h2")
    admin.change("port", goes["id"], **{"binding:host_id": ""})
    going = {wire["id"]: wire["generation"] for host, wire in world.sent.removed if host == "h2"}
    assert going.keys() == {private["id"], stays["id"], goes["id"]}
    world.sent.applied.clear()
    admin.change("port", goes["id"], **{"binding:host_id": "h2"})
    back = {envelope.id: envelope.generation for host, envelope in world.sent.applied if host == "h2"}
    assert back.keys() == going.keys()
    assert all(back[ident] > going[ident] for ident in back), "the host drops an apply of what it is removing"


def test_bound_again_after_the_host_has_confirmed(world, hosts, bound, private, admin):
    port = bound("h1")
    admin.change("port", port["id"], **{"binding:host_id": ""})
    went = {wire["id"]: wire["generation"] for _, wire in world.sent.removed}
    world.forget()
    assert {"instances", "placements"}.isdisjoint(world.counts())
    admin.change("port", port["id"], **{"binding:host_id": "h1"})
    came = {envelope.id: envelope.generation for _, envelope in world.sent.applied}
    assert came.keys() == went.keys() == {port["id"], private["id"]}
    assert all(came[ident] > went[ident] for ident in came), "the host drops what is older than its last removal"


def test_a_flat_network_needs_no_forwarding_entries(world, admin, public):
    for n, host in enumerate(HOSTS):
        world.agent(host, f"192.0.2.{n}")
        admin.port(public, **{"binding:host_id": host})
    world.answer()
    for port in admin.list("port"):
        assert world.placements(port["id"]) == {port["binding:host_id"]: "owner"}
    assert world.specs("h1")[public["id"]].vteps == ()
    assert world.specs("h1")[public["id"]].segment.physical_network == "public"


def test_changes_reach_every_host_that_knows_the_port(world, hosts, bound, admin, tenant):
    port, _ = bound("h1"), bound("h2")
    world.forget()
    tenant.change("port", port["id"], description="d")
    assert world.sent.applied == []
    tenant.change("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.99"}])
    assert {at for at, _ in world.sent.applied} == {"h1", "h2"}
    assert world.specs("h2")[port["id"]].addresses[0].address == "10.0.0.99"
    tenant.change("port", port["id"], admin_state_up=False)
    assert world.specs("h1")[port["id"]].admin_state_up is False
    assert tenant.show("port", port["id"])["status"] == "DOWN"


def test_a_bound_ports_mac_stays(hosts, bound, tenant):
    port = bound("h1")
    body = {"port": {"mac_address": "02:00:00:00:00:01"}}
    assert tenant.refused(409, "PUT", f"/ports/{port['id']}", body)[0] == "PortBound"


def test_a_network_change_reaches_its_ports(world, hosts, bound, tenant, private):
    port = bound("h1")
    world.forget()
    tenant.change("network", private["id"], mtu=1300, admin_state_up=False)
    specs = world.specs("h1")
    assert specs[private["id"]].segment.mtu == specs[port["id"]].segment.mtu == 1300
    assert specs[port["id"]].admin_state_up is False


def test_a_new_gateway_reaches_the_ports(world, hosts, bound, tenant, private):
    port = bound("h1")
    world.forget()
    tenant.change("subnet", private["subnet"]["id"], gateway_ip=None)
    assert world.specs("h1")[port["id"]].addresses[0].gateway == ""


def test_a_refusal_by_the_host_is_told(world, hosts, admin, private):
    port = admin.port(private, **{"binding:host_id": "h1"})
    world.answer(error="no such wire")
    assert admin.show("port", port["id"])["status"] == "ERROR"
    assert admin.list("port", "status=ERROR")[0]["id"] == port["id"]


def test_a_host_without_a_tunnel_endpoint_is_not_pointed_at(world, private, admin):
    world.agent("h1", "192.0.2.1")
    admin.port(private, **{"binding:host_id": "h1"})
    blind = admin.port(private, **{"binding:host_id": "unheard-of"})
    assert blind["id"] not in world.specs("h1")
    assert world.specs("h1")[private["id"]].vteps == ()
    world.agent("unheard-of", "192.0.2.9")
    world.dispatcher.send([blind["id"]])
    assert world.specs("h1")[blind["id"]].vtep == "192.0.2.9"


def test_a_new_tunnel_endpoint_reaches_all_who_point_there(world, hosts, bound, private):
    one, _ = bound("h1"), bound("h2")
    world.forget()
    world.agent("h1", "198.51.100.9")
    world.sweep()
    assert world.specs("h2")[one["id"]].vtep == "198.51.100.9"
    assert world.specs("h2")[private["id"]].vteps == ("198.51.100.9",)
    world.forget()
    world.agent("h1", "198.51.100.9")
    world.sweep()
    assert world.sent.applied == []


def test_null_unbinds(world, hosts, bound, admin):
    port = bound("h1")
    assert admin.change("port", port["id"], **{"binding:host_id": None})["binding:host_id"] == ""
    assert world.placements(port["id"]) == {}


def test_what_a_forgotten_host_had_is_let_go(world, hosts, bound, admin):
    kept, port = bound("h2"), bound("h1")
    (agent,) = admin.list("agent", "host=h1&agent_type=host")
    admin.delete(f"/ports/{port['id']}")
    world.sweep()
    assert world.rows(sa.select(placements.c.host).where(placements.c.instance_id == port["id"]))
    admin.delete(f"/agents/{agent['id']}")
    world.sweep()
    left = world.rows(sa.select(placements.c.instance_id).where(placements.c.host == "h1"))
    assert left == []
    assert world.placements(kept["id"]) == {"h2": "owner"}


def test_a_bulk_of_bound_ports(world, hosts, admin, private):
    bodies = [{"network_id": private["id"], "binding:host_id": HOSTS[n % 3]} for n in range(9)]
    made = admin.ask("POST", "/ports", {"ports": bodies}, 201)["ports"]
    for port in made:
        roles = {host: "owner" if host == port["binding:host_id"] else "remote" for host in HOSTS}
        assert world.placements(port["id"]) == roles
    world.answer()
    assert {port["status"] for port in admin.list("port")} == {"ACTIVE"}
    with world.database.read() as conn:
        assert instances.hosts(conn, private["id"]) == list(HOSTS)
