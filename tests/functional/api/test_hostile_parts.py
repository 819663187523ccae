"""As ``test_hostile_bodies``, for all that the network API has beside networks, subnets, ports, routers and floating
IPs, and for what these have of those.

Every attribute that a client may set is among what is tried: one that is added without hostile values fails here.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from svcfabric.api.resource import Resource
from tests.functional.api.test_hostile_bodies import (
    ADDRESS,
    CHOICE,
    FLAG,
    INJECTIONS,
    LIST,
    NET,
    NETWORK,
    NUMBER,
    PLAIN,
    RAW,
    UUID,
    Case,
)
from tests.whole import Whole, whole

NOBODYS = str(uuid.UUID(int=7))
TAGS = ["x", [5], [""], ["x" * 256], ["a\0b"], {}, [[]], ["x"] * 51]  # free text, which reaches no host
PORT = [*NUMBER, -1, 0, 65536, "٣", "1\n"]
CIDR = ["x", "10.9.0.0/33", 5, [], {}, "10.9.0.0/24\n", "10.0.0.0/8 accept", "fe80::1%eth0;reboot/64", "٣.0.0.0/8"]
DNS = [*INJECTIONS, "a b", "a,b", "-a", "a" * 64, ".a", "a..b", "é", '"a"', "x" * 256, 5, [], {}, True]
KBPS = [*NUMBER, -1, 2**31]
WAY = ["x", "", 5, True, [], {}, "egress\n", "ingress accept"]
PROTOCOLS = ["x", "tcp\n", "tcp accept", 256, -1, 1.5, True, [], {}, "٣", "6 "]
RANGE = ["x", "1-2", "2:1", "0:1", "1:65536", "1:2:3", "1:2\n", "٣", "1:2 accept", [], {}, True, 1.5]
WORD = ["", "x\n", "ftp; drop", "../ftp", "x" * 65, 5, [], {}]
LENGTH = ["x", -1, 33, 1.5, True, [], {}, 10**30, "24\n"]
GROUPS = ["x", {}, 5, ["x"], [5], [[]], [None], ["../../etc"], [NOBODYS], [NOBODYS, NOBODYS], [NOBODYS] * 51]
PAIRS = [
    "x",
    5,
    {},
    ["x"],
    [5],
    [{}],
    [{"mac_address": "fa:16:3e:00:00:01"}],
    *([{"ip_address": bad}] for bad in [*ADDRESS, "10.0.0.0/33", "10.0.0.1 accept", "224.0.0.1", "", True, None]),
    *(
        [{"ip_address": "10.0.0.9", "mac_address": bad}]
        for bad in [
            "x",
            "fa:16:3e:00:00:0g",
            "fa:16:3e:00:00:01 drop",
            "fa:16:3e:00:00:01\n",
            "01:00:5e:00:00:01",
            5,
            [],
        ]
    ),
    [{"ip_address": "10.0.0.9", "evil": 1}],
    [{"ip_address": "10.0.0.9"}] * 2,
    [{"ip_address": f"10.0.0.{number}"} for number in range(11)],
]
_OPTION = {"opt_name": "domain-name", "opt_value": "example.org"}
OPTIONS = [
    "x",
    5,
    {},
    ["x"],
    [5],
    [{}],
    [{"opt_name": "mtu"}],
    [{"opt_value": "mtu"}],
    [{**_OPTION, "evil": 1}],
    *([{**_OPTION, "ip_version": bad}] for bad in ("x", 5, "6\n", [], True, None)),
    *(
        [{**_OPTION, "opt_name": bad}]
        for bad in [*INJECTIONS, "", 5, [], "nope", "0", "255", "-1", "٣", "tag:evil,67", "67,tag:x", "x" * 65, " 67",
                    "67 ", "option:67", "vendor:x,1", "encap:1,2", "client-id", "tag:!ipxe,tag:ipxe,67"]
    ),
    *(
        [{**_OPTION, "opt_value": bad}]
        for bad in [*INJECTIONS, "", 5, [], {}, True, 'a"b', "a\\b", "x" * 256, "\x7f", "\u2029x", "\u202ex", "\udc80"]
    ),
    [_OPTION] * 65,
]  # fmt: skip
HINTS = ["x", {}, 5, [5], [""], ["x" * 256], [["x"]], ["nowhere"], ["a\n"], ["a", "a"]]
_TEXT = {"name": PLAIN, "description": PLAIN}
_MATCH = {
    "direction": WAY,
    "ethertype": [*CHOICE, 4],
    "protocol": PROTOCOLS,
    "port_range_min": [*PORT[:-2], "٣"],
    "port_range_max": [*PORT[:-2], "٣"],
    "remote_ip_prefix": CIDR,
}
FIELDS: dict[str, dict[str, list[Any]]] = {
    "network": {
        "qos_policy_id": UUID,
        "availability_zone_hints": HINTS,
        "port_security_enabled": FLAG,
        "tags": TAGS,
        "dns_domain": [*DNS, "no-dot"],
    },
    "subnet": {
        "description": PLAIN,
        "tags": TAGS,
        "subnetpool_id": UUID,
        "use_default_subnetpool": FLAG,
        "prefixlen": LENGTH,
        "service_types": ["x", {}, 5, [5], [[]], [""], ["nope"], ["compute:\n"]],
        "allocation_policy": [*CHOICE, "x\n", "../x"],
        "recycling_policy": [*CHOICE, "x\n", "../x"],
        "recycling_delay": [*NUMBER, -1, 31622401],
        "ipv6_ra_mode": [*CHOICE, "slaac\n"],
    },
    "port": {
        "tags": TAGS,
        "security_groups": GROUPS,
        "allowed_address_pairs": PAIRS,
        "port_security_enabled": FLAG,
        "qos_policy_id": UUID,
        "extra_dhcp_opts": OPTIONS,
        "dns_name": DNS,
        "dns_domain": [*DNS, "no-dot"],
    },
    "router": {
        "tags": TAGS,
        "routes": [
            *LIST,
            [{"destination": "10.9.0.0/24", "nexthop": "x\n"}],
            [{"destination": "10.9.0.0/33", "nexthop": "10.0.0.9"}],
            [{"destination": "10.9.0.0/24"}],
            [{"destination": "10.9.0.0/24", "nexthop": "10.0.0.9", "evil": 1}],
            [{"destination": "10.9.0.0/24", "nexthop": "192.0.2.1"}],
        ],
        "external_gateways": ["x", [{}], 5, {}],
        "availability_zone_hints": HINTS,
    },
    "floatingip": {
        "tags": TAGS,
        "router_id": UUID,
        "qos_policy_id": UUID,
        "dns_name": DNS,
        "dns_domain": [*DNS, "no-dot"],
    },
    "policy": {**_TEXT, "tags": TAGS, "is_default": FLAG, "shared": FLAG},
    "bandwidth_limit_rule": {"max_kbps": KBPS, "max_burst_kbps": KBPS, "direction": WAY},
    "dscp_marking_rule": {"dscp_mark": [*NUMBER, -1, 1, 57, 64]},
    "packet_rate_limit_rule": {"max_kpps": KBPS, "max_burst_kpps": KBPS, "direction": WAY},
    "minimum_bandwidth_rule": {"min_kbps": KBPS, "direction": WAY},
    "minimum_packet_rate_rule": {"min_kpps": KBPS, "direction": WAY},
    "security_group": {**_TEXT, "name": [*PLAIN, "default", "DEFAULT"], "tags": TAGS, "stateful": FLAG},
    "security_group_rule": {
        **_MATCH,
        "description": PLAIN,
        "security_group_id": UUID,
        "remote_address_group_id": UUID,
        "remote_group_id": UUID,
    },
    "default_security_group_rule": {
        **_MATCH,
        "description": PLAIN,
        "remote_address_group_id": UUID,
        "remote_group_id": UUID,
        "used_in_default_sg": FLAG,
        "used_in_non_default_sg": FLAG,
    },
    "address_group": {**_TEXT, "addresses": [*LIST, *([bad] for bad in CIDR)]},
    "port_forwarding": {
        "external_port": PORT,
        "external_port_range": RANGE,
        "internal_port": PORT,
        "internal_port_range": RANGE,
        "internal_ip_address": ADDRESS,
        "protocol": [*PROTOCOLS, "icmp", 1],
        "internal_port_id": [*UUID, NOBODYS],
        "description": PLAIN,
    },
    "conntrack_helper": {"protocol": [*PROTOCOLS, "icmp"], "port": PORT, "helper": [*WORD, "nope"]},
    "subnetpool": {
        **_TEXT,
        "tags": TAGS,
        "prefixes": [*LIST, [], *([bad] for bad in CIDR), ["10.0.0.0/8", "fd00::/8"], ["10.0.0.0/8"] * 1001],
        "default_quota": [*NUMBER, -1, 2**31],
        "default_prefixlen": LENGTH,
        "min_prefixlen": LENGTH,
        "max_prefixlen": LENGTH,
        "is_default": FLAG,
        "shared": FLAG,
        "address_scope_id": [*UUID, NOBODYS],
    },
    "address_scope": {"name": PLAIN, "shared": FLAG, "ip_version": [5, "four", [], 4.5, 10**30]},
    "rbac_policy": {
        "object_type": [*CHOICE, "port", "network\n/"],
        "object_id": [*UUID, NOBODYS],
        "target_tenant": ["", "x" * 256, 5, [], {}, "a\0b"],
        "action": ["", "x", "access_as_shared\n", 5, [], {}, "x" * 65],
    },
}
# how clients know a field by another name than its own
CALLED = {
    "ethertype": ("ethertype",),
    "port_range_min": ("port",),
    "port_range_max": ("port",),
    "remote_ip_prefix": ("CIDR",),
    "security_group_id": ("Security Group",),
    "remote_group_id": ("Security Group",),
    "remote_address_group_id": ("Address Group",),
    "security_groups": ("Security Group",),
    "extra_dhcp_opts": ("invalid data",),
    "allowed_address_pairs": ("llowed address pair", "AllowedAddressPair", "address pair", "Unrecognized"),
    "availability_zone_hints": ("AvailabilityZone", "vailability zone"),
    "service_types": ("ervice type",),
    "helper": ("Helper",),
    "prefixes": ("refix", "CIDR"),
    "addresses": ("address",),
    "name": ("Default security group",),
    "routes": ("route",),
    "object_id": ("object", NOBODYS),
    "address_scope_id": (NOBODYS, "ddress scope"),
    "internal_port_id": (NOBODYS,),
    "action": ("action", "Action"),
    "subnetpool_id": ("ubnet pool", "ubnetpool"),
    "shared": ("shared", "Policy"),
    "prefixlen": ("prefix", "subnetpool"),
    "default_prefixlen": ("prefix",),
    "min_prefixlen": ("prefix",),
    "max_prefixlen": ("prefix",),
    "internal_port": ("port",),
    "internal_port_range": ("port",),
    "external_port": ("port",),
    "external_port_range": ("port",),
    "qos_policy_id": ("QoS policy",),
    "is_default": ("Policy",),
    "protocol": ("rotocol",),
}
OTHERS = {  # what only operators may set, or that has tests of its own: see test_hostile_bodies
    "project_id", "id", "shared", "router:external", "provider:network_type", "provider:physical_network",
    "provider:segmentation_id", "is_default", "ha", "distributed", "binding:host_id", "binding:profile",
    "floating_ip_address",
}  # fmt: skip


@dataclasses.dataclass
class Asked(Case):
    """A case of a user's."""

    user: str = "alice"


