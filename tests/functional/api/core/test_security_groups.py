"""Security groups and their rules over the API: what they say, what is refused and how."""

import threading

TEMPLATES = {("egress", "IPv4", None), ("egress", "IPv6", None)}


def group(caller, **given):
    return caller.make("security_group", **given)


def rule(caller, of, **given):
    given = {"direction": "ingress", **given}
    return caller.make("security_group_rule", security_group_id=of["id"], **given)


def make_lists(caller, **given):
    return caller.make("address_group", **given)


def test_a_project_has_a_default_group_from_the_first_look_on(tenant, stranger):
    (found,) = tenant.list("security_group")
    assert found["name"] == "default"
    assert found["project_id"] == found["tenant_id"] == tenant.project
    assert found["stateful"] is True
    assert found["shared"] is False
    said = {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in found["security_group_rules"]}
    assert said == {("ingress", "IPv4", found["id"]), ("ingress", "IPv6", found["id"]), *TEMPLATES}
    assert all(r["belongs_to_default_sg"] for r in found["security_group_rules"])
    assert tenant.list("security_group") == [found]
    assert stranger.list("security_group") != [found]


def test_many_first_looks_at_once_make_one_group(world, tenant):
    seen = []

    def look():
        seen.append(tuple(g["id"] for g in world.caller(tenant.project).list("security_group")))

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 6
    assert len(set(seen)) == 1


def test_an_administrator_sees_to_the_group_of_the_project_he_asks_for(admin, tenant):
    (found,) = admin.list("security_group", f"project_id={tenant.project}&name=default")
    assert found["project_id"] == tenant.project


def test_a_new_group_lets_out_and_nothing_in(tenant):
    made = group(tenant, name="web", description="d")
    assert {(r["direction"], r["ethertype"], r["remote_group_id"]) for r in made["security_group_rules"]} == TEMPLATES
    assert tenant.show("security_group", made["id"]) == made
    changed = tenant.change("security_group", made["id"], name="www", stateful=False)
    assert (changed["name"], changed["stateful"], changed["revision_number"]) == ("www", False, 1)
    assert len(changed["security_group_rules"]) == 2
    tenant.delete(f"/security-groups/{made['id']}")
    assert tenant.list("security_group_rule", f"security_group_id={made['id']}") == []


def test_no_other_group_is_called_default(tenant):
    name = "Default"
    assert tenant.refused(409, "POST", "/security-groups", {"security_group": {"name": name}})[0] == (
        "SecurityGroupDefaultAlreadyExists"
    )
    made = group(tenant)
    assert tenant.refused(409, "PUT", f"/security-groups/{made['id']}", {"security_group": {"name": name}})[0] == (
        "SecurityGroupDefaultAlreadyExists"
    )


def test_the_default_group_keeps_its_name_and_stays(tenant, admin):
    (found,) = tenant.list("security_group")
    path = f"/security-groups/{found['id']}"
    assert tenant.refused(409, "PUT", path, {"security_group": {"name": "x"}})[0] == "SecurityGroupCannotUpdateDefault"
    assert tenant.refused(409, "DELETE", path)[0] == "SecurityGroupCannotRemoveDefault"
    assert tenant.change("security_group", found["id"], description="ours")["description"] == "ours"
    admin.delete(path)
    assert tenant.list("security_group")[0]["id"] != found["id"]


def test_a_port_made_after_its_default_group_went_gets_a_new_one(tenant, admin):
    net = tenant.network()
    first = tenant.port(net)
    tenant.delete(f"/ports/{first['id']}")
    admin.delete(f"/security-groups/{first['security_groups'][0]}")
    second = tenant.port(net)
    assert second["security_groups"] != first["security_groups"]


def test_rules(tenant):
    web = group(tenant)
    made = rule(tenant, web, protocol="TCP", port_range_min=80, port_range_max=81, remote_ip_prefix="10.0.0.34/24")
    wanted = {
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": "tcp",
        "port_range_min": 80,
        "port_range_max": 81,
        "remote_ip_prefix": "10.0.0.34/24",
        "normalized_cidr": "10.0.0.0/24",
        "remote_group_id": None,
        "remote_address_group_id": None,
        "security_group_id": web["id"],
        "belongs_to_default_sg": False,
        "description": "",
        "project_id": tenant.project,
    }
    assert wanted.items() <= made.items()
    assert tenant.show("security_group_rule", made["id"]) == made
    assert made in tenant.list("security_group_rule")
    assert tenant.list("security_group_rule", "protocol=tcp&direction=ingress") == [made]
    assert tenant.list("security_group_rule", "normalized_cidr=10.0.0.0/24&port_range_min=80") == [made]
    assert tenant.show("security_group", web["id"])["revision_number"] == 1
    tenant.delete(f"/security-group-rules/{made['id']}")
    assert tenant.refused(404, "GET", f"/security-group-rules/{made['id']}")[0] == "SecurityGroupRuleNotFound"


