"""Things that refer to each other made and deleted at the same time: no failure of the server, and nothing left over.

Afterwards all that is left is deleted through the API, hosts answer, and no row may remain: neither a reference to
what is gone, nor an instance or a placement of it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from svcfabric.db.base import now
from tests import core_world
from tests.core_world import Caller, World
from tests.functional.api.core.test_races import at_once

ROUNDS, WRITERS = 2, 8
Ask = tuple[Caller, str, str, Any]
# in this order nothing is in the way of what comes next
ALL = (
    "floatingips",
    "ports?device_owner=",
    "routers",
    "networks",
    "rbac-policies",
    "qos/policies",
    "security-groups",
    "address-groups",
    "subnetpools",
    "address-scopes",
)


def ask(each: Ask) -> tuple[int, str]:
    """One request: status, and text to tell by what went wrong."""
    caller, method, path, body = each
    data = None if body is None else json.dumps(body).encode()
    got = caller._client.simulate_request(
        method, "/v2.0" + path, body=data, headers={"Content-Type": "application/json"} if data else {}
    )
    return got.status_code, f"{method} {path} {body} -> {got.status_code} {got.text[:500]}"


def storm(*asks: Ask) -> list[tuple[int, str]]:
    """All these from eight threads, several times over; none may fail for a reason of the server's own."""
    every = [each for _ in range(ROUNDS) for each in asks]
    every += list(itertools.islice(itertools.cycle(every), -len(every) % WRITERS))
    answers = at_once(lambda n: ask(every[n]), len(every))
    assert not [text for status, text in answers if status >= 500]
    return answers


@pytest.fixture
def hosts(world: World) -> Sequence[str]:
    """Two hosts that serve DHCP, too."""
    for number in (1, 2):
        beat = {
            "host": f"h{number}",
            "local_ip": f"192.0.2.{number}",
            "physical_networks": ["public"],
            "drivers": [{"kind": kind, "driver": "linux"} for kind in (*core_world.DRIVERS, "dhcp")],
            "started_at": now().isoformat(),
        }
        world.controller.heartbeat(beat)
    return ("h1", "h2")


@pytest.fixture
def swept(world: World, admin: Caller, hosts: Sequence[str]) -> Callable[[], None]:
    """Deletes all there is, and looks for what remains."""
    before = world.counts()

    def sweep() -> None:
        for path in ALL:
            kind = path.partition("?")[0]
            word = kind.rpartition("/")[2].replace("-", "_")
            for row in admin.get(f"/{path}")[word]:
                if kind == "security-groups" and row["name"] == "default":
                    continue
                if kind == "routers":
                    admin.change("router", row["id"], routes=[], external_gateway_info=None)
                    for port in admin.get(f"/ports?device_id={row['id']}")["ports"]:
                        admin.detach(row, port_id=port["id"])
                admin.delete(f"/{kind}/{row['id']}")
        for _ in range(2):
            world.sweep()
            world.answer()
        # what projects were given when they first came stays
        kept = {"instances", "placements", "quotas"}
        left = {name: count for name, count in world.counts().items() if before.get(name) != count}
        rows = world.rows(core_world.fabric_models.instances.select()) if left.keys() & kept else []
        stray = [dict(row._mapping) for row in rows if row.kind != "security_group"]
        assert not stray, stray
        assert not left.keys() - kept, left

    return sweep


def test_a_security_group_and_its_ports(tenant, admin, private, hosts, swept) -> None:
    ports = [tenant.port(private) for _ in range(2)]
    for number, port in enumerate(ports):
        admin.change("port", port["id"], **{"binding:host_id": hosts[number]})
    other = tenant.make("security_group", name="other")
    for _ in range(2):
        group = tenant.make("security_group", name="g")["id"]
        rule = {"direction": "ingress", "ethertype": "IPv4"}
        storm(
            *((tenant, "PUT", f"/ports/{p['id']}", {"port": {"security_groups": [group]}}) for p in ports),
            (tenant, "POST", "/ports", {"port": {"network_id": private["id"], "security_groups": [group]}}),
            (tenant, "POST", "/security-group-rules",
             {"security_group_rule": {**rule, "security_group_id": group, "protocol": "tcp"}}),
            (tenant, "POST", "/security-group-rules",
             {"security_group_rule": {**rule, "security_group_id": other["id"], "remote_group_id": group}}),
            *((tenant, "PUT", f"/ports/{p['id']}", {"port": {"security_groups": []}}) for p in ports),
            (tenant, "DELETE", f"/security-groups/{group}", None),
        )  # fmt: skip
        known = {each["id"] for each in tenant.list("security_group")}
        used = {each for port in tenant.list("port") for each in port["security_groups"]}
        named = {r[k] for r in tenant.list("security_group_rule") for k in ("remote_group_id", "security_group_id")}
        assert used <= known
        assert named - {None} <= known
    swept()


