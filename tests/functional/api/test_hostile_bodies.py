"""Malformed and hostile bodies with a tenant's credentials, against every resource of the whole server side.

Each is refused with 4xx, in words that name the field (or what it referred to) and the rule. After all of them
every row of the database is as it was and no host has been sent anything.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.whole import Whole, whole

NET, LB = "/v2.0", "/load-balancer/v2/lbaas"

# ---- values no field of a kind may have
INJECTIONS = [
    "a\n    server evil 203.0.113.9:80",
    "x\r\nglobal",
    "x\tuser root\x0b",
    "a\0b",
    "\x1b]0;owned\x07",
    "\u2028default_backend evil",
]
TEXT = [*INJECTIONS, "x" * 256, 5, True, [], {"a": 1}]
PLAIN = [
    "a\0b",
    "x" * 256,
    5,
    True,
    [],
    {"a": 1},
]  # free text of the network API: what no database stores or column holds
NUMBER = ["x", 1.5, True, [], {}, 10**30, -(10**30), "1; DROP TABLE instances"]
FLAG = ["perhaps", 7, [], {}, "true\n}"]
UUID = ["x", 5, [], {}, "../../etc/passwd", "' OR 1=1 --", "00000000-0000-0000-0000-00000000000g\n"]
ADDRESS = ["x", "10.0.0.256", "10.0.0.1\n server evil", "fe80::1%eth0;reboot", 5, [], {}]
CHOICE = ["x", "", "HTTP\n    mode tcp", 5, True, [], {}]
PATH = ["x", "/a b", "/a\n    server evil 1.2.3.4:80", '/"', "/'", "/\\", "/%", "/#", "/{", "/" + "a" * 1025, 5, []]
COOKIE = ["a b", 'a"', "a'", "a;b", "a}", "a\\", "é", "a\n    mode tcp", "x" * 256, 5, []]
DOMAIN = ["a b", "a\nb", '"a"', "a}", "a/b", "-a", "x" * 64, "é", 5, []]
CODES = ["20", "200 204", "200\n    mode tcp", "700", "204-200", "200;", '200"', 200, []]
TAGS = ["x", [5], [""], ["x" * 256], ["a", "a"], ["a\0b"], {}, [[]], ["a\n}"]]
HEADERS = [
    "x",
    [],
    {"X-Forwarded-For": True},
    {"X-Forwarded-For": "yes"},
    {"X-Forwarded-For": 'true"\n'},
    {"X-Evil\n": "true"},
    {'X-"': "true"},
    {"X-}": "true"},
]
CIDRS = ["x", ["x"], ["10.0.0.0/33"], ["10.0.0.0/8\n    server evil"], ["0.0.0.0/0 }"], [5], {}]
LIST = ["x", ["x"], [5], {}, 5]


@dataclasses.dataclass
class Case:
    """A request and the words of which its refusal has at least one."""

    method: str
    path: str
    body: Any
    words: tuple[str, ...]
    kind: str = "application/json"

    def __str__(self) -> str:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return f"{self.method} {self.path} {body[:200]!r}"


class Site:
    """One of everything of alice's and of bob's, and what alice would have to say to make another."""

    def __init__(self, made: Whole) -> None:
        self.whole = made
        flat = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
        external = made.make("root", f"{NET}/networks", "network", name="public", **flat)
        made.make("root", f"{NET}/subnets", "subnet", network_id=external["id"], ip_version=4, cidr="203.0.113.0/24")
        self.external = external["id"]
        self.mine, self.theirs = (self._everything(user) for user in ("alice", "bob"))
        made.settle()

    def _everything(self, user: str) -> dict[str, str]:
        def make(path: str, kind: str, **given: Any) -> str:
            ident: str = self.whole.make(user, path, kind, **given)["id"]
            return ident

        network = make(f"{NET}/networks", "network", name="n")
        subnet = make(f"{NET}/subnets", "subnet", network_id=network, ip_version=4, cidr="10.0.0.0/24")
        port = make(f"{NET}/ports", "port", network_id=network)
        router = make(f"{NET}/routers", "router", external_gateway_info={"network_id": self.external})
        self.whole.ask(user, "PUT", f"{NET}/routers/{router}/add_router_interface", {"subnet_id": subnet})
        floating = make(f"{NET}/floatingips", "floatingip", floating_network_id=self.external, port_id=port)
        balancer = make(f"{LB}/loadbalancers", "loadbalancer", vip_subnet_id=subnet)
        pool = make(f"{LB}/pools", "pool", loadbalancer_id=balancer, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
        bare = make(f"{LB}/pools", "pool", loadbalancer_id=balancer, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
        listener = make(f"{LB}/listeners", "listener", loadbalancer_id=balancer, protocol="HTTP", protocol_port=80,
                        default_pool_id=pool)  # fmt: skip
        member = make(f"{LB}/pools/{pool}/members", "member", address="10.0.0.77", protocol_port=80)
        monitor = make(f"{LB}/healthmonitors", "healthmonitor", pool_id=pool, type="HTTP", delay=2, timeout=1,
                       max_retries=1, http_version=1.1)  # fmt: skip
        return {
            "network": network,
            "subnet": subnet,
            "port": port,
            "router": router,
            "floatingip": floating,
            "loadbalancer": balancer,
            "pool": pool,
            "bare": bare,
            "listener": listener,
            "member": member,
            "healthmonitor": monitor,
        }

    def path(self, name: str) -> str:
        """Where resources of that name are."""
        if name == "member":
            return f"{LB}/pools/{self.mine['pool']}/members"
        return f"{NET if name in NETWORK else LB}/{name}s"

    def body(self, name: str) -> dict[str, Any]:
        """A create that would succeed."""
        mine = self.mine
        return {
            "network": {},
            "subnet": {"network_id": mine["network"], "ip_version": 4, "cidr": "10.9.0.0/24"},
            "port": {"network_id": mine["network"]},
            "router": {},
            "floatingip": {"floating_network_id": self.external},
            "loadbalancer": {"vip_subnet_id": mine["subnet"]},
            "listener": {"loadbalancer_id": mine["loadbalancer"], "protocol": "HTTP", "protocol_port": 9999},
            "pool": {"loadbalancer_id": mine["loadbalancer"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
            "member": {"address": "10.0.0.99", "protocol_port": 9999},
            "healthmonitor": {
                "pool_id": mine["bare"],
                "type": "HTTP",
                "delay": 1,
                "timeout": 1,
                "max_retries": 1,
                "http_version": 1.1,
            },
        }[name]


_CORE = {"name": PLAIN, "description": PLAIN, "admin_state_up": FLAG}
_COMMON = {"name": TEXT, "admin_state_up": ["true", 1, [], {}], "tags": TAGS}
NETWORK: dict[str, dict[str, list[Any]]] = {
    "network": {**_CORE, "mtu": [*NUMBER, 0, 65536], "shared": FLAG, "project_id": ["two", 5, []], "id": [5, "x"]},
    "subnet": {
        "name": PLAIN,
        "network_id": UUID,
        "ip_version": [5, "four", [], 4.5, 10**30],
        "cidr": ["x", "10.9.0.0/33", "10.9.0.1", 5, [], {}, "10.9.0.0/24\n"],
        "gateway_ip": ADDRESS,
        "allocation_pools": [
            *LIST,
            [{}],
            [{"start": "10.9.0.9"}],
            [{"start": "10.9.0.9", "end": "10.9.0.2"}],
            [{"start": "10.8.0.1", "end": "10.8.0.2"}],
            [{"start": "x", "end": []}],
        ],
        "dns_nameservers": [*LIST, ["8.8.8.8\n"], ["8.8.8.8"] * 2],
        "host_routes": [*LIST, [{"destination": "x", "nexthop": "y"}], [{"destination": "10.0.0.0/8"}]],
        "enable_dhcp": FLAG,
        "ipv6_address_mode": CHOICE,
    },
    "port": {
        **_CORE,
        "network_id": UUID,
        "mac_address": ["x", "00:00:00:00:00", "fa:16:3e:00:00:0g", "fa:16:3e:00:00:01\n", 5, [], {}],
        "fixed_ips": [*LIST, [{"ip_address": "x"}], [{"subnet_id": "x"}], [{"evil": 1}], [{"ip_address": "10.99.0.1"}]],
        "device_id": PLAIN,
        "device_owner": PLAIN,
        "binding:vnic_type": CHOICE,
    },
    "router": {
        **_CORE,
        "external_gateway_info": [
            "x",
            [],
            5,
            {"network_id": "x"},
            {"evil": 1},
            {"network_id": 5},
            {"network_id": str(uuid.UUID(int=1)), "external_fixed_ips": [{"ip_address": "x"}]},
        ],
    },
    "floatingip": {
        "description": PLAIN,
        "floating_network_id": UUID,
        "port_id": UUID,
        "fixed_ip_address": ADDRESS,
        "subnet_id": UUID,
    },
}
BALANCING: dict[str, dict[str, list[Any]]] = {
    "loadbalancer": {
        **_COMMON,
        "description": ["a\0b", "\x1b[1m", "x" * 256, 5],
        "vip_subnet_id": UUID,
        "vip_network_id": UUID,
        "vip_port_id": UUID,
        "vip_address": ADDRESS,
        "provider": [*INJECTIONS, "nope", 5, []],
        "flavor_id": UUID,
        "availability_zone": TEXT,
        "listeners": [
            "x",
            ["x"],
            {},
            [{}],
            [{"protocol": "HTTP"}],
            [{"protocol": "HTTP", "protocol_port": 81, "name": "a\n    mode tcp"}],
        ],
        "pools": ["x", ["x"], {}, [{}]],
    },
    "listener": {
        **_COMMON,
        "protocol": CHOICE,
        "protocol_port": [*NUMBER, 0, 65536],
        "connection_limit": [*NUMBER, -2, 2**31],
        "default_pool_id": UUID,
        "loadbalancer_id": UUID,
        "insert_headers": HEADERS,
        "allowed_cidrs": CIDRS,
        "timeout_client_data": [*NUMBER, -1],
        "timeout_tcp_inspect": [*NUMBER, -1],
        "default_tls_container_ref": ["http://evil", 5],
        "l7policies": [[{"action": "REJECT"}], "x"],
    },
    "pool": {
        **_COMMON,
        "protocol": CHOICE,
        "lb_algorithm": CHOICE,
        "loadbalancer_id": UUID,
        "listener_id": UUID,
        "session_persistence": [
            "x",
            [],
            5,
            {"type": "x"},
            {"type": "APP_COOKIE"},
            {"evil": 1},
            *({"type": "APP_COOKIE", "cookie_name": bad} for bad in COOKIE),
        ],
    },
    "member": {
        **_COMMON,
        "address": ADDRESS,
        "protocol_port": [*NUMBER, 0, 65536],
        "weight": [*NUMBER, -1, 257],
        "backup": ["true", 1, [], {}],
        "subnet_id": UUID,
        "monitor_address": ADDRESS,
        "monitor_port": [*NUMBER, 0, 65536],
    },
    "healthmonitor": {
        **_COMMON,
        "pool_id": UUID,
        "type": CHOICE,
        "delay": [*NUMBER, 0],
        "timeout": [*NUMBER, 0],
        "max_retries": [*NUMBER, 0, 11],
        "http_method": [*CHOICE, "GET / HTTP/1.1\r\nX: y"],
        "url_path": PATH,
        "expected_codes": CODES,
        "http_version": ["1.1", 1.2, True, []],
        "domain_name": DOMAIN,
    },
}
# fields that refer to something: the way to name bob's, and whose id that is
REFERENCES: dict[str, dict[str, tuple[Any, str]]] = {
    "subnet": {"network_id": ("{}", "network")},
    "port": {"network_id": ("{}", "network"), "fixed_ips": ([{"subnet_id": "{}"}], "subnet")},
    "router": {"external_gateway_info": ({"network_id": "{}"}, "network")},
    "floatingip": {"floating_network_id": ("{}", "network"), "port_id": ("{}", "port"), "subnet_id": ("{}", "subnet")},
    "loadbalancer": {
        "vip_subnet_id": ("{}", "subnet"),
        "vip_network_id": ("{}", "network"),
        "vip_port_id": ("{}", "port"),
        "listeners": ([{"protocol": "HTTP", "protocol_port": 81, "default_pool": {"id": "{}"}}], "pool"),
    },
    "listener": {"loadbalancer_id": ("{}", "loadbalancer"), "default_pool_id": ("{}", "pool")},
    "pool": {"loadbalancer_id": ("{}", "loadbalancer"), "listener_id": ("{}", "listener")},
    "member": {"subnet_id": ("{}", "subnet")},
    "healthmonitor": {"pool_id": ("{}", "pool")},
}
# how clients know a field by another name than its own
ALSO_CALLED = {
    "allocation_pools": ("allocation pool",),
    "fixed_ips": ("IP address",),
    "provider": ("Provider",),
    "default_tls_container_ref": ("Certificate container references",),
    "session_persistence": ("cookie_name", "type"),
}
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000
RAW = [
    b"",
    b"{",
    b"nope",
    b"[]",
    b"5",
    b"null",
    b'"x"',
    b'{"a"',
    b"\xff\xfe{}",
    b'{"a": NaN}',
    b'{"x": "\xed\xa0\x80"}',
    DEEP,
    b"[" * 100_000,
    b'{"x": "' + b"y" * (5 << 20) + b'"}',
]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with whole(tmp_path_factory.mktemp("whole")) as made:
        yield Site(made)


def test_each_is_refused_by_name_and_none_leaves_a_trace(site: Site, say) -> None:
    before, sent = site.whole.dump(), site.whole.messages()
    cases = [*fields(site), *references(site), *shapes(site)]
    wrong = []
    for case in cases:
        got = site.whole.ask("alice", case.method, case.path, case.body, kind=case.kind)
        if not 400 <= got.status < 500 or not any(word in got.message for word in case.words):
            wrong.append(f"{case}\n    -> {got.status} {got.text[:300]}\n    without any of {case.words}")
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)
    assert site.whole.dump() == before
    assert site.whole.messages() == sent
    assert len(cases) >= 200
    say(f"{len(cases)} malformed or hostile bodies: each refused by name, no row changed, no message sent")


def fields(site: Site) -> Iterator[Case]:
    """Each bad value in each field, in a create and in an update."""
    for name, table in {**NETWORK, **BALANCING}.items():
        for field, values in table.items():
            for value in values:
                words = (field, *ALSO_CALLED.get(field, ()))
                yield Case("POST", site.path(name), {name: {**site.body(name), field: value}}, words)
                yield Case("PUT", f"{site.path(name)}/{site.mine[name]}", {name: {field: value}}, words)


def references(site: Site) -> Iterator[Case]:
    """Bob's things in each field that refers to something, and in paths."""
    for name, table in REFERENCES.items():
        for field, (shape, kind) in table.items():
            ident = site.theirs[kind]
            value = json.loads(json.dumps(shape).replace("{}", ident)) if not isinstance(shape, str) else ident
            yield Case("POST", site.path(name), {name: {**site.body(name), field: value}}, (field, ident))
    mine, theirs = site.mine, site.theirs
    for key, ident in (("subnet_id", theirs["subnet"]), ("port_id", theirs["port"])):
        path = f"{NET}/routers/{mine['router']}/add_router_interface"
        yield Case("PUT", path, {key: ident}, (key, ident))
        yield Case("PUT", path, {key: "x\n"}, (key,))
    own = {"subnet_id": mine["subnet"]}
    yield Case("PUT", f"{NET}/routers/{theirs['router']}/add_router_interface", own, (theirs["router"],))
    yield Case("PUT", f"{NET}/floatingips/{mine['floatingip']}", {"floatingip": {"port_id": theirs["port"]}},
               ("port_id", theirs["port"]))  # fmt: skip
    yield Case("PUT", f"{LB}/listeners/{mine['listener']}", {"listener": {"default_pool_id": theirs["pool"]}},
               ("default_pool_id", theirs["pool"]))  # fmt: skip
    for name in ("network", "subnet", "port", "router", "floatingip", "loadbalancer", "listener", "pool",
                 "healthmonitor"):  # fmt: skip
        path = f"{site.path(name)}/{theirs[name]}"
        field = "description" if name == "floatingip" else "name"
        yield Case("PUT", path, {name: {field: "mine now"}}, (theirs[name],))
        yield Case("DELETE", path, None, (theirs[name],))
    members = f"{LB}/pools/{theirs['pool']}/members"
    yield Case("POST", members, {"member": site.body("member")}, (theirs["pool"],))
    yield Case("PUT", members, {"members": []}, (theirs["pool"],))
    yield Case("DELETE", f"{members}/{theirs['member']}", None, (theirs["pool"], theirs["member"]))
    yield Case("PUT", f"{LB}/pools/{mine['pool']}/members/{theirs['member']}", {"member": {"weight": 2}},
               (theirs["member"],))  # fmt: skip


