"""How ports are filtered: groups, allowed address pairs, port security; over the API."""

import threading

PAIR = {"ip_address": "10.9.9.9", "mac_address": "00:25:64:e8:19:dd"}


def group(caller, **given):
    return caller.make("security_group", **given)


def test_a_port_is_in_its_projects_default_group(tenant, admin):
    net = tenant.network()
    assert net["port_security_enabled"] is True
    port = tenant.port(net)
    (default,) = tenant.list("security_group")
    assert port["security_groups"] == [default["id"]]
    assert port["port_security_enabled"] is True
    assert port["allowed_address_pairs"] == []
    assert tenant.show("port", port["id"]) == port
    other = admin.port(net, project_id="another")
    assert other["security_groups"] not in ([], [default["id"]])


def test_many_ports_at_once_make_one_default_group(world, tenant):
    net = tenant.network()
    seen = []

    def make():
        seen.append(world.caller(tenant.project).port(net)["security_groups"][0])

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 6
    assert len(set(seen)) == 1


def test_the_clouds_own_ports_are_not_filtered(tenant, public):
    net = tenant.network()
    subnet = tenant.subnet(net)
    port = tenant.port(net, device_owner="network:thing")
    assert (port["security_groups"], port["port_security_enabled"]) == ([], False)
    router = tenant.make("router")
    tenant.attach(router, subnet_id=subnet["id"])
    (leg,) = tenant.list("port", f"device_id={router['id']}")
    assert (leg["security_groups"], leg["port_security_enabled"]) == ([], False)


SAID = [(False, None, False), (False, True, True), (True, False, False), (True, None, True)]


def test_port_security_is_the_networks_unless_the_port_says(tenant):
    for network, port, enabled in SAID:
        net = tenant.network(port_security_enabled=network)
        assert net["port_security_enabled"] is network
        made = tenant.port(net, **({} if port is None else {"port_security_enabled": port}))
        assert made["port_security_enabled"] is enabled
        assert bool(made["security_groups"]) is enabled


def test_a_networks_say_changes_for_ports_to_come(tenant):
    net = tenant.network()
    before = tenant.port(net)
    assert tenant.change("network", net["id"], port_security_enabled=False)["port_security_enabled"] is False
    assert tenant.show("port", before["id"])["port_security_enabled"] is True
    assert tenant.port(net)["port_security_enabled"] is False


def test_groups_of_ones_own(tenant, stranger):
    net = tenant.network()
    web, db, foreign = group(tenant), group(tenant), group(stranger)
    port = tenant.port(net, security_groups=[web["id"], db["id"]])
    assert port["security_groups"] == [web["id"], db["id"]]
    assert tenant.port(net, security_groups=[])["security_groups"] == []
    assert tenant.port(net, security_groups=None)["security_groups"] == []
    assert [p["id"] for p in tenant.list("port", f"security_groups={web['id']}")] == [port["id"]]
    assert tenant.list("port", f"security_groups={foreign['id']}") == []
    for bad, status in (([foreign["id"]], 404), ([web["id"], web["id"]], 400), (["x"], 400), ("x", 400)):
        tenant.ask("POST", "/ports", {"port": {"network_id": net["id"], "security_groups": bad}}, status)
        tenant.ask("PUT", f"/ports/{port['id']}", {"port": {"security_groups": bad}}, status)
    assert tenant.show("port", port["id"])["security_groups"] == [web["id"], db["id"]]
    same = tenant.change("port", port["id"], security_groups=[db["id"], web["id"]])
    assert same["revision_number"] == port["revision_number"]
    less = tenant.change("port", port["id"], security_groups=[db["id"]])
    assert less["security_groups"] == [db["id"]]
    assert tenant.refused(409, "DELETE", f"/security-groups/{db['id']}")[0] == "SecurityGroupInUse"
    tenant.delete(f"/security-groups/{web['id']}")
    tenant.delete(f"/ports/{port['id']}")
    tenant.delete(f"/security-groups/{db['id']}")


def test_stateful_and_stateless_groups_do_not_mix(tenant):
    net = tenant.network()
    stateful, stateless = group(tenant), group(tenant, stateful=False)
    both = [stateful["id"], stateless["id"]]
    body = {"port": {"network_id": net["id"], "security_groups": both}}
    assert tenant.refused(409, "POST", "/ports", body)[0] == "SecurityGroupConflict"
    port = tenant.port(net, security_groups=[stateless["id"]])
    body = {"port": {"security_groups": both}}
    assert tenant.refused(409, "PUT", f"/ports/{port['id']}", body)[0] == "SecurityGroupConflict"
    body = {"security_group": {"stateful": True}}
    assert tenant.refused(409, "PUT", f"/security-groups/{stateless['id']}", body)[0] == "SecurityGroupInUse"
    assert tenant.change("security_group", stateful["id"], stateful=False)["stateful"] is False
    assert tenant.change("port", port["id"], security_groups=both)["security_groups"] == both


