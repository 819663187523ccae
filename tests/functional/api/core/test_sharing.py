"""Sharing networks and groups: who sees one, who may use it, and which policies stay because somebody does."""

import pytest

from svcfabric.core_l2l3.rbac.models import rbac_policies

SHARED, EXTERNAL = "access_as_shared", "access_as_external"


def share(caller, network, target, action=SHARED, **more):
    body = {"object_type": "network", "object_id": network["id"], "action": action, "target_tenant": target, **more}
    return caller.ask("POST", "/rbac-policies", {"rbac_policy": body}, 201)["rbac_policy"]


def policies(caller, query=""):
    return caller.get(f"/rbac-policies?{query}")["rbac_policies"]


@pytest.fixture
def third(world):
    return world.caller()


def test_a_policy_as_it_is_shown(tenant, stranger):
    network = tenant.network()
    made = share(tenant, network, stranger.project)
    assert made == {
        "id": made["id"],
        "project_id": tenant.project,
        "tenant_id": tenant.project,
        "object_type": "network",
        "object_id": network["id"],
        "target_tenant": stranger.project,
        "action": SHARED,
    }
    assert tenant.get(f"/rbac-policies/{made['id']}")["rbac_policy"] == made
    assert policies(tenant) == [made]
    assert policies(stranger) == []
    assert policies(tenant, f"id={made['id']}&fields=id&fields=target_tenant") == [
        {"id": made["id"], "target_tenant": stranger.project}
    ]


def test_only_the_target_sees_it(tenant, stranger, third, private):
    before = tenant.show("network", private["id"])
    share(tenant, private, stranger.project)
    assert stranger.show("network", private["id"])["shared"] is True
    assert [net["id"] for net in stranger.list("network", "shared=true")] == [private["id"]]
    assert stranger.list("network", "shared=false") == []
    assert [one["id"] for one in stranger.list("subnet")] == [private["subnet"]["id"]]
    assert [one["id"] for one in stranger.list("subnet", "shared=true")] == [private["subnet"]["id"]]
    mine = tenant.show("network", private["id"])
    assert mine["shared"] is False
    assert mine["revision_number"] > before["revision_number"]
    for path in (f"/networks/{private['id']}", f"/subnets/{private['subnet']['id']}"):
        third.refused(404, "GET", path)
        stranger.refused(403, "DELETE", path)
    assert third.list("network") == third.list("subnet") == []


def test_a_port_on_it_is_the_targets_and_seen_by_the_owner(tenant, stranger, third, private):
    share(tenant, private, stranger.project)
    third.refused(404, "POST", "/ports", {"port": {"network_id": private["id"]}})
    port = stranger.port(private)
    assert tenant.show("port", port["id"]) == port
    assert [one["id"] for one in tenant.list("port")] == [port["id"]]
    third.refused(404, "GET", f"/ports/{port['id']}")
    tenant.refused(403, "PUT", f"/ports/{port['id']}", {"port": {"name": "mine"}})
    tenant.refused(403, "PUT", f"/ports/{port['id']}/tags/x")
    tenant.delete(f"/ports/{port['id']}")
    stranger.refused(404, "GET", f"/ports/{port['id']}")


def test_what_only_a_networks_owner_may_say_of_a_port(tenant, stranger, private):
    share(tenant, private, stranger.project)
    for given in ({"mac_address": "fa:16:3e:00:00:09"}, {"fixed_ips": [{"ip_address": "10.0.0.99"}]}):
        stranger.refused(403, "POST", "/ports", {"port": {"network_id": private["id"], **given}})


