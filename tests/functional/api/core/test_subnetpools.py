"""Subnet pools and address scopes: what they hand out, and what they refuse."""

import ipaddress

import pytest


def pool(caller, *prefixes, **given):
    body = {"name": "pool", "prefixes": list(prefixes) or ["10.11.12.0/24"], "min_prefixlen": 28, **given}
    return caller.make("subnetpool", **body)


def scope(caller, version=4, **given):
    return caller.ask("POST", "/address-scopes", {"address_scope": {"ip_version": version, **given}}, 201)[
        "address_scope"
    ]


def taken(caller, pool_, network=None, want=201, version=4, **given):
    network = network or caller.network()
    body = {"network_id": network["id"], "ip_version": version, "subnetpool_id": pool_["id"], **given}
    answer = caller.ask("POST", "/subnets", {"subnet": body}, want)
    return answer["subnet"] if want == 201 else answer["NeutronError"]


def act(caller, pool_, name, body, want=200):
    return caller.ask("PUT", f"/subnetpools/{pool_['id']}/{name}", body, want)


def test_a_new_pool_says_everything(tenant):
    made = pool(tenant, "10.1.0.0/17", "10.1.128.0/17", name="p")
    assert made["prefixes"] == ["10.1.0.0/16"]
    assert (made["ip_version"], made["min_prefixlen"], made["default_prefixlen"], made["max_prefixlen"]) == (
        4,
        "28",
        "28",
        "32",
    )
    assert (made["shared"], made["is_default"], made["default_quota"], made["address_scope_id"]) == (
        False,
        False,
        None,
        None,
    )
    assert tenant.show("subnetpool", made["id"]) == made
    v6 = tenant.make("subnetpool", name="six", prefixes=["2001:db8::/48"])
    assert (v6["ip_version"], v6["min_prefixlen"], v6["max_prefixlen"]) == (6, "64", "128")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"prefixes": []}, "EmptySubnetPoolPrefixList"),
        ({"prefixes": ["10.0.0.0/8", "2001:db8::/32"]}, "PrefixVersionMismatch"),
        ({"min_prefixlen": 29, "max_prefixlen": 28}, "IllegalSubnetPoolPrefixBounds"),
        ({"max_prefixlen": 33}, "IllegalSubnetPoolPrefixBounds"),
        ({"default_prefixlen": 8}, "IllegalSubnetPoolPrefixBounds"),
        ({"default_prefixlen": 31, "max_prefixlen": 30}, "IllegalSubnetPoolPrefixBounds"),
        ({"prefixes": ["10.0.0.0/99"]}, "HTTPBadRequest"),
        ({"min_prefixlen": -1}, "HTTPBadRequest"),
        ({"address_scope_id": "nonsense"}, "HTTPBadRequest"),
    ],
)
def test_unsound_pools_are_refused(tenant, given, kind):
    body = {"name": "p", "prefixes": ["10.0.0.0/8"], "min_prefixlen": 16, **given}
    assert tenant.refused(400, "POST", "/subnetpools", {"subnetpool": body})[0] == kind
    assert tenant.list("subnetpool") == []


