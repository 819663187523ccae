"""What a network says."""

from __future__ import annotations

from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, Attribute, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.core_l2l3.addressing.schemas import network as addressing
from svcfabric.core_l2l3.dns.schemas import NETWORK_DOMAIN
from svcfabric.core_l2l3.qos.schemas import attached
from svcfabric.core_l2l3.zones import schemas as zones

MIN_MTU = {4: 68, 6: 1280}  # what a subnet of that version needs (RFC 791, RFC 8200)

ADMIN_STATE_UP = Attribute(
    name="admin_state_up",
    check=checks.boolean(),
    default=True,
    post=True,
    put=True,
    sortable=True,
    doc="Whether traffic passes.",
)

ATTRIBUTES = (
    *standard_attributes(Dialect.NEUTRON),
    ADMIN_STATE_UP,
    Attribute(name="status", check=checks.string(), sortable=True, doc="ACTIVE."),
    Attribute(
        name="shared",
        check=checks.boolean(),
        default=False,
        post=True,
        put=True,
        sortable=True,
        admin_write=True,
        doc="Whether every project may have ports on it.",
    ),
    Attribute(
        name="router:external",
        check=checks.boolean(),
        default=False,
        post=True,
        put=True,
        admin_write=True,
        extension="external-net",
        doc="Whether routers may have their gateway and floating IPs their address on it.",
    ),
    Attribute(
        name="provider:network_type",
        check=checks.enum(("vxlan", "flat")),
        post=True,
        admin_write=True,
        admin_read=True,
        extension="provider",
        doc="The wire under it: vxlan (a tunnel between hosts; the default) or flat (a physical network).",
    ),
    Attribute(
        name="provider:physical_network",
        check=checks.nullable(checks.string(64)),
        post=True,
        admin_write=True,
        admin_read=True,
        extension="provider",
        doc="The physical network of a flat network.",
    ),
    Attribute(
        name="provider:segmentation_id",
        check=checks.nullable(checks.integer(1, 16777215)),
        post=True,
        admin_write=True,
        admin_read=True,
        extension="provider",
        doc="The VXLAN network identifier; chosen when not given.",
    ),
    Attribute(
        name="mtu",
        check=checks.integer(1, 65535),
        default=ABSENT,
        post=True,
        put=True,
        sortable=True,
        extension="net-mtu",
        doc="Largest packet, bytes; at most (and by default) what the wire carries, at least what its subnets need.",
    ),
    attached("qos"),
    *zones.attributes("network_availability_zone", "Zones it is meant for; its ports may be anywhere."),
    Attribute(
        name="port_security_enabled",
        check=checks.boolean(),
        default=True,
        post=True,
        put=True,
        filterable=False,
        extension="port-security",
        doc="Whether new ports on it are filtered, unless they say otherwise.",
    ),
    NETWORK_DOMAIN,
    *addressing.NETWORK,
    Attribute(
        name="subnets", check=checks.list_of(checks.uuid()), filterable=False, doc="Ids of its subnets, oldest first."
    ),
)
