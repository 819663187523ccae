"""Names: what clients set and see, what hosts are told."""

from __future__ import annotations

import pytest

from svcfabric.spi.l2l3 import DnsName
from tests.core_world import World

DOMAIN = "openstacklocal"


@pytest.fixture
def bound(world, admin, tenant):
    for host in ("h1", "h2"):
        world.agent(host, f"192.0.2.{host[1]}")

    def bind(network, host="h1", **given):
        return admin.port(network, **{"project_id": tenant.project, "binding:host_id": host, **given})

    return bind


def assigned(port):
    return [(one["hostname"], one["fqdn"]) for one in port["dns_assignment"]]


def test_a_ports_name_is_shown_with_its_addresses(tenant, private):
    port = tenant.port(private, dns_name="Web", fixed_ips=[{"ip_address": "10.0.0.5"}, {"ip_address": "10.0.0.6"}])
    assert port["dns_name"] == "web"
    assert port["dns_assignment"] == [
        {"ip_address": address, "hostname": "web", "fqdn": f"web.{DOMAIN}."} for address in ("10.0.0.5", "10.0.0.6")
    ]
    assert tenant.show("port", port["id"]) == port
    assert tenant.list("port", "dns_name=WEB") == [port]
    assert tenant.list("port", "dns_name=other") == []
    changed = tenant.change("port", port["id"], dns_name="", fixed_ips=[{"ip_address": "10.0.0.6"}])
    assert assigned(changed) == [("host-10-0-0-6", f"host-10-0-0-6.{DOMAIN}.")]
    assert changed["revision_number"] == port["revision_number"] + 1
    assert tenant.show("port", port["id"])["dns_assignment"] == changed["dns_assignment"]


def test_a_list_may_be_of_names_only(tenant, private):
    port = tenant.port(private, dns_name="web", fixed_ips=[{"ip_address": "10.0.0.5"}])
    for fields in (("dns_assignment",), ("id", "dns_name"), ("id",), ("dns_assignment", "fixed_ips")):
        query = "&".join(f"fields={name}" for name in fields)
        assert tenant.list("port", query) == [{name: port[name] for name in fields}]


def test_listing_ports_is_one_question(world, tenant, private):
    for number in range(3):
        tenant.port(private, dns_name=f"p{number}")
    with world.round_trips() as asked:
        assert len(tenant.list("port")) == 3
    assert len([each for each in asked if each.startswith("SELECT")]) == 1


@pytest.mark.parametrize("name", ["a..b", "-a", "a_b", "x" * 64, "web.example.com.", "a" * 256, 5, "é", "web.1"])
def test_names_that_are_none_are_refused_and_nothing_changes(tenant, private, name):
    body = {"port": {"network_id": private["id"], "dns_name": name}}
    before = tenant.port(private, dns_name="web")
    for asked in (("POST", "/ports", body), ("PUT", f"/ports/{before['id']}", {"port": {"dns_name": name}})):
        kind, message = tenant.refused(400, *asked)
        assert kind in ("InvalidInput", "HTTPBadRequest")
        assert "Invalid input for dns_name. Reason: " in message
    assert tenant.list("port") == [before]
    tenant.refused(400, "PUT", f"/ports/{before['id']}", {"port": {"dns_assignment": []}})


def test_a_full_name_below_the_clouds_domain(world, tenant, private, bound):
    port = bound(private, dns_name=f"web.{DOMAIN}.", fixed_ips=[{"ip_address": "10.0.0.5"}])
    assert assigned(port) == [(f"web.{DOMAIN}.", f"web.{DOMAIN}.")]
    spec = world.specs("h1")[port["id"]]
    assert spec.dns == DnsName(name="web", domains=(DOMAIN,))
    assert spec.dhcp.hostname == "web"


def test_every_host_of_the_network_is_told_of_a_name_and_of_another(world, tenant, private, bound):
    port = bound(private, dns_name="web")
    bound(private, "h2")
    world.answer()
    for host in ("h1", "h2"):
        assert world.specs(host)[port["id"]].dns == DnsName(name="web", domains=(DOMAIN,))
    world.forget()
    tenant.change("port", port["id"], dns_name="www")
    assert {host: world.specs(host)[port["id"]].dns.name for host in ("h1", "h2")} == {"h1": "www", "h2": "www"}
    assert world.specs("h1")[port["id"]].dhcp.hostname == "www"


