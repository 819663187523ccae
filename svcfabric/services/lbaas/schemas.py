"""The resources' attribute tables, in the load-balancer API's terms."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, REQUIRED, Attribute, Check, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.services.lbaas import fields, rules
from svcfabric.services.lbaas.nested import Node, check_of

PORT = checks.integer(1, 65535)
TIMEOUT = checks.integer(0, 24 * 24 * 3600 * 1000)  # milliseconds
SECONDS = checks.integer(1, 86400)
IDS = checks.list_of(checks.mapping({"id": checks.uuid()}))
NO_TLS = "TLS is not offered here"
NO_L7 = "L7 policies are not offered here"


def settable(
    name: str, check: Check, default: Any = REQUIRED, *, put: bool = True, filterable: bool = True, doc: str = ""
) -> Attribute:
    """An attribute of create (and update); ``null`` means the default. What can be filtered by can be sorted by."""
    return Attribute(
        name=name,
        check=check,
        default=default,
        reset=ABSENT if default is REQUIRED else default,
        post=True,
        put=put,
        filterable=filterable,
        sortable=filterable,
        doc=doc,
    )


def shown(name: str, check: Check, **more: Any) -> Attribute:
    """A read-only attribute."""
    return Attribute(name=name, check=check, **more)


def listed(name: str, doc: str) -> Attribute:
    """Ids of related things, read-only."""
    return shown(name, IDS, filterable=False, doc=doc)


def hidden(name: str, default: Any, doc: str, *, filterable: bool = True) -> Attribute:
    """The id of the parent: named on create and in filters, shown as a list of one."""
    return Attribute(
        name=name,
        check=checks.uuid(),
        default=default,
        reset=ABSENT if default is REQUIRED else None,
        post=True,
        visible=False,
        filterable=filterable,
        doc=doc,
    )


def common(*, description: bool = True) -> tuple[Attribute, ...]:
    """What every resource here has."""
    described = (settable("description", fields.text(), "", doc="Free text for people."),) if description else ()
    return (
        *standard_attributes(Dialect.OCTAVIA, False, name=False, tags=False),
        settable("name", fields.name(), "", doc="Name for people; need not be unique."),
        *described,
        settable("admin_state_up", checks.strict_boolean(), True, doc="Whether it is to work at all."),
        shown("provisioning_status", checks.string(32), sortable=True, doc="How far hosts are with what was asked."),
        shown("operating_status", checks.string(32), sortable=True, doc="As measured."),
        Attribute(
            name="tags",
            check=checks.list_of(fields.tag(), unique=True, max=255),
            default=list,
            reset=list,
            post=True,
            put=True,
            filterable=False,
            doc="Labels; at most 255 of at most 255 characters.",
        ),
    )


_SESSION_PERSISTENCE = checks.mapping(
    {
        "type": checks.enum(rules.PERSISTENCE),
        "cookie_name": checks.nullable(fields.cookie_name()),
        "persistence_timeout": checks.nullable(checks.integer(0)),
        "persistence_granularity": checks.nullable(checks.ip_address()),
    }
)

MEMBER = (
    *common(description=False),
    settable("address", fields.address(), put=False),
    settable("protocol_port", PORT, put=False),
    settable("weight", checks.integer(0, 256), 1, doc="Share of the traffic; 0 drains."),
    settable("backup", checks.strict_boolean(), False, doc="Used only when no other member works."),
    settable("subnet_id", checks.uuid(), None, put=False),
    settable("monitor_address", fields.address(), None),
    settable("monitor_port", PORT, None),
    shown("vnic_type", checks.string(64), filterable=False),
    Attribute(
        name="request_sriov",
        check=fields.only(False, "The load balancer flavor does not allow SR-IOV member ports."),
        default=False,
        reset=False,
        post=True,
        visible=False,
        filterable=False,
    ),
)

MONITOR = (
    *common(description=False),
    hidden("pool_id", REQUIRED, "The pool whose members are checked."),
    listed("pools", "The pool whose members are checked."),
    settable("type", checks.enum(rules.MONITOR_TYPES), put=False),
    settable("delay", SECONDS, doc="Seconds between two checks."),
    settable("timeout", SECONDS, doc="Seconds to wait for an answer."),
    settable("max_retries", checks.integer(1, 10), doc="Successes after which a member counts as up."),
    settable("max_retries_down", checks.integer(1, 10), 3, doc="Failures after which a member counts as down."),
    settable(
        "http_method",
        checks.enum(("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH")),
        None,
    ),
    settable("url_path", fields.url_path(), None),
    settable("expected_codes", fields.expected_codes(), None),
    settable("http_version", fields.http_version(), None),
    settable("domain_name", fields.domain_name(), None, doc="Host header; needs http_version 1.1."),
)

_NO_POOL_TLS = (
    settable("tls_enabled", fields.only(False, NO_TLS), False, filterable=False),
    settable("tls_container_ref", fields.only(None, NO_TLS), None, filterable=False),
    settable("ca_tls_container_ref", fields.only(None, NO_TLS), None, filterable=False),
    settable("crl_container_ref", fields.only(None, NO_TLS), None, filterable=False),
    settable("tls_ciphers", fields.only(None, NO_TLS), None, filterable=False),
    settable("tls_versions", fields.only([], NO_TLS), list, filterable=False),
    settable("alpn_protocols", fields.only([], NO_TLS), list, filterable=False),
)

POOL = (
    *common(),
    hidden("loadbalancer_id", None, "The load balancer, unless a listener is named."),
    hidden("listener_id", None, "The listener whose default pool it becomes.", filterable=False),
    listed("loadbalancers", "The load balancer."),
    listed("listeners", "Listeners whose default pool it is."),
    listed("members", "Its members."),
    shown("healthmonitor_id", checks.uuid(nullable=True), filterable=False),
    settable("protocol", checks.enum(rules.POOL_PROTOCOLS), put=False),
    settable("lb_algorithm", checks.enum(rules.ALGORITHMS)),
    settable("session_persistence", _SESSION_PERSISTENCE, None, filterable=False),
    *_NO_POOL_TLS,
)

_REFERENCE = checks.string(255)
_NO_LISTENER_TLS = (
    settable("default_tls_container_ref", _REFERENCE, None, filterable=False),
    settable("sni_container_refs", checks.list_of(_REFERENCE), list, filterable=False),
    settable("client_ca_tls_container_ref", _REFERENCE, None, filterable=False),
    settable("client_crl_container_ref", _REFERENCE, None, filterable=False),
    settable("client_authentication", checks.enum(("NONE", "OPTIONAL", "MANDATORY")), "NONE", filterable=False),
    settable("tls_ciphers", fields.only(None, NO_TLS), None, filterable=False),
    settable("tls_versions", fields.only([], NO_TLS), list, filterable=False),
    settable("alpn_protocols", fields.only([], NO_TLS), list, filterable=False),
    settable("hsts_max_age", checks.integer(0), None, filterable=False),
    settable("hsts_include_subdomains", checks.strict_boolean(), False, filterable=False),
    settable("hsts_preload", checks.strict_boolean(), False, filterable=False),
)

LISTENER = (
    *common(),
    hidden("loadbalancer_id", REQUIRED, "The load balancer."),
    listed("loadbalancers", "The load balancer."),
    settable("protocol", checks.enum(rules.TRANSPORTS), put=False),
    settable("protocol_port", PORT, put=False),
    settable("connection_limit", checks.integer(-1, 2**31 - 1), -1, doc="Most connections at once; -1 for no limit."),
    settable("default_pool_id", checks.uuid(), None),
    settable("l7policies", fields.only([], NO_L7), list, put=False, filterable=False),
    settable("insert_headers", fields.header_values(), dict, filterable=False),
    settable(
        "allowed_cidrs",
        checks.list_of(fields.cidr(), max=1000, unique=True),
        None,
        filterable=False,
        doc="Clients that may connect; null for all.",
    ),
    # null: as configured
    settable("timeout_client_data", TIMEOUT, None, doc="Milliseconds a client may be silent."),
    settable("timeout_member_connect", TIMEOUT, None, doc="Milliseconds to reach a member."),
    settable("timeout_member_data", TIMEOUT, None, doc="Milliseconds a member may be silent."),
    settable("timeout_tcp_inspect", TIMEOUT, None, doc="Milliseconds to wait for content to inspect."),
    *_NO_LISTENER_TLS,
)


def _inside(attributes: tuple[Attribute, ...], *left_out: str) -> tuple[Attribute, ...]:
    return tuple(a for a in attributes if a.name not in {"project_id", *left_out})


MEMBER_NODE = Node(_inside(MEMBER))
MONITOR_NODE = Node(_inside(MONITOR, "pool_id"))
_POOL_PARTS = _inside(POOL, "loadbalancer_id", "listener_id")
POOL_NODE = Node(_POOL_PARTS, one={"healthmonitor": MONITOR_NODE}, many={"members": MEMBER_NODE})
DEFAULT_POOL_NODE = Node(_POOL_PARTS, one=POOL_NODE.one, many=POOL_NODE.many, reference=True)
LISTENER_NODE = Node(_inside(LISTENER, "loadbalancer_id"), one={"default_pool": DEFAULT_POOL_NODE})

LOADBALANCER = (
    *common(),
    settable("provider", checks.string(64, oneline=True), None, put=False),
    settable("vip_address", checks.ip_address(), None, put=False),
    settable("vip_port_id", checks.uuid(), None, put=False),
    settable("vip_subnet_id", checks.uuid(), None, put=False),
    settable("vip_network_id", checks.uuid(), None, put=False),
    settable("vip_qos_policy_id", checks.uuid(), None),
    settable("vip_sg_ids", checks.list_of(checks.uuid()), list, filterable=False),
    shown("vip_vnic_type", checks.string(64)),
    settable("additional_vips", checks.list_of(checks.json_object()), list, put=False, filterable=False),
    settable("flavor_id", checks.uuid(), None, put=False),
    settable("availability_zone", checks.string(255, oneline=True), None, put=False),
    Attribute(
        name="listeners",
        check=check_of(LISTENER_NODE, "listeners"),
        default=list,
        reset=list,
        post=True,
        filterable=False,
        doc="Ids; in a create whole listeners, with their pools.",
    ),
    Attribute(
        name="pools",
        check=check_of(POOL_NODE, "pools"),
        default=list,
        reset=list,
        post=True,
        filterable=False,
        doc="Ids; in a create whole pools, named, with members and monitor.",
    ),
)