def test_subnets_by_length_by_prefix_by_gateway_and_by_default(tenant):
    mine = pool(tenant, min_prefixlen=26, default_prefixlen=28, max_prefixlen=30)
    network = tenant.network()
    assert taken(tenant, mine, network)["cidr"] == "10.11.12.0/28"
    assert taken(tenant, mine, network, prefixlen=26)["cidr"] == "10.11.12.64/26"
    assert taken(tenant, mine, network, cidr="10.11.12.128/27")["cidr"] == "10.11.12.128/27"
    by_gateway = taken(tenant, mine, network, gateway_ip="10.11.12.161", prefixlen=28)
    assert (by_gateway["cidr"], by_gateway["gateway_ip"]) == ("10.11.12.160/28", "10.11.12.161")
    # of the smallest blocks it fits, the first
    assert taken(tenant, mine, network, prefixlen=30)["cidr"] == "10.11.12.16/30"
    assert {one["subnetpool_id"] for one in tenant.list("subnet")} == {mine["id"]}
    assert len(tenant.list("subnet", f"subnetpool_id={mine['id']}")) == 5


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"prefixlen": 31}, 400, "MaxPrefixSubnetAllocationError"),
        ({"prefixlen": 20}, 400, "MinPrefixSubnetAllocationError"),
        ({"cidr": "10.11.13.0/28"}, 409, "SubnetAllocationError"),
        ({"cidr": "10.11.12.0/28", "prefixlen": 28}, 400, "BadRequest"),
        ({"allocation_pools": [{"start": "10.11.12.2", "end": "10.11.12.3"}]}, 400, "BadRequest"),
        ({"use_default_subnetpool": True}, 400, "BadRequest"),
    ],
)
def test_what_a_pool_cannot_give(tenant, given, status, kind):
    mine = pool(tenant, min_prefixlen=26, default_prefixlen=28, max_prefixlen=30)
    assert taken(tenant, mine, want=status, **given)["type"] == kind
    assert tenant.list("subnet") == []


def test_a_pool_of_the_other_family_is_refused(tenant):
    assert taken(tenant, pool(tenant), want=400, version=6)["type"] == "BadRequest"


def test_a_prefix_comes_back_with_its_subnet(tenant):
    mine = pool(tenant, "10.0.0.0/29", min_prefixlen=29)
    first = taken(tenant, mine)
    assert taken(tenant, mine, want=409)["type"] == "SubnetAllocationError"
    tenant.delete(f"/subnets/{first['id']}")
    assert taken(tenant, mine)["cidr"] == first["cidr"]


def test_bulk_subnets_of_one_pool_do_not_meet(tenant):
    mine = pool(tenant)
    networks = [tenant.network() for _ in range(3)]
    bodies = [{"network_id": n["id"], "ip_version": 4, "subnetpool_id": mine["id"]} for n in networks]
    made = tenant.ask("POST", "/subnets", {"subnets": bodies}, 201)["subnets"]
    nets = [ipaddress.ip_network(one["cidr"]) for one in made]
    assert not any(a.overlaps(b) for i, a in enumerate(nets) for b in nets[:i])
    assert [one["network_id"] for one in made] == [n["id"] for n in networks]


def test_a_quota_counts_addresses_of_a_project(admin, tenant, stranger):
    shared = pool(admin, "10.0.0.0/8", shared=True, default_quota=32)
    taken(tenant, shared)
    taken(tenant, shared, prefixlen=29)
    assert taken(tenant, shared, want=409)["type"] == "SubnetPoolQuotaExceeded"
    taken(tenant, shared, prefixlen=29)
    taken(stranger, shared)


def test_a_pool_in_use_stays(tenant):
    mine = pool(tenant)
    subnet = taken(tenant, mine)
    assert tenant.refused(400, "DELETE", f"/subnetpools/{mine['id']}")[0] == "SubnetPoolDeleteError"
    tenant.delete(f"/subnets/{subnet['id']}")
    tenant.delete(f"/subnetpools/{mine['id']}")


def test_updates(tenant):
    mine = pool(tenant)
    changed = tenant.change(
        "subnetpool", mine["id"], name="n", description="d", prefixes=["10.11.0.0/16"], max_prefixlen="30"
    )
    assert (changed["name"], changed["description"], changed["prefixes"], changed["max_prefixlen"]) == (
        "n",
        "d",
        ["10.11.0.0/16"],
        "30",
    )
    assert changed["revision_number"] == 1
    assert tenant.show("subnetpool", mine["id"]) == changed
    assert tenant.list("subnetpool", "max_prefixlen=30") == [changed]
    path = f"/subnetpools/{mine['id']}"
    for body, kind in (
        ({"prefixes": ["10.11.12.0/26"]}, "IllegalSubnetPoolPrefixUpdate"),
        ({"prefixes": ["2001:db8::/32"]}, "PrefixVersionMismatch"),
        ({"min_prefixlen": 31}, "IllegalSubnetPoolPrefixBounds"),
        ({"shared": True}, "HTTPBadRequest"),
        ({"ip_version": 6}, "HTTPBadRequest"),
    ):
        assert tenant.refused(400, "PUT", path, {"subnetpool": body})[0] == kind
    assert tenant.show("subnetpool", mine["id"]) == changed


