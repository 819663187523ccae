"""Conntrack helpers, router advertisements, floating IPs by a named router, pools, and what is refused."""

import pytest

NOBODY = "11111111-1111-1111-1111-111111111111"

# rules that no database makes a difference to
ONE_DATABASE = pytest.mark.parametrize("core_database", ["sqlite"], indirect=True)


@pytest.fixture
def router(world, tenant, public):
    world.agent("h1", physical=["public"])
    return tenant.make("router", external_gateway_info={"network_id": public["id"]})


def helper(caller, router, want=201, **given):
    path = f"/routers/{router['id']}/conntrack_helpers"
    body = {"conntrack_helper": {"helper": "ftp", "protocol": "tcp", "port": 21, **given}}
    if want == 201:
        return caller.ask("POST", path, body, 201)["conntrack_helper"]
    return caller.refused(want, "POST", path, body)


def test_conntrack_helpers(world, tenant, stranger, router):
    made = helper(tenant, router)
    path = f"/routers/{router['id']}/conntrack_helpers"
    assert {name: made[name] for name in made if name != "id"} == {"helper": "ftp", "protocol": "tcp", "port": 21}
    assert tenant.get(path)["conntrack_helpers"] == [made]
    assert tenant.get(f"{path}?port=22")["conntrack_helpers"] == []
    assert tenant.get(f"{path}/{made['id']}")["conntrack_helper"] == made
    second = helper(tenant, router, helper="tftp", protocol="udp", port=69)
    shown = tenant.show("router", router["id"])
    assert shown["conntrack_helpers"] == [
        {"helper": "ftp", "protocol": "tcp", "port": 21},
        {"helper": "tftp", "protocol": "udp", "port": 69},
    ]
    assert shown["revision_number"] > router["revision_number"]
    assert [(h.helper, h.protocol, h.port) for h in world.specs("h1")[router["id"]].helpers] == [
        ("ftp", "tcp", 21),
        ("tftp", "udp", 69),
    ]
    body = {"conntrack_helper": {"port": 6969}}
    assert tenant.ask("PUT", f"{path}/{second['id']}", body, 200)["conntrack_helper"]["port"] == 6969
    for method, to in (("GET", path), ("GET", f"{path}/{made['id']}"), ("DELETE", f"{path}/{made['id']}")):
        stranger.refused(404, method, to)
    tenant.delete(f"{path}/{made['id']}")
    assert tenant.refused(404, "GET", f"{path}/{made['id']}")[0] == "ConntrackHelperNotFound"
    assert [h.port for h in world.specs("h1")[router["id"]].helpers] == [6969]
    tenant.delete(f"/routers/{router['id']}")


@ONE_DATABASE
def test_conntrack_helpers_that_cannot_be(world, tenant, router):
    assert helper(tenant, router, 400, helper="nonsense")[0] == "ConntrackHelperNotAllowed"
    kind, message = helper(tenant, router, 400, helper="tftp")
    assert kind == "InvalidProtocolForHelper"
    assert "udp" in message
    helper(tenant, router)
    assert "already" in helper(tenant, router, 400, helper="irc")[1]
    for given in ({"port": 0}, {"port": 70000}, {"protocol": "icmp"}, {"helper": ""}):
        helper(tenant, router, 400, **given)
    features = ["conntrack-helper:tftp:udp", "snat"]
    beat = {"host": "h1", "drivers": [{"kind": "router", "driver": "linux", "features": features}]}
    world.controller.heartbeat(beat)
    kind, message = helper(tenant, router, 400, helper="irc", port=6667)
    assert kind == "ConntrackHelperNotAllowed"
    assert "no host" in message
    helper(tenant, router, helper="tftp", protocol="udp", port=69)


@ONE_DATABASE
def test_router_advertisements(world, tenant, router):
    network = tenant.network()
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    servers = {"dns_nameservers": ["2001:db8::53"]}
    first = tenant.subnet(network, "2001:db8:1::/64", **modes, **servers)
    silent = tenant.subnet(network, "2001:db8:2::/64")
    port_id = tenant.attach(router, subnet_id=first["id"])["port_id"]
    tenant.attach(router, subnet_id=silent["id"])

    def told():
        (leg,) = world.specs("h1")[router["id"]].legs
        return leg.ra

    assert [(prefix.cidr, prefix.mode) for prefix in told().prefixes] == [("2001:db8:1::/64", "slaac")]
    assert told().dns_nameservers == ("2001:db8::53",)
    tenant.change("subnet", first["id"], dns_nameservers=["2001:db8::54"])
    assert told().dns_nameservers == ("2001:db8::54",)
    stateful = {"ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful"}
    third = tenant.subnet(network, "2001:db8:3::/64", **stateful)
    assert tenant.attach(router, subnet_id=third["id"])["port_id"] == port_id
    assert [prefix.mode for prefix in told().prefixes] == ["slaac", "dhcpv6-stateful"]
    for subnet in (first, third):
        tenant.detach(router, subnet_id=subnet["id"])
    assert told() is None


