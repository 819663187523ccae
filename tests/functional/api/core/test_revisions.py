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
