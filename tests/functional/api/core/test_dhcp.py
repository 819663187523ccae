"""DHCP: where a network is served, at which addresses, what hosts are told of it."""

from __future__ import annotations

import pytest

from svcfabric.db.base import now
from svcfabric.spi.l2l3 import DhcpOption, Route

OWNER = "network:dhcp"


@pytest.fixture
def private(tenant):
    """A tenant's network with a subnet."""
    made = tenant.network(name="private")
    made["subnet"] = tenant.subnet(made, "10.0.0.0/24")
    return made


@pytest.fixture
def hosts(world):
    """Two hosts that can serve DHCP."""
    for name in ("h1", "h2"):
        drivers = [{"kind": kind, "driver": "linux"} for kind in ("network", "port", "router", "dhcp")]
        beat = {"host": name, "local_ip": f"192.0.2.{name[1]}", "drivers": drivers, "started_at": now().isoformat()}
        world.controller.heartbeat(beat)
    return ("h1", "h2")


@pytest.fixture
def bound(admin, tenant, hosts):
    def bind(network, host="h1", **given):
        return admin.port(network, project_id=tenant.project, **{"binding:host_id": host}, **given)

    return bind


def dhcp_port(caller, network):
    found = caller.list("port", f"network_id={network['id']}&device_owner={OWNER}")
    assert len(found) <= 1
    return found[0] if found else None


def test_a_network_is_served_once_it_is_on_a_host(world, tenant, private, bound):
    tenant.port(private)
    assert dhcp_port(tenant, private) is None
    bound(private)
    port = dhcp_port(tenant, private)
    assert port["device_id"] == f"dhcp-{private['id']}"
    assert [ip["subnet_id"] for ip in port["fixed_ips"]] == [private["subnet"]["id"]]
    spec = world.specs("h1")[port["id"]]
    assert (spec.leg.mac, spec.leg.addresses[0].address) == (port["mac_address"], port["fixed_ips"][0]["ip_address"])
    assert port["status"] == "DOWN"
    world.answer()
    assert dhcp_port(tenant, private)["status"] == "ACTIVE"


def test_every_host_serves_it_with_the_same_leg_until_it_leaves(world, tenant, private, bound):
    first, second = bound(private), bound(private, "h2")
    port = dhcp_port(tenant, private)
    assert world.placements(port["id"]) == {"h1": "owner", "h2": "owner"}
    assert world.specs("h1")[port["id"]] == world.specs("h2")[port["id"]]
    world.forget()
    tenant.delete(f"/ports/{second['id']}")
    assert port["id"] in world.gone("h2")
    assert world.placements(port["id"]) == {"h1": "owner"}
    tenant.delete(f"/ports/{first['id']}")
    world.answer()
    assert world.generation(port["id"]) == 0
    assert dhcp_port(tenant, private)["fixed_ips"] == port["fixed_ips"], "its address stays for when it comes back"
    bound(private)
    assert dhcp_port(tenant, private)["id"] == port["id"]
    assert world.placements(port["id"]) == {"h1": "owner"}


def test_it_keeps_neither_subnet_nor_network(world, tenant, private, bound):
    port = bound(private)
    tenant.refused(409, "DELETE", f"/subnets/{private['subnet']['id']}")
    tenant.delete(f"/ports/{port['id']}")
    other = tenant.subnet(private, "10.1.0.0/24")
    tenant.delete(f"/subnets/{private['subnet']['id']}")
    tenant.delete(f"/networks/{private['id']}")
    assert tenant.list("port") == []
    assert other["id"] not in [subnet["id"] for subnet in tenant.list("subnet")]
    world.answer()
    assert world.counts().get("instances", 0) <= 1  # the project's default security group, perhaps


def test_it_follows_what_subnets_want(world, tenant, private, bound):
    bound(private)
    before = dhcp_port(tenant, private)
    more = tenant.subnet(private, "10.1.0.0/24")
    assert {ip["subnet_id"] for ip in dhcp_port(tenant, private)["fixed_ips"]} == {private["subnet"]["id"], more["id"]}
    without = tenant.subnet(private, "10.2.0.0/24", enable_dhcp=False)
    assert len(dhcp_port(tenant, private)["fixed_ips"]) == 2
    tenant.change("subnet", without["id"], enable_dhcp=True)
    assert len(dhcp_port(tenant, private)["fixed_ips"]) == 3
    spec = world.specs("h1")[before["id"]]
    assert [subnet.cidr for subnet in spec.subnets] == ["10.0.0.0/24", "10.1.0.0/24", "10.2.0.0/24"]
    for subnet in (more, without):
        tenant.change("subnet", subnet["id"], enable_dhcp=False)
    assert dhcp_port(tenant, private)["fixed_ips"] == before["fixed_ips"]
    tenant.change("subnet", private["subnet"]["id"], enable_dhcp=False)
    assert dhcp_port(tenant, private) is None
    assert before["id"] in world.gone("h1")
    tenant.change("subnet", private["subnet"]["id"], enable_dhcp=True)
    assert world.placements(dhcp_port(tenant, private)["id"]) == {"h1": "owner"}