STORED = [
    ({"protocol": 17}, {"protocol": "17"}),
    ({"protocol": "any"}, {"protocol": None}),
    ({"protocol": "icmp", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
    ({"protocol": "1", "ethertype": "IPv6"}, {"protocol": "58"}),
    ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65535}, {"port_range_min": None}),
    ({"protocol": "icmp", "port_range_min": 11}, {"port_range_min": 11, "port_range_max": None}),
    ({"ethertype": "ipv6", "direction": "egress", "protocol": "tcp"}, {"ethertype": "IPv6"}),
    ({"remote_ip_prefix": "192.0.2.1"}, {"remote_ip_prefix": "192.0.2.1/32"}),
]


def test_what_rules_are_stored_as(tenant):
    for given, stored in STORED:
        assert stored.items() <= rule(tenant, group(tenant), **given).items()


SENSELESS = [
    ({"protocol": "nonsense"}, 400, "SecurityGroupRuleInvalidProtocol", "nonsense"),
    ({"protocol": 256}, 400, "SecurityGroupRuleInvalidProtocol", "256"),
    ({"ethertype": "IPX"}, 400, "SecurityGroupRuleInvalidEtherType", "IPX"),
    ({"direction": "up"}, 400, "HTTPBadRequest", "up"),
    ({"port_range_min": 1, "port_range_max": 2}, 400, "SecurityGroupProtocolRequiredWithPorts", "protocol"),
    ({"protocol": "tcp", "port_range_min": -16}, 400, "SecurityGroupInvalidPortValue", "-16"),
    ({"protocol": "tcp", "port_range_max": 65536}, 400, "SecurityGroupInvalidPortValue", "65536"),
    ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 4}, 400, "SecurityGroupInvalidPortValue", "0"),
    ({"protocol": "tcp", "port_range_min": 80, "port_range_max": 79}, 400, "SecurityGroupInvalidPortRange", "<="),
    ({"protocol": "tcp", "port_range_max": 6}, 400, "SecurityGroupInvalidPortRange", "port_range_min"),
    ({"protocol": "icmp", "port_range_min": 300}, 400, "SecurityGroupInvalidIcmpValue", "type"),
    ({"protocol": 1, "port_range_min": 1, "port_range_max": 256}, 400, "SecurityGroupInvalidIcmpValue", "code"),
    ({"protocol": "icmp", "port_range_max": 6}, 400, "SecurityGroupMissingIcmpType", "ICMP type"),
    ({"protocol": "gre", "port_range_min": 6}, 400, "SecurityGroupInvalidProtocolForPort", "gre"),
    ({"protocol": "ipv6-icmp"}, 400, "SecurityGroupEthertypeConflictWithProtocol", "ipv6-icmp"),
    ({"protocol": "44"}, 400, "SecurityGroupEthertypeConflictWithProtocol", "44"),
    ({"remote_ip_prefix": "fd00::/8"}, 400, "SecurityGroupRuleParameterConflict", "Conflicting value ethertype"),
    ({"remote_ip_prefix": "192.168.1./24"}, 400, "InvalidCIDR", "192.168.1./24"),
    ({"remote_ip_prefix": "256"}, 400, "InvalidCIDR", "256"),
    ({"remote_group_id": "bad"}, 404, "SecurityGroupNotFound", "bad"),
    ({"remote_address_group_id": "bad"}, 404, "AddressGroupNotFound", "bad"),
    ({"security_group_id": "bad"}, 404, "SecurityGroupNotFound", "bad"),
]


def test_rules_that_say_nothing_sensible_are_refused(tenant):
    ident = group(tenant)["id"]
    for given, status, kind, word in SENSELESS:
        body = {"direction": "ingress", "security_group_id": ident, **given}
        found, message = tenant.refused(status, "POST", "/security-group-rules", {"security_group_rule": body})
        assert found == kind
        assert word in message
    assert len(tenant.show("security_group", ident)["security_group_rules"]) == 2


def test_the_other_side_is_named_once(tenant):
    web = group(tenant)
    body = {"security_group_id": web["id"], "direction": "ingress", "remote_group_id": web["id"]}
    body["remote_ip_prefix"] = "10.0.0.0/8"
    kind, _ = tenant.refused(400, "POST", "/security-group-rules", {"security_group_rule": body})
    assert kind == "SecurityGroupMultipleRemoteEntites"


