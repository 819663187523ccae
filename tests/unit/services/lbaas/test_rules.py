from __future__ import annotations

import pytest

from svcfabric import errors
from svcfabric.services.lbaas import rules

PAIRS = {
    ("HTTP", "HTTP"): True,
    ("HTTP", "TCP"): False,
    ("HTTP", "HTTPS"): False,
    ("HTTPS", "HTTP"): False,
    ("HTTPS", "HTTPS"): True,
    ("HTTPS", "TCP"): True,
    ("TCP", "HTTP"): True,
    ("TCP", "HTTPS"): True,
    ("TCP", "TCP"): True,
}


@pytest.mark.parametrize("protocols, fits", PAIRS.items())
def test_which_protocols_go_together(protocols, fits):
    if fits:
        rules.pair(*protocols)
    else:
        with pytest.raises(errors.BadRequest, match=f"pool protocol '{protocols[1]}' is invalid while the listener"):
            rules.pair(*protocols)


@pytest.mark.parametrize(
    "given, words",
    [
        ({"insert_headers": {"X-Nonsense": "true"}}, "is not a valid option for insert_headers"),
        ({"insert_headers": {"X-SSL-Client-DN": "true"}}, "is not a valid option for HTTP protocol listener."),
        ({"allowed_cidrs": ["2001:db8::/64"]}, "IP version incompatible with all VIPs"),
        ({"default_tls_container_ref": "x"}, "Certificate container references are not allowed on HTTP"),
        ({"sni_container_refs": ["x"]}, "Certificate container references are not allowed on HTTP"),
        ({"client_crl_container_ref": "x"}, "CA reference is required"),
        ({"client_authentication": "OPTIONAL"}, "OPTIONAL requires a client CA"),
        ({"hsts_max_age": 0}, "TERMINATED_HTTPS"),
        ({"hsts_preload": True}, "only make sense if hsts_max_age"),
    ],
)
def test_what_a_listener_cannot_have(given, words):
    with pytest.raises(errors.BadRequest, match=words):
        rules.listener("HTTP", given, ["10.0.0.1"])


def test_headers_are_inserted_into_http_only():
    rules.listener("HTTP", {"insert_headers": {"X-Forwarded-For": "true"}}, ["10.0.0.1"])
    with pytest.raises(errors.BadRequest, match="insert-headers is not a valid option for a TCP protocol listener"):
        rules.listener("TCP", {"insert_headers": {"X-Forwarded-For": "true"}}, ["10.0.0.1"])


def test_an_algorithm_the_provider_lacks_is_told_with_those_it_has():
    rules.algorithm("haproxy", "LEAST_CONNECTIONS")
    with pytest.raises(errors.NotSupported, match=r"'haproxy' does not support .* SOURCE_IP_PORT; use one of ROUND_"):
        rules.algorithm("haproxy", "SOURCE_IP_PORT")


@pytest.mark.parametrize(
    "protocol, given, words",
    [
        ("HTTP", {"type": "APP_COOKIE"}, 'Field "cookie_name" must be specified'),
        ("HTTP", {"type": "HTTP_COOKIE", "cookie_name": "a"}, 'Field "cookie_name" can only be specified'),
        ("HTTP", {"type": "SOURCE_IP", "cookie_name": "a"}, 'Field "cookie_name" can only be specified'),
        ("TCP", {"type": "HTTP_COOKIE"}, "HTTP_COOKIE is not supported for TCP protocol pools"),
        ("HTTPS", {"type": "APP_COOKIE", "cookie_name": "a"}, "APP_COOKIE is not supported for HTTPS protocol pools"),
        ("HTTP", {"type": "SOURCE_IP", "persistence_timeout": 5}, "only for UDP and SCTP"),
        ("HTTP", {"type": "SOURCE_IP", "persistence_granularity": "255.255.0.0"}, "only for UDP and SCTP"),
        ("HTTP", {}, "Invalid session_persistence"),
    ],
)
def test_session_persistence_that_contradicts_itself(protocol, given, words):
    with pytest.raises(errors.BadRequest, match=words):
        rules.persistence(protocol, given)


def test_session_persistence_as_stored():
    assert rules.persistence("TCP", {"type": "SOURCE_IP"}) == {"type": "SOURCE_IP", "cookie_name": None}
    stored = rules.persistence("HTTP", {"type": "APP_COOKIE", "cookie_name": "sid"})
    assert stored == {"type": "APP_COOKIE", "cookie_name": "sid"}


def test_an_http_monitor_gets_its_defaults_and_a_tcp_one_refuses_them():
    assert rules.monitor("HTTP", {}) == {"http_method": "GET", "url_path": "/", "expected_codes": "200"}
    assert rules.monitor("HTTP", {"url_path": "/up"})["url_path"] == "/up"
    assert rules.monitor("TCP", {"delay": 1, "url_path": None}) == {"delay": 1, "url_path": None}
    with pytest.raises(errors.BadRequest, match="url_path is not a valid option for health monitors of type TCP"):
        rules.monitor("TCP", {"url_path": "/up"})


def test_an_update_of_a_monitor_touches_only_what_it_names():
    current = {"url_path": "/up", "http_method": "HEAD", "expected_codes": "204", "http_version": "1.1"}
    assert rules.monitor("HTTP", {"delay": 3}, current) == {"delay": 3}
    assert rules.monitor("HTTP", {"url_path": None}, current) == {"url_path": "/"}
    assert rules.monitor("HTTP", {"domain_name": "a.example"}, current) == {"domain_name": "a.example"}
    with pytest.raises(errors.BadRequest, match="'http_version' must be specified"):
        rules.monitor("HTTP", {"http_version": None, "domain_name": "a.example"}, current)
    with pytest.raises(errors.BadRequest, match=r"http_version 1\.0 is not a valid option"):
        rules.monitor("HTTP", {"http_version": "1.0", "domain_name": "a.example"}, current)


def test_the_metadata_address_is_no_member():
    rules.member_address("169.254.169.253")
    with pytest.raises(errors.BadRequest, match="is not a valid option for member address"):
        rules.member_address("169.254.169.254")


def test_the_subnet_that_holds_an_address():
    subnets = [("a", "10.0.0.0/24"), ("b", "2001:db8::/64")]
    assert rules.subnet_for("10.0.0.9", subnets) == "a"
    assert rules.subnet_for("2001:db8::9", subnets) == "b"
    assert rules.subnet_for("192.0.2.1", subnets) is None


def test_where_it_happened_is_added_to_a_refusal():
    with pytest.raises(errors.BadRequest, match=r"\(in listeners\[2\]\)$"), rules.at("listeners[2]"):
        rules.pair("HTTP", "TCP")
