"""Load balancers through the API: the address, the host, the life from POST to gone."""

from __future__ import annotations

import sqlalchemy as sa

from svcfabric.fabric.models import instances, placements
from svcfabric.services.lbaas.models import loadbalancers
from tests.service_world import World
from tests.static_network import ports


def test_create_and_show(world, tenant, subnet):
    made = tenant.balancer(subnet, name="web", description="front\ndoor", tags=["a", "b"])
    assert made["provisioning_status"] == "PENDING_CREATE"
    assert made["operating_status"] == "OFFLINE"
    assert made["vip_subnet_id"] == subnet.id
    assert made["vip_network_id"] == subnet.network_id
    assert made["provider"] == "haproxy"
    assert made["project_id"] == made["tenant_id"] == tenant.project
    assert made["listeners"] == made["pools"] == made["additional_vips"] == made["vip_sg_ids"] == []
    assert made["flavor_id"] is made["availability_zone"] is made["vip_qos_policy_id"] is made["updated_at"] is None
    world.settle()
    shown = tenant.get(f"/loadbalancers/{made['id']}")["loadbalancer"]
    assert shown["provisioning_status"] == "ACTIVE"
    assert shown["updated_at"] == shown["created_at"]
    assert {k: v for k, v in shown.items() if k not in ("provisioning_status", "updated_at")} == {
        k: v for k, v in made.items() if k not in ("provisioning_status", "updated_at")
    }