class Parts:
    """One of everything of alice's and of bob's."""

    def __init__(self, made: Whole) -> None:
        self.whole = made
        (api,) = (each for feature in made.side.features for each in feature.apis if each.title == "Network API")
        self.resources: dict[str, Resource] = {each.name: each for each in api.resources}
        flat = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
        self.external = made.make("root", f"{NET}/networks", "network", **flat)["id"]
        subnet = {"network_id": self.external, "ip_version": 4, "cidr": "203.0.113.0/24"}
        made.make("root", f"{NET}/subnets", "subnet", **subnet)
        self.mine, self.theirs = self._everything("alice", "mona"), self._everything("bob", "boris")
        made.settle()

    def _everything(self, user: str, manager: str) -> dict[str, str]:
        def make(path: str, kind: str, by: str = user, **given: Any) -> str:
            ident: str = self.whole.make(by, f"{NET}{path}", kind, **given)["id"]
            return ident

        found = {"network": make("/networks", "network")}
        found["subnet"] = make(
            "/subnets", "subnet", network_id=found["network"], ip_version=4, cidr="10.0.0.0/24", enable_dhcp=False
        )
        for name in ("port", "router", "floatingip", "security_group", "address_group", "address_scope", "subnetpool"):
            found[name] = make(f"/{name.replace('_', '-')}s", name, **self.body(name, found))
        interface = {"subnet_id": found["subnet"]}
        self.whole.ask(user, "PUT", f"{NET}/routers/{found['router']}/add_router_interface", interface)
        for name in ("security_group_rule", "rbac_policy"):
            path = "rbac-policies" if name == "rbac_policy" else "security-group-rules"
            found[name] = make(f"/{path}", name, **self.body(name, found))
        found["policy"] = make("/qos/policies", "policy", manager)
        for name in RULES:
            path = f"/qos/policies/{found['policy']}/{name}s"
            found[name] = make(path, name, manager, **self.body(name, found))
        found["port_forwarding"] = make(
            f"/floatingips/{found['floatingip']}/port_forwardings",
            "port_forwarding",
            **{**self.body("port_forwarding", found), "external_port": 8080},
        )
        found["conntrack_helper"] = make(
            f"/routers/{found['router']}/conntrack_helpers", "conntrack_helper", protocol="udp", port=69, helper="tftp"
        )
        return found

    def body(self, name: str, of: dict[str, str]) -> dict[str, Any]:
        """A create that would succeed."""
        rule = {"direction": "ingress", "protocol": "tcp", "port_range_min": 81, "port_range_max": 82}
        bodies: dict[str, Any] = {
            "subnet": lambda: {"network_id": of["network"], "ip_version": 4, "cidr": "10.9.0.0/24"},
            "port": lambda: {"network_id": of["network"]},
            "router": lambda: {"external_gateway_info": {"network_id": self.external}},
            "floatingip": lambda: {"floating_network_id": self.external},
            "security_group_rule": lambda: {**rule, "security_group_id": of["security_group"]},
            "default_security_group_rule": lambda: {
                **rule, "used_in_default_sg": True, "used_in_non_default_sg": True},
            "address_group": lambda: {"addresses": ["192.0.2.0/24"]},
            "address_scope": lambda: {"name": "s", "ip_version": 4},
            "subnetpool": lambda: {"name": "p", "prefixes": ["10.0.0.0/8"]},
            "rbac_policy": lambda: {"object_type": "network", "object_id": of["network"],
                                    "action": "access_as_shared", "target_tenant": uuid.uuid4().hex},
            "bandwidth_limit_rule": lambda: {"max_kbps": 1000},
            "dscp_marking_rule": lambda: {"dscp_mark": 10},
            "packet_rate_limit_rule": lambda: {"max_kpps": 1000},
            "minimum_bandwidth_rule": lambda: {"min_kbps": 10},
            "minimum_packet_rate_rule": lambda: {"min_kpps": 10},
            "port_forwarding": lambda: {"internal_port_id": of["port"], "internal_port": 80, "external_port": 81,
                                        "protocol": "tcp"},
            "conntrack_helper": lambda: {"protocol": "tcp", "port": 21, "helper": "ftp"},
        }  # fmt: skip
        return bodies[name]() if name in bodies else {}

    def path(self, name: str, of: dict[str, str] | None = None) -> str:
        """Where resources of that name are."""
        of = of or self.mine
        parent = {"port_forwarding": "floatingip", "conntrack_helper": "router", **dict.fromkeys(RULES, "policy")}
        return NET + self.resources[name].path.replace("{parent_id}", of.get(parent.get(name, ""), ""))