def test_port_security_off_and_on(tenant):
    net = tenant.network()
    port = tenant.port(net)
    path = f"/ports/{port['id']}"
    off = {"port": {"port_security_enabled": False}}
    assert tenant.refused(409, "PUT", path, off)[0] == "PortSecurityPortHasSecurityGroup"
    got = tenant.change("port", port["id"], security_groups=[], port_security_enabled=False)
    assert (got["security_groups"], got["port_security_enabled"]) == ([], False)
    body = {"port": {"allowed_address_pairs": [PAIR]}}
    assert tenant.refused(409, "PUT", path, body)[0] == "AddressPairAndPortSecurityRequired"
    web = group(tenant)
    body = {"port": {"security_groups": [web["id"]]}}
    assert tenant.refused(400, "PUT", path, body)[0] == "PortSecurityAndIPRequiredForSecurityGroups"
    got = tenant.change("port", port["id"], security_groups=[web["id"]], port_security_enabled=True)
    assert (got["security_groups"], got["port_security_enabled"]) == ([web["id"]], True)
    for given, kind, status in (
        ({"allowed_address_pairs": [PAIR]}, "AddressPairAndPortSecurityRequired", 409),
        ({"security_groups": [web["id"]]}, "PortSecurityAndIPRequiredForSecurityGroups", 400),
    ):
        body = {"port": {"network_id": net["id"], "port_security_enabled": False, **given}}
        assert tenant.refused(status, "POST", "/ports", body)[0] == kind


def test_pairs(tenant):
    net = tenant.network()
    port = tenant.port(net, allowed_address_pairs=[{"ip_address": "10.0.0.0/24"}, PAIR])
    own = {"ip_address": "10.0.0.0/24", "mac_address": port["mac_address"]}
    assert port["allowed_address_pairs"] == [own, PAIR]
    assert tenant.show("port", port["id"])["allowed_address_pairs"] == [own, PAIR]
    got = tenant.change("port", port["id"], allowed_address_pairs=[{"ip_address": "fd00::1"}])
    assert got["allowed_address_pairs"] == [{"ip_address": "fd00::1", "mac_address": port["mac_address"]}]
    same = tenant.change("port", port["id"], allowed_address_pairs=[{"ip_address": "fd00::1"}])
    assert same["allowed_address_pairs"] == got["allowed_address_pairs"]
    assert tenant.change("port", port["id"], allowed_address_pairs=None)["allowed_address_pairs"] == []


NO_PAIRS = [
    ([{"mac_address": PAIR["mac_address"]}], "AllowedAddressPairsMissingIP"),
    ([PAIR, PAIR], "DuplicateAddressPairInRequest"),
    ([{"ip_address": "10.0.0.1"}] * 2, "DuplicateAddressPairInRequest"),
    ([{"ip_address": f"10.0.0.{n}"} for n in range(11)], "AllowedAddressPairExhausted"),
    ([{**PAIR, "more": 1}], "HTTPBadRequest"),
    ([{"ip_address": "10.0.0.256"}], "HTTPBadRequest"),
    ([{"ip_address": "224.0.0.1"}], "HTTPBadRequest"),
    ([{"ip_address": "10.0.0.1", "mac_address": "01:00:5e:00:00:01"}], "HTTPBadRequest"),
    ([{"ip_address": "10.0.0.1", "mac_address": None}], "HTTPBadRequest"),
    ({"ip_address": "10.0.0.1"}, "HTTPBadRequest"),
    (["10.0.0.1"], None),
]


def test_pairs_that_are_none_are_refused(tenant):
    net = tenant.network()
    for pairs, kind in NO_PAIRS:
        body = {"port": {"network_id": net["id"], "allowed_address_pairs": pairs}}
        found, _ = tenant.refused(400, "POST", "/ports", body)
        assert kind in (None, found)
    assert tenant.list("port") == []


def test_on_anothers_network_filtering_is_the_owners_say(tenant, admin):
    net = admin.network(shared=True)
    assert tenant.port(net)["port_security_enabled"] is True
    for given in ({"port_security_enabled": False}, {"allowed_address_pairs": [PAIR]}):
        kind, message = tenant.refused(403, "POST", "/ports", {"port": {"network_id": net["id"], **given}})
        assert kind == "PolicyNotAuthorized"
        assert next(iter(given)) in message