def test_a_network_and_the_dhcp_port_that_arises(tenant, admin, hosts, swept) -> None:
    for _ in range(2):
        network = tenant.network()["id"]
        subnet = {"network_id": network, "ip_version": 4}
        storm(
            (tenant, "POST", "/subnets", {"subnet": {**subnet, "cidr": "10.1.0.0/24"}}),
            (tenant, "POST", "/subnets", {"subnet": {**subnet, "cidr": "10.2.0.0/24"}}),
            (admin, "POST", "/ports", {"port": {"network_id": network, "binding:host_id": "h1"}}),
            (admin, "POST", "/ports", {"port": {"network_id": network, "binding:host_id": "h2"}}),
            (tenant, "DELETE", f"/networks/{network}", None),
            (tenant, "PUT", f"/networks/{network}", {"network": {"admin_state_up": False}}),
            (tenant, "DELETE", f"/networks/{network}", None),
        )
    swept()


def test_a_subnet_and_its_ports(tenant, admin, hosts, swept) -> None:
    for _ in range(2):
        network = tenant.network()
        subnet = tenant.subnet(network)["id"]
        body = {"network_id": network["id"], "fixed_ips": [{"subnet_id": subnet}]}
        answers = storm(
            (tenant, "POST", "/ports", {"port": body}),
            (admin, "POST", "/ports", {"port": {**body, "binding:host_id": "h1"}}),
            (tenant, "DELETE", f"/subnets/{subnet}", None),
            (tenant, "PUT", f"/subnets/{subnet}", {"subnet": {"enable_dhcp": False}}),
            (tenant, "PUT", f"/subnets/{subnet}", {"subnet": {"enable_dhcp": True}}),
        )
        if any(status == 204 for status, _ in answers):
            assert [p for p in admin.list("port", f"network_id={network['id']}") if p["fixed_ips"]] == []
    swept()


def network(tenant: Caller, private: Any, _admin: Caller) -> tuple[str, str, str, Any]:
    return "network", private["id"], "/ports", {"port": {"network_id": private["id"]}}


def everybodys(tenant: Caller, private: Any, admin: Caller) -> tuple[str, str, str, Any]:
    """Its policy goes by an update of the network."""
    admin.change("network", private["id"], shared=True)
    return "", private["id"], "/ports", {"port": {"network_id": private["id"]}}


def outside(tenant: Caller, private: Any, _admin: Caller) -> tuple[str, str, str, Any]:
    gateway = {"network_id": private["id"]}
    return "external", private["id"], "/routers", {"router": {"external_gateway_info": gateway}}


def floating(tenant: Caller, private: Any, _admin: Caller) -> tuple[str, str, str, Any]:
    return "external", private["id"], "/floatingips", {"floatingip": {"floating_network_id": private["id"]}}


def quality(_tenant: Caller, _private: Any, admin: Caller) -> tuple[str, str, str, Any]:
    policy = admin.ask("POST", "/qos/policies", {"policy": {}}, 201)["policy"]["id"]
    return "qos_policy", policy, "/networks", {"network": {"qos_policy_id": policy}}


def group(tenant: Caller, _private: Any, _admin: Caller) -> tuple[str, str, str, Any]:
    ident = tenant.make("security_group", name="g")["id"]
    return "security_group", ident, "/ports", {"port": {"network_id": "OWN", "security_groups": [ident]}}


def listed(tenant: Caller, _private: Any, _admin: Caller) -> tuple[str, str, str, Any]:
    ident = tenant.make("address_group", addresses=["10.0.0.0/8"])["id"]
    rule = {"security_group_id": "GROUP", "direction": "ingress", "remote_address_group_id": ident}
    return "address_group", ident, "/security-group-rules", {"security_group_rule": rule}


def pool(tenant: Caller, _private: Any, _admin: Caller) -> tuple[str, str, str, Any]:
    ident = tenant.make("subnetpool", name="p", prefixes=["10.0.0.0/16"], min_prefixlen=24)["id"]
    subnet = {"network_id": "OWN", "ip_version": 4, "subnetpool_id": ident, "enable_dhcp": False}
    return "subnetpool", ident, "/subnets", {"subnet": subnet}


SHARED = (network, everybodys, outside, floating, quality, group, listed, pool)


