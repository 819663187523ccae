"""QoS policies: rules, who may use them, and which hosts are told what of them."""

import concurrent.futures
import uuid

import pytest

from svcfabric.spi.l2l3 import Qos

LIMIT = {"max_kbps": 2000, "max_burst_kbps": 300}


def make_policy(caller, **given):
    return caller.ask("POST", "/qos/policies", {"policy": given}, 201)["policy"]


def show_policy(caller, policy):
    return caller.get(f"/qos/policies/{policy['id']}")["policy"]


def change_policy(caller, policy, **given):
    return caller.ask("PUT", f"/qos/policies/{policy['id']}", {"policy": given}, 200)["policy"]


def add_rule(caller, policy, kind, **given):
    path = f"/qos/policies/{policy['id']}/{kind}_rules"
    return caller.ask("POST", path, {f"{kind}_rule": given}, 201)[f"{kind}_rule"]


def change_rule(caller, policy, kind, rule, **given):
    path = f"/qos/policies/{policy['id']}/{kind}_rules/{rule['id']}"
    return caller.ask("PUT", path, {f"{kind}_rule": given}, 200)[f"{kind}_rule"]


@pytest.fixture
def policy(admin, tenant):
    return make_policy(admin, name="gold", project_id=tenant.project)


@pytest.fixture
def bound(admin, tenant, world, private):
    world.agent("h1", physical=["public"])
    return lambda **given: admin.port(private, project_id=tenant.project, **{"binding:host_id": "h1"}, **given)


def test_a_policy_and_its_rules(admin, tenant, policy):
    assert policy["rules"] == []
    limit = add_rule(admin, policy, "bandwidth_limit", **LIMIT)
    assert limit == {"id": limit["id"], "direction": "egress", **LIMIT}
    mark = add_rule(admin, policy, "dscp_marking", dscp_mark=26)
    rate = add_rule(admin, policy, "packet_rate_limit", max_kpps=3, direction="ingress")
    assert rate["max_burst_kpps"] == 0
    shown = show_policy(tenant, policy)
    assert [rule["type"] for rule in shown["rules"]] == ["bandwidth_limit", "dscp_marking", "packet_rate_limit"]
    assert shown["rules"][0] == {**limit, "type": "bandwidth_limit", "qos_policy_id": policy["id"]}
    assert shown["revision_number"] > policy["revision_number"]
    below = f"/qos/policies/{policy['id']}"
    assert tenant.get(f"{below}/dscp_marking_rules/{mark['id']}") == {"dscp_marking_rule": mark}
    assert tenant.get(f"{below}/bandwidth_limit_rules") == {"bandwidth_limit_rules": [limit]}
    assert tenant.get(f"{below}/bandwidth_limit_rules?direction=ingress") == {"bandwidth_limit_rules": []}
    admin.delete(f"{below}/packet_rate_limit_rules/{rate['id']}")
    assert admin.refused(404, "GET", f"{below}/packet_rate_limit_rules/{rate['id']}")[0] == "QosRuleNotFound"
    assert change_rule(admin, policy, "dscp_marking", mark, dscp_mark=0)["dscp_mark"] == 0
    admin.delete(below)
    assert admin.refused(404, "GET", below)[0] == "QosPolicyNotFound"


def test_a_rule_is_found_without_its_policy(admin, tenant, stranger, policy):
    rule = add_rule(admin, policy, "minimum_packet_rate", min_kpps=5, direction="any")
    alias = f"/qos/alias-minimum-packet-rate-rules/{rule['id']}"
    assert tenant.get(alias) == {"alias_minimum_packet_rate_rule": rule}
    admin.ask("PUT", alias, {"alias_minimum_packet_rate_rule": {"min_kpps": 6}}, 200)
    assert show_policy(admin, policy)["rules"][0]["min_kpps"] == 6
    assert stranger.refused(404, "GET", alias)[0] == "QosRuleNotFound"
    assert tenant.refused(403, "DELETE", alias)[0] == "PolicyNotAuthorized"
    admin.refused(404, "GET", f"/qos/alias-bandwidth-limit-rules/{rule['id']}")
    admin.delete(alias)
    admin.refused(404, "DELETE", alias)