def shapes(site: Site) -> Iterator[Case]:
    """Bodies that are no JSON, no object, too large or too deep, of another type; lists with one bad item."""
    for name in (*NETWORK, *BALANCING):
        path, body = site.path(name), site.body(name)
        for raw in RAW:
            words = ("JSON", "invalid data", "larger than", "nested", "argument", "Unable to find", "Missing", "dict")
            yield Case("POST", path, raw, words)
        good = json.dumps({name: body}).encode()
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
            yield Case("POST", path, good, ("content type", "application/json"), kind=kind)
        yield Case("POST", path, {name: [body]}, (name,))
        yield Case("POST", path, {name: None}, (name,))
        yield Case("POST", path, {"evil": body}, (name,))
        yield Case("POST", path, {name: body, "evil": 1}, ("evil",))
        yield Case("POST", path, {name: {**body, "evil\n": 1}}, ("evil",))
        yield Case("POST", path, {name: {**body, "project_id": "two"}}, ("project_id", "Policy"))
    for name in ("network", "subnet", "port"):
        body = site.body(name)
        many = [{**body, "name": f"b{number}"} for number in range(5)]
        if name == "subnet":
            many = [{**each, "cidr": f"10.{40 + number}.0.0/24"} for number, each in enumerate(many)]
        bad = {"network": ("mtu", 0), "subnet": ("cidr", "x"), "port": ("network_id", site.theirs["network"])}
        field, value = bad[name]
        listed = {f"{name}s": [*many, {**body, field: value}]}
        yield Case("POST", site.path(name), listed, (field, site.theirs["network"]))
        yield Case("POST", site.path(name), {f"{name}s": []}, ("Resources required",))
        yield Case("POST", site.path(name), {f"{name}s": [*many, 5]}, (name,))
    member, path = site.body("member"), site.path("member")
    for bad_member, word in (
        ({**member, "weight": 300}, "weight"),
        ({"address": "x"}, "address"),
        ({**member, "name": "a\nb"}, "name"),
        (5, "member"),
    ):
        yield Case("PUT", path, {"members": [member, bad_member]}, (word,))
    yield Case("POST", site.path("loadbalancer"), {"loadbalancer": whole_tree(site, "a\n    server evil")}, ("name",))
    yield Case("POST", site.path("loadbalancer"), {"loadbalancer": whole_tree(site, "fine", weight=300)}, ("weight",))


def whole_tree(site: Site, name: str, weight: int = 1) -> dict[str, Any]:
    """A load balancer with all its parts, whose innermost has that name and weight."""
    pool = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN",
            "members": [{"address": "10.0.0.50", "protocol_port": 80, "name": name, "weight": weight}]}  # fmt: skip
    return {
        **site.body("loadbalancer"),
        "listeners": [{"name": "l", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}],
    }