def test_the_address_is_a_port_made_for_it_and_bound_to_its_host(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    (port,) = world.rows(sa.select(ports))
    assert (port.id, port.device_id, port.device_owner) == (lb["vip_port_id"], f"lb-{lb['id']}", "Octavia")
    assert (port.host, port.project_id) == ("host-1", tenant.project)
    assert port.fixed_ips == [[subnet.id, lb["vip_address"]]]


def test_an_address_of_choice(world, tenant, subnet):
    assert tenant.balancer(subnet, vip_address="10.7.0.77")["vip_address"] == "10.7.0.77"
    before = world.counts()
    taken = tenant.balancer(subnet, vip_address="10.7.0.77", want=409)
    assert taken["faultstring"].startswith("The VIP IP address is already in use: ")
    assert "not a valid IP" in tenant.balancer(subnet, vip_address="192.0.2.1", want=400)["faultstring"]
    assert world.counts() == before


def test_on_a_network_its_ipv4_subnet_is_preferred(world, tenant):
    six = world.network.add("2001:db8::/64", tenant.project)
    four = world.network.add("10.1.0.0/24", tenant.project, six.network_id)
    ask = {"loadbalancer": {"vip_network_id": six.network_id}}
    assert tenant.post("/loadbalancers", ask)["loadbalancer"]["vip_subnet_id"] == four.id
    ask["loadbalancer"]["vip_address"] = "2001:db8::77"
    assert tenant.post("/loadbalancers", ask)["loadbalancer"]["vip_subnet_id"] == six.id
    ask["loadbalancer"]["vip_address"] = "192.0.2.1"
    assert "does not contain a subnet for VIP address" in tenant.post("/loadbalancers", ask, 400)["faultstring"]
    del ask["loadbalancer"]["vip_address"]
    ask["loadbalancer"]["vip_subnet_id"] = six.id
    assert tenant.post("/loadbalancers", ask)["loadbalancer"]["vip_subnet_id"] == six.id
    ask["loadbalancer"]["vip_subnet_id"] = world.network.add("10.2.0.0/24", tenant.project).id
    tenant.post("/loadbalancers", ask, 404)


def own_port(world: World, project: str, *fixed_ips: tuple[str, str], device_id: str = "") -> str:
    def make(conn: sa.Connection) -> str:
        made = world.network.create_port(
            conn,
            network_id=next(s.network_id for s in world.network.subnets_there if s.id == fixed_ips[0][0]),
            fixed_ips=fixed_ips,
            project_id=project,
            name="mine",
            device_id=device_id,
            device_owner="",
        )
        return made.id

    return world.database.write(make)


def test_a_port_of_the_tenants_own_is_claimed_and_given_back(world, tenant, subnet):
    port_id = own_port(world, tenant.project, (subnet.id, "10.7.0.9"))
    lb = tenant.post("/loadbalancers", {"loadbalancer": {"vip_port_id": port_id}})["loadbalancer"]
    assert (lb["vip_port_id"], lb["vip_address"], lb["vip_subnet_id"]) == (port_id, "10.7.0.9", subnet.id)
    again = tenant.post("/loadbalancers", {"loadbalancer": {"vip_port_id": port_id}}, 400)
    assert again["faultstring"].startswith(
        f"Validation failure: Port {port_id} is already used by device lb-{lb['id']}"
    )
    tenant.delete(f"/loadbalancers/{lb['id']}")
    world.settle()
    (port,) = world.rows(sa.select(ports))
    assert (port.id, port.device_id, port.host) == (port_id, "", "")


def test_a_port_with_two_addresses_needs_a_word_more(world, tenant, subnet):
    port_id = own_port(world, tenant.project, (subnet.id, "10.7.0.9"), (subnet.id, "10.7.0.10"))
    body = {"vip_port_id": port_id}
    refused = tenant.post("/loadbalancers", {"loadbalancer": body}, 400)["faultstring"]
    assert "VIP port's subnet could not be determined" in refused
    refused = tenant.post("/loadbalancers", {"loadbalancer": {**body, "vip_address": "10.7.0.11"}}, 400)["faultstring"]
    assert "Specified VIP address not found on the specified VIP port." in refused
    made = tenant.post("/loadbalancers", {"loadbalancer": {**body, "vip_address": "10.7.0.10"}})["loadbalancer"]
    assert made["vip_address"] == "10.7.0.10"


def test_an_address_is_needed(tenant):
    refused = tenant.post("/loadbalancers", {"loadbalancer": {"name": "x"}}, 400)["faultstring"]
    assert refused == "Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id."


def test_what_is_not_offered_is_refused_by_name(world, tenant, subnet):
    some = "0cf03f21-6d93-4d8f-9bd3-0e5b9e8f3f0b"
    before = world.counts()
    for more, status, words in (
        ({"provider": "acme"}, 400, "Provider 'acme' is not enabled."),
        ({"flavor_id": some}, 400, "Validation failure: Invalid flavor_id."),
        ({"availability_zone": "az"}, 400, "Validation failure: Invalid availability zone."),
        ({"vip_qos_policy_id": some}, 400, "VIP QoS policy is not allowed in this deployment."),
        ({"vip_sg_ids": [some]}, 501, "'haproxy' does not support a requested option: vip_sg_ids"),
        ({"additional_vips": [{"subnet_id": some}]}, 501, "does not support a requested option: additional_vips"),
    ):
        assert words in tenant.balancer(subnet, want=status, **more)["faultstring"]
    assert world.counts() == before


def test_update(world, tenant, subnet):
    lb = tenant.balancer(subnet, name="a", description="d", tags=["t"])
    world.settle()
    path = f"/loadbalancers/{lb['id']}"
    changed = tenant.put(path, {"loadbalancer": {"name": "b", "admin_state_up": False}})["loadbalancer"]
    assert (changed["name"], changed["description"], changed["tags"]) == ("b", "d", ["t"])
    assert changed["provisioning_status"] == "PENDING_UPDATE"
    reset = tenant.put(path, {"loadbalancer": {"name": None, "admin_state_up": None, "tags": None}})["loadbalancer"]
    assert (reset["name"], reset["admin_state_up"], reset["tags"]) == ("", True, [])
    world.settle()
    assert world.spec(lb["id"]).name == ""
    for name, value in (("vip_address", "10.7.0.9"), ("provider", "noop"), ("project_id", "x"), ("id", "x")):
        tenant.put(path, {"loadbalancer": {name: value}}, 403 if name == "project_id" else 400)


def test_every_write_is_taken_while_another_is_under_way(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    listener = tenant.listener(lb)
    pool = tenant.pool(listener_id=listener["id"])
    member = tenant.member(pool)
    tenant.put(f"/pools/{pool['id']}/members/{member['id']}", {"member": {"weight": 9}})
    tenant.put(f"/loadbalancers/{lb['id']}", {"loadbalancer": {"name": "x"}})
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["provisioning_status"] == "PENDING_CREATE"
    world.settle()
    # one message for all of it
    assert [wire["generation"] for _, wire in world.sent.applied] == [6]
    for path in (f"/loadbalancers/{lb['id']}", f"/listeners/{listener['id']}", f"/pools/{pool['id']}"):
        (shown,) = tenant.get(path).values()
        assert shown["provisioning_status"] == "ACTIVE"


def test_a_refused_change_shows_as_error_and_the_next_one_heals_it(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    world.settle()
    world.refusals[lb["id"]] = ("The configuration was refused.", "haproxy: line 7")
    listener = tenant.listener(lb)
    world.settle()
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["provisioning_status"] == "ERROR"
    assert tenant.get(f"/listeners/{listener['id']}")["listener"]["provisioning_status"] == "ERROR"
    world.refusals.clear()
    tenant.put(f"/listeners/{listener['id']}", {"listener": {"connection_limit": 5}})
    world.settle()
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["provisioning_status"] == "ACTIVE"


def test_delete_is_shown_until_the_host_confirms(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    world.settle()
    path = f"/loadbalancers/{lb['id']}"
    tenant.delete(path)
    assert tenant.get(path)["loadbalancer"]["provisioning_status"] == "PENDING_DELETE"
    tenant.delete(path)  # asked again
    refused = tenant.put(path, {"loadbalancer": {"name": "x"}}, 409)["faultstring"]
    assert refused == f"Load Balancer {lb['id']} is immutable and cannot be updated."
    tenant.listener(lb, want=409)
    world.settle()
    gone = tenant.get(path, 404)["faultstring"]
    assert gone == f"Load Balancer {lb['id']} not found."
    left = {name: count for name, count in world.counts().items() if count}
    assert left == {"agents": 1}


def test_delete_is_taken_in_every_state(world, tenant, subnet):
    pending, error = tenant.balancer(subnet), tenant.balancer(subnet)
    world.refusals[error["id"]] = ("no", "no")
    world.send()
    world.refusals and world.answer()
    assert tenant.get(f"/loadbalancers/{error['id']}")["loadbalancer"]["provisioning_status"] == "ERROR"
    for lb in (pending, error):
        tenant.delete(f"/loadbalancers/{lb['id']}")
    world.settle()
    assert tenant.get("/loadbalancers")["loadbalancers"] == []


def test_children_go_only_with_cascade(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    listener = tenant.listener(lb)
    pool = tenant.pool(listener_id=listener["id"])
    member = tenant.member(pool)
    monitor = tenant.monitor(pool)
    path = f"/loadbalancers/{lb['id']}"
    refused = tenant.delete(path, 400)["faultstring"]
    assert refused == f"Validation failure: Cannot delete Load Balancer {lb['id']} - it has children"
    tenant.delete(f"{path}?cascade=false", 400)
    tenant.delete(f"{path}?cascade=True")
    children = [
        f"/listeners/{listener['id']}",
        f"/pools/{pool['id']}",
        f"/pools/{pool['id']}/members/{member['id']}",
        f"/healthmonitors/{monitor['id']}",
    ]
    for child in children:
        (shown,) = tenant.get(child).values()
        assert shown["provisioning_status"] == "PENDING_DELETE"
        tenant.delete(child)  # goes with it anyway
    tenant.put(children[0], {"listener": {"name": "x"}}, 409)
    tenant.put(f"/pools/{pool['id']}/members", {"members": []}, 409)
    world.settle()
    for child in children:
        tenant.get(child, 404)
    assert {name: count for name, count in world.counts().items() if count} == {"agents": 1}


def test_without_a_host_it_waits_and_the_sweep_places_it(tmp_path):
    world = World(f"sqlite:///{tmp_path}/none.db")
    tenant = world.caller()
    subnet = world.network.add("10.7.0.0/24", tenant.project)
    lb, other = tenant.balancer(subnet), tenant.balancer(subnet)
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["provisioning_status"] == "PENDING_CREATE"
    tenant.listener(other)
    # one that was nowhere is gone at once
    tenant.delete(f"/loadbalancers/{other['id']}?cascade=true")
    tenant.get(f"/loadbalancers/{other['id']}", 404)
    world.agent("late")
    world.sweep()
    world.settle()
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["provisioning_status"] == "ACTIVE"
    (port,) = world.rows(sa.select(ports))
    assert port.host == "late"
    world.sweep()  # nothing more to place
    assert len(world.rows(sa.select(placements))) == 1
    world.close()


def test_load_balancers_are_spread_over_hosts_that_have_the_driver(world, tenant, subnet):
    world.agent("host-2")
    world.agent("host-3", "noop")
    for _ in range(4):
        tenant.balancer(subnet)
    hosts = [row.host for row in world.rows(sa.select(placements.c.host).order_by("host"))]
    assert hosts == ["host-1", "host-1", "host-2", "host-2"]
    tenant.balancer(subnet, provider="noop")
    assert "host-3" in [row.host for row in world.rows(sa.select(placements.c.host))]


def test_failover_moves_it_to_another_host_and_only_administrators_may(world, tenant, admin, subnet):
    lb = tenant.balancer(subnet)
    listener = tenant.listener(lb)
    world.settle()
    path = f"/loadbalancers/{lb['id']}"
    tenant.put(f"{path}/failover", None, 403)
    assert admin.put(f"{path}/failover", None, 202) is None  # nowhere else to go: done again where it is
    assert tenant.get(path)["loadbalancer"]["provisioning_status"] == "PENDING_UPDATE"
    world.settle()
    world.agent("host-2")
    admin.put(f"{path}/failover", None, 202)
    assert tenant.get(path)["loadbalancer"]["provisioning_status"] == "PENDING_UPDATE"
    assert tenant.get(f"/listeners/{listener['id']}")["listener"]["provisioning_status"] == "ACTIVE"
    world.settle()
    assert tenant.get(path)["loadbalancer"]["provisioning_status"] == "ACTIVE"
    assert [row.host for row in world.rows(sa.select(placements))] == ["host-2"]
    assert [host for host, _ in world.sent.removed] == ["host-1"]
    (port,) = world.rows(sa.select(ports))
    assert port.host == "host-2"


def test_aliases_name_a_driver(tmp_path):
    world = World(
        f"sqlite:///{tmp_path}/alias.db",
        lbaas__enabled_providers=["noop:Nothing", "amphora:noop"],
        lbaas__default_provider="amphora",
    )
    world.agent()
    tenant = world.caller()
    lb = tenant.balancer(world.network.add("10.7.0.0/24", tenant.project))
    assert lb["provider"] == "amphora"
    assert [row.driver for row in world.rows(sa.select(instances.c.driver))] == ["noop"]
    assert tenant.get("/providers")["providers"] == [
        {"name": "noop", "description": "Nothing"},
        {"name": "amphora", "description": "Nothing"},
    ]
    world.close()


def test_an_administrator_makes_one_for_a_project(world, admin, tenant, subnet):
    lb = admin.balancer(subnet, project_id=tenant.project)
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["project_id"] == tenant.project
    (row,) = world.rows(sa.select(loadbalancers.c.project_id))
    assert row.project_id == tenant.project


def test_one_that_is_being_deleted_gets_no_host(world, tenant, subnet):
    lb = tenant.balancer(subnet)
    world.settle()
    tenant.delete(f"/loadbalancers/{lb['id']}")
    place = world.kinds["loadbalancer"].place
    assert world.database.write(lambda conn: place(conn, lb["id"], "host-1")) == []
    world.settle()
    tenant.get(f"/loadbalancers/{lb['id']}", want=404)