def test_the_same_rule_twice_is_refused(tenant):
    web, other = group(tenant), group(tenant)
    made = rule(tenant, web, protocol="tcp", port_range_min=1, port_range_max=2)
    same = {"security_group_id": web["id"], "direction": "ingress", "protocol": "6", "port_range_min": 1}
    same |= {"port_range_max": "2", "remote_ip_prefix": "0.0.0.0/0"}
    kind, message = tenant.refused(409, "POST", "/security-group-rules", {"security_group_rule": same})
    assert (kind, made["id"] in message) == ("SecurityGroupRuleExists", True)
    rule(tenant, other, protocol="tcp", port_range_min=1, port_range_max=2)
    two = {"security_group_rules": [same | {"port_range_max": 3}] * 2}
    assert tenant.refused(409, "POST", "/security-group-rules", two)[0] == "DuplicateSecurityGroupRuleInPost"


def test_bulks_of_rules_are_of_one_group_and_project(tenant, admin):
    web, other = group(tenant), group(tenant)
    one = {"direction": "ingress", "protocol": "tcp", "security_group_id": web["id"]}
    two = {"security_group_rules": [one, one | {"security_group_id": other["id"]}]}
    assert tenant.refused(400, "POST", "/security-group-rules", two)[0] == "SecurityGroupNotSingleGroupRules"
    two = {"security_group_rules": [one, one | {"protocol": "udp", "project_id": tenant.project}]}
    assert admin.refused(400, "POST", "/security-group-rules", two)[0] == "SecurityGroupRulesNotSingleProject"
    two = {"security_group_rules": [one, one | {"protocol": "udp"}]}
    made = tenant.ask("POST", "/security-group-rules", two, 201)["security_group_rules"]
    assert [r["protocol"] for r in made] == ["tcp", "udp"]


def test_rules_stay_as_they_were_made(tenant):
    made = rule(tenant, group(tenant))
    tenant.ask("PUT", f"/security-group-rules/{made['id']}", {"security_group_rule": {"description": "x"}}, 405)


def test_a_group_takes_the_rules_that_refer_to_it_along(tenant):
    web, other = group(tenant), group(tenant)
    made = rule(tenant, web, remote_group_id=other["id"])
    tenant.delete(f"/security-groups/{other['id']}")
    assert made["id"] not in {r["id"] for r in tenant.list("security_group_rule")}


def test_what_an_administrator_adds_to_a_group_its_owner_sees(tenant, admin, stranger):
    web = group(tenant)
    made = rule(admin, web, protocol="tcp")
    assert made["project_id"] == admin.project
    assert made["id"] in {r["id"] for r in tenant.list("security_group_rule")}
    assert made["id"] in {r["id"] for r in tenant.show("security_group", web["id"])["security_group_rules"]}
    assert made["id"] not in {r["id"] for r in stranger.list("security_group_rule")}


def test_foreign_groups_are_not_there(tenant, stranger):
    web = group(tenant)
    mine = rule(tenant, web)
    stranger.ask("GET", f"/security-groups/{web['id']}", want=404)
    stranger.ask("PUT", f"/security-groups/{web['id']}", {"security_group": {"name": "x"}}, 404)
    stranger.ask("DELETE", f"/security-groups/{web['id']}", want=404)
    stranger.ask("GET", f"/security-group-rules/{mine['id']}", want=404)
    stranger.ask("DELETE", f"/security-group-rules/{mine['id']}", want=404)
    for body in (
        {"security_group_id": web["id"], "direction": "ingress"},
        {"security_group_id": group(stranger)["id"], "direction": "ingress", "remote_group_id": web["id"]},
    ):
        kind, _ = stranger.refused(404, "POST", "/security-group-rules", {"security_group_rule": body})
        assert kind == "SecurityGroupNotFound"


def test_quotas(tenant, admin):
    limits = {"security_group": 2, "security_group_rule": 6}
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": limits}, 200)
    made = group(tenant)  # beside the default group
    assert tenant.refused(409, "POST", "/security-groups", {"security_group": {}})[0] == "OverQuota"
    body = {"security_group_id": made["id"], "direction": "ingress"}
    assert tenant.refused(409, "POST", "/security-group-rules", {"security_group_rule": body})[0] == "OverQuota"
    details = tenant.get(f"/quotas/{tenant.project}/details")["quota"]
    assert details["security_group"] == {"limit": 2, "used": 2, "reserved": 0}
    assert details["security_group_rule"] == {"limit": 6, "used": 6, "reserved": 0}