def test_the_owner_cannot_use_anothers_port_on_his_network(tenant, stranger, private, public):
    share(tenant, private, stranger.project)
    port = stranger.port(private)
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.refused(404, "PUT", f"/routers/{router['id']}/add_router_interface", {"port_id": port["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    body = {"floatingip": {"floating_network_id": public["id"], "port_id": port["id"]}}
    tenant.refused(400, "POST", "/floatingips", body)


def test_a_policy_stays_while_its_target_has_ports(tenant, stranger, private):
    policy = share(tenant, private, stranger.project)
    port = stranger.port(private)
    path = f"/rbac-policies/{policy['id']}"
    assert tenant.refused(409, "DELETE", path)[0] == "RbacPolicyInUse"
    assert tenant.refused(409, "PUT", path, {"rbac_policy": {"target_tenant": "another"}})[0] == "RbacPolicyInUse"
    stranger.delete(f"/ports/{port['id']}")
    tenant.delete(path)
    stranger.refused(404, "GET", f"/networks/{private['id']}")


def test_another_policy_for_the_same_target_frees_the_first(admin, tenant, stranger, private):
    one = share(tenant, private, stranger.project)
    everybody = share(admin, private, "*")
    stranger.port(private)
    tenant.delete(f"/rbac-policies/{one['id']}")
    assert admin.refused(409, "DELETE", f"/rbac-policies/{everybody['id']}")[0] == "RbacPolicyInUse"
    assert admin.refused(409, "PUT", f"/networks/{private['id']}", {"network": {"shared": False}})[0] == (
        "InvalidSharedSetting"
    )
    share(tenant, private, stranger.project)
    assert admin.change("network", private["id"], shared=False)["shared"] is False
    assert policies(admin, f"object_id={private['id']}&target_tenant=*") == []


def test_sharing_with_oneself_holds_nothing(tenant, stranger):
    network = tenant.network()
    policy = share(tenant, network, tenant.project)
    tenant.port(network)
    changed = {"rbac_policy": {"target_tenant": stranger.project}}
    tenant.ask("PUT", f"/rbac-policies/{policy['id']}", changed, 200)
    tenant.delete(f"/rbac-policies/{policy['id']}")


def test_moving_a_policy_changes_nothing_else_of_it(tenant, stranger, third):
    network = tenant.network()
    policy = share(tenant, network, stranger.project)
    moved = tenant.ask("PUT", f"/rbac-policies/{policy['id']}", {"rbac_policy": {"target_tenant": third.project}}, 200)
    assert moved["rbac_policy"] == policy | {"target_tenant": third.project}
    stranger.refused(404, "GET", f"/networks/{network['id']}")
    assert third.show("network", network["id"])["shared"] is True


def test_the_attributes_make_policies_and_back(admin, tenant):
    network = admin.network(**{"shared": True, "router:external": True})
    subnet = admin.subnet(network)
    (shared,) = policies(admin, f"object_id={network['id']}&action={SHARED}")
    (external,) = policies(admin, f"object_id={network['id']}&action={EXTERNAL}")
    assert shared["target_tenant"] == external["target_tenant"] == "*"
    assert tenant.show("subnet", subnet["id"])["router:external"] is True
    admin.change("network", network["id"], shared=False)
    assert policies(admin, f"object_id={network['id']}") == [external]
    assert tenant.show("network", network["id"])["shared"] is False  # external still
    admin.delete(f"/rbac-policies/{external['id']}")
    assert admin.show("network", network["id"])["router:external"] is False
    assert admin.show("subnet", subnet["id"])["router:external"] is False
    tenant.refused(404, "GET", f"/networks/{network['id']}")
    tenant.refused(404, "GET", f"/subnets/{subnet['id']}")
    admin.change("network", network["id"], **{"shared": True, "router:external": True})
    assert len(policies(admin, f"object_id={network['id']}&target_tenant=*")) == 2
    admin.change("network", network["id"], **{"router:external": False})
    assert [one["action"] for one in policies(admin, f"object_id={network['id']}")] == [SHARED]


def test_external_for_one_project(admin, tenant, stranger):
    network = admin.network()
    admin.subnet(network, "198.51.100.0/24")
    policy = share(admin, network, tenant.project, EXTERNAL)
    assert tenant.show("network", network["id"])["router:external"] is True
    stranger.refused(404, "POST", "/routers", {"router": {"external_gateway_info": {"network_id": network["id"]}}})
    stranger.refused(404, "POST", "/floatingips", {"floatingip": {"floating_network_id": network["id"]}})
    tenant.refused(403, "POST", "/ports", {"port": {"network_id": network["id"]}})
    router = tenant.make("router", external_gateway_info={"network_id": network["id"]})
    tenant.make("floatingip", floating_network_id=network["id"])
    path = f"/rbac-policies/{policy['id']}"
    assert admin.refused(409, "DELETE", path)[0] == "RbacPolicyInUse"
    everybody = share(admin, network, "*", EXTERNAL)
    admin.delete(path)
    assert admin.refused(409, "DELETE", f"/rbac-policies/{everybody['id']}")[0] == "RbacPolicyInUse"
    for fip in tenant.list("floatingip"):
        tenant.delete(f"/floatingips/{fip['id']}")
    tenant.delete(f"/routers/{router['id']}")
    admin.delete(f"/rbac-policies/{everybody['id']}")
    assert admin.show("network", network["id"])["router:external"] is False


def test_from_everybody_to_the_one_that_uses_it(admin, tenant, stranger):
    """External for all becomes external for one; what is shared with all and used stays so."""
    network = admin.network(**{"router:external": True})
    admin.subnet(network, "198.51.100.0/24")
    (policy,) = policies(admin, f"object_id={network['id']}")
    tenant.make("router", external_gateway_info={"network_id": network["id"]})
    path = f"/rbac-policies/{policy['id']}"
    admin.refused(409, "PUT", path, {"rbac_policy": {"target_tenant": stranger.project}})
    admin.ask("PUT", path, {"rbac_policy": {"target_tenant": tenant.project}}, 200)
    stranger.refused(404, "GET", f"/networks/{network['id']}")
    shared = admin.network(shared=True)
    (policy,) = policies(admin, f"object_id={shared['id']}")
    tenant.port(shared)
    admin.refused(409, "PUT", f"/rbac-policies/{policy['id']}", {"rbac_policy": {"target_tenant": tenant.project}})


def test_the_default_external_network_is_everybodys(admin):
    network = admin.network(**{"router:external": True, "is_default": True})
    (policy,) = policies(admin, f"object_id={network['id']}")
    path = f"/rbac-policies/{policy['id']}"
    assert "Default external" in admin.refused(409, "DELETE", path)[1]
    admin.refused(409, "PUT", path, {"rbac_policy": {"target_tenant": "one"}})
    share(admin, network, "one", EXTERNAL)
    admin.refused(409, "DELETE", path)
    admin.change("network", network["id"], is_default=False)
    admin.delete(path)


def test_the_owners_own_gateway_keeps_a_network_external(tenant):
    network = tenant.network()
    tenant.subnet(network, "198.51.100.0/24")
    policy = share(tenant, network, tenant.project, EXTERNAL)
    tenant.make("router", external_gateway_info={"network_id": network["id"]})
    assert tenant.refused(409, "DELETE", f"/rbac-policies/{policy['id']}")[0] == "ExternalNetworkInUse"


def test_a_subnet_added_later_is_seen_by_whom_the_network_is(admin, tenant, stranger, third, private):
    share(tenant, private, stranger.project)
    share(tenant, private, tenant.project)  # for him, too, it now is shared
    later = tenant.subnet(private, "10.1.0.0/24")
    assert stranger.show("subnet", later["id"])["id"] == later["id"]
    third.refused(404, "GET", f"/subnets/{later['id']}")
    assert admin.list("subnet", "shared=true") == []  # nor is it everybody's for having one guest


def test_a_router_of_the_target_may_route_it(tenant, stranger, third, admin, private):
    share(tenant, private, stranger.project)
    share(admin, private, "*")
    stranger.attach(stranger.make("router"), subnet_id=private["subnet"]["id"])
    router = third.make("router")
    path = f"/routers/{router['id']}/add_router_interface"
    assert "not owned" in third.refused(400, "PUT", path, {"subnet_id": private["subnet"]["id"]})[1]


def test_refusals(admin, tenant, stranger, third):
    network = tenant.network()
    body = {"object_type": "network", "object_id": network["id"], "action": SHARED, "target_tenant": stranger.project}

    def refused(caller, status, **changed):
        return caller.refused(status, "POST", "/rbac-policies", {"rbac_policy": {**body, **changed}})

    assert refused(tenant, 403, target_tenant="*")[0] == "PolicyNotAuthorized"
    assert refused(tenant, 403, target_tenant="*", action=EXTERNAL)[0] == "PolicyNotAuthorized"
    assert refused(tenant, 400, action="access_as_friend")[0] == "InvalidInput"
    assert refused(tenant, 400, object_type="cloud")[1].startswith("Invalid input for object_type")
    assert refused(tenant, 400, target_tenant="1234" * 100)[1].startswith("Invalid input for target_tenant")
    refused(tenant, 400, target_tenant=None)
    refused(tenant, 400, object_id="x")
    assert refused(tenant, 404, object_id="00000000-0000-0000-0000-000000000001")[0] == "NetworkNotFound"
    assert refused(third, 404)[0] == "NetworkNotFound"
    policy = share(tenant, network, stranger.project)
    assert refused(tenant, 409)[0] == "DuplicateRbacPolicy"
    assert refused(stranger, 400, target_tenant=third.project)[0] == "InvalidInput"  # seen, but not his to share
    path = f"/rbac-policies/{policy['id']}"
    assert tenant.refused(403, "PUT", path, {"rbac_policy": {"target_tenant": "*"}})[0] == "PolicyNotAuthorized"
    tenant.refused(400, "PUT", path, {"rbac_policy": {"action": EXTERNAL}})
    for method in ("GET", "PUT", "DELETE"):
        kind, _ = stranger.refused(404, method, path, {"rbac_policy": {}} if method == "PUT" else None)
        assert kind == "RbacPolicyNotFound"


def test_policies_go_with_their_network(world, tenant, stranger):
    network = tenant.network()
    share(tenant, network, stranger.project)
    tenant.delete(f"/networks/{network['id']}")
    assert world.rows(rbac_policies.select()) == []


def test_an_update_that_says_what_is_so_already(admin, tenant, private):
    """Shared with the administrator's own project only, the network is still not everybody's."""
    share(tenant, private, admin.project)
    assert admin.show("network", private["id"])["shared"] is True
    assert admin.change("network", private["id"], shared=True)["shared"] is True
    assert tenant.show("network", private["id"])["shared"] is True
    before = tenant.show("network", private["id"])
    assert admin.change("network", private["id"], shared=True)["revision_number"] == before["revision_number"]


def test_a_limit(admin, tenant):
    network = tenant.network()
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"rbac_policy": 1}}, 200)
    share(tenant, network, "one")
    body = {"object_type": "network", "object_id": network["id"], "action": SHARED, "target_tenant": "two"}
    assert tenant.refused(409, "POST", "/rbac-policies", {"rbac_policy": body})[0] == "OverQuota"