def test_deleting_the_only_subnet_that_wants_it_ends_it(world, tenant, private, bound):
    bound(private, fixed_ips=[])
    port = dhcp_port(tenant, private)
    tenant.delete(f"/subnets/{private['subnet']['id']}")
    assert dhcp_port(tenant, private) is None
    assert port["id"] in world.gone("h1")


@pytest.mark.parametrize(
    "change",
    [
        {"dns_nameservers": ["192.0.2.53"]},
        {"host_routes": [{"destination": "192.0.2.0/24", "nexthop": "10.0.0.9"}]},
        {"gateway_ip": None},
    ],
)
def test_what_it_says_is_told_anew(world, tenant, private, bound, change):
    bound(private)
    port = dhcp_port(tenant, private)
    world.forget()
    tenant.change("subnet", private["subnet"]["id"], **change)
    (subnet,) = world.specs("h1")[port["id"]].subnets
    told = {
        "dns_nameservers": list(subnet.dns_nameservers),
        "host_routes": [{"destination": r.destination, "nexthop": r.nexthop} for r in subnet.routes],
        "gateway_ip": subnet.gateway or None,
    }
    ((name, value),) = change.items()
    assert told[name] == value


def test_a_name_changes_nothing_on_hosts(world, tenant, private, bound):
    bound(private)
    world.forget()
    tenant.change("subnet", private["subnet"]["id"], name="x")
    assert world.sent.applied == []


def test_a_new_mtu_is_the_servers_too(world, tenant, private, bound):
    bound(private)
    world.forget()
    tenant.change("network", private["id"], mtu=1300)
    assert world.specs("h1")[dhcp_port(tenant, private)["id"]].leg.segment.mtu == 1300


@pytest.mark.parametrize(
    ("modes", "told"),
    [
        ({}, "dhcpv6-stateful"),
        ({"ipv6_address_mode": "dhcpv6-stateful"}, "dhcpv6-stateful"),
        ({"ipv6_address_mode": "dhcpv6-stateless"}, "dhcpv6-stateless"),
        ({"ipv6_ra_mode": "dhcpv6-stateful"}, None),
        ({"ipv6_address_mode": "slaac"}, None),
    ],
)
def test_ipv6_by_mode(world, tenant, bound, modes, told):
    network = tenant.network()
    tenant.subnet(network, "fd00:5::/64", **modes)
    bound(network)
    spec = world.specs("h1")[dhcp_port(tenant, network)["id"]]
    assert [subnet.mode for subnet in spec.subnets] == ([told] if told else [])
    assert len(spec.leg.addresses) == 1


def test_more_subnets_than_a_clients_port_may_have_addresses(world, tenant, bound):
    network = tenant.network()
    for number in range(7):
        tenant.subnet(network, f"10.{number}.0.0/24")
    bound(network)
    assert len(dhcp_port(tenant, network)["fixed_ips"]) == 7


def test_a_subnet_without_a_free_address_does_not_stand_in_the_way(world, tenant, bound):
    network = tenant.network()
    tenant.subnet(network, "10.0.0.0/30")
    bound(network)  # has the only one
    assert dhcp_port(tenant, network)["fixed_ips"] == []
    assert world.specs("h1")[dhcp_port(tenant, network)["id"]].subnets == ()
    tenant.subnet(network, "10.1.0.0/24")
    assert len(dhcp_port(tenant, network)["fixed_ips"]) == 1


def test_the_port_is_not_its_owners_to_delete_but_its_address_is_to_choose(world, tenant, private, bound):
    bound(private)
    port = dhcp_port(tenant, private)
    assert tenant.refused(409, "DELETE", f"/ports/{port['id']}")[0] == "ServicePortInUse"
    tenant.refused(409, "PUT", f"/ports/{port['id']}", {"port": {"device_owner": "compute:x"}})
    world.forget()
    tenant.change("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.2"}])
    assert [a.address for a in world.specs("h1")[port["id"]].leg.addresses] == ["10.0.0.2"]
    world.forget()
    assert tenant.change("port", port["id"], admin_state_up=False)["status"] == "DOWN"
    assert world.specs("h1")[port["id"]].leg.admin_state_up is False


