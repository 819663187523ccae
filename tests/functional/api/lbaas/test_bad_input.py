"""Hostile and mistaken bodies: each is refused naming field and rule, and leaves no trace."""

from __future__ import annotations

import pytest

TEXT = ["a\nb", "a\0b", "\x1b]0;x\x07", "x" * 256, 5, True, [], {}]
NUMBER = ["x", 1.5, True, [], {}, "", 10**30, -(10**30)]
BOOLEAN = ["true", 1, 0, "x", [], {}]
UUID = ["x", "", 5, "../../etc/passwd", "' OR 1=1 --", [], {}]
ADDRESS = ["x", "", "10.0.0.256", "10.0.0.1\n", "10.0.0.1 ", "fe80::1%eth0", 5, [], {}]
ENUM = ["x", "", "http", "HTTP\n", 5, True, [], {}]
PATH = ["x", "/a b", "/a\nb", "/a\0", '/"', "/'", "/\\", "/a\n    server evil 1.2.3.4:80", "/" + "a" * 1025, 5, [], {}]
COOKIE = ["a b", "a\nb", 'a"', "a'", "a;b", "a\0", "é", "x" * 256, 5, [], {}]
DOMAIN = ["a b", "a\nb", "a\0", '"a"', "-a", "a/b", "x" * 64, "é", "", 5, [], {}]
CODES = ["20", "200 204", "200\n", "700", "204-200", "200;", "", 200, [], {}]
TAGS = ["x", [5], [""], ["x" * 256], ["a", "a"], ["a\0b"], {}, [[]]]
HEADERS = ["x", [], {"X-Forwarded-For": True}, {"X-Forwarded-For": "yes"}, {"X-Evil\n": "true"}, {"X-Nope": "true"}]
CIDRS = ["x", ["x"], ["10.0.0.0/33"], ["10.0.0.0/8\n"], [5], ["10.0.0.0/8", "10.0.0.0/8"], {}, [{}]]
PERSISTENCE = ["x", [], {"type": "x"}, {"type": "APP_COOKIE"}, {"type": "SOURCE_IP", "x": 1}, 5]

COMMON = {"name": TEXT, "admin_state_up": BOOLEAN, "tags": TAGS}
POST = {
    "loadbalancer": {
        **COMMON,
        "description": ["a\0b", "\x1b[1m", "x" * 256, 5, []],
        "vip_subnet_id": UUID,
        "vip_network_id": UUID,
        "vip_port_id": UUID,
        "vip_address": ADDRESS,
        "vip_qos_policy_id": UUID,
        "vip_sg_ids": ["x", ["x"], {}],
        "provider": [*TEXT, "nope"],
        "flavor_id": UUID,
        "availability_zone": TEXT,
        "listeners": ["x", ["x"], {}, [{}], [{"protocol": "HTTP"}]],
        "pools": ["x", ["x"], {}, [{}]],
        "additional_vips": ["x", ["x"], {}],
    },
    "listener": {
        **COMMON,
        "description": ["a\0b", "x" * 256, 5],
        "loadbalancer_id": UUID,
        "protocol": ENUM,
        "protocol_port": [*NUMBER, 0, 65536, -1],
        "connection_limit": [*NUMBER, -2, 2**31],
        "default_pool_id": UUID,
        "insert_headers": HEADERS,
        "allowed_cidrs": CIDRS,
        "timeout_client_data": [*NUMBER, -1, 2073600001],
        "timeout_member_connect": [*NUMBER, -1],
        "timeout_member_data": [*NUMBER, -1],
        "timeout_tcp_inspect": [*NUMBER, -1],
    },
    "pool": {
        **COMMON,
        "protocol": ENUM,
        "lb_algorithm": ENUM,
        "session_persistence": [*PERSISTENCE, *({"type": "APP_COOKIE", "cookie_name": bad} for bad in COOKIE)],
        "loadbalancer_id": UUID,
        "listener_id": UUID,
    },
    "member": {
        **COMMON,
        "address": ADDRESS,
        "protocol_port": [*NUMBER, 0, 65536],
        "weight": [*NUMBER, -1, 257],
        "backup": BOOLEAN,
        "subnet_id": UUID,
        "monitor_address": ADDRESS,
        "monitor_port": [*NUMBER, 0, 65536],
    },
    "healthmonitor": {
        **COMMON,
        "pool_id": UUID,
        "type": ENUM,
        "delay": [*NUMBER, 0, -1, 86401],
        "timeout": [*NUMBER, 0, 86401],
        "max_retries": [*NUMBER, 0, 11],
        "max_retries_down": [*NUMBER, 0, 11],
        "http_method": ENUM,
        "url_path": PATH,
        "expected_codes": CODES,
        "http_version": ["x", "1.1", 1.2, True, [], {}],
        "domain_name": DOMAIN,
    },
}