RULES = (
    "bandwidth_limit_rule",
    "dscp_marking_rule",
    "packet_rate_limit_rule",
    "minimum_bandwidth_rule",
    "minimum_packet_rate_rule",
)
USERS = {"policy": "mona", **dict.fromkeys(RULES, "mona"), "default_security_group_rule": "root"}


@pytest.fixture(scope="module")
def parts(tmp_path_factory) -> Iterator[Parts]:
    with whole(tmp_path_factory.mktemp("whole")) as made:
        yield Parts(made)


def test_each_is_refused_by_name_and_none_leaves_a_trace(parts: Parts, say) -> None:
    before, sent = parts.whole.dump(), parts.whole.messages()
    cases = [*fields(parts), *references(parts), *actions(parts), *shapes(parts)]
    wrong = []
    for case in cases:
        got = parts.whole.ask(case.user, case.method, case.path, case.body, kind=case.kind)
        if not 400 <= got.status < 500 or not any(word in got.message for word in case.words):
            wrong.append(f"{case}\n    -> {got.status} {got.text[:300]}\n    without any of {case.words}")
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)
    assert parts.whole.dump() == before
    assert parts.whole.messages() == sent
    say(f"{len(cases)} malformed or hostile bodies to the API's parts: each refused by name, no row changed, none sent")