def test_prefix_operations(tenant):
    mine = pool(tenant, "192.168.1.0/24", "10.10.10.0/24")
    subnet = taken(tenant, mine, cidr="10.10.10.0/28")
    assert act(tenant, mine, "add_prefixes", {"prefixes": ["192.168.0.0/24"]})["prefixes"] == [
        "10.10.10.0/24",
        "192.168.0.0/23",
    ]
    assert act(tenant, mine, "remove_prefixes", {"prefixes": ["192.168.0.0/24", "172.16.0.0/12"]})["prefixes"] == [
        "10.10.10.0/24",
        "192.168.1.0/24",
    ]
    assert act(tenant, mine, "remove_prefixes", {"prefixes": ["172.16.0.0/12"]})["prefixes"] == [
        "10.10.10.0/24",
        "192.168.1.0/24",
    ]
    error = act(tenant, mine, "remove_prefixes", {"prefixes": ["10.10.10.0/25"]}, 400)["NeutronError"]
    assert error["type"] == "IllegalSubnetPoolPrefixUpdate"
    for body in ({}, {"prefixes": []}, {"prefixes": "10.0.0.0/8"}, {"prefixes": ["nonsense"]}, []):
        act(tenant, mine, "add_prefixes", body, 400)
    tenant.delete(f"/subnets/{subnet['id']}")
    assert act(tenant, mine, "remove_prefixes", {"prefixes": ["10.10.0.0/16"]})["prefixes"] == ["192.168.1.0/24"]


def test_onboarding(tenant, stranger):
    network = tenant.network()
    subnets = [tenant.subnet(network, "10.5.0.0/24"), tenant.subnet(network, "10.6.0.0/24")]
    tenant.subnet(network, "2001:db8::/64")
    space = scope(tenant)
    mine = pool(tenant, address_scope_id=space["id"])
    found = act(tenant, mine, "onboard_network_subnets", {"network_id": network["id"]})
    assert found == [{"id": one["id"], "cidr": one["cidr"]} for one in subnets]
    assert tenant.show("subnetpool", mine["id"])["prefixes"] == ["10.5.0.0/24", "10.6.0.0/24", "10.11.12.0/24"]
    assert tenant.show("subnet", subnets[0]["id"])["subnetpool_id"] == mine["id"]
    shown = tenant.show("network", network["id"])
    assert (shown["ipv4_address_scope"], shown["ipv6_address_scope"]) == (space["id"], None)
    error = act(tenant, mine, "onboard_network_subnets", {"network_id": network["id"]}, 400)["NeutronError"]
    assert error["type"] == "IllegalSubnetPoolUpdate"
    act(tenant, mine, "onboard_network_subnets", {}, 400)
    act(tenant, mine, "onboard_network_subnets", {"network_id": stranger.network()["id"]}, 404)


def test_only_its_owner_onboards_a_shared_network(admin, tenant):
    network = admin.network(shared=True)
    admin.subnet(network)
    act(tenant, pool(tenant), "onboard_network_subnets", {"network_id": network["id"]}, 403)


