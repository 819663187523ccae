"""The load balancer's spec: the whole tree, in the load-balancer API's own words (Octavia v2).

Times are milliseconds where the API says so (listener timeouts), seconds for monitors, as in the API.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from svcfabric.spi.l2l3 import Leg
from svcfabric.spi.spec import Spec


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """``monitor_address`` "" and ``monitor_port`` 0: probed where it serves."""

    id: str
    name: str = ""
    address: str
    protocol_port: int
    weight: int = 1
    backup: bool = False
    admin_state_up: bool = True
    monitor_address: str = ""
    monitor_port: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HealthMonitor:
    """``type``: HTTP or TCP (more later). ``expected_codes``: "200", "200,202" or "200-204"."""

    id: str
    type: str
    delay: int
    timeout: int
    max_retries: int
    max_retries_down: int = 3
    http_method: str = "GET"
    url_path: str = "/"
    expected_codes: str = "200"
    http_version: str = ""
    domain_name: str = ""
    admin_state_up: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SessionPersistence:
    """``type``: SOURCE_IP, HTTP_COOKIE or APP_COOKIE (then ``cookie_name``)."""

    type: str
    cookie_name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """``lb_algorithm``: ROUND_ROBIN, LEAST_CONNECTIONS, SOURCE_IP."""

    id: str
    name: str = ""
    protocol: str
    lb_algorithm: str = "ROUND_ROBIN"
    session_persistence: SessionPersistence | None = None
    members: tuple[Member, ...] = ()
    healthmonitor: HealthMonitor | None = None
    admin_state_up: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """``protocol``: HTTP or TCP (more later). ``insert_headers``: (name, "true"|"false") pairs, sorted."""

    id: str
    name: str = ""
    protocol: str
    protocol_port: int
    default_pool_id: str = ""
    connection_limit: int = -1
    insert_headers: tuple[tuple[str, str], ...] = ()
    allowed_cidrs: tuple[str, ...] = ()
    timeout_client_data: int = 50_000
    timeout_member_connect: int = 5_000
    timeout_member_data: int = 50_000
    timeout_tcp_inspect: int = 0
    admin_state_up: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerSpec(Spec):
    """A load balancer: its VIP leg and its tree. All pools are here, those no listener uses too."""

    kind: ClassVar[str] = "loadbalancer"

    name: str = ""
    vip: Leg
    listeners: tuple[Listener, ...] = ()
    pools: tuple[Pool, ...] = ()
    admin_state_up: bool = True