def test_every_attribute_is_tried(parts: Parts) -> None:
    missing = [
        f"{name}.{attribute.name}"
        for name, resource in parts.resources.items()
        if resource.operations & {"create"}
        for attribute in resource.attributes
        if (attribute.post or attribute.put)
        and attribute.name not in {*FIELDS.get(name, {}), *NETWORK.get(name, {}), *OTHERS}
    ]
    assert not missing


def fields(parts: Parts) -> Iterator[Asked]:
    """Each bad value in each field, in a create and in an update."""
    for name, table in FIELDS.items():
        resource, user = parts.resources[name], USERS.get(name, "alice")
        for field, values in table.items():
            attribute = resource.attribute(field)
            assert attribute is not None, (name, field)
            for value in values:
                words = (field, *CALLED.get(field, ()))
                body = {**parts.body(name, parts.mine), field: value}
                if field in ("external_port_range", "internal_port_range"):
                    body.pop(field.removesuffix("_range"), None)
                if field in ("subnetpool_id", "use_default_subnetpool", "prefixlen"):
                    body.pop("cidr")
                if field == "ipv6_ra_mode":
                    body |= {"ip_version": 6, "cidr": "fd00::/64"}
                yield Asked("POST", parts.path(name), {name: body}, words, user=user)
                if attribute.put and name in parts.mine and "update" in resource.operations:
                    item = f"{parts.path(name)}/{parts.mine[name]}"
                    yield Asked("PUT", item, {name: {field: value}}, words, user=user)