@pytest.mark.parametrize("of", SHARED, ids=lambda of: of.__name__)
def test_sharing_ends_or_others_use_it_but_not_both(of, tenant, stranger, admin, private, swept) -> None:
    own, filled = stranger.network()["id"], stranger.make("security_group", name="g")["id"]
    for _ in range(2):
        kind, ident, path, body = of(tenant, private, admin)
        text = json.dumps(body).replace("OWN", own).replace("GROUP", filled)
        end: Ask = (admin, "PUT", f"/networks/{ident}", {"network": {"shared": False}})
        if kind:
            action = "access_as_external" if kind == "external" else "access_as_shared"
            policy = {"object_type": kind.replace("external", "network"), "object_id": ident, "action": action}
            policy["target_tenant"] = stranger.project
            made = admin.ask("POST", "/rbac-policies", {"rbac_policy": policy}, 201)["rbac_policy"]["id"]
            end = (admin, "DELETE", f"/rbac-policies/{made}", None)
        use: Ask = (stranger, "POST", path, json.loads(text))
        asks = [use, use, use, end, use, use, use, use]
        answers = at_once(lambda n, asks=asks: (n, *ask(asks[n])), WRITERS)
        assert not [text for _, status, text in answers if status >= 500]
        uses = [text for n, status, text in answers if n != 3 and status == 201]
        (ended,) = (status < 300 for n, status, _ in answers if n == 3)
        assert not (ended and uses), uses
        for what in ("floatingips", "ports?device_owner=", "routers", "subnets", "rbac-policies"):
            plain = what.partition("?")[0]
            for row in stranger.get(f"/{what}")[plain.replace("-", "_")]:
                if row.get("tenant_id") == stranger.project:
                    stranger.delete(f"/{plain}/{row['id']}")
        for row in stranger.list("network", "name=&shared=false"):
            if row["id"] != own and row["tenant_id"] == stranger.project:
                stranger.delete(f"/networks/{row['id']}")
        for row in stranger.list("security_group_rule", "direction=ingress"):
            if row["remote_address_group_id"]:
                stranger.delete(f"/security-group-rules/{row['id']}")
        for row in admin.get("/rbac-policies")["rbac_policies"]:
            admin.delete(f"/rbac-policies/{row['id']}")
    swept()


def test_a_router_and_a_subnet_attached_twice(tenant, private, public, hosts, swept) -> None:
    router = tenant.make("router")["id"]
    body = {"subnet_id": private["subnet"]["id"]}
    path = f"/routers/{router}"
    gateway = {"external_gateway_info": {"network_id": public["id"]}}
    storm(
        (tenant, "PUT", f"{path}/add_router_interface", body),
        (tenant, "PUT", f"{path}/add_router_interface", body),
        (tenant, "PUT", f"{path}/remove_router_interface", body),
        (tenant, "PUT", path, {"router": gateway}),
        (tenant, "PUT", path, {"router": {"external_gateway_info": None}}),
        (tenant, "DELETE", path, None),
    )
    assert len(tenant.get(f"/ports?device_id={router}&network_id={private['id']}")["ports"]) <= 1
    swept()


def test_a_policy_of_quality_and_what_has_it(tenant, admin, private, hosts, swept) -> None:
    port = tenant.port(private)["id"]
    admin.change("port", port, **{"binding:host_id": "h1"})
    for _ in range(2):
        policy = admin.ask("POST", "/qos/policies", {"policy": {"shared": True}}, 201)["policy"]["id"]
        rules = f"/qos/policies/{policy}/bandwidth_limit_rules"
        storm(
            (tenant, "PUT", f"/ports/{port}", {"port": {"qos_policy_id": policy}}),
            (tenant, "PUT", f"/networks/{private['id']}", {"network": {"qos_policy_id": policy}}),
            (admin, "POST", rules, {"bandwidth_limit_rule": {"max_kbps": 1000}}),
            (tenant, "PUT", f"/ports/{port}", {"port": {"qos_policy_id": None}}),
            (tenant, "PUT", f"/networks/{private['id']}", {"network": {"qos_policy_id": None}}),
            (admin, "DELETE", f"/qos/policies/{policy}", None),
        )
        known = {each["id"] for each in admin.get("/qos/policies")["policies"]}
        assert {tenant.show("port", port)["qos_policy_id"]} <= known | {None}
        assert {tenant.show("network", private["id"])["qos_policy_id"]} <= known | {None}
    swept()


