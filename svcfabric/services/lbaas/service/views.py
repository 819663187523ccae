"""The five resources' views: which column is which attribute, and what is read beside it."""

from __future__ import annotations

import sqlalchemy as sa

from svcfabric.api.resource import Row
from svcfabric.fabric import instances
from svcfabric.services.lbaas import faults
from svcfabric.services.lbaas.models import healthmonitors, listeners, loadbalancers, members, pools
from svcfabric.services.lbaas.service.view import View, child_status, ids_by, observed, operating, plain, times

_COMMON = ("id", "project_id", "name", "admin_state_up", "tags")


def _loadbalancers(conn: sa.Connection, rows: list[Row]) -> None:
    below = {
        "listeners": ids_by(conn, listeners.c.loadbalancer_id, listeners, rows),
        "pools": ids_by(conn, pools.c.loadbalancer_id, pools, rows),
    }
    for row in rows:
        row |= {"additional_vips": [], "vip_sg_ids": []}
        row |= {name: found.get(row["id"], []) for name, found in below.items()}


LOADBALANCERS = View(
    faults.LOADBALANCER,
    loadbalancers,
    {
        **plain(loadbalancers, *_COMMON, "description", "provider"),
        **plain(loadbalancers, "vip_address", "vip_port_id", "vip_subnet_id", "vip_network_id"),
        **times(loadbalancers),
        "vip_qos_policy_id": sa.cast(sa.null(), sa.String(36)),
        "vip_vnic_type": sa.literal("normal"),
        "flavor_id": sa.cast(sa.null(), sa.String(36)),
        "availability_zone": sa.cast(sa.null(), sa.String(255)),
        "provisioning_status": instances.status(loadbalancers.c.id),
        "operating_status": operating(loadbalancers),
    },
    _loadbalancers,
)


def _listeners(conn: sa.Connection, rows: list[Row]) -> None:
    for row in rows:
        row["loadbalancers"] = [{"id": row.pop("loadbalancer_id")}]
        row |= {
            "l7policies": [],
            "default_tls_container_ref": None,
            "sni_container_refs": [],
            "client_ca_tls_container_ref": None,
            "client_crl_container_ref": None,
            "client_authentication": "NONE",
            "tls_ciphers": None,
            "tls_versions": [],
            "alpn_protocols": [],
            "hsts_max_age": None,
            "hsts_include_subdomains": False,
            "hsts_preload": False,
        }


LISTENERS = View(
    faults.LISTENER,
    listeners,
    {
        **plain(listeners, *_COMMON, "description", "loadbalancer_id", "protocol", "protocol_port"),
        **plain(listeners, "connection_limit", "default_pool_id", "insert_headers", "allowed_cidrs"),
        **plain(listeners, "timeout_client_data", "timeout_member_connect", "timeout_member_data"),
        **plain(listeners, "timeout_tcp_inspect"),
        **times(listeners),
        "provisioning_status": child_status(listeners),
        "operating_status": operating(listeners),
    },
    _listeners,
)


def _pools(conn: sa.Connection, rows: list[Row]) -> None:
    below = {
        "listeners": ids_by(conn, listeners.c.default_pool_id, listeners, rows),
        "members": ids_by(conn, members.c.pool_id, members, rows),
    }
    monitors = ids_by(conn, healthmonitors.c.pool_id, healthmonitors, rows)
    for row in rows:
        row["loadbalancers"] = [{"id": row.pop("loadbalancer_id")}]
        row |= {name: found.get(row["id"], []) for name, found in below.items()}
        row["healthmonitor_id"] = monitors[row["id"]][0]["id"] if row["id"] in monitors else None
        if row["session_persistence"]:
            row["session_persistence"] |= {"persistence_timeout": None, "persistence_granularity": None}
        row |= {
            "tls_enabled": False,
            "tls_container_ref": None,
            "ca_tls_container_ref": None,
            "crl_container_ref": None,
            "tls_ciphers": None,
            "tls_versions": [],
            "alpn_protocols": [],
        }


POOLS = View(
    faults.POOL,
    pools,
    {
        **plain(pools, *_COMMON, "description", "loadbalancer_id", "protocol", "lb_algorithm", "session_persistence"),
        **times(pools),
        "provisioning_status": child_status(pools),
        "operating_status": operating(pools),
    },
    _pools,
)


def _members(conn: sa.Connection, rows: list[Row]) -> None:
    for row in rows:
        row["address"] = row.pop("written_address")
        row["vnic_type"] = "normal"


_MONITORED = sa.exists().where(healthmonitors.c.pool_id == members.c.pool_id)
_MEMBER_DEFAULT = sa.case((_MONITORED, "OFFLINE"), else_="NO_MONITOR")

MEMBERS = View(
    faults.MEMBER,
    members,
    {
        **plain(members, *_COMMON, "protocol_port", "weight", "backup", "subnet_id", "monitor_address", "monitor_port"),
        **times(members),
        # filtered by in the form that all spellings share, shown as written
        "address": members.c.canonical_address,
        "provisioning_status": child_status(members),
        # without an observation there is nothing to call OFFLINE but a monitor's silence
        "operating_status": sa.case(
            (observed(members).is_(None), _MEMBER_DEFAULT),
            (members.c.admin_state_up.is_(False), "OFFLINE"),
            else_=observed(members),
        ),
    },
    _members,
    extra={"written_address": members.c.address},
)


def _monitors(conn: sa.Connection, rows: list[Row]) -> None:
    for row in rows:
        row["pools"] = [{"id": row.pop("pool_id")}]
        row["http_version"] = float(row["http_version"]) if row["http_version"] else None


MONITORS = View(
    faults.MONITOR,
    healthmonitors,
    {
        **plain(healthmonitors, *_COMMON, "pool_id", "type", "delay", "timeout", "max_retries", "max_retries_down"),
        **plain(healthmonitors, "http_method", "url_path", "expected_codes", "http_version", "domain_name"),
        **times(healthmonitors),
        "provisioning_status": child_status(healthmonitors),
        # a monitor is no thing that could be down: it is at work or switched off
        "operating_status": sa.case((healthmonitors.c.admin_state_up.is_(False), "OFFLINE"), else_="ONLINE"),
    },
    _monitors,
)