def test_templates(tenant, admin):
    assert len(tenant.list("default_security_group_rule")) == 4
    given = {"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    uses = {"used_in_default_sg": False, "used_in_non_default_sg": True}
    tenant.ask("POST", "/default-security-group-rules", {"default_security_group_rule": given | uses}, 403)
    made = admin.make("default_security_group_rule", **given, **uses)
    assert made["remote_group_id"] is None
    assert made in tenant.list("default_security_group_rule", "used_in_non_default_sg=true")
    assert len(tenant.list("default_security_group_rule", "remote_group_id=PARENT")) == 2
    for same in (uses, {"used_in_default_sg": True, "used_in_non_default_sg": True}):
        body = {"default_security_group_rule": given | same}
        kind, _ = admin.refused(409, "POST", "/default-security-group-rules", body)
        assert kind == "DefaultSecurityGroupRuleExists"
    assert 22 in {r["port_range_min"] for r in group(tenant)["security_group_rules"]}
    admin.delete(f"/default-security-group-rules/{made['id']}")
    kind, _ = admin.refused(404, "GET", f"/default-security-group-rules/{made['id']}")
    assert kind == "DefaultSecurityGroupRuleNotFound"
    assert 22 not in {r["port_range_min"] for r in group(tenant)["security_group_rules"]}


def test_address_groups(tenant, stranger):
    made = make_lists(tenant, name="a", addresses=["10.10.10.3/32", "192.168.0.10/24", "2001:db8::f00/64"])
    assert made["addresses"] == ["10.10.10.3/32", "192.168.0.0/24", "2001:db8::/64"]
    path = f"/address-groups/{made['id']}"
    stranger.ask("GET", path, want=404)
    stranger.ask("PUT", path + "/add_addresses", {"addresses": ["10.0.0.0/8"]}, 404)
    assert tenant.change("address_group", made["id"], description="d")["addresses"] == made["addresses"]
    got = tenant.ask("PUT", path + "/add_addresses", {"addresses": ["10.20.30.40/32"]}, 200)["address_group"]
    assert got["addresses"] == [*made["addresses"], "10.20.30.40/32"]
    got = tenant.ask("PUT", path + "/remove_addresses", {"addresses": ["10.10.10.3/32"]}, 200)["address_group"]
    assert got["addresses"] == ["192.168.0.0/24", "2001:db8::/64", "10.20.30.40/32"]
    assert tenant.show("address_group", made["id"])["addresses"] == got["addresses"]
    for verb, address, status, kind in (
        ("add", "10.20.30.40/32", 400, "AddressesAlreadyExist"),
        ("add", "nonsense", 400, "InvalidInput"),
        ("remove", "10.200.200.200", 404, "AddressesNotFound"),
        ("remove", "nonsense", 400, "InvalidInput"),
    ):
        assert tenant.refused(status, "PUT", f"{path}/{verb}_addresses", {"addresses": [address]})[0] == kind
    tenant.ask("PUT", path + "/add_addresses", {"addresses": "10.0.0.0/8"}, 400)
    web = group(tenant)
    mine = rule(tenant, web, remote_address_group_id=made["id"])
    assert tenant.refused(409, "DELETE", path)[0] == "AddressGroupInUse"
    tenant.delete(f"/security-group-rules/{mine['id']}")
    tenant.delete(path)
    assert tenant.refused(404, "GET", path)[0] == "AddressGroupNotFound"


NO_PREFIXES = [["10.20.30.40"], ["nonsense"], "10.0.0.0/8", [5]]


def test_address_groups_hold_prefixes(tenant):
    for addresses in NO_PREFIXES:
        tenant.ask("POST", "/address-groups", {"address_group": {"addresses": addresses}}, 400)
    assert tenant.list("address_group") == []


def test_the_owner_of_a_group_deletes_what_another_added_to_it(world, tenant, admin, stranger):
    made = rule(admin, group(tenant), protocol="tcp")
    assert "security_group_project_id" not in tenant.show("security_group_rule", made["id"])
    path = f"/security-group-rules/{made['id']}"
    world.caller(tenant.project, "reader").ask("DELETE", path, want=403)
    tenant.delete(path)


def test_an_address_group_that_is_only_shared_is_not_there_to_be_changed(tenant, stranger):
    made = make_lists(tenant, addresses=["10.0.0.0/8"])
    policy = {"object_type": "address_group", "object_id": made["id"], "action": "access_as_shared"}
    tenant.ask("POST", "/rbac-policies", {"rbac_policy": {**policy, "target_tenant": stranger.project}}, 201)
    path = f"/address-groups/{made['id']}"
    stranger.ask("GET", path, want=200)
    assert stranger.refused(404, "PUT", path, {"address_group": {"name": "x"}})[0] == "AddressGroupNotFound"
    assert stranger.refused(404, "DELETE", path)[0] == "AddressGroupNotFound"