def test_rules_that_contradict_each_other(admin, policy):
    path = f"/qos/policies/{policy['id']}"
    add_rule(admin, policy, "bandwidth_limit", **LIMIT)
    second = {"bandwidth_limit_rule": {"max_kbps": 9}}
    assert admin.refused(409, "POST", f"{path}/bandwidth_limit_rules", second)[0] == "QoSRulesConflict"
    other = add_rule(admin, policy, "bandwidth_limit", max_kbps=9, direction="ingress")
    egress = {"bandwidth_limit_rule": {"direction": "egress"}}
    kind, _ = admin.refused(409, "PUT", f"{path}/bandwidth_limit_rules/{other['id']}", egress)
    assert kind == "QoSRulesConflict"
    more = {"minimum_bandwidth_rule": {"min_kbps": 2001}}
    assert admin.refused(409, "POST", f"{path}/minimum_bandwidth_rules", more)[0] == "QoSRuleParameterConflict"
    add_rule(admin, policy, "minimum_packet_rate", min_kpps=1, direction="ingress")
    both = {"minimum_packet_rate_rule": {"min_kpps": 1, "direction": "any"}}
    assert admin.refused(409, "POST", f"{path}/minimum_packet_rate_rules", both)[0] == "QoSRuleParameterConflict"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("dscp_marking", {"dscp_mark": 58}),
        ("bandwidth_limit", {}),
        ("bandwidth_limit", {"max_kbps": -1}),
        ("bandwidth_limit", {"max_kbps": 1, "direction": "any"}),
        ("minimum_bandwidth", {"direction": "egress"}),
    ],
)
def test_bad_rules(admin, policy, kind, body):
    admin.refused(400, "POST", f"/qos/policies/{policy['id']}/{kind}_rules", {f"{kind}_rule": body})
    assert show_policy(admin, policy)["rules"] == []


def test_who_may_change_what(world, admin, tenant, stranger, policy):
    path = f"/qos/policies/{policy['id']}"
    body = {"bandwidth_limit_rule": LIMIT}
    tenant.refused(403, "POST", "/qos/policies", {"policy": {"name": "mine"}})
    tenant.refused(403, "PUT", path, {"policy": {"name": "mine"}})
    tenant.refused(403, "POST", f"{path}/bandwidth_limit_rules", body)
    stranger.refused(404, "PUT", path, {"policy": {"name": "mine"}})
    manager = world.caller(tenant.project, "manager")
    rule = manager.ask("POST", f"{path}/bandwidth_limit_rules", body, 201)["bandwidth_limit_rule"]
    foreign = world.caller("", "manager")
    foreign.refused(404, "POST", f"{path}/bandwidth_limit_rules", body)
    change_policy(admin, policy, shared=True)
    assert show_policy(foreign, policy)["shared"] is True
    foreign.refused(403, "PUT", f"{path}/bandwidth_limit_rules/{rule['id']}", body)
    foreign.refused(403, "PUT", path, {"policy": {"name": "mine"}})


def test_pages_end_where_the_caller_sees_nothing_more(admin, tenant, stranger, policy):
    own = make_policy(admin, name="a", project_id=stranger.project)
    for marker in (policy["id"], str(uuid.uuid4())):
        got = stranger.get(f"/qos/policies?limit=1&marker={marker}")
        assert got["policies"] == []
        assert [link["rel"] for link in got["policies_links"]] == ["previous"]
    assert [one["id"] for one in stranger.get("/qos/policies?limit=1")["policies"]] == [own["id"]]
    admin.refused(404, "GET", f"/qos/policies?limit=1&marker={uuid.uuid4()}")