def test_a_port_whose_owner_claims_to_be_dhcp_is_none(world, tenant, private, bound):
    fake = tenant.port(private, device_owner=OWNER, device_id=f"dhcp-{private['id']}")
    bound(private)
    assert len(tenant.list("port", f"device_owner={OWNER}")) == 2
    tenant.delete(f"/ports/{fake['id']}")
    assert dhcp_port(tenant, private)


# ---- what it says to one port


def test_a_port_with_options_of_its_own(world, tenant, private, bound):
    given = [{"opt_name": "bootfile-name", "opt_value": "pxelinux.0"}]
    port = bound(private, device_id="vm-1", extra_dhcp_opts=given, fixed_ips=[{"ip_address": "10.0.0.9"}])
    assert port["extra_dhcp_opts"] == [{**given[0], "ip_version": 4}]
    told = world.specs("h1")[port["id"]].dhcp
    assert (told.hostname, told.device_id) == ("host-10-0-0-9", "vm-1")
    assert told.options == (DhcpOption(name="bootfile-name", value="pxelinux.0"),)
    world.forget()
    change = [
        {"opt_name": "bootfile-name", "opt_value": None},
        {"opt_name": "dns-server", "opt_value": "fd00::53", "ip_version": 6},
    ]
    assert tenant.change("port", port["id"], extra_dhcp_opts=change)["extra_dhcp_opts"] == change[1:]
    assert world.specs("h1")[port["id"]].dhcp.options == (DhcpOption(name="dns-server", value="fd00::53", version=6),)
    assert tenant.change("port", port["id"], extra_dhcp_opts=[])["extra_dhcp_opts"] == change[1:]
    assert tenant.show("port", port["id"])["extra_dhcp_opts"] == change[1:]


def test_only_the_host_of_a_port_is_told_of_its_options(world, tenant, private, bound):
    port = bound(private, extra_dhcp_opts=[{"opt_name": "mtu", "opt_value": "1400"}])
    bound(private, "h2")
    assert world.specs("h2")[port["id"]].dhcp is None


@pytest.mark.parametrize(
    "option",
    [
        {"opt_name": "no-such-option", "opt_value": "x"},
        {"opt_name": "0", "opt_value": "x"},
        {"opt_name": "255", "opt_value": "x"},
        {"opt_name": "mtu", "opt_value": ""},
        {"opt_name": "mtu", "opt_value": "1\n2"},
        {"opt_name": "router\n", "opt_value": ""},
        {"opt_name": "mtu", "opt_value": 'a"b'},
        {"opt_name": "mtu", "opt_value": "x" * 256},
        {"opt_name": "mtu", "opt_value": "1", "ip_version": 5},
        {"opt_name": "mtu", "opt_value": "1", "ip_version": 6},
        {"opt_name": "client-id", "opt_value": "1"},
        {"opt_name": "tag:other,mtu", "opt_value": "1"},
        {"opt_value": "x"},
        {"opt_name": "mtu"},
        {"opt_name": "mtu", "opt_value": "1", "more": 1},
        "mtu",
    ],
)
def test_options_no_server_could_tell_are_refused(tenant, private, option):
    body = {"port": {"network_id": private["id"], "extra_dhcp_opts": [option]}}
    kind, message = tenant.refused(400, "POST", "/ports", body)
    assert "extra_dhcp_opts" in message
    assert kind == "HTTPBadRequest"


@pytest.mark.parametrize("name", ["67", "bootfile-name", "tag:ipxe,67", "tag:!ipxe,bootfile-name", "server-ip-address"])
def test_options_by_name_number_and_boot_loader(tenant, private, name):
    given = [{"opt_name": name, "opt_value": "192.0.2.1", "ip_version": 4}]
    assert tenant.port(private, extra_dhcp_opts=given)["extra_dhcp_opts"] == given


# ---- agents


def agents_of(admin, network):
    return admin.get(f"/networks/{network['id']}/dhcp-agents")["agents"]


def networks_of(admin, agent):
    return [network["id"] for network in admin.get(f"/agents/{agent['id']}/dhcp-networks")["networks"]]