@pytest.mark.parametrize("name", ["network", "subnet", "port"])
def test_lists_are_one_statement(world, tenant, stranger, private, name):
    share(tenant, private, stranger.project)
    stranger.port(private)
    for caller in (tenant, stranger):
        with world.round_trips() as seen:
            assert caller.list(name)
        assert len([one for one in seen if one.startswith("SELECT")]) == 1, seen


@pytest.fixture
def group(tenant):
    return tenant.ask("POST", "/security-groups", {"security_group": {"name": "web"}}, 201)["security_group"]


def test_a_shared_security_group(world, tenant, stranger, third, group):
    network, path = stranger.network(), f"/security-groups/{group['id']}"
    stranger.refused(404, "POST", "/ports", {"port": {"network_id": network["id"], "security_groups": [group["id"]]}})
    policy = share(tenant, group, stranger.project, object_type="security_group")
    assert stranger.get(path)["security_group"]["shared"] is True
    assert [one["id"] for one in stranger.get("/security-groups?shared=true")["security_groups"]] == [group["id"]]
    port = stranger.port(network, security_groups=[group["id"]])
    third.refused(404, "GET", path)
    rule = {"security_group_id": group["id"], "direction": "ingress"}
    stranger.refused(403, "POST", "/security-group-rules", {"security_group_rule": rule})
    assert tenant.refused(409, "DELETE", f"/rbac-policies/{policy['id']}")[0] == "RbacPolicyInUse"
    stranger.change("port", port["id"], security_groups=[])
    (own,) = stranger.get("/security-groups?name=default")["security_groups"]
    rule = {"security_group_id": own["id"], "direction": "ingress", "remote_group_id": group["id"]}
    made = stranger.ask("POST", "/security-group-rules", {"security_group_rule": rule}, 201)["security_group_rule"]
    assert tenant.refused(409, "DELETE", f"/rbac-policies/{policy['id']}")[0] == "RbacPolicyInUse"
    stranger.delete(f"/security-group-rules/{made['id']}")
    tenant.delete(f"/rbac-policies/{policy['id']}")
    stranger.refused(404, "GET", path)
    share(tenant, group, stranger.project, object_type="security_group")
    tenant.delete(path)
    assert world.rows(rbac_policies.select()) == []


