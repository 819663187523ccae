"""What a floating IP says."""

from __future__ import annotations

from svcfabric.api import checks
from svcfabric.api.resource import REQUIRED, Attribute, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.core_l2l3.dns import schemas as dns
from svcfabric.core_l2l3.qos.schemas import attached

ATTRIBUTES = (
    *standard_attributes(Dialect.NEUTRON, name=False),
    Attribute(
        name="floating_network_id",
        check=checks.uuid(),
        default=REQUIRED,
        post=True,
        sortable=True,
        doc="The external network its address is of.",
    ),
    Attribute(
        name="floating_ip_address",
        check=checks.nullable(checks.ip_address(4)),
        default=None,
        post=True,
        sortable=True,
        admin_write=True,
        doc="Its address; any free one unless an administrator names it.",
    ),
    Attribute(
        name="subnet_id",
        check=checks.uuid(nullable=True),
        default=None,
        post=True,
        visible=False,
        filterable=False,
        doc="The subnet its address should be of.",
    ),
    Attribute(
        name="port_id",
        check=checks.uuid(nullable=True),
        default=None,
        post=True,
        put=True,
        sortable=True,
        doc="The port it leads to; null for none.",
    ),
    Attribute(
        name="fixed_ip_address",
        check=checks.nullable(checks.ip_address(4)),
        default=None,
        post=True,
        put=True,
        sortable=True,
        doc="The port's address it leads to; needed when the port has several.",
    ),
    Attribute(
        name="router_id",
        check=checks.uuid(nullable=True),
        default=None,
        post=True,
        put=True,
        sortable=True,
        doc="The router that translates; a client names it when it is not on the port's subnet.",
    ),
    Attribute(name="status", check=checks.string(), sortable=True, doc="DOWN, ACTIVE once the router has it, ERROR."),
    attached("qos-fip"),
    *dns.FLOATINGIP,
    Attribute(
        name="port_details",
        check=checks.nullable(checks.json_object()),
        filterable=False,
        extension="fip-port-details",
        doc="The port it leads to, in short.",
    ),
    Attribute(
        name="port_forwardings",
        check=checks.list_of(checks.json_object()),
        filterable=False,
        extension="expose-port-forwarding-in-fip",
        doc="Its port forwardings, in short.",
    ),
)