def test_one_default_for_a_project(admin, tenant):
    first = make_policy(admin, project_id=tenant.project, is_default=True)
    assert first["is_default"] is True
    second = {"policy": {"project_id": tenant.project, "is_default": True}}
    assert admin.refused(409, "POST", "/qos/policies", second)[0] == "QoSPolicyDefaultAlreadyExists"
    assert tenant.network()["qos_policy_id"] == first["id"]
    other = make_policy(admin, project_id=tenant.project)
    assert tenant.network(qos_policy_id=other["id"])["qos_policy_id"] == other["id"]
    assert admin.network()["qos_policy_id"] is None
    change_policy(admin, first, is_default=False)
    assert tenant.network()["qos_policy_id"] is None
    assert change_policy(admin, other, is_default=True)["is_default"] is True
    assert [one["id"] for one in tenant.get("/qos/policies?is_default=true")["policies"]] == [other["id"]]


def test_a_policy_in_use_stays(admin, tenant, public, private):
    holders = {
        "port": lambda p: tenant.port(private, qos_policy_id=p["id"]),
        "network": lambda p: tenant.network(qos_policy_id=p["id"]),
        "floatingip": lambda p: tenant.make("floatingip", floating_network_id=public["id"], qos_policy_id=p["id"]),
    }
    for make in holders.values():
        policy = make_policy(admin, project_id=tenant.project)
        assert make(policy)["qos_policy_id"] == policy["id"]
        assert admin.refused(409, "DELETE", f"/qos/policies/{policy['id']}")[0] == "QosPolicyInUse"
    policy = make_policy(admin, project_id=tenant.project)
    info = {"network_id": public["id"], "qos_policy_id": policy["id"]}
    router = tenant.make("router", external_gateway_info=info)
    assert router["external_gateway_info"]["qos_policy_id"] == policy["id"]
    admin.refused(409, "DELETE", f"/qos/policies/{policy['id']}")
    tenant.change("router", router["id"], external_gateway_info={"network_id": public["id"], "qos_policy_id": None})
    assert "qos_policy_id" not in tenant.show("router", router["id"])["external_gateway_info"]
    admin.delete(f"/qos/policies/{policy['id']}")


def test_what_an_administrator_put_on_stays_on(admin, tenant, private):
    policy = make_policy(admin)
    body = {"network": {"qos_policy_id": policy["id"]}}
    assert tenant.refused(404, "PUT", f"/networks/{private['id']}", body)[0] == "QosPolicyNotFound"
    tenant.refused(404, "POST", "/ports", {"port": {"network_id": private["id"], "qos_policy_id": policy["id"]}})
    admin.change("network", private["id"], qos_policy_id=policy["id"])
    off = {"network": {"qos_policy_id": None}}
    kind, _ = tenant.refused(403, "PUT", f"/networks/{private['id']}", off)
    assert kind == "PolicyRemoveAuthorizationError"
    port = tenant.port(private)
    assert (port["qos_policy_id"], port["qos_network_policy_id"]) == (None, policy["id"])
    assert tenant.show("port", port["id"]) == port
    change_policy(admin, policy, shared=True)
    assert admin.refused(409, "PUT", f"/qos/policies/{policy['id']}", {"policy": {"shared": False}})[0]
    tenant.change("network", private["id"], qos_policy_id=None)
    change_policy(admin, policy, shared=False)


def test_what_a_policy_is_shared_by_stays_while_it_is_needed(admin, tenant, stranger):
    policy = make_policy(admin)
    stranger.refused(404, "GET", f"/qos/policies/{policy['id']}")

    def share(target):
        given = {"object_type": "qos_policy", "object_id": policy["id"], "action": "access_as_shared"}
        body = {"rbac_policy": {**given, "target_tenant": target}}
        return "/rbac-policies/" + admin.ask("POST", "/rbac-policies", body, 201)["rbac_policy"]["id"]

    own = share(tenant.project)
    assert show_policy(tenant, policy)["shared"] is True
    network = tenant.network(qos_policy_id=policy["id"])
    admin.refused(409, "DELETE", own)
    everyone = share("*")
    admin.delete(own)
    admin.refused(409, "DELETE", everyone)
    body = {"rbac_policy": {"target_tenant": tenant.project}}
    assert admin.refused(409, "PUT", everyone, body)[0] == "RbacPolicyInUse"
    tenant.delete(f"/networks/{network['id']}")
    admin.ask("PUT", everyone, body, 200)
    assert show_policy(admin, policy)["shared"] is False
    show_policy(tenant, policy)
    stranger.refused(404, "GET", f"/qos/policies/{policy['id']}")


