"""What may be combined with what. Pure: values in, a refusal or values out."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from svcfabric import errors
from svcfabric.services.lbaas import faults

# Listener and pool protocols. HTTPS is passed through, not looked into.
TRANSPORTS = {"HTTP": "TCP", "HTTPS": "TCP", "TCP": "TCP"}
POOL_PROTOCOLS = ("HTTP", "HTTPS", "TCP")
PAIRS = {"HTTP": ("HTTP",), "HTTPS": ("HTTPS", "TCP"), "TCP": ("HTTP", "HTTPS", "TCP")}
ALGORITHMS = ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT")
UNSUPPORTED_ALGORITHMS = ("SOURCE_IP_PORT",)
PERSISTENCE = ("SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE")
MONITOR_TYPES = ("HTTP", "TCP")
HTTP_ONLY = {"http_method": "GET", "url_path": "/", "expected_codes": "200"}
HEADERS = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")
TLS_HEADERS = (
    "X-SSL-Client-Verify",
    "X-SSL-Client-Has-Cert",
    "X-SSL-Client-DN",
    "X-SSL-Client-CN",
    "X-SSL-Issuer",
    "X-SSL-Client-SHA1",
    "X-SSL-Client-Not-Before",
    "X-SSL-Client-Not-After",
)
TLS_REFERENCES = ("default_tls_container_ref", "sni_container_refs", "client_ca_tls_container_ref")
RESERVED_ADDRESSES = frozenset({"169.254.169.254"})  # metadata, never a member


@contextlib.contextmanager
def at(path: str) -> Iterator[None]:
    """Refusals raised inside tell where in the request they happened."""
    try:
        yield
    except errors.SvcfabricError as error:
        error.message = f"{error.message} (in {path})"
        error.args = (error.message,)
        raise


def pair(listener_protocol: str, pool_protocol: str) -> None:
    """A listener of one protocol may send to a pool of the other."""
    if pool_protocol not in PAIRS[listener_protocol]:
        raise faults.invalid(
            f"The pool protocol '{pool_protocol}' is invalid while the listener protocol is '{listener_protocol}'."
        )


def listener(protocol: str, given: Mapping[str, Any], vips: Iterable[str]) -> None:
    """What a create or update of a listener names fits its protocol and its load balancer's addresses."""
    if given.get("insert_headers"):
        insert_headers(protocol, list(given["insert_headers"]))
    allowed_cidrs(given.get("allowed_cidrs") or (), list(vips))
    if any(given.get(name) for name in TLS_REFERENCES):
        raise faults.invalid(f"Certificate container references are not allowed on {protocol} protocol listeners.")
    if given.get("client_crl_container_ref"):
        raise faults.invalid(
            "A client authentication CA reference is required to specify a client authentication revocation list."
        )
    if given.get("client_authentication", "NONE") != "NONE":
        raise faults.invalid(
            f"Client authentication setting {given['client_authentication']} requires a client CA container reference."
        )
    if given.get("hsts_max_age") is not None:
        raise faults.invalid("The HSTS feature can only be used for listeners using the TERMINATED_HTTPS protocol.")
    if given.get("hsts_include_subdomains") or given.get("hsts_preload"):
        raise faults.invalid(
            "HSTS configuration options hsts_include_subdomains and hsts_preload only make sense if"
            " hsts_max_age is set as well."
        )


def insert_headers(protocol: str, names: Sequence[str]) -> None:
    """Headers a listener of this protocol can insert."""
    if protocol != "HTTP":
        raise faults.bad_option("insert-headers", f"a {protocol} protocol listener.")
    unknown = [name for name in names if name not in HEADERS and name not in TLS_HEADERS]
    if unknown:
        raise faults.bad_option(unknown, "insert_headers")
    tls = [name for name in names if name in TLS_HEADERS]
    if tls:
        raise faults.bad_option(tls, f"{protocol} protocol listener.")


def allowed_cidrs(cidrs: Iterable[str], vips: list[str]) -> None:
    """Every CIDR has the IP version of one of the addresses."""
    versions = {ipaddress.ip_address(vip).version for vip in vips}
    for cidr in cidrs:
        if ipaddress.ip_network(cidr).version not in versions:
            raise faults.invalid(f"CIDR {cidr} IP version incompatible with all VIPs {vips} IP version.")


def algorithm(provider: str, name: str) -> None:
    """The provider has the algorithm."""
    if name in UNSUPPORTED_ALGORITHMS:
        usable = ", ".join(each for each in ALGORITHMS if each not in UNSUPPORTED_ALGORITHMS)
        raise faults.unsupported(provider, f"lb_algorithm {name}; use one of {usable}")


def persistence(protocol: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A pool's session persistence, checked, as it is stored."""
    kind, cookie = given.get("type"), given.get("cookie_name")
    if kind is None:
        raise faults.invalid("Invalid session_persistence provided.")
    if given.get("persistence_timeout") or given.get("persistence_granularity"):
        raise faults.invalid("persistence_timeout and persistence_granularity is only for UDP and SCTP protocol pools.")
    if cookie and kind != "APP_COOKIE":
        raise faults.invalid('Field "cookie_name" can only be specified with session persistence of type "APP_COOKIE".')
    if kind == "APP_COOKIE" and not cookie:
        raise faults.invalid(
            'Field "cookie_name" must be specified when using the "APP_COOKIE" session persistence type.'
        )
    if kind != "SOURCE_IP" and protocol != "HTTP":
        raise faults.invalid(f"Session persistence of type {kind} is not supported for {protocol} protocol pools.")
    return {"type": kind, "cookie_name": cookie or None}


def monitor(kind: str, given: Mapping[str, Any], current: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A monitor's settings, checked, with the defaults of its type filled in.

    ``current``: the stored row when ``given`` is an update, whose ``null`` means the default.
    """
    values = dict(given)
    for name, default in HTTP_ONLY.items():
        if kind == "HTTP":
            if values.get(name) is None and (current is None or name in values):
                values[name] = default
        elif values.get(name) is not None:
            raise faults.bad_option(name, f"health monitors of type {kind}")
    merged = {**(current or {}), **values}
    if merged.get("domain_name") and not merged.get("http_version"):
        raise faults.invalid("'http_version' must be specified when 'domain_name' is provided.")
    if merged.get("domain_name") and merged["http_version"] != "1.1":
        raise faults.bad_option(
            f"http_version {merged['http_version']}", "health monitors HTTP 1.1 domain name health check"
        )
    return values


def canonical(address: str) -> str:
    """The one form of an address that all its spellings share."""
    return str(ipaddress.ip_address(address))


def member_address(address: str) -> None:
    """Not an address that is reserved for the platform."""
    if canonical(address) in RESERVED_ADDRESSES:
        raise faults.bad_option(address, "member address")


def subnet_for(address: str, subnets: Sequence[tuple[str, str]]) -> str | None:
    """The id of the first (id, cidr) that holds the address."""
    ip = ipaddress.ip_address(address)
    return next((ident for ident, cidr in subnets if ip in ipaddress.ip_network(cidr)), None)