def test_one_default_of_each_family(admin, tenant):
    pool(admin, "10.0.0.0/8", is_default=True, shared=True, name="four")
    body = {"name": "again", "prefixes": ["11.0.0.0/8"], "is_default": True}
    assert admin.refused(400, "POST", "/subnetpools", {"subnetpool": body})[0] == "InvalidInput"
    other = pool(admin, "11.0.0.0/8")
    refused = admin.refused(400, "PUT", f"/subnetpools/{other['id']}", {"subnetpool": {"is_default": True}})
    assert refused[0] == "InvalidInput"
    body = {"network_id": tenant.network()["id"], "ip_version": 4, "use_default_subnetpool": True}
    assert tenant.ask("POST", "/subnets", {"subnet": body}, 201)["subnet"]["cidr"] == "10.0.0.0/28"
    assert tenant.refused(400, "POST", "/subnets", {"subnet": body | {"ip_version": 6}})[0] == "BadRequest"
    for word in ({"is_default": True}, {"shared": True}):
        tenant.refused(403, "POST", "/subnetpools", {"subnetpool": {"name": "x", "prefixes": ["12.0.0.0/8"], **word}})
    assert [one["name"] for one in tenant.list("subnetpool", "is_default=True")] == ["four"]


def test_another_projects_pool_is_unknown_unless_shared(admin, tenant, stranger):
    mine = pool(tenant)
    stranger.refused(404, "GET", f"/subnetpools/{mine['id']}")
    assert taken(stranger, mine, want=404)["type"] == "SubnetPoolNotFound"
    shared = pool(admin, "10.0.0.0/8", shared=True)
    assert stranger.show("subnetpool", shared["id"])["shared"] is True
    taken(stranger, shared)
    stranger.refused(403, "PUT", f"/subnetpools/{shared['id']}", {"subnetpool": {"name": "mine"}})
    act(stranger, shared, "add_prefixes", {"prefixes": ["12.0.0.0/8"]}, 403)


