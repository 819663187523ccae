"""The configuration as text: golden files, each also accepted by the real HAProxy.

``GOLDEN_UPDATE=1 pytest tests/unit/drivers/haproxy`` writes the files anew; look at the difference before committing.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess

import pytest

from svcfabric.drivers.haproxy.render import Limits, Paths, maxconn_of_host, render, server_numbers
from svcfabric.errors import InvalidInput
from svcfabric.spi.l2l3 import Address
from svcfabric.spi.lbaas import LoadBalancerSpec, SessionPersistence
from tests import lbspecs as lb

GOLDEN = pathlib.Path(__file__).parents[3] / "golden" / "haproxy"
LIMITS = Limits(maxconn=2000)

one, two, three = lb.member(11), lb.member(12, weight=5), lb.member(13, backup=True)
web = lb.pool(one, two, three, healthmonitor=lb.monitor(delay=5, timeout=3, max_retries=2))
far = lb.pool(one, number=0x501, protocol="TCP", lb_algorithm="SOURCE_IP")


def _ipv6() -> LoadBalancerSpec:
    pool = lb.pool(lb.member(11, "2001:DB8::11", 8080, monitor_address="2001:db8::99", monitor_port=81))
    pool = dataclasses.replace(pool, healthmonitor=lb.monitor(http_version="1.1"))
    both = (
        Address(address="2001:db8:0::10", prefix_length=64),
        Address(address="192.0.2.10", prefix_length=24),
    )
    return lb.balancer(lb.listener(uses=pool, allowed_cidrs=("2001:db8::/32",)), pool, vip=lb.vip(addresses=both))


CASES = {
    "empty": lb.balancer(),
    "http": lb.balancer(lb.listener(uses=web), web),
    "http-all": lb.balancer(
        lb.listener(
            uses=web,
            connection_limit=100,
            allowed_cidrs=("192.0.2.0/24", "198.51.100.7", "203.0.113.9/24"),
            insert_headers=(
                ("X-Forwarded-For", "true"),
                ("X-Forwarded-Port", "true"),
                ("X-Forwarded-Proto", "true"),
            ),
            timeout_client_data=0,
            timeout_member_connect=2000,
            timeout_member_data=3000,
            timeout_tcp_inspect=4000,
        ),
        lb.listener(8080),
        lb.listener(8081, uses=web, admin_state_up=False, timeout_member_data=90_000),
        dataclasses.replace(web, lb_algorithm="LEAST_CONNECTIONS"),
    ),
    "tcp": lb.balancer(lb.listener(3306, "TCP", uses=far, timeout_tcp_inspect=500), lb.listener(81, "TCP"), far),
    "admin-down": lb.balancer(
        lb.listener(uses=web, admin_state_up=False),
        lb.listener(81, uses=web, insert_headers=(("X-Forwarded-For", "false"),)),
        dataclasses.replace(
            web,
            members=(one, dataclasses.replace(two, admin_state_up=False, weight=0)),
            healthmonitor=lb.monitor(admin_state_up=False),
        ),
        dataclasses.replace(far, admin_state_up=False),
    ),
    "source-ip": lb.balancer(
        lb.listener(uses=web),
        lb.listener(81, "TCP", uses=far),
        dataclasses.replace(web, session_persistence=SessionPersistence(type="SOURCE_IP")),
        dataclasses.replace(far, session_persistence=SessionPersistence(type="SOURCE_IP")),
    ),
    "http-cookie": lb.with_pool(
        lb.balancer(lb.listener(uses=web), web), session_persistence=SessionPersistence(type="HTTP_COOKIE")
    ),
    "app-cookie": lb.with_pool(
        lb.balancer(lb.listener(uses=web), web),
        session_persistence=SessionPersistence(type="APP_COOKIE", cookie_name="JSESSION#$ID"),
    ),
    "monitor-tcp": lb.simple(lb.member(11, monitor_port=8443), healthmonitor=lb.monitor("TCP", delay=7, timeout=2)),
    "monitor-http": lb.simple(
        one,
        healthmonitor=lb.monitor(
            http_method="HEAD",
            url_path='/it\'s?a="b"&c=$HOME\\#%20{}',
            expected_codes="200,204,301",
            http_version="1.1",
            domain_name="web.example.org",
        ),
    ),
    "monitor-range": lb.simple(one, healthmonitor=lb.monitor(expected_codes="200-204", max_retries_down=4)),
    "shared-pool": lb.balancer(
        lb.listener(uses=web), lb.listener(81, "TCP", uses=web, timeout_member_data=70_000), web
    ),
    "ipv6": _ipv6(),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    text = render(CASES[name], Paths(), LIMITS)
    file = GOLDEN / f"{name}.cfg"
    if os.environ.get("GOLDEN_UPDATE"):
        file.write_text(text)
    assert text == file.read_text()


def haproxy_checks(text: str, tmp_path: pathlib.Path) -> tuple[int, str]:
    binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
    (tmp_path / "haproxy.cfg").write_text(text)
    (tmp_path / "servers.state").write_text("1\n")
    done = subprocess.run([binary, "-c", "-f", "haproxy.cfg"], cwd=tmp_path, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", [each.stem for each in sorted(GOLDEN.glob("*.cfg"))])
def test_haproxy_accepts_every_golden_file_without_a_warning(name, tmp_path):
    code, words = haproxy_checks((GOLDEN / f"{name}.cfg").read_text(), tmp_path)
    assert code == 0, words
    assert "[WARNING]" not in words


def test_no_golden_file_is_left_over():
    assert {each.stem for each in GOLDEN.glob("*.cfg")} == set(CASES)


def test_haproxy_refuses_what_is_wrong(tmp_path):
    text = (GOLDEN / "http.cfg").read_text().replace("balance roundrobin", "balance roundrobbing")
    code, words = haproxy_checks(text, tmp_path)
    assert code != 0
    assert "[ALERT]" in words


def test_names_are_not_rendered():
    spec = CASES["http"]
    named = dataclasses.replace(
        lb.with_pool(spec, name="x\n    http-request deny", members=(dataclasses.replace(one, name="\n}"), two, three)),
        name="\nfrontend evil",
    )
    assert render(named, Paths(), LIMITS) == render(spec, Paths(), LIMITS)


def test_numbers_of_members_do_not_depend_on_each_other():
    alone = server_numbers(lb.pool(two))
    assert server_numbers(lb.pool(three, two, one))[two.id] == alone[two.id]
    assert 0 < alone[two.id] < 2**31


def test_connections_fit_into_the_descriptor_limit():
    assert maxconn_of_host(10**9) < 10**9
    assert maxconn_of_host(200) == 200


BAD = {
    "no address": (lambda s: dataclasses.replace(s, vip=lb.vip(addresses=())), "vip.addresses"),
    "address": (lambda s: lb.with_members(s, dataclasses.replace(one, address="10.0.0.1\n  x")), "address"),
    "zone": (lambda s: lb.with_members(s, dataclasses.replace(one, address="fe80::1%a b")), "zone"),
    "port": (lambda s: lb.with_members(s, dataclasses.replace(one, protocol_port="80 x")), "protocol_port"),
    "weight": (lambda s: lb.with_members(s, dataclasses.replace(one, weight=257)), "weight: must be an integer from 0"),
    "boolean": (lambda s: lb.with_members(s, dataclasses.replace(one, backup="yes")), "backup: must be true or false"),
    "id": (lambda s: lb.with_members(s, dataclasses.replace(one, id="a b")), "must be a UUID"),
    "twice": (lambda s: lb.with_members(s, one, one), "must all be different"),
    "path": (lambda s: lb.with_pool(s, healthmonitor=lb.monitor(url_path="/a b")), "url_path: must start with /"),
    "path without slash": (lambda s: lb.with_pool(s, healthmonitor=lb.monitor(url_path="a")), "url_path"),
    "codes": (lambda s: lb.with_pool(s, healthmonitor=lb.monitor(expected_codes="200;")), "expected_codes"),
    "codes downwards": (lambda s: lb.with_pool(s, healthmonitor=lb.monitor(expected_codes="204-200")), "upwards"),
    "domain": (lambda s: lb.with_pool(s, healthmonitor=lb.monitor(domain_name="a%[src]")), "domain_name"),
    "monitor": (lambda s: lb.with_pool(s, healthmonitor=lb.monitor("PING")), "type: must be one of 'HTTP', 'TCP'"),
    "delay": (lambda s: lb.with_pool(s, healthmonitor=lb.monitor(delay=0)), "delay"),
    "algorithm": (lambda s: lb.with_pool(s, lb_algorithm="RANDOM"), "lb_algorithm: must be one of"),
    "protocol": (lambda s: lb.with_pool(s, protocol="UDP"), "protocol"),
    "cookie": (
        lambda s: lb.with_pool(s, session_persistence=SessionPersistence(type="APP_COOKIE", cookie_name="a'b")),
        "cookie_name",
    ),
    "cidr": (lambda s: lb.with_listener(s, allowed_cidrs=("192.0.2.0/33",)), "allowed_cidrs: must be a CIDR"),
    "header": (lambda s: lb.with_listener(s, insert_headers=(("X-Evil", "true"),)), "insert_headers"),
    "no such pool": (lambda s: lb.with_listener(s, default_pool_id=lb.ident(9)), "default_pool_id"),
    "modes": (lambda s: lb.with_pool(s, protocol="TCP"), "cannot use a TCP pool"),
    "timeout": (lambda s: lb.with_listener(s, timeout_client_data=-1), "timeout_client_data"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_specs_are_refused_by_field_and_rule(name):
    spoil, words = BAD[name]
    with pytest.raises(InvalidInput, match=r".") as refused:
        render(spoil(CASES["http"]), Paths(), LIMITS)
    assert words in refused.value.message
    assert refused.value.code == "haproxy.bad_spec"
