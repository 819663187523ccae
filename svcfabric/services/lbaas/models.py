"""Tables of load balancers.

Children carry the load balancer's id and the generation of it in which they came to be and last changed:
what a host has answered for says how far each of them is.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from svcfabric.db.base import Ascii, Id, Json, Name, Time, metadata, resource_columns


def _of_loadbalancer(index: bool = True) -> list[Column[Any]]:
    return [
        Column(
            "loadbalancer_id",
            Id,
            ForeignKey("lbaas_loadbalancers.id", ondelete="CASCADE"),
            nullable=False,
            index=index,
        ),
        Column("created_generation", BigInteger, nullable=False),
        Column("changed_generation", BigInteger, nullable=False),
    ]


def _of_pool() -> Column[Any]:
    return Column("pool_id", Id, ForeignKey("lbaas_pools.id", ondelete="CASCADE"), nullable=False)


def _named() -> list[Column[Any]]:
    """The columns of a resource that has no description."""
    return [
        Column("id", Id, primary_key=True),
        Column("project_id", Name, nullable=False, index=True),
        Column("name", Name, nullable=False, default=""),
        Column("admin_state_up", Boolean, nullable=False, default=True),
        Column("created_at", Time, nullable=False),
        Column("updated_at", Time, nullable=True),
        Column("tags", Json, nullable=False, default=list),
    ]


loadbalancers = Table(
    "lbaas_loadbalancers",
    metadata,
    *resource_columns(),
    # What the tenant named; the instance names the driver.
    Column("provider", Ascii, nullable=False),
    Column("vip_address", Ascii, nullable=False),
    Column("vip_port_id", Id, nullable=False, unique=True),
    Column("vip_subnet_id", Id, nullable=False, index=True),
    Column("vip_network_id", Id, nullable=False, index=True),
    # Whether the port was made for the load balancer and goes with it.
    Column("vip_port_owned", Boolean, nullable=False),
)

listeners = Table(
    "lbaas_listeners",
    metadata,
    *resource_columns(),
    *_of_loadbalancer(index=False),  # the unique constraint below begins with it
    Column("protocol", Ascii, nullable=False),
    # What the protocol is to the host's sockets: ports are unique within it.
    Column("transport", Ascii, nullable=False),
    Column("protocol_port", Integer, nullable=False),
    Column("connection_limit", Integer, nullable=False),
    Column("default_pool_id", Id, ForeignKey("lbaas_pools.id"), nullable=True, index=True),
    Column("insert_headers", Json, nullable=False),
    Column("allowed_cidrs", Json, nullable=True),
    Column("timeout_client_data", Integer, nullable=False),
    Column("timeout_member_connect", Integer, nullable=False),
    Column("timeout_member_data", Integer, nullable=False),
    Column("timeout_tcp_inspect", Integer, nullable=False),
    UniqueConstraint("loadbalancer_id", "transport", "protocol_port", name="uq_lbaas_listeners_port"),
)

pools = Table(
    "lbaas_pools",
    metadata,
    *resource_columns(),
    *_of_loadbalancer(),
    Column("protocol", Ascii, nullable=False),
    Column("lb_algorithm", Ascii, nullable=False),
    # {"type": ..., "cookie_name": ...} or null
    Column("session_persistence", Json, nullable=True),
)

members = Table(
    "lbaas_members",
    metadata,
    *_named(),
    *_of_loadbalancer(),
    _of_pool(),
    # As the client wrote it, and the one form that all spellings of an IPv6 address have.
    Column("address", Ascii, nullable=False),
    Column("canonical_address", Ascii, nullable=False),
    Column("protocol_port", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("backup", Boolean, nullable=False),
    Column("subnet_id", Id, nullable=True),
    Column("monitor_address", Ascii, nullable=True),
    Column("monitor_port", Integer, nullable=True),
    UniqueConstraint("pool_id", "canonical_address", "protocol_port", name="uq_lbaas_members_endpoint"),
)

healthmonitors = Table(
    "lbaas_healthmonitors",
    metadata,
    *_named(),
    *_of_loadbalancer(),
    _of_pool(),
    Column("type", Ascii, nullable=False),
    Column("delay", Integer, nullable=False),
    Column("timeout", Integer, nullable=False),
    Column("max_retries", Integer, nullable=False),
    Column("max_retries_down", Integer, nullable=False),
    Column("http_method", Ascii, nullable=True),
    Column("url_path", String(1024), nullable=True),
    Column("expected_codes", Name, nullable=True),
    Column("http_version", Ascii, nullable=True),
    Column("domain_name", Name, nullable=True),
    UniqueConstraint("pool_id", name="uq_lbaas_healthmonitors_pool"),
)