def test_agents_serve_the_networks_on_their_hosts(admin, tenant, private, bound):
    assert {agent["host"] for agent in agents_of(admin, private)} == {"h1", "h2"}  # any will
    bound(private, "h2")
    (agent,) = agents_of(admin, private)
    assert (agent["host"], agent["agent_type"]) == ("h2", "DHCP agent")
    assert private["id"] in networks_of(admin, agent)
    (other,) = admin.list("agent", "agent_type=DHCP%20Agent&host=h1")
    assert private["id"] not in networks_of(admin, other)
    assert admin.show("agent", agent["id"]) == agent


def test_an_agent_taken_off_a_network_serves_it_no_more(world, admin, tenant, private, bound):
    bound(private)
    port = dhcp_port(tenant, private)
    (agent,) = agents_of(admin, private)
    path = f"/agents/{agent['id']}/dhcp-networks"
    body = {"network_id": private["id"]}
    assert admin.refused(409, "POST", path, body)[0] == "NetworkHostedByDHCPAgent"
    admin.delete(f"{path}/{private['id']}")
    assert port["id"] in world.gone("h1")
    world.answer()
    assert agents_of(admin, private) == []
    assert private["id"] not in networks_of(admin, agent)
    assert admin.refused(409, "DELETE", f"{path}/{private['id']}")[0] == "NetworkNotHostedByDhcpAgent"
    bound(private)
    assert world.placements(port["id"]) == {}
    bound(private, "h2")
    assert world.placements(port["id"]) == {"h2": "owner"}
    admin.ask("POST", path, body, 201)
    assert world.placements(port["id"]) == {"h1": "owner", "h2": "owner"}
    assert len(agents_of(admin, private)) == 2


def test_networks_nobody_has_are_added_and_removed(admin, private, hosts):
    (agent,) = admin.list("agent", "agent_type=DHCP%20agent&host=h1")
    assert private["id"] in networks_of(admin, agent)
    admin.delete(f"/agents/{agent['id']}/dhcp-networks/{private['id']}")
    assert private["id"] not in networks_of(admin, agent)
    admin.ask("POST", f"/agents/{agent['id']}/dhcp-networks", {"network_id": private["id"]}, 201)
    assert private["id"] in networks_of(admin, agent)


def test_agents_are_the_administrators(admin, tenant, private, hosts):
    (agent,) = admin.list("agent", "agent_type=DHCP%20agent&host=h1")
    tenant.refused(403, "GET", f"/networks/{private['id']}/dhcp-agents")
    tenant.refused(404, "GET", f"/agents/{agent['id']}/dhcp-networks")
    tenant.refused(404, "DELETE", f"/agents/{agent['id']}/dhcp-networks/{private['id']}")
    admin.refused(404, "GET", f"/networks/{agent['id']}/dhcp-agents")
    (whole,) = admin.list("agent", "agent_type=host&host=h1")
    assert admin.refused(409, "GET", f"/agents/{whole['id']}/dhcp-networks")[0] == "InvalidDHCPAgent"
    admin.refused(400, "POST", f"/agents/{agent['id']}/dhcp-networks", {"network_id": 5})
    admin.refused(404, "POST", f"/agents/{agent['id']}/dhcp-networks", {"network_id": agent["id"]})


def test_routes_are_told_as_they_are(world, tenant, bound):
    network = tenant.network()
    tenant.subnet(network, "10.3.0.0/24", host_routes=[{"destination": "192.0.2.0/24", "nexthop": "10.3.0.9"}])
    bound(network)
    (subnet,) = world.specs("h1")[dhcp_port(tenant, network)["id"]].subnets
    assert subnet.routes == (Route(destination="192.0.2.0/24", nexthop="10.3.0.9"),)


def test_it_is_looked_at_when_a_network_comes_to_a_host_or_goes_not_for_every_port(world, tenant, private, bound):
    bound(private)
    world.dispatcher.send = lambda ids: 0
    with world.round_trips() as seen:
        bound(private)
    asked = ("dhcp_exclusions", "ports.device_id = ", "network:dhcp")
    assert not [statement for statement in seen if any(words in statement for words in asked)]
    with world.round_trips() as seen:
        tenant.subnet(private, "10.1.0.0/24", enable_dhcp=False)
    without = len(seen)
    other = tenant.network()
    with world.round_trips() as seen:
        tenant.subnet(other, "10.1.0.0/24")
    assert len(seen) <= without + 1, "of a network that is nowhere only that is asked"
