"""What of a load balancer's spec may reach a configuration file. All else is refused, naming field and rule.

The API has checked most of this before; here it is the last line: text that could end a word or a line of
``haproxy.cfg`` never gets past ``check``, whoever sent the spec.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable

from svcfabric.errors import InvalidInput
from svcfabric.spi.lbaas import HealthMonitor, Listener, LoadBalancerSpec, Member, Pool, SessionPersistence

LISTENER_MODES = {"HTTP": "http", "TCP": "tcp"}
POOL_MODES = {"HTTP": "http", "TCP": "tcp"}
ALGORITHMS = {
    "ROUND_ROBIN": ("balance roundrobin",),
    "LEAST_CONNECTIONS": ("balance leastconn",),
    # consistent: a member that comes or goes moves only its own share of the clients, and needs no reload
    "SOURCE_IP": ("balance source", "hash-type consistent"),
}
PERSISTENCE = ("SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE")
MONITORS = ("HTTP", "TCP")
HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH")
INSERT_HEADERS = ("X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto")

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PATH = re.compile(r"/[!-~]{0,1023}")
_CODES = re.compile(r"[1-5][0-9]{2}((,[1-5][0-9]{2}){0,49}|-[1-5][0-9]{2})")
_DOMAIN = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_COOKIE = re.compile(r"[A-Za-z0-9!#$%&*+.^_`|~-]{1,255}")
_MS_MAX = 2**31 - 1


def check(spec: LoadBalancerSpec) -> None:
    """Raise ``InvalidInput`` for the first thing in the spec that this driver cannot or must not render."""
    _uuid("load balancer id", spec.id)
    if not spec.vip.addresses:
        raise _refuse("vip.addresses", "must hold at least one address")
    for address in spec.vip.addresses:
        ip(f"vip address {address.address!r}", address.address)
    _distinct("listeners", [each.id for each in spec.listeners])
    _distinct("listeners' protocol_port", [each.protocol_port for each in spec.listeners])
    _distinct("pools", [each.id for each in spec.pools])
    pools = {pool.id: pool for pool in spec.pools}
    for pool in spec.pools:
        _pool(pool)
    for listener in spec.listeners:
        _listener(listener, pools)


def ip(what: str, text: str) -> str:
    """The address in its shortest form (an IPv6 zone is refused: it may hold anything)."""
    shortest = _shortest(text) if isinstance(text, str) else ""
    if not shortest:
        raise _refuse(what, "must be an IPv4 or IPv6 address, without a zone")
    return shortest


@functools.lru_cache(maxsize=1 << 16)
def _shortest(text: str) -> str:
    """Empty when it is no address. Cached: a whole pool is looked at with every change of one of its members."""
    try:
        return "" if "%" in text else str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def cidr(what: str, text: str) -> str:
    """The network in its shortest form; bits outside of the mask are dropped."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except (ValueError, TypeError) as exc:
        raise _refuse(what, "must be a CIDR such as 192.0.2.0/24") from exc
    if not isinstance(text, str) or "%" in text:
        raise _refuse(what, "must be a CIDR such as 192.0.2.0/24")
    return str(network)


def _listener(listener: Listener, pools: dict[str, Pool]) -> None:
    _uuid("listener id", listener.id)
    what = f"listener {listener.id}"
    _one_of(f"{what}: protocol", listener.protocol, LISTENER_MODES)
    _integer(f"{what}: protocol_port", listener.protocol_port, 1, 65535)
    _integer(f"{what}: connection_limit", listener.connection_limit, -1, _MS_MAX)
    for name in ("timeout_client_data", "timeout_member_connect", "timeout_member_data", "timeout_tcp_inspect"):
        _integer(f"{what}: {name}", getattr(listener, name), 0, _MS_MAX)
    _boolean(f"{what}: admin_state_up", listener.admin_state_up)
    for text in listener.allowed_cidrs:
        cidr(f"{what}: allowed_cidrs", text)
    for name, value in listener.insert_headers:
        _one_of(f"{what}: insert_headers", name, INSERT_HEADERS)
        _one_of(f"{what}: insert_headers {name}", value, ("true", "false"))
    if listener.insert_headers and listener.protocol != "HTTP":
        raise _refuse(f"{what}: insert_headers", "needs protocol HTTP")
    if listener.default_pool_id:
        pool = pools.get(listener.default_pool_id)
        if pool is None:
            raise _refuse(f"{what}: default_pool_id", "must name a pool of the same load balancer")
        if listener.protocol == "HTTP" and pool.protocol != "HTTP":
            raise _refuse(f"{what}: default_pool_id", f"a listener of protocol HTTP cannot use a {pool.protocol} pool")