def test_hosts_are_told_of_the_policy_in_force(world, admin, tenant, bound, private, policy):
    add_rule(admin, policy, "bandwidth_limit", **LIMIT)
    add_rule(admin, policy, "dscp_marking", dscp_mark=8)
    port, plain = bound(qos_policy_id=policy["id"]), bound()
    egress = Qos(egress_kbps=2000, egress_burst_kb=300, dscp=8)
    assert world.specs("h1")[port["id"]].qos == egress
    assert world.specs("h1")[plain["id"]].qos == Qos()
    world.forget()
    other = make_policy(admin, project_id=tenant.project)
    add_rule(admin, other, "packet_rate_limit", max_kpps=2, max_burst_kpps=1, direction="ingress")
    tenant.change("network", private["id"], qos_policy_id=other["id"])
    specs = world.specs("h1")
    assert specs[plain["id"]].qos == Qos(ingress_kpps=2, ingress_burst_kpps=1)
    assert port["id"] not in specs, "one with a policy of its own has not changed"
    world.forget()
    tenant.change("port", port["id"], qos_policy_id=None)
    assert world.specs("h1")[port["id"]].qos == Qos(ingress_kpps=2, ingress_burst_kpps=1)


def test_a_networks_policy_is_not_for_the_clouds_own_ports(world, admin, tenant, private, policy):
    world.agent("h1", physical=["public"])
    add_rule(admin, policy, "bandwidth_limit", **LIMIT)
    tenant.change("network", private["id"], qos_policy_id=policy["id"])
    router = tenant.make("router")
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    (leg,) = tenant.list("port", f"device_id={router['id']}")
    assert leg["qos_network_policy_id"] == policy["id"]
    assert world.specs("h1")[leg["id"]].qos == Qos()