def test_a_networks_domain_is_one_more_for_all_its_ports(world, tenant, private, bound):
    port, other = bound(private, dns_name="web"), bound(private, "h2")
    world.answer()
    world.forget()
    before = tenant.show("network", private["id"])["revision_number"]
    changed = tenant.change("network", private["id"], dns_domain="Starwars.")
    assert changed["revision_number"] == before + 1
    assert changed["dns_domain"] == "starwars."
    assert tenant.list("network", "dns_domain=starwars.")[0]["id"] == private["id"]
    for each in (port, other):
        assert world.specs("h1")[each["id"]].dns.domains == (DOMAIN, "starwars")
    assert assigned(tenant.show("port", port["id"])) == [("web", f"web.{DOMAIN}.")]
    world.forget()
    tenant.change("port", port["id"], dns_domain="own.net.")
    assert world.specs("h2")[port["id"]].dns.domains == (DOMAIN, "own.net")
    tenant.refused(400, "PUT", f"/networks/{private['id']}", {"network": {"dns_domain": "starwars"}})


def test_a_guest_gives_no_names_in_domains_of_his_own(world, admin, tenant, stranger, bound):
    network = admin.network(shared=True, dns_domain="lab.example.")
    admin.subnet(network, "10.9.0.0/24", enable_dhcp=False)
    port = bound(network, project_id=stranger.project, dns_name="www", dns_domain="bank.example.")
    assert port["dns_domain"] == "bank.example."
    assert world.specs("h1")[port["id"]].dns.domains == (DOMAIN, "lab.example")


def test_the_port_of_dhcp_has_a_name_too(world, tenant, bound):
    network = tenant.network(dns_domain="lab.example.")
    tenant.subnet(network, "10.8.0.0/24")
    drivers = [{"kind": kind, "driver": "linux"} for kind in ("network", "port", "dhcp")]
    beat = {"host": "h1", "local_ip": "192.0.2.1", "drivers": drivers, "started_at": "2026-01-01T00:00:00+00:00"}
    world.controller.heartbeat(beat)
    bound(network)
    (port,) = tenant.list("port", f"network_id={network['id']}&device_owner=network:dhcp")
    assert world.specs("h1")[port["id"]].dns == DnsName(domains=(DOMAIN, "lab.example"))
    world.forget()
    tenant.change("port", port["id"], dns_name="ns")
    assert world.specs("h1")[port["id"]].dns.name == "ns"
    world.forget()
    tenant.change("network", network["id"], dns_domain="")
    assert world.specs("h1")[port["id"]].dns.domains == (DOMAIN,)


def test_a_floating_ip_keeps_its_name(tenant, public):
    made = tenant.make("floatingip", floating_network_id=public["id"], dns_name="Web", dns_domain="example.org.")
    assert (made["dns_name"], made["dns_domain"]) == ("web", "example.org.")
    assert tenant.show("floatingip", made["id"]) == made
    assert tenant.list("floatingip", "dns_name=web") == [made]
    tenant.refused(400, "PUT", f"/floatingips/{made['id']}", {"floatingip": {"dns_name": "www"}})
    for wrong in ({"dns_name": "web.example.org."}, {"dns_domain": "example.org"}):
        tenant.refused(400, "POST", "/floatingips", {"floatingip": {"floating_network_id": public["id"], **wrong}})
    plain = tenant.make("floatingip", floating_network_id=public["id"])
    assert (plain["dns_name"], plain["dns_domain"]) == ("", "")


def test_another_domain_for_the_cloud(core_database, private, tenant):
    port = tenant.port(private, dns_name="web")
    elsewhere = World(core_database, network__dns_domain="cloud.example")
    assert assigned(elsewhere.caller(tenant.project).show("port", port["id"])) == [("web", "web.cloud.example.")]


def test_the_extensions(tenant):
    served = {each["alias"] for each in tenant.get("/extensions")["extensions"]}
    assert {"dns-integration", "dns-domain-ports"} <= served