def _pool(pool: Pool) -> None:
    _uuid("pool id", pool.id)
    what = f"pool {pool.id}"
    _one_of(f"{what}: protocol", pool.protocol, POOL_MODES)
    _one_of(f"{what}: lb_algorithm", pool.lb_algorithm, ALGORITHMS)
    _boolean(f"{what}: admin_state_up", pool.admin_state_up)
    if pool.session_persistence:
        _persistence(f"{what}: session_persistence", pool.session_persistence, pool.protocol)
    if pool.healthmonitor:
        _monitor(pool.healthmonitor)
    _distinct(f"{what}: members", [each.id for each in pool.members])
    for member in pool.members:
        _member(member)


def _member(member: Member) -> None:
    _uuid("member id", member.id)
    what = f"member {member.id}"
    ip(f"{what}: address", member.address)
    _integer(f"{what}: protocol_port", member.protocol_port, 1, 65535)
    _integer(f"{what}: weight", member.weight, 0, 256)
    _boolean(f"{what}: backup", member.backup)
    _boolean(f"{what}: admin_state_up", member.admin_state_up)
    if member.monitor_address:
        ip(f"{what}: monitor_address", member.monitor_address)
    _integer(f"{what}: monitor_port", member.monitor_port, 0, 65535)


def _monitor(monitor: HealthMonitor) -> None:
    _uuid("health monitor id", monitor.id)
    what = f"health monitor {monitor.id}"
    _one_of(f"{what}: type", monitor.type, MONITORS)
    _integer(f"{what}: delay", monitor.delay, 1, _MS_MAX // 1000)
    _integer(f"{what}: timeout", monitor.timeout, 1, _MS_MAX // 1000)
    _integer(f"{what}: max_retries", monitor.max_retries, 1, 10)
    _integer(f"{what}: max_retries_down", monitor.max_retries_down, 1, 10)
    _boolean(f"{what}: admin_state_up", monitor.admin_state_up)
    _one_of(f"{what}: http_method", monitor.http_method, HTTP_METHODS)
    _one_of(f"{what}: http_version", monitor.http_version, ("", "1.0", "1.1"))
    _shape(f"{what}: url_path", monitor.url_path, _PATH, "must start with / and be printable ASCII without spaces")
    _shape(f"{what}: expected_codes", monitor.expected_codes, _CODES, 'must be like "200", "200,202" or "200-204"')
    first, dash, last = monitor.expected_codes.partition("-")
    if dash and first > last:
        raise _refuse(f"{what}: expected_codes", "the range must go upwards")
    if monitor.domain_name:
        _shape(f"{what}: domain_name", monitor.domain_name, _DOMAIN, "must be a host name")


def _persistence(what: str, persistence: SessionPersistence, protocol: str) -> None:
    _one_of(f"{what}: type", persistence.type, PERSISTENCE)
    if persistence.type != "SOURCE_IP" and protocol != "HTTP":
        raise _refuse(f"{what}: type", f"{persistence.type} needs a pool of protocol HTTP")
    if persistence.type == "APP_COOKIE":
        _shape(f"{what}: cookie_name", persistence.cookie_name, _COOKIE, "must be a cookie name, without a quote")


def _refuse(what: str, rule: str) -> InvalidInput:
    return InvalidInput(f"{what}: {rule}", code="haproxy.bad_spec")


def _uuid(what: str, value: object) -> None:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise _refuse(f"{what} {value!r}", "must be a UUID in lower case")


def _integer(what: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _refuse(what, f"must be an integer from {low} to {high}")


def _boolean(what: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _refuse(what, "must be true or false")


def _one_of(what: str, value: object, allowed: Iterable[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise _refuse(what, f"must be one of {', '.join(repr(each) for each in allowed)}")


def _shape(what: str, value: object, pattern: re.Pattern[str], rule: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _refuse(what, rule)


def _distinct(what: str, values: list[object] | list[str] | list[int]) -> None:
    if len(set(values)) != len(values):
        raise _refuse(what, "must all be different")