def test_pools_scopes_and_their_subnets(tenant, hosts, swept) -> None:
    for _ in range(2):
        network = tenant.network()["id"]
        scope = tenant.ask("POST", "/address-scopes", {"address_scope": {"name": "s", "ip_version": 4}}, 201)
        scope = scope["address_scope"]["id"]
        pool = tenant.ask(
            "POST", "/subnetpools", {"subnetpool": {"name": "p", "prefixes": ["10.0.0.0/16"], "min_prefixlen": 20}}, 201
        )["subnetpool"]["id"]
        subnet = {"network_id": network, "ip_version": 4, "subnetpool_id": pool, "prefixlen": 24}
        storm(
            (tenant, "POST", "/subnets", {"subnet": subnet}),
            (tenant, "POST", "/subnets", {"subnet": {**subnet, "prefixlen": 22}}),
            (tenant, "PUT", f"/subnetpools/{pool}", {"subnetpool": {"address_scope_id": scope}}),
            (tenant, "PUT", f"/subnetpools/{pool}/add_prefixes", {"prefixes": ["10.9.0.0/16"]}),
            (tenant, "PUT", f"/subnetpools/{pool}/remove_prefixes", {"prefixes": ["10.9.0.0/16"]}),
            (tenant, "PUT", f"/subnetpools/{pool}", {"subnetpool": {"address_scope_id": None}}),
            (tenant, "DELETE", f"/address-scopes/{scope}", None),
            (tenant, "DELETE", f"/subnetpools/{pool}", None),
        )
        pools = {each["id"]: each for each in tenant.get("/subnetpools")["subnetpools"]}
        scopes = {each["id"] for each in tenant.get("/address-scopes")["address_scopes"]}
        assert {each["subnetpool_id"] for each in tenant.list("subnet", f"network_id={network}")} <= {*pools, None}
        assert {each["address_scope_id"] for each in pools.values()} <= {*scopes, None}
    swept()


def test_an_address_group_and_the_rules_that_name_it(tenant, private, hosts, swept) -> None:
    group = tenant.make("security_group", name="g")["id"]
    for _ in range(2):
        listed = tenant.make("address_group", addresses=["10.0.0.0/8"])["id"]
        rule = {"security_group_id": group, "direction": "ingress", "remote_address_group_id": listed}
        storm(
            (tenant, "POST", "/security-group-rules", {"security_group_rule": rule}),
            (tenant, "PUT", f"/address-groups/{listed}/add_addresses", {"addresses": ["192.0.2.0/24"]}),
            (tenant, "PUT", f"/address-groups/{listed}/remove_addresses", {"addresses": ["192.0.2.0/24"]}),
            (tenant, "DELETE", f"/address-groups/{listed}", None),
        )
        known = {each["id"] for each in tenant.list("address_group")}
        named = {each["remote_address_group_id"] for each in tenant.list("security_group_rule")}
        assert named <= known | {None}
    swept()


def test_forwardings_and_what_they_lead_to(tenant, private, public, hosts, swept) -> None:
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    for _ in range(2):
        port = tenant.port(private)
        floating = tenant.make("floatingip", floating_network_id=public["id"])["id"]
        forward = {"internal_port_id": port["id"], "internal_ip_address": port["fixed_ips"][0]["ip_address"],
                   "internal_port": 80, "external_port": 8080, "protocol": "tcp"}  # fmt: skip
        path = f"/floatingips/{floating}"
        helper = {"conntrack_helper": {"protocol": "tcp", "port": 2121, "helper": "ftp"}}
        storm(
            (tenant, "POST", f"{path}/port_forwardings", {"port_forwarding": forward}),
            (tenant, "POST", f"{path}/port_forwardings", {"port_forwarding": {**forward, "external_port": 81}}),
            (tenant, "PUT", path, {"floatingip": {"port_id": port["id"]}}),
            (tenant, "POST", f"/routers/{router['id']}/conntrack_helpers", helper),
            (tenant, "PUT", f"/routers/{router['id']}/remove_router_interface", {"subnet_id": private["subnet"]["id"]}),
            (tenant, "DELETE", f"/ports/{port['id']}", None),
            (tenant, "DELETE", path, None),
        )
        tenant.ask("PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": private["subnet"]["id"]})
    swept()


def test_one_topology_for_all_who_ask_at_once(tenant, admin, public, hosts, swept) -> None:
    admin.change("network", public["id"], is_default=True)
    for prefixes in (["10.200.0.0/16"],):
        pool = {"name": "shared", "prefixes": prefixes, "is_default": True, "shared": True, "default_prefixlen": 24}
        admin.ask("POST", "/subnetpools", {"subnetpool": pool}, 201)
    path = f"/auto-allocated-topology/{tenant.project}"
    storm((tenant, "GET", path, None))
    assert len(tenant.list("router")) == 1
    storm((tenant, "GET", path, None), (tenant, "DELETE", path, None), (tenant, "GET", path, None))
    ask((tenant, "DELETE", path, None))
    assert tenant.list("router") == []
    swept()