def test_a_new_subnet_outside_gives_gateways_an_address_of_its_family(world, tenant, admin, public, router):
    def addresses(one):
        return [ip["ip_address"] for ip in tenant.show("router", one)["external_gateway_info"]["external_fixed_ips"]]

    other = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    inside = tenant.subnet(tenant.network(), "2001:db8:9::/64")
    tenant.attach(other, subnet_id=inside["id"])
    assert len(addresses(router["id"])) == 1
    admin.subnet(public, "2001:db8:9::/60", enable_dhcp=False)
    admin.subnet(public, "172.24.5.0/24", enable_dhcp=False)
    assert [":" in each for each in addresses(router["id"])] == [False, True]
    assert [":" in each for each in addresses(other["id"])] == [False], "it is inside on an overlapping prefix"
    told = [each.address for each in world.specs("h1")[router["id"]].gateway.addresses]
    assert told == addresses(router["id"])
    assert world.specs("h1")[router["id"]].gateway.addresses[1].gateway == "2001:db8:9::1"


@ONE_DATABASE
def test_a_floating_ip_by_a_router_further_out(world, tenant, private, public, router):
    inner, transit = tenant.make("router"), tenant.network()
    tenant.subnet(transit, "10.77.0.0/24")
    tenant.attach(inner, subnet_id=private["subnet"]["id"])
    tenant.attach(inner, port_id=tenant.port(transit)["id"])
    tenant.attach(router, port_id=tenant.port(transit)["id"])
    port = tenant.port(private)
    body = {"floating_network_id": public["id"], "port_id": port["id"]}
    kind, _ = tenant.refused(404, "POST", "/floatingips", {"floatingip": body})
    assert kind == "ExternalGatewayForFloatingIPNotFound"
    tenant.refused(409, "POST", "/floatingips", {"floatingip": {**body, "router_id": inner["id"]}})
    tenant.refused(404, "POST", "/floatingips", {"floatingip": {**body, "router_id": NOBODY}})
    unled = {"floating_network_id": public["id"], "router_id": router["id"]}
    assert "without a port_id" in tenant.refused(400, "POST", "/floatingips", {"floatingip": unled})[1]
    made = tenant.make("floatingip", **body, router_id=router["id"])
    assert made["router_id"] == router["id"]
    assert world.specs("h1")[made["id"]].fixed_address == port["fixed_ips"][0]["ip_address"]
    assert tenant.change("floatingip", made["id"], description="x")["router_id"] == router["id"]


@ONE_DATABASE
def test_an_empty_change_ends_the_association(tenant, private, public, router):
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    port = tenant.port(private)
    made = tenant.make("floatingip", floating_network_id=public["id"], port_id=port["id"])
    assert tenant.change("floatingip", made["id"], description="d")["port_id"] == port["id"]
    assert tenant.change("floatingip", made["id"])["port_id"] is None


def test_pools(tenant, admin, public, private):
    admin.subnet(public, "2001:db8:9::/64")
    second = admin.subnet(public, "172.24.8.0/24", name="second")
    pools = tenant.get("/floatingip-pools")["floatingip_pools"]
    assert {pool["subnet_id"] for pool in pools} == {public["subnet"]["id"], second["id"]}
    (mine,) = tenant.get(f"/floatingip-pools?subnet_name=second&network_id={public['id']}")["floatingip_pools"]
    assert mine == {
        "subnet_id": second["id"],
        "subnet_name": "second",
        "network_id": public["id"],
        "cidr": "172.24.8.0/24",
        "project_id": tenant.project,
        "tenant_id": tenant.project,
    }


@ONE_DATABASE
def test_what_no_router_here_does_is_refused(tenant, admin, router):
    shown = admin.show("router", router["id"])
    assert shown["distributed"] is False
    assert "distributed" not in tenant.show("router", router["id"])
    path = f"/routers/{router['id']}"
    distributed = {"router": {"distributed": True}}
    assert tenant.refused(403, "POST", "/routers", distributed)[0] == "PolicyNotAuthorized"
    assert "distributed cannot be true" in admin.refused(400, "PUT", path, distributed)[1]
    admin.change("router", router["id"], distributed=False)
    several = {"router": {"external_gateways": []}}
    assert "external_gateway_info" in tenant.refused(400, "PUT", path, several)[1]
    for verb in ("add", "update", "remove"):
        kind, message = tenant.refused(400, "PUT", f"{path}/{verb}_external_gateways", several)
        assert (kind, "one external gateway" in message) == ("NotSupported", True)


@ONE_DATABASE
def test_hosts_know_of_what_address_scope_a_router_s_networks_are(world, tenant, router):
    one, two = (tenant.make("address_scope", name=name, ip_version=4) for name in ("one", "two"))
    pool = tenant.make("subnetpool", name="p", prefixes=["10.40.0.0/16"], default_prefixlen=24)
    network = tenant.network()
    subnet = tenant.make("subnet", network_id=network["id"], ip_version=4, subnetpool_id=pool["id"])
    tenant.attach(router, subnet_id=subnet["id"])

    def told():
        (leg,) = world.specs("h1")[router["id"]].legs
        return leg.scope4

    assert told() == ""
    for scope in (one, two):
        tenant.ask("PUT", f"/subnetpools/{pool['id']}", {"subnetpool": {"address_scope_id": scope["id"]}}, 200)
        assert told() == scope["id"]