def references(parts: Parts) -> Iterator[Asked]:
    """Bob's things in each field that refers to something, and in paths."""
    mine, theirs = parts.mine, parts.theirs
    table: tuple[tuple[str, str, str], ...] = (
        ("network", "qos_policy_id", "policy"),
        ("port", "qos_policy_id", "policy"),
        ("floatingip", "qos_policy_id", "policy"),
        ("floatingip", "router_id", "router"),
        ("subnet", "subnetpool_id", "subnetpool"),
        ("security_group_rule", "security_group_id", "security_group"),
        ("security_group_rule", "remote_group_id", "security_group"),
        ("security_group_rule", "remote_address_group_id", "address_group"),
        ("subnetpool", "address_scope_id", "address_scope"),
        ("port_forwarding", "internal_port_id", "port"),
    )
    for name, field, kind in table:
        ident, body = theirs[kind], parts.body(name, mine)
        if field == "subnetpool_id":
            body.pop("cidr")
        words = (ident, field)
        yield Asked("POST", parts.path(name), {name: {**body, field: ident}}, words)
        attribute = parts.resources[name].attribute(field)
        if attribute is not None and attribute.put and field != "router_id":
            yield Asked("PUT", f"{parts.path(name)}/{mine[name]}", {name: {field: ident}}, words)
    groups = {"port": {"security_groups": [theirs["security_group"]]}}
    yield Asked("PUT", f"{NET}/ports/{mine['port']}", groups, (theirs["security_group"],))
    body = {**groups["port"], "network_id": mine["network"]}
    yield Asked("POST", f"{NET}/ports", {"port": body}, (theirs["security_group"],))
    for kind, name in (("network", "network"), ("qos_policy", "policy"), ("security_group", "security_group"),
                       ("address_group", "address_group"), ("address_scope", "address_scope"),
                       ("subnetpool", "subnetpool")):  # fmt: skip
        body = {**parts.body("rbac_policy", mine), "object_type": kind, "object_id": theirs[name]}
        yield Asked("POST", f"{NET}/rbac-policies", {"rbac_policy": body}, (theirs[name],))
        body = {**body, "object_id": mine[name], "target_tenant": "*"}
        yield Asked("POST", f"{NET}/rbac-policies", {"rbac_policy": body}, ("target_tenant",))
    for name in FIELDS:
        if name not in theirs:
            continue
        resource, user = parts.resources[name], USERS.get(name, "alice")
        word = (theirs[name], theirs.get("policy", ""), theirs["floatingip"], theirs["router"])
        path = f"{parts.path(name, theirs)}/{theirs[name]}"
        yield Asked("DELETE", path, None, word, user=user)
        yield Asked("GET", path, None, word, user=user)
        if "update" in resource.operations:
            field = next(each.name for each in resource.attributes if each.put)
            value = parts.body(name, theirs).get(field, "mine")
            yield Asked("PUT", path, {name: {field: value}}, word, user=user)
        if "{parent_id}" in resource.path:  # bob's below alice's, alice's below bob's
            body = {name: parts.body(name, mine)}
            yield Asked("GET", f"{parts.path(name)}/{theirs[name]}", None, word, user=user)
            yield Asked("DELETE", f"{parts.path(name)}/{theirs[name]}", None, word, user=user)
            below = (*word, mine[name])
            yield Asked("DELETE", f"{parts.path(name, theirs)}/{mine[name]}", None, below, user=user)
            yield Asked("POST", parts.path(name, theirs), body, word, user=user)