def test_a_security_group_shared_with_everybody(admin, tenant, stranger, group):
    share(admin, group, "*", object_type="security_group")
    assert stranger.get(f"/security-groups/{group['id']}")["security_group"]["shared"] is True
    assert tenant.get(f"/security-groups/{group['id']}")["security_group"]["shared"] is True
    stranger.port(stranger.network(), security_groups=[group["id"]])


def test_a_shared_address_group(tenant, stranger):
    body = {"name": "offices", "addresses": ["192.0.2.0/24"]}
    offices = tenant.ask("POST", "/address-groups", {"address_group": body}, 201)["address_group"]
    (own,) = stranger.get("/security-groups?name=default")["security_groups"]
    rule = {"security_group_id": own["id"], "direction": "ingress", "remote_address_group_id": offices["id"]}
    stranger.refused(404, "POST", "/security-group-rules", {"security_group_rule": rule})
    policy = share(tenant, offices, stranger.project, object_type="address_group")
    assert stranger.get("/address-groups")["address_groups"][0]["shared"] is True
    stranger.refused(403, "PUT", f"/address-groups/{offices['id']}/add_addresses", {"addresses": ["198.51.100.0/24"]})
    made = stranger.ask("POST", "/security-group-rules", {"security_group_rule": rule}, 201)["security_group_rule"]
    assert tenant.refused(409, "DELETE", f"/rbac-policies/{policy['id']}")[0] == "RbacPolicyInUse"
    stranger.delete(f"/security-group-rules/{made['id']}")
    tenant.delete(f"/rbac-policies/{policy['id']}")
    assert stranger.get("/address-groups")["address_groups"] == []
