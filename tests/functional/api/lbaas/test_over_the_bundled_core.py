"""Load balancers whose addresses are ports of the bundled core."""

from __future__ import annotations

import pytest

from svcfabric.core_l2l3 import routes as core
from tests.service_world import World


@pytest.fixture
def world(database_url):
    made = World(database_url, core.feature)
    made.agent()
    yield made
    made.close()


def network_of(caller, cidr="10.7.0.0/24"):
    network = caller.post("/v2.0/networks", {"network": {"name": "n"}})["network"]
    body = {"network_id": network["id"], "ip_version": 4, "cidr": cidr, "enable_dhcp": False}
    subnet = caller.post("/v2.0/subnets", {"subnet": body})["subnet"]
    return network["id"], subnet["id"]


def test_a_life(world, tenant):
    network_id, subnet_id = network_of(tenant)
    empty = world.counts()
    lb = tenant.balancer(subnet_id, vip_address="10.7.0.50")
    assert (lb["vip_network_id"], lb["vip_address"]) == (network_id, "10.7.0.50")
    port = tenant.get(f"/v2.0/ports/{lb['vip_port_id']}")["port"]
    assert (port["device_owner"], port["device_id"]) == ("Octavia", f"lb-{lb['id']}")
    listener = tenant.listener(lb)
    world.settle()
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["provisioning_status"] == "ACTIVE"
    spec = world.spec(lb["id"])
    assert spec.vip.segment.type == "vxlan"
    (address,) = spec.vip.addresses
    assert (address.address, address.prefix_length, address.gateway) == ("10.7.0.50", 24, "10.7.0.1")
    tenant.delete(f"/listeners/{listener['id']}")
    tenant.delete(f"/loadbalancers/{lb['id']}")
    for _ in range(3):  # its port goes when it is gone, and the network leaves the host after that
        world.settle()
    tenant.get(f"/loadbalancers/{lb['id']}", 404)
    tenant.get(f"/v2.0/ports/{lb['vip_port_id']}", 404)
    left = world.counts()
    assert {name for name in empty if left[name] != empty[name]} <= {"quota_locks", "tunnel_endpoints"}, left


def test_an_address_is_taken_once(world, tenant):
    _, subnet_id = network_of(tenant)
    tenant.balancer(subnet_id, vip_address="10.7.0.50")
    before = world.counts()
    refused = tenant.balancer(subnet_id, vip_address="10.7.0.50", want=409)["faultstring"]
    assert refused.startswith("The VIP IP address is already in use: ")
    tenant.balancer(subnet_id, vip_address="10.9.0.50", want=400)
    assert world.counts() == before


def test_the_tenants_own_port_comes_back(world, tenant):
    network_id, subnet_id = network_of(tenant)
    port = tenant.post("/v2.0/ports", {"port": {"network_id": network_id}})["port"]
    lb = tenant.post("/loadbalancers", {"loadbalancer": {"vip_port_id": port["id"]}})["loadbalancer"]
    assert lb["vip_address"] == port["fixed_ips"][0]["ip_address"]
    assert lb["vip_subnet_id"] == subnet_id
    tenant.post("/loadbalancers", {"loadbalancer": {"vip_port_id": port["id"]}}, 400)
    world.settle()
    tenant.delete(f"/v2.0/ports/{port['id']}", 409)
    tenant.delete(f"/loadbalancers/{lb['id']}")
    world.settle()
    assert tenant.get(f"/v2.0/ports/{port['id']}")["port"]["device_id"] == ""


def test_another_projects_network_does_not_exist(world, tenant, stranger):
    network_id, subnet_id = network_of(stranger)
    port = stranger.post("/v2.0/ports", {"port": {"network_id": network_id}})["port"]
    before = world.counts()
    for name, ident in (("vip_subnet_id", subnet_id), ("vip_network_id", network_id), ("vip_port_id", port["id"])):
        refused = tenant.post("/loadbalancers", {"loadbalancer": {name: ident}}, 404)["faultstring"]
        assert refused == f"{name[4:-3].capitalize()} {ident} not found."
    assert world.counts() == before


def test_failover_takes_the_port_along(world, tenant, admin):
    _, subnet_id = network_of(tenant)
    lb = tenant.balancer(subnet_id)
    world.settle()
    world.agent("host-2")
    admin.put(f"/loadbalancers/{lb['id']}/failover", None, 202)
    for _ in range(3):
        world.settle()
    assert admin.get(f"/v2.0/ports/{lb['vip_port_id']}")["port"]["binding:host_id"] == "host-2"
    assert tenant.get(f"/loadbalancers/{lb['id']}")["loadbalancer"]["provisioning_status"] == "ACTIVE"