def actions(parts: Parts) -> Iterator[Asked]:
    """Bodies of actions, of others' things and bad ones."""
    mine, theirs = parts.mine, parts.theirs
    table: tuple[tuple[str, str, str, list[Any], tuple[str, ...]], ...] = (
        ("address-groups", "address_group", "add_addresses", [bad for bad in CIDR], ("address",)),
        ("address-groups", "address_group", "remove_addresses", [bad for bad in CIDR], ("address",)),
        ("subnetpools", "subnetpool", "add_prefixes", [bad for bad in CIDR], ("refix",)),
        ("subnetpools", "subnetpool", "remove_prefixes", [bad for bad in CIDR], ("refix",)),
    )
    for collection, kind, action, values, words in table:
        field = action.partition("_")[2]
        path = f"{NET}/{collection}/{mine[kind]}/{action}"
        for value in [*LIST, None, *([bad] for bad in values), ["10.1.0.0/16", "x"]]:
            yield Asked("PUT", path, {field: value}, words)
        for body in (None, {}, [], 5, {"evil": 1}, {field: ["10.1.0.0/16"], "evil": 1}):
            yield Asked("PUT", path, body, (*words, "evil", "JSON", "body"))
        good = {field: ["10.1.0.0/16"]}
        yield Asked("PUT", f"{NET}/{collection}/{theirs[kind]}/{action}", good, (theirs[kind],))
    onboard = f"{NET}/subnetpools/{mine['subnetpool']}/onboard_network_subnets"
    for value in (*UUID, None, NOBODYS, theirs["network"]):
        yield Asked("PUT", onboard, {"network_id": value}, ("network_id", "Network", NOBODYS, theirs["network"]))
    yield Asked("PUT", onboard, {"network_id": mine["network"], "evil": 1}, ("evil",))
    for word in ("add", "update", "remove"):
        path = f"{NET}/routers/{mine['router']}/{word}_external_gateways"
        for body in ({}, [], {"router": 5}, {"router": {"external_gateways": "x"}}):
            yield Asked("PUT", path, body, ("router", "gateway"))
    for word in ("add_extraroutes", "remove_extraroutes"):
        path = f"{NET}/routers/{mine['router']}/{word}"
        for value in FIELDS["router"]["routes"][:-1]:
            yield Asked("PUT", path, {"router": {"routes": value}}, ("route",))
    yield Asked("GET", f"{NET}/auto-allocated-topology/two", None, ("auto_allocated_topology",))
    yield Asked("DELETE", f"{NET}/auto-allocated-topology/two", None, ("auto_allocated_topology",))
    yield Asked("GET", f"{NET}/auto-allocated-topology/{'x' * 300}%0a", None, ("auto_allocated_topology",))
    for name in RULES:
        path = f"{NET}{parts.resources['alias_' + name].path}/{theirs[name]}"
        yield Asked("DELETE", path, None, (theirs[name],), user="mona")
        yield Asked("GET", path, None, (theirs[name],), user="mona")


def shapes(parts: Parts) -> Iterator[Asked]:
    """Bodies that are no JSON, no object, too large or too deep, of another type; lists with one bad item."""
    for name in FIELDS.keys() - NETWORK.keys():
        path, body, user = parts.path(name), parts.body(name, parts.mine), USERS.get(name, "alice")
        for raw in RAW[:-3]:
            words = ("JSON", "invalid data", "larger than", "nested", "argument", "Unable to find", "Missing", "dict")
            yield Asked("POST", path, raw, words, user=user)
        yield Asked("POST", path, {name: [body]}, (name,), user=user)
        yield Asked("POST", path, {name: None}, (name,), user=user)
        yield Asked("POST", path, {"evil": body}, (name,), user=user)
        yield Asked("POST", path, {name: {**body, "evil\n": 1}}, ("evil",), user=user)
        yield Asked("POST", path, {f"{name}s": [body, 5]}, (name,), user=user)
