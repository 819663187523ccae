"""Spec to ``haproxy.cfg``: pure and deterministic.

Identifiers are UUIDs only; a tenant's names and descriptions appear nowhere. What else a tenant wrote is of a
shape ``validity`` knows, or quoted. Paths are relative to the load balancer's directory, HAProxy's working one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import resource
from pathlib import Path
from typing import Any

import jinja2

from svcfabric.drivers.haproxy import validity
from svcfabric.spi.lbaas import HealthMonitor, Listener, LoadBalancerSpec, Member, Pool

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,
)
_LONGEST = 24 * 24 * 3600 * 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Files of one load balancer, relative to its directory. ``jail``: the empty directory HAProxy is locked in."""

    socket: str = "admin.sock"
    state: str = "servers.state"
    jail: str = "jail"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the host allows. ``maxconn``: connections per load balancer. ``drain_seconds``: how long connections
    may outlive the process (or the member) they belong to. ``user``: whom HAProxy runs as ("" = whoever starts it).
    """

    maxconn: int = 9500
    drain_seconds: int = 1800
    user: str = ""
    group: str = ""
    http_reuse: str = "safe"


def maxconn_of_host(wanted: int) -> int:
    """The largest ``maxconn`` not above ``wanted`` that HAProxy can start with under this process's limits.

    Two descriptors per connection; a thousand are left for health checks, listeners and idle connections.
    """
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if descriptors == resource.RLIM_INFINITY:
        return wanted
    return max(100, min(wanted, (descriptors - 1000) // 2))


def render(spec: LoadBalancerSpec, paths: Paths, limits: Limits) -> str:
    """The configuration for the spec. Raises ``InvalidInput`` (code ``haproxy.bad_spec``) naming field and rule."""
    validity.check(spec)
    return _TEMPLATES.get_template("haproxy.cfg.j2").render(
        id=spec.id,
        paths=paths,
        limits=limits,
        sticky=any(_table(pool) for pool in spec.pools),
        frontends=[_frontend(each, spec) for each in spec.listeners if each.admin_state_up],
        backends=[_backend(each, spec) for each in spec.pools],
    )


def server_name(pool: Pool, member: Member) -> str:
    """``backend/server`` as the runtime API names a member."""
    return f"pool-{pool.id}/member-{member.id}"


def server_options(pool: Pool, member: Member, number: int, *, weight: int | None = None) -> str:
    """All that follows a server's name, the same words for the file and for ``add server``."""
    words = [endpoint(member.address, member.protocol_port), f"id {number}"]
    words.append(f"weight {member.weight if weight is None else weight}")
    if member.backup:
        words.append("backup")
    monitor = active_monitor(pool)
    if monitor:
        words.append(f"check inter {monitor.delay}s rise {monitor.max_retries} fall {monitor.max_retries_down}")
        if member.monitor_address:
            words.append(f"addr {host(member.monitor_address)}")
        if member.monitor_port:
            words.append(f"port {member.monitor_port}")
    return " ".join(words)


def server_numbers(pool: Pool) -> dict[str, int]:
    """HAProxy's numeric id of each member, made from its UUID: the same in every process, whoever else is in the pool.

    Consistent hashing and stick tables go by these numbers, so clients stay with their member over a reload.
    """
    taken: dict[int, str] = {}
    for ident in sorted(member.id for member in pool.members):
        number = int.from_bytes(hashlib.sha256(ident.encode()).digest()[:4]) >> 1 or 1
        while number in taken:
            number = number % 0x7FFFFFFF + 1
        taken[number] = ident
    return {ident: number for number, ident in taken.items()}


def disabled(pool: Pool, member: Member) -> bool:
    """Whether the member is taken out by its own or its pool's admin state."""
    return not (pool.admin_state_up and member.admin_state_up)


def active_monitor(pool: Pool) -> HealthMonitor | None:
    """The pool's monitor if it is switched on."""
    return pool.healthmonitor if pool.healthmonitor and pool.healthmonitor.admin_state_up else None


def cookie_key(pool: Pool) -> str:
    """What a pool's persistence cookies are derived from, with the member's address; "" without such cookies."""
    wanted = pool.session_persistence and pool.session_persistence.type == "HTTP_COOKIE"
    return pool.id if wanted else ""


