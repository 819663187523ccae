from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from svcfabric.services.lbaas import spec
from svcfabric.spi import codec
from svcfabric.spi.l2l3 import Address, Leg, Segment
from svcfabric.spi.lbaas import HealthMonitor, Listener, Member, Pool, SessionPersistence
from svcfabric.spi.spec import Envelope

VIP = Leg(
    port_id="port",
    mac="fa:16:3e:00:00:01",
    segment=Segment(network_id="net", type="vxlan", vni=9),
    addresses=(Address(address="10.0.0.5", prefix_length=24, subnet_id="sub"),),
)
BALANCER = SimpleNamespace(id="lb", project_id="p", name="web", admin_state_up=True)


def listener(**more: Any) -> Any:
    base = {
        "id": "l1",
        "name": "in",
        "protocol": "HTTP",
        "protocol_port": 80,
        "default_pool_id": None,
        "connection_limit": -1,
        "insert_headers": {},
        "allowed_cidrs": None,
        "timeout_client_data": 1,
        "timeout_member_connect": 2,
        "timeout_member_data": 3,
        "timeout_tcp_inspect": 4,
        "admin_state_up": True,
    }
    return SimpleNamespace(**{**base, **more})


def pool(**more: Any) -> Any:
    base = {"id": "p1", "name": "", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "session_persistence": None}
    return SimpleNamespace(**{**base, "admin_state_up": True, **more})


def member(**more: Any) -> Any:
    base = {
        "id": "m1",
        "pool_id": "p1",
        "name": "",
        "canonical_address": "10.0.1.1",
        "protocol_port": 8080,
        "weight": 1,
        "backup": False,
        "admin_state_up": True,
        "monitor_address": None,
        "monitor_port": None,
    }
    return SimpleNamespace(**{**base, **more})


def monitor(**more: Any) -> Any:
    base = {
        "id": "h1",
        "pool_id": "p1",
        "type": "HTTP",
        "delay": 5,
        "timeout": 4,
        "max_retries": 3,
        "max_retries_down": 2,
        "http_method": "HEAD",
        "url_path": "/up",
        "expected_codes": "200, 204",
        "http_version": "1.1",
        "domain_name": "a.example",
        "admin_state_up": True,
    }
    return SimpleNamespace(**{**base, **more})


def test_an_empty_load_balancer():
    made = spec.build(BALANCER, VIP, [], [], [], [])
    assert (made.id, made.project_id, made.name, made.vip, made.listeners, made.pools) == (
        "lb",
        "p",
        "web",
        VIP,
        (),
        (),
    )


def test_a_whole_tree_survives_the_wire():
    made = spec.build(
        BALANCER,
        VIP,
        [listener(default_pool_id="p1", insert_headers={"X-Forwarded-Port": "False", "X-Forwarded-For": "true"})],
        [pool(session_persistence={"type": "APP_COOKIE", "cookie_name": "sid"}), pool(id="p2")],
        [member(), member(id="m2", weight=0, backup=True, monitor_port=81, monitor_address="10.0.1.9")],
        [monitor()],
    )
    assert made.listeners == (
        Listener(
            id="l1",
            name="in",
            protocol="HTTP",
            protocol_port=80,
            default_pool_id="p1",
            insert_headers=(("X-Forwarded-For", "true"), ("X-Forwarded-Port", "false")),
            timeout_client_data=1,
            timeout_member_connect=2,
            timeout_member_data=3,
            timeout_tcp_inspect=4,
        ),
    )
    first = Member(id="m1", address="10.0.1.1", protocol_port=8080)
    second = Member(
        id="m2",
        address="10.0.1.1",
        protocol_port=8080,
        weight=0,
        backup=True,
        monitor_address="10.0.1.9",
        monitor_port=81,
    )
    check = HealthMonitor(
        id="h1",
        type="HTTP",
        delay=5,
        timeout=4,
        max_retries=3,
        max_retries_down=2,
        http_method="HEAD",
        url_path="/up",
        expected_codes="200,204",
        http_version="1.1",
        domain_name="a.example",
    )
    cookie = SessionPersistence(type="APP_COOKIE", cookie_name="sid")
    assert made.pools == (
        Pool(id="p1", protocol="HTTP", session_persistence=cookie, members=(first, second), healthmonitor=check),
        Pool(id="p2", protocol="HTTP"),
    )
    envelope = Envelope(spec=made, generation=3, driver="haproxy")
    assert codec.decode(codec.encode(envelope)) == envelope


def test_what_is_passed_through_is_tcp_to_a_host():
    made = spec.build(BALANCER, VIP, [listener(protocol="HTTPS")], [pool(protocol="HTTPS")], [], [])
    assert (made.listeners[0].protocol, made.pools[0].protocol) == ("TCP", "TCP")


def test_a_tcp_monitor_has_nothing_of_http():
    row = monitor(type="TCP", http_method=None, url_path=None, expected_codes=None, http_version=None, domain_name=None)
    made = spec.build(BALANCER, VIP, [], [pool()], [], [row]).pools[0].healthmonitor
    assert made is not None
    assert (made.type, made.url_path, made.expected_codes, made.domain_name) == ("TCP", "/", "200", "")
