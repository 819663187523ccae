"""What a port says."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, REQUIRED, Attribute, Check, Dialect
from svcfabric.api.standard import standard_attributes
from svcfabric.core_l2l3.dhcp import options
from svcfabric.core_l2l3.dns import schemas as dns
from svcfabric.core_l2l3.qos.schemas import attached
from svcfabric.core_l2l3.schemas.network import ADMIN_STATE_UP
from svcfabric.core_l2l3.security import port_schema as security

FILTERS = ("subnet_id", "ip_address", "ip_address_substr")
_FIXED_IP = checks.mapping(
    {"subnet_id": checks.nullable(checks.uuid()), "ip_address": checks.nullable(checks.ip_address())}
)


def _fixed_ip(value: Any) -> dict[str, str]:
    """One wanted address: null says the same as leaving the key out."""
    return {key: text for key, text in _FIXED_IP.convert(value).items() if text}


def _parse(text: str) -> tuple[str, str]:
    """A filter: ``subnet_id=...``, ``ip_address=...`` or ``ip_address_substr=...``."""
    key, equals, value = text.partition("=")
    if not equals or key not in FILTERS:
        raise checks.Refused(f"'{checks.shown(text)}' is not of the form KEY=VALUE with KEY one of {list(FILTERS)}")
    if "\0" in value:
        raise checks.Refused("a string must not contain the NUL character")
    if key == "ip_address":
        parse = checks.ip_address().parse
        return key, str(parse(value)) if parse else value
    return key, value


_ITEMS = checks.list_of(Check(convert=_fixed_ip, schema=_FIXED_IP.schema))
FIXED_IPS = Check(convert=_ITEMS.convert, schema=_ITEMS.schema, parse=_parse)

ATTRIBUTES = (
    *standard_attributes(Dialect.NEUTRON),
    ADMIN_STATE_UP,
    Attribute(name="network_id", check=checks.uuid(), default=REQUIRED, post=True, sortable=True, doc="Its network."),
    Attribute(
        name="network_project_id",
        check=checks.string(),
        visible=False,
        filterable=False,
        doc="Whose network it is on, when not its own project's: who sees it, too.",
    ),
    Attribute(
        name="status",
        check=checks.string(),
        sortable=True,
        doc="DOWN (bound nowhere, or switched off), BUILD (the host has not answered), ACTIVE, ERROR.",
    ),
    Attribute(
        name="mac_address",
        check=checks.mac(),
        default=ABSENT,
        reset=ABSENT,
        post=True,
        put=True,
        sortable=True,
        doc="Unique in its network; made up unless given.",
    ),
    Attribute(
        name="fixed_ips",
        check=FIXED_IPS,
        default=ABSENT,
        post=True,
        put=True,
        doc="Addresses: of a subnet, a certain one, or both. Without it, one of each family.",
    ),
    Attribute(
        name="device_id", check=checks.string(255), default="", post=True, put=True, sortable=True, doc="Who uses it."
    ),
    Attribute(
        name="device_owner",
        check=checks.string(255),
        default="",
        post=True,
        put=True,
        sortable=True,
        doc="What kind of thing uses it.",
    ),
    *security.ATTRIBUTES,
    attached("qos"),
    Attribute(
        name="qos_network_policy_id",
        check=checks.uuid(nullable=True),
        filterable=False,
        extension="qos-port-network-policy",
        doc="The QoS policy of its network, in force where it has none of its own.",
    ),
    options.ATTRIBUTE,
    *dns.PORT,
    Attribute(
        name="binding:host_id",
        check=checks.regex(r"[!-~]*", 128, reason="is not the name of a host"),
        default="",
        reset="",
        post=True,
        put=True,
        admin_write=True,
        admin_read=True,
        extension="binding",
        doc="The host its wire is on; empty for none.",
    ),
    Attribute(
        name="binding:vnic_type",
        check=checks.enum(("normal",)),
        default="normal",
        post=True,
        put=True,
        extension="binding",
        doc="Kind of wire: normal, a virtual Ethernet pair.",
    ),
    Attribute(
        name="binding:profile",
        check=checks.json_object(),
        default=dict,
        reset=dict,
        post=True,
        put=True,
        filterable=False,
        admin_write=True,
        admin_read=True,
        extension="binding",
        doc="Kept for the compute service.",
    ),
    Attribute(
        name="binding:vif_type",
        check=checks.string(),
        filterable=False,
        admin_read=True,
        extension="binding",
        doc="unbound, or other: the host's agent has made the pair, whose free end is to be plugged.",
    ),
    Attribute(
        name="binding:vif_details",
        check=checks.json_object(),
        filterable=False,
        admin_read=True,
        extension="binding",
        doc="What the compute service should know of the wire.",
    ),
)
