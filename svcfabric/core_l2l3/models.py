"""Tables of the core.

Lists that are read with their row (a port's addresses, a network's subnets) are a JSON column on it, so that
a show is one SELECT of one row; where two requests could break a rule, a constraint keeps it beside.
Rows are locked in the order router, network, subnet, port, so that writers wait instead of deadlocking.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)

from svcfabric.db.base import Ascii, Host, Id, Json, Name, metadata, resource_columns


def _columns_without(*names: str) -> list[Column[Any]]:
    """The common columns, for a resource that has not all of them."""
    return [column for column in resource_columns() if column.name not in names]


# A network is one segment: the unique constraint hands out VXLAN identifiers and physical networks once.
networks = Table(
    "networks",
    metadata,
    *resource_columns(),
    Column("shared", Boolean, nullable=False, default=False, index=True),
    Column("external", Boolean, nullable=False, default=False, index=True),
    # Every project may know of it: it is shared with all, or external for all.
    Column("everyone", Boolean, nullable=False, default=False, index=True),
    Column("network_type", Ascii, nullable=False),
    Column("physical_network", Ascii, nullable=False, default=""),
    Column("segmentation_id", Integer, nullable=False, default=0),
    Column("mtu", Integer, nullable=False),
    Column("subnet_ids", Json, nullable=False, default=list),
    Column("availability_zone_hints", Json, nullable=False, default=list, server_default=text("('[]')")),
    Column("qos_policy_id", Id, nullable=True, index=True),
    # The external network that auto-allocated topologies use.
    Column("is_default", Boolean, nullable=False, default=False, server_default=false(), index=True),
    Column("dns_domain", Name, nullable=False, default="", server_default=""),
    # What the pools of its subnets say: one scope per family.
    Column("ipv4_address_scope", Id, nullable=True),
    Column("ipv6_address_scope", Id, nullable=True),
    # What ports begin with.
    Column("port_security_enabled", Boolean, nullable=False, default=True, server_default=true()),
    UniqueConstraint("network_type", "physical_network", "segmentation_id"),
)

# ``shared``, ``external`` and ``everyone`` repeat the network's, so that visibility needs no join.
subnets = Table(
    "subnets",
    metadata,
    *_columns_without("admin_state_up"),
    Column("network_id", Id, ForeignKey("networks.id"), nullable=False, index=True),
    Column("shared", Boolean, nullable=False, default=False, index=True),
    Column("external", Boolean, nullable=False, default=False, index=True),
    Column("everyone", Boolean, nullable=False, default=False, index=True),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", Ascii, nullable=False),
    Column("gateway_ip", Ascii, nullable=True),
    Column("enable_dhcp", Boolean, nullable=False, default=True),
    Column("ipv6_address_mode", Ascii, nullable=True),
    Column("ipv6_ra_mode", Ascii, nullable=True),
    Column("allocation_pools", Json, nullable=False),
    Column("dns_nameservers", Json, nullable=False, default=list),
    Column("host_routes", Json, nullable=False, default=list),
    # The pool its prefix is of; a pool is locked while a subnet of it is made, so it needs no constraint.
    Column("subnetpool_id", Id, nullable=True, index=True),
    Column("service_types", Json, nullable=False, default=list, server_default=text("('[]')")),
    Column("allocation_policy", Ascii, nullable=False, default="random", server_default="random"),
    Column("recycling_policy", Ascii, nullable=False, default="at_once", server_default="at_once"),
    Column("recycling_delay", Integer, nullable=False, default=0, server_default="0"),
    # Whether addresses are handed out from what ``addressing.memory`` remembers.
    Column("ip_memory", Boolean, nullable=False, default=False, server_default=false()),
)

routers = Table(
    "routers",
    metadata,
    *resource_columns(),
    Column("gw_port_id", Id, nullable=True),
    Column("gw_network_id", Id, ForeignKey("networks.id"), nullable=True, index=True),
    Column("enable_snat", Boolean, nullable=False, default=True),
    Column("routes", Json, nullable=False, default=list),
    Column("availability_zone_hints", Json, nullable=False, default=list, server_default=text("('[]')")),
    # [{"protocol", "port", "helper"}, ...], kept by the part ``l3`` beside its own table; null for none.
    Column("conntrack_helpers", Json, nullable=True),
    # Whether it moves to another host when its own is dead.
    Column("ha", Boolean, nullable=False, default=True, server_default=true()),
    Column("gw_qos_policy_id", Id, nullable=True, index=True),
)

ports = Table(
    "ports",
    metadata,
    *resource_columns(),
    Column("network_id", Id, ForeignKey("networks.id"), nullable=False),
    # Whose network it is on, when that is another project's: who sees it besides its own.
    Column("network_project_id", Name, nullable=False, default="", index=True),
    Column("mac_address", Ascii, nullable=False, index=True),
    # [{"subnet_id", "ip_address"}, ...]; ``ip_allocations`` holds the same for the constraint.
    Column("fixed_ips", Json, nullable=False, default=list),
    Column("device_id", Name, nullable=False, default="", index=True),
    Column("device_owner", Name, nullable=False, default=""),
    # Set for a router's interfaces and gateway only; clients cannot make a port look like one.
    Column("router_id", Id, ForeignKey("routers.id"), nullable=True, index=True),
    Column("host", Host, nullable=False, default=""),
    # The function that owns the port makes its wire (``spi.l2l3.PortSpec.wire`` "leg").
    Column("leg", Boolean, nullable=False, default=False, server_default=false()),
    # The service instance whose interface a bound port is: what changes the port's wire changes its spec, too.
    Column("service_instance_id", Id, nullable=True),
    Column("vnic_type", Ascii, nullable=False, default="normal"),
    Column("profile", Json, nullable=False, default=dict),
    # [{"opt_name", "opt_value", "ip_version"}, ...]
    Column("extra_dhcp_opts", Json, nullable=False, default=list, server_default=text("('[]')")),
    Column("qos_policy_id", Id, nullable=True, index=True),
    Column("port_security_enabled", Boolean, nullable=False, default=False, server_default=false()),
    # Ids of groups; ``port_security_groups`` holds the same for the way back.
    Column("security_groups", Json, nullable=False, default=list, server_default=text("('[]')")),
    # [{"mac_address", "ip_address"}, ...]
    Column("allowed_address_pairs", Json, nullable=False, default=list, server_default=text("('[]')")),
    Column("dns_name", Name, nullable=False, default="", server_default=""),
    Column("dns_domain", Name, nullable=False, default="", server_default=""),
    UniqueConstraint("network_id", "mac_address"),
    Index("ix_ports_network_id_host", "network_id", "host"),
)

ip_allocations = Table(
    "ip_allocations",
    metadata,
    Column("subnet_id", Id, ForeignKey("subnets.id"), nullable=False),
    Column("address", Ascii, nullable=False),
    Column("port_id", Id, ForeignKey("ports.id", ondelete="CASCADE"), nullable=False, index=True),
    PrimaryKeyConstraint("subnet_id", "address"),
)

floatingips = Table(
    "floatingips",
    metadata,
    *_columns_without("admin_state_up", "name"),
    Column("floating_network_id", Id, ForeignKey("networks.id"), nullable=False, index=True),
    Column("floating_ip_address", Ascii, nullable=False, index=True),
    Column("floating_port_id", Id, ForeignKey("ports.id"), nullable=False, unique=True),
    Column("port_id", Id, ForeignKey("ports.id"), nullable=True),
    Column("fixed_ip_address", Ascii, nullable=True),
    Column("router_id", Id, ForeignKey("routers.id"), nullable=True, index=True),
    # As ``l3.forward_store`` writes them, kept by the part ``l3`` beside its own table; null for none.
    Column("port_forwardings", Json, nullable=True),
    Column("qos_policy_id", Id, nullable=True, index=True),
    Column("dns_name", Name, nullable=False, default="", server_default=""),
    Column("dns_domain", Name, nullable=False, default="", server_default=""),
    # One floating address of a network per fixed address.
    UniqueConstraint("port_id", "fixed_ip_address", "floating_network_id"),
)