@pytest.fixture
def there(tenant, subnet):
    """One of everything, with the path to post another and the body to begin with."""
    lb = tenant.balancer(subnet)
    listener, pool, bare = tenant.listener(lb), tenant.pool(lb), tenant.pool(lb)
    made = {
        "loadbalancer": lb,
        "listener": listener,
        "pool": pool,
        "member": tenant.member(pool),
        "healthmonitor": tenant.monitor(pool, http_version=1.1),
    }
    bodies = {
        "loadbalancer": {"vip_subnet_id": subnet.id},
        "listener": {"loadbalancer_id": lb["id"], "protocol": "HTTP", "protocol_port": 9999},
        "pool": {"loadbalancer_id": lb["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"},
        "member": {"address": "192.0.2.99", "protocol_port": 9999},
        "healthmonitor": {
            "pool_id": bare["id"],
            "type": "HTTP",
            "delay": 1,
            "timeout": 1,
            "max_retries": 1,
            "http_version": 1.1,
        },
    }
    paths = {name: f"/pools/{pool['id']}/members" if name == "member" else f"/{name}s" for name in made}
    return made, bodies, paths


@pytest.mark.parametrize("name", POST)
def test_every_field_of_a_create(world, tenant, there, name):
    _, bodies, paths = there
    before, generations = world.counts(), world.generations()
    for field, values in POST[name].items():
        for value in values:
            got = tenant.ask("POST", paths[name], {name: {**bodies[name], field: value}})
            assert 400 <= tenant.status < 500, (field, value, tenant.status, got)
            inner = {"session_persistence": ("cookie_name", "type")}.get(field, ())
            words = got["faultstring"]
            assert any(
                w in words for w in (field, field.replace("_", "-"), *inner, str(value), "Provider", "VIP QoS")
            ), (
                field,
                value,
                words,
            )
    assert (world.counts(), world.generations()) == (before, generations)


@pytest.mark.parametrize("name", POST)
def test_every_field_of_an_update(world, tenant, there, name):
    made, _, paths = there
    path = f"{paths[name]}/{made[name]['id']}"
    before, generations = world.counts(), world.generations()
    (shown,) = tenant.get(path).values()
    for field, values in POST[name].items():
        for value in values:
            tenant.ask("PUT", path, {name: {field: value}})
            assert 400 <= tenant.status < 500, (field, value, tenant.status)
    assert (world.counts(), world.generations()) == (before, generations)
    assert tenant.get(path) == {name: shown}


@pytest.mark.parametrize("name", POST)
def test_shapes_of_a_body(world, tenant, there, name):
    made, bodies, paths = there
    before, generations = world.counts(), world.generations()
    good = bodies[name]
    for body in (
        None,
        [],
        "x",
        5,
        {},
        {name: None},
        {name: []},
        {name: "x"},
        {f"{name}s": [good]},
        {name: good, "more": 1},
        {name: {**good, "unheard_of": 1}},
        {name: {**good, "id": made[name]["id"]}},
        {name: {**good, "provisioning_status": "ACTIVE"}},
        {name: {**good, "__class__": 1}},
    ):
        tenant.ask("POST", paths[name], body, 400)
    for field in good:
        tenant.ask("POST", paths[name], {name: {key: value for key, value in good.items() if key != field}})
        assert tenant.status in (201, 400)
        if tenant.status == 201:
            assert name == "healthmonitor" and field == "http_version"
            before, generations = world.counts(), world.generations()
    assert (world.counts(), world.generations()) == (before, generations)


def test_paths_that_are_no_ids(world, tenant):
    for ident in ("x", "%00", "..%2f..", "'%20OR%201=1", "a" * 2000):
        for path in ("/loadbalancers", "/listeners", "/pools", "/healthmonitors", "/pools/x/members"):
            tenant.ask("GET", f"{path}/{ident}")
            assert tenant.status in (400, 404), (path, ident, tenant.status)


def test_what_was_taken_renders(world, tenant, subnet):
    """Whatever the API takes, the driver takes: nothing a tenant writes ends a line of the daemon's configuration."""
    from svcfabric.drivers.haproxy.render import Limits, Paths, render

    lb = tenant.balancer(subnet, name="x\"'#\\ $HOME %[src]", description="a\nserver evil 1.2.3.4:80")
    listener = tenant.listener(
        lb, name="#", insert_headers={"X-Forwarded-For": "True"}, allowed_cidrs=["10.0.0.0/8"], connection_limit=5
    )
    pool = tenant.pool(
        listener_id=listener["id"],
        name="'",
        session_persistence={"type": "APP_COOKIE", "cookie_name": "a#b$c&d`e|f~"},
    )
    tenant.member(pool, "2001:DB8:0:0::1", 80, name='"', monitor_address="2001:db8::2", monitor_port=9)
    tenant.monitor(
        pool,
        url_path="/a?b=$c&d=(e);f*!,:@%41",
        expected_codes="200, 204",
        http_version=1.1,
        domain_name="a_b.example",
        http_method="OPTIONS",
    )
    text = render(world.spec(lb["id"]), Paths(), Limits())
    assert "evil" not in text
    assert "src]" not in text