def quote(text: str) -> str:
    """One word of the file, whatever is in it (control characters never get here)."""
    return "'" + text.replace("'", "'\\''") + "'"


def endpoint(address: str, port: int) -> str:
    """``192.0.2.1:80`` or ``[2001:db8::1]:80``."""
    return f"{host(address)}:{port}"


def host(address: str) -> str:
    """``192.0.2.1`` or ``[2001:db8::1]``."""
    text = validity.ip("address", address)
    return f"[{text}]" if ":" in text else text


def _frontend(listener: Listener, spec: LoadBalancerSpec) -> dict[str, Any]:
    wanted = {name for name, value in listener.insert_headers if value == "true"}
    headers = {
        "X-Forwarded-For": "option forwardfor",
        "X-Forwarded-Port": "http-request set-header X-Forwarded-Port %[dst_port]",
        "X-Forwarded-Proto": "http-request set-header X-Forwarded-Proto http",
    }
    return {
        "id": listener.id,
        "mode": validity.LISTENER_MODES[listener.protocol],
        "binds": [endpoint(each.address, listener.protocol_port) for each in spec.vip.addresses],
        "maxconn": max(0, listener.connection_limit),
        "timeout_client": _time(listener.timeout_client_data),
        "allowed_cidrs": [validity.cidr("allowed_cidrs", each) for each in listener.allowed_cidrs],
        "inspect": listener.timeout_tcp_inspect,
        "headers": [line for name, line in headers.items() if name in wanted],
        "pool": listener.default_pool_id,
    }


def _backend(pool: Pool, spec: LoadBalancerSpec) -> dict[str, Any]:
    # the API keeps these times at listeners, HAProxy at backends: a shared pool takes the most patient listener's
    users = [each for each in spec.listeners if each.default_pool_id == pool.id and each.admin_state_up]
    numbers = server_numbers(pool)
    return {
        "id": pool.id,
        "mode": validity.POOL_MODES[pool.protocol],
        "balance": validity.ALGORITHMS[pool.lb_algorithm],
        "timeout_connect": max((_time(each.timeout_member_connect) for each in users), default=5_000),
        "timeout_server": max((_time(each.timeout_member_data) for each in users), default=50_000),
        "persistence": _persistence(pool),
        "monitor": _monitor(pool, spec),
        "servers": [
            f"member-{member.id} {server_options(pool, member, numbers[member.id])}"
            + (" disabled" if disabled(pool, member) else "")
            for member in pool.members
        ],
    }


def _time(milliseconds: int) -> int:
    """The API's 0, for ever, is its longest time: HAProxy holds timeouts that are off for a mistake."""
    return milliseconds or _LONGEST


def _table(pool: Pool) -> str:
    """The stick table a pool needs, or ""."""
    kind = pool.session_persistence.type if pool.session_persistence else ""
    # IPv4 clients are keyed by their mapped address
    return {"SOURCE_IP": "type ipv6", "APP_COOKIE": "type string len 64"}.get(kind, "")


def _persistence(pool: Pool) -> list[str]:
    persistence = pool.session_persistence
    if persistence is None:
        return []
    if key := cookie_key(pool):
        # dynamic: derived from the member's address and the key, so that members come and go without a reload
        return ["cookie SRV insert indirect nocache dynamic", f"dynamic-cookie-key {key}"]
    table = f"stick-table {_table(pool)} size 100k expire 60m peers sticky"
    if persistence.type == "SOURCE_IP":
        return [table, "stick on src"]
    name = persistence.cookie_name
    return [table, f"stick store-response {quote(f'res.cook({name})')}", f"stick match {quote(f'req.cook({name})')}"]


def _monitor(pool: Pool, spec: LoadBalancerSpec) -> list[str]:
    monitor = active_monitor(pool)
    if monitor is None:
        return []
    lines = [f"timeout check {monitor.timeout}s"]
    if monitor.type == "HTTP":
        send = f"http-check send meth {monitor.http_method} uri {quote(monitor.url_path)}"
        if monitor.http_version == "1.1":
            name = monitor.domain_name or host(spec.vip.addresses[0].address)
            send += f" ver HTTP/1.1 hdr Host {quote(name)}"
        lines += ["option httpchk", send, f"http-check expect status {monitor.expected_codes}"]
    return lines