def test_a_changed_rule_reaches_exactly_who_has_it(world, admin, tenant, public, private, bound, policy):
    rule = add_rule(admin, policy, "bandwidth_limit", **LIMIT)
    mine, theirs, loose = bound(qos_policy_id=policy["id"]), bound(), tenant.port(private, qos_policy_id=policy["id"])
    router = tenant.make("router", external_gateway_info={"network_id": public["id"], "qos_policy_id": policy["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    fip = tenant.make("floatingip", floating_network_id=public["id"], port_id=theirs["id"], qos_policy_id=policy["id"])
    idle = tenant.make("floatingip", floating_network_id=public["id"], qos_policy_id=policy["id"])
    specs = world.specs("h1")
    assert specs[fip["id"]].qos == specs[router["id"]].gateway_qos == Qos(egress_kbps=2000, egress_burst_kb=300)
    world.forget()
    change_rule(admin, policy, "bandwidth_limit", rule, max_kbps=4000)
    specs = world.specs("h1")
    assert specs.keys() == {mine["id"], fip["id"], router["id"]}
    assert specs[mine["id"]].qos.egress_kbps == specs[fip["id"]].qos.egress_kbps == 4000
    assert specs[router["id"]].gateway_qos.egress_kbps == 4000
    assert loose["id"] not in specs
    assert idle["id"] not in specs
    world.forget()
    change_rule(admin, policy, "bandwidth_limit", rule, max_kbps=4000)
    assert not world.specs("h1"), "nothing has changed"
    tenant.change("floatingip", fip["id"], qos_policy_id=None)
    assert world.specs("h1")[fip["id"]].qos == Qos()


def test_ports_made_while_a_rule_changes_obey_it_in_the_end(world, admin, tenant, private, bound, policy):
    rule = add_rule(admin, policy, "bandwidth_limit", **LIMIT)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = [pool.submit(bound, qos_policy_id=policy["id"]) for _ in range(6)]
        for kbps in range(3000, 3005):
            change_rule(admin, policy, "bandwidth_limit", rule, max_kbps=kbps)
    ids = {each.result()["id"] for each in made}
    newest = {}
    for _, envelope in world.sent.applied:
        if envelope.id in ids and envelope.generation >= newest.get(envelope.id, envelope).generation:
            newest[envelope.id] = envelope
    assert {envelope.spec.qos.egress_kbps for envelope in newest.values()} == {3004}
    assert newest.keys() == ids


def test_what_no_driver_can_do_is_refused(admin, tenant, private, policy):
    rule = {"minimum_bandwidth_rule": {"min_kbps": 100}}
    below = f"/qos/policies/{policy['id']}/minimum_bandwidth_rules"
    made = admin.ask("POST", below, rule, 201)["minimum_bandwidth_rule"]
    body = {"port": {"network_id": private["id"], "qos_policy_id": policy["id"]}}
    kind, message = tenant.refused(409, "POST", "/ports", body)
    assert kind == "QosRuleNotSupported"
    assert "minimum_bandwidth" in message
    body = {"network": {"qos_policy_id": policy["id"]}}
    assert tenant.refused(409, "PUT", f"/networks/{private['id']}", body)[0] == "QosRuleNotSupportedByNetwork"
    admin.delete(f"{below}/{made['id']}")
    tenant.change("network", private["id"], qos_policy_id=policy["id"])
    assert admin.refused(409, "POST", below, rule)[0] == "QosRuleNotSupportedByNetwork"
    assert show_policy(admin, policy)["rules"] == []


def test_rule_types_tell_what_is_enforced(admin, tenant):
    listed = tenant.get("/qos/rule-types")["rule_types"]
    assert listed == [{"type": name} for name in ("bandwidth_limit", "dscp_marking", "packet_rate_limit")]
    assert len(tenant.get("/qos/rule-types?all_rules=true")["rule_types"]) == 5
    assert tenant.get("/qos/rule-types?all_supported=true")["rule_types"] == listed
    shown = admin.get("/qos/rule-types/dscp_marking")["rule_type"]
    (driver,) = shown["drivers"]
    assert driver["name"] == "linux"
    assert driver["supported_parameters"][0]["parameter_values"][:3] == [0, 8, 10]
    assert admin.get("/qos/rule-types/minimum_bandwidth")["rule_type"]["drivers"] == []
    tenant.refused(403, "GET", "/qos/rule-types/dscp_marking")
    admin.refused(404, "GET", "/qos/rule-types/unheard")


def test_tags_of_policies(admin, tenant, policy):
    admin.ask("PUT", f"/policies/{policy['id']}/tags", {"tags": ["red", "blue"]}, 200)
    assert sorted(show_policy(tenant, policy)["tags"]) == ["blue", "red"]
    assert [one["id"] for one in tenant.get("/qos/policies?tags=red")["policies"]] == [policy["id"]]


def test_without_a_policy_no_question_more(world, tenant, private):
    with world.round_trips() as seen:
        port = tenant.port(private)
        tenant.show("port", port["id"])
        tenant.list("port")
    assert not [statement for statement in seen if "qos_policies" in statement]


def test_unknown_policies(tenant, private):
    body = {"port": {"network_id": private["id"], "qos_policy_id": str(uuid.uuid4())}}
    assert tenant.refused(404, "POST", "/ports", body)[0] == "QosPolicyNotFound"
    tenant.refused(400, "POST", "/ports", {"port": {"network_id": private["id"], "qos_policy_id": "gold"}})
