"""The core as services see it."""

import pytest

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.fabric import instances

NOBODY = "11111111-1111-1111-1111-111111111111"
LB = "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def network(world):
    return world.feature.network


@pytest.fixture
def write(world):
    return world.database.write


@pytest.fixture
def make(world, network, write, private, tenant):
    def make(fixed_ips=(), **given):
        values = {"network_id": private["id"], "project_id": tenant.project, "name": "vip", "device_id": "lb-1"}
        values |= {"device_owner": "Octavia", **given}
        return write(lambda conn: network.create_port(conn, fixed_ips=fixed_ips, **values))

    return make


def test_finding(network, write, tenant, stranger, private):
    ctx, other = Context(project_id=tenant.project), Context(project_id=stranger.project)
    port = tenant.port(private)
    view = write(lambda conn: network.port(conn, ctx, port["id"]))
    assert (view.id, view.mac, view.network_id) == (port["id"], port["mac_address"], private["id"])
    assert view.fixed_ips == ((private["subnet"]["id"], port["fixed_ips"][0]["ip_address"]),)
    subnet = write(lambda conn: network.subnet(conn, ctx, private["subnet"]["id"]))
    assert (subnet.cidr, subnet.ip_version, subnet.project_id) == ("10.0.0.0/24", 4, tenant.project)
    assert [one.id for one in write(lambda conn: network.subnets(conn, ctx, private["id"]))] == [subnet.id]
    for find, ident in (
        (network.port, port["id"]),
        (network.subnet, subnet.id),
        (network.subnets, private["id"]),
    ):
        with pytest.raises(errors.NotFound):
            write(lambda conn, find=find, ident=ident: find(conn, other, ident))


def test_a_service_port(make, tenant, private, network, write):
    subnet_id = private["subnet"]["id"]
    view = make([(subnet_id, "10.0.0.50")])
    assert view.fixed_ips == ((subnet_id, "10.0.0.50"),)
    shown = tenant.show("port", view.id)
    assert (shown["name"], shown["device_id"], shown["device_owner"]) == ("vip", "lb-1", "Octavia")
    assert make([(subnet_id, "")]).fixed_ips[0][0] == subnet_id
    assert make([("", "10.0.0.51")]).fixed_ips == ((subnet_id, "10.0.0.51"),)
    assert len(make().fixed_ips) == 1
    with pytest.raises(errors.Conflict):
        make([("", "10.0.0.50")])
    with pytest.raises(errors.BadRequest):
        make([("", "10.9.9.9")])
    with pytest.raises(errors.NotFound):
        make(network_id=NOBODY)
    assert write(lambda conn: network.delete_port(conn, view.id)) == []
    assert write(lambda conn: network.delete_port(conn, view.id)) == []
    tenant.refused(404, "GET", f"/ports/{view.id}")


def test_a_services_port_is_the_services(make, tenant, admin, private, network, write):
    port = make([("", "10.0.0.50")]).id
    elsewhere = [{"subnet_id": private["subnet"]["id"], "ip_address": "10.0.0.51"}]
    for given in ({"fixed_ips": elsewhere}, {"device_id": ""}, {"device_owner": "mine"}, {"admin_state_up": False}):
        for caller in (tenant, admin):
            kind, message = caller.refused(409, "PUT", f"/ports/{port}", {"port": given})
            assert kind == "UnsupportedPortDeviceOwner"
            assert message == f"Operation update is not supported for device_owner Octavia on port {port}."
    assert tenant.change("port", port, name="mine", description="shop")["name"] == "mine"
    kind, message = tenant.refused(409, "DELETE", f"/ports/{port}")
    assert (kind, "Octavia" in message) == ("ServicePortInUse", True)
    assert write(lambda conn: network.delete_port(conn, port)) == []
    tenant.refused(404, "GET", f"/ports/{port}")