def test_subnets_of_a_network_are_of_one_pool(tenant):
    one, other = pool(tenant), pool(tenant, "10.20.0.0/16")
    network = tenant.network()
    taken(tenant, one, network)
    assert taken(tenant, other, network, want=400)["type"] == "NetworkSubnetPoolAffinityError"
    refused = tenant.refused(
        400, "POST", "/subnets", {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.99.0.0/24"}}
    )
    assert refused[0] == "NetworkSubnetPoolAffinityError"
    taken(tenant, tenant.make("subnetpool", name="six", prefixes=["2001:db8::/48"]), network, version=6)


def test_scopes(tenant, stranger, admin):
    space = scope(tenant, name="s")
    assert space == tenant.get(f"/address-scopes/{space['id']}")["address_scope"]
    assert (space["shared"], space["ip_version"], space["project_id"]) == (False, 4, tenant.project)
    stranger.refused(404, "GET", f"/address-scopes/{space['id']}")
    tenant.refused(403, "POST", "/address-scopes", {"address_scope": {"ip_version": 4, "shared": True}})
    tenant.refused(403, "PUT", f"/address-scopes/{space['id']}", {"address_scope": {"shared": False}})
    tenant.refused(400, "POST", "/address-scopes", {"address_scope": {"ip_version": 5}})
    path = f"/address-scopes/{space['id']}"
    assert tenant.ask("PUT", path, {"address_scope": {"name": "t"}}, 200)["address_scope"]["name"] == "t"
    assert admin.ask("PUT", path, {"address_scope": {"shared": True}}, 200)["address_scope"]["shared"] is True
    assert stranger.get(path)["address_scope"]["shared"] is True
    assert admin.refused(400, "PUT", path, {"address_scope": {"shared": False}})[0] == "AddressScopeUpdateError"
    tenant.delete(path)


def test_pools_of_a_scope_do_not_meet(tenant):
    space = scope(tenant)
    pool(tenant, "20.0.0.0/18", "30.0.0.0/18", address_scope_id=space["id"])
    body = {"name": "p", "prefixes": ["40.0.0.0/18", "30.0.0.0/12"], "address_scope_id": space["id"]}
    assert tenant.refused(409, "POST", "/subnetpools", {"subnetpool": body})[0] == "AddressScopePrefixConflict"
    other = pool(tenant, "20.10.0.0/24", address_scope_id=space["id"])
    path = f"/subnetpools/{other['id']}"
    refused = tenant.refused(409, "PUT", path, {"subnetpool": {"prefixes": ["20.0.0.0/8"]}})
    assert refused[0] == "AddressScopePrefixConflict"
    error = act(tenant, other, "add_prefixes", {"prefixes": ["30.0.0.0/24"]}, 409)["NeutronError"]
    assert error["type"] == "AddressScopePrefixConflict"
    six = scope(tenant, 6)
    refused = tenant.refused(400, "PUT", path, {"subnetpool": {"address_scope_id": six["id"]}})
    assert refused[0] == "IllegalSubnetPoolIpVersionAssociationToAddressScope"
    assert tenant.refused(409, "DELETE", f"/address-scopes/{space['id']}")[0] == "AddressScopeInUse"
    missing = {"address_scope_id": "11111111-2222-3333-4444-555555555555"}
    assert tenant.refused(404, "PUT", path, {"subnetpool": missing})[0] == "AddressScopeNotFound"


def test_a_pool_in_anothers_scope_stays_as_it_is(tenant, admin):
    space = scope(admin, shared=True)
    mine = pool(tenant, "20.0.0.0/18")
    admin.change("subnetpool", mine["id"], address_scope_id=space["id"])
    body = {"subnetpool": {"prefixes": ["20.0.0.0/16"]}}
    assert tenant.refused(400, "PUT", f"/subnetpools/{mine['id']}", body)[0] == "IllegalSubnetPoolUpdate"
    assert admin.change("subnetpool", mine["id"], **body["subnetpool"])["prefixes"] == ["20.0.0.0/16"]


def test_networks_follow_their_pools_scope(tenant):
    one, other = scope(tenant), scope(tenant)
    mine = pool(tenant, address_scope_id=one["id"])
    network = tenant.network()
    subnet = taken(tenant, mine, network)
    assert tenant.show("network", network["id"])["ipv4_address_scope"] == one["id"]
    tenant.change("subnetpool", mine["id"], address_scope_id=other["id"])
    assert tenant.show("network", network["id"])["ipv4_address_scope"] == other["id"]
    second = pool(tenant, "10.20.0.0/16", address_scope_id=other["id"])
    kept = taken(tenant, second, network)  # another pool of the same scope
    refused = tenant.refused(
        400, "PUT", f"/subnetpools/{second['id']}", {"subnetpool": {"address_scope_id": one["id"]}}
    )
    assert refused[0] == "NetworkAddressScopeAffinityError"
    assert taken(tenant, pool(tenant, "10.30.0.0/16"), network, want=400)["type"] == "NetworkAddressScopeAffinityError"
    tenant.delete(f"/subnets/{subnet['id']}")
    assert tenant.show("network", network["id"])["ipv4_address_scope"] == other["id"]
    tenant.delete(f"/subnets/{kept['id']}")
    assert tenant.show("network", network["id"])["ipv4_address_scope"] is None


def test_sharing_with_one_project(tenant, stranger, admin):
    space = scope(tenant)
    mine = pool(tenant, address_scope_id=space["id"])
    policy = {"object_type": "subnetpool", "action": "access_as_shared", "target_tenant": stranger.project}
    body = {"rbac_policy": policy | {"object_id": mine["id"]}}
    assert tenant.refused(400, "POST", "/rbac-policies", body)[0] == "BadRequest"
    by_scope = {"rbac_policy": policy | {"object_type": "address_scope", "object_id": space["id"]}}
    tenant.ask("POST", "/rbac-policies", by_scope, 201)
    made = tenant.ask("POST", "/rbac-policies", body, 201)["rbac_policy"]
    assert stranger.show("subnetpool", mine["id"])["shared"] is True
    taken(stranger, mine)
    assert tenant.refused(409, "DELETE", f"/rbac-policies/{made['id']}")[0] == "RbacPolicyInUse"
