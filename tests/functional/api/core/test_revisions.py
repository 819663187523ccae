"""What has changed: revisions of what things are part of, and lists of what changed since a time."""

import datetime

import pytest


def test_a_networks_revision_grows_with_its_subnets(tenant):
    network = tenant.network()
    seen = [network["revision_number"]]

    def grown():
        seen.append(tenant.show("network", network["id"])["revision_number"])
        return seen[-1] > seen[-2]

    subnet = tenant.subnet(network)
    assert grown()
    tenant.change("subnet", subnet["id"], name="x")
    assert grown()
    tenant.change("subnet", subnet["id"], name="x")
    assert not grown()
    tenant.delete(f"/subnets/{subnet['id']}")
    assert grown()


@pytest.mark.parametrize("name", ["network", "subnet", "port", "router", "security_group", "subnetpool"])
def test_lists_of_what_has_changed(tenant, name):
    path = {"security_group": "/security-groups"}.get(name, f"/{name}s")
    network = tenant.network()
    bodies = {
        "subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"},
        "port": {"network_id": network["id"]},
        "subnetpool": {"name": "p", "prefixes": ["10.64.0.0/16"]},
    }
    made = tenant.ask("POST", path, {name: bodies.get(name, {"name": "n"})}, 201)[name]
    changed = datetime.datetime.fromisoformat(made["updated_at"].removesuffix("Z"))

    def since(moment):
        return [one["id"] for one in tenant.get(f"{path}?changed_since={moment}")[f"{name}s"]]

    assert made["id"] in since(f"{changed:%Y-%m-%dT%H:%M:%S}Z")
    assert made["id"] in since(f"{changed - datetime.timedelta(hours=1):%Y-%m-%dT%H:%M:%S}")
    assert since(f"{changed + datetime.timedelta(hours=1):%Y-%m-%dT%H:%M:%S}Z") == []
    kind, message = tenant.refused(400, "GET", f"{path}?changed_since=yesterday")
    assert kind == "InvalidInput"
    assert "changed_since must be in the following format" in message


def test_what_a_thing_is_made_of_changes_it(world, tenant, private, public):
    """A rule of a group or policy, a forwarding, a helper, an interface, a group of a port: the whole has changed."""
    manager = world.caller(tenant.project, "manager")
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    port = tenant.port(private)
    fip = tenant.make("floatingip", floating_network_id=public["id"])
    group = tenant.ask("POST", "/security-groups", {"security_group": {"name": "g"}}, 201)["security_group"]
    policy = manager.ask("POST", "/qos/policies", {"policy": {"name": "q"}}, 201)["policy"]
    paths = {
        "router": f"/routers/{router['id']}",
        "port": f"/ports/{port['id']}",
        "floatingip": f"/floatingips/{fip['id']}",
        "security_group": f"/security-groups/{group['id']}",
        "policy": f"/qos/policies/{policy['id']}",
    }

    def revision(name):
        return tenant.get(paths[name])[name]["revision_number"]

    def grows(name, method, path, body=None):
        before = revision(name)
        answer = manager.ask(method, path, body)
        assert "NeutronError" not in (answer or {}), answer
        assert revision(name) > before, (name, method, path)
        return answer

    subnet = {"subnet_id": private["subnet"]["id"]}
    grows("router", "PUT", f"{paths['router']}/add_router_interface", subnet)
    helper = {"conntrack_helper": {"protocol": "udp", "port": 69, "helper": "tftp"}}
    made = grows("router", "POST", f"{paths['router']}/conntrack_helpers", helper)["conntrack_helper"]
    grows("router", "DELETE", f"{paths['router']}/conntrack_helpers/{made['id']}")
    rule = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress"}}
    made = grows("security_group", "POST", "/security-group-rules", rule)["security_group_rule"]
    grows("security_group", "DELETE", f"/security-group-rules/{made['id']}")
    grows("port", "PUT", paths["port"], {"port": {"security_groups": [group["id"]]}})
    grows("port", "PUT", paths["port"], {"port": {"allowed_address_pairs": [{"ip_address": "10.0.0.99"}]}})
    limit = {"bandwidth_limit_rule": {"max_kbps": 1000}}
    made = grows("policy", "POST", f"{paths['policy']}/bandwidth_limit_rules", limit)["bandwidth_limit_rule"]
    grows("policy", "DELETE", f"{paths['policy']}/bandwidth_limit_rules/{made['id']}")
    address = port["fixed_ips"][0]["ip_address"]
    forward = {"protocol": "tcp", "internal_port_id": port["id"], "internal_ip_address": address}
    body = {"port_forwarding": {**forward, "internal_port": 80, "external_port": 8080}}
    made = grows("floatingip", "POST", f"{paths['floatingip']}/port_forwardings", body)["port_forwarding"]
    grows("floatingip", "DELETE", f"{paths['floatingip']}/port_forwardings/{made['id']}")
    grows("router", "PUT", f"{paths['router']}/remove_router_interface", subnet)