def test_a_leg_on_a_host(world, make, network, write, private, tenant):
    world.agent("h1", "192.0.2.1")
    view = make([("", "10.0.0.50")])
    changed = write(lambda conn: network.bind_port(conn, view.id, "h1", instance_id=LB))
    assert set(changed) == {private["id"], view.id}
    world.dispatcher.kick(changed)
    assert world.specs("h1")[view.id].wire == "leg"
    world.answer()
    assert tenant.show("port", view.id)["status"] == "ACTIVE"
    (leg,) = write(lambda conn: network.legs(conn, [view.id, NOBODY])).values()
    assert (leg.port_id, leg.mac, leg.segment.network_id) == (view.id, view.mac, private["id"])
    (address,) = leg.addresses
    assert (address.address, address.prefix_length, address.gateway) == ("10.0.0.50", 24, "10.0.0.1")
    assert write(lambda conn: network.bind_port(conn, view.id, "h1", instance_id=LB)) == []
    gone = write(lambda conn: network.bind_port(conn, view.id, "", instance_id=LB))
    assert set(gone) == {private["id"], view.id}
    assert tenant.show("port", view.id)["status"] == "DOWN"
    assert write(lambda conn: network.bind_port(conn, NOBODY, "h1", instance_id=LB)) == []
    assert write(lambda conn: network.legs(conn, [])) == {}


def test_a_deleted_legs_host_is_told(world, make, network, write, private):
    world.agent("h1", "192.0.2.1")
    view = make()
    write(lambda conn: network.bind_port(conn, view.id, "h1", instance_id=LB))
    world.dispatcher.kick(write(lambda conn: network.delete_port(conn, view.id)))
    assert world.gone("h1") == {view.id, private["id"]}


def test_claiming_a_tenants_port(tenant, private, network, write):
    port = tenant.port(private)

    def claim(device_id, owner="Octavia"):
        write(lambda conn: network.claim_port(conn, port["id"], device_id=device_id, device_owner=owner))

    claim("lb-1")
    assert tenant.show("port", port["id"])["device_id"] == "lb-1"
    claim("lb-1")
    with pytest.raises(errors.Conflict) as refused:
        claim("lb-2")
    assert refused.value.neutron_type == "PortInUse"
    assert tenant.refused(409, "DELETE", f"/ports/{port['id']}")[0] == "ServicePortInUse"
    claim("", "")
    assert tenant.show("port", port["id"])["device_owner"] == ""
    assert tenant.change("port", port["id"], admin_state_up=False)["admin_state_up"] is False
    with pytest.raises(errors.NotFound):
        write(lambda conn: network.claim_port(conn, NOBODY, device_id="x", device_owner="y"))


def test_a_plugged_port_cannot_be_claimed(world, tenant, admin, private, network, write):
    world.agent("h1", "192.0.2.1")
    port = tenant.port(private)
    admin.change("port", port["id"], **{"binding:host_id": "h1"})
    with pytest.raises(errors.Conflict) as refused:
        write(lambda conn: network.claim_port(conn, port["id"], device_id="lb-1", device_owner="Octavia"))
    assert refused.value.neutron_type == "PortInUse"
    tenant.delete(f"/ports/{port['id']}")


def test_what_changes_a_leg_changes_what_it_is_a_leg_of(world, make, network, write, private, tenant):
    def begin(conn):
        instances.create(conn, LB, kind="loadbalancer", project_id=tenant.project, driver="noop")

    def asked(change):
        before = world.generation(LB)
        world.dispatcher.kicks.clear()
        change()
        told = [ident for kick in world.dispatcher.kicks for ident in kick]
        assert world.generation(LB) == before + told.count(LB)
        mine = {private["id"], view.id, LB}  # its groups and their members hear of it, too
        return [ident for ident in told if ident in mine]

    world.agent("h1", "192.0.2.1")
    view = make([("", "10.0.0.50")])
    write(begin)
    write(lambda conn: network.bind_port(conn, view.id, "h1", instance_id=LB))
    subnet = private["subnet"]["id"]
    assert asked(lambda: tenant.change("network", private["id"], mtu=1300)) == [private["id"], view.id, LB]
    assert asked(lambda: tenant.change("subnet", subnet, gateway_ip=None)) == [view.id, LB]
    slaac = {"ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}
    v6 = tenant.subnet(private, "2001:db8::/64", **slaac)
    assert [len(leg.addresses) for leg in write(lambda conn: network.legs(conn, [view.id])).values()] == [2]
    assert asked(lambda: tenant.delete(f"/subnets/{v6['id']}")) == [view.id, LB]
    assert asked(lambda: tenant.change("port", view.id, name="vip of the shop")) == []
    write(lambda conn: network.bind_port(conn, view.id, "", instance_id=LB))
    assert asked(lambda: tenant.change("network", private["id"], mtu=1400)) == []
