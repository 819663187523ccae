"""What a port says of its filtering."""

from __future__ import annotations

import ipaddress
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, Attribute, Check
from svcfabric.core_l2l3.security.rule_checks import invalid

MAX_GROUPS = 50  # of one port: every packet is held against each
MAX_PAIRS = 10  # as many as Neutron allows unless told otherwise
_KEYS = frozenset({"ip_address", "mac_address"})
_GROUPS = checks.list_of(checks.uuid(), unique=True, max=MAX_GROUPS)
_PAIR = {
    "type": "object",
    "properties": {"ip_address": {"type": "string"}, "mac_address": {"type": "string"}},
    "required": ["ip_address"],
}


def _to_groups(value: Any) -> list[str]:
    return [] if value is None else list(_GROUPS.convert(value))


def _to_pairs(value: Any) -> list[dict[str, str]]:
    """Pairs as they came; one without ``mac_address`` is of the port's own."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise errors.BadRequest("Allowed address pairs must be a list.")
    if len(value) > MAX_PAIRS:
        raise errors.BadRequest(
            f"A port has at most {MAX_PAIRS} allowed address pairs.", neutron_type="AllowedAddressPairExhausted"
        )
    pairs = [_to_pair(each) for each in value]
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        key = pair.get("mac_address", ""), pair["ip_address"]
        if key in seen:
            raise invalid(
                f"Request contains duplicate address pair: mac_address {key[0] or 'None'} ip_address {key[1]}.",
                "DuplicateAddressPairInRequest",
            )
        seen.add(key)
    return pairs


def _to_pair(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise checks.Refused(f"'{checks.shown(value)}' is not a dictionary")
    unknown = sorted(str(key) for key in value.keys() - _KEYS)
    if unknown:
        raise errors.BadRequest(f"Unrecognized attribute(s) '{checks.shown(', '.join(unknown))}'")
    if "ip_address" not in value:
        raise invalid("AllowedAddressPair must contain ip_address", "AllowedAddressPairsMissingIP")
    try:
        pair = {"ip_address": _to_address(value["ip_address"])}
        if "mac_address" in value:
            pair["mac_address"] = _to_mac(value["mac_address"])
    except ValueError as reason:
        raise errors.BadRequest(f"Invalid input for allowed_address_pairs. Reason: {reason}.") from None
    return pair


def _to_address(value: Any) -> str:
    """An address or a prefix, no multicast one."""
    prefix = isinstance(value, str) and "/" in value
    text: str = (checks.cidr() if prefix else checks.ip_address()).convert(value)
    if ipaddress.ip_network(text).network_address.is_multicast:
        raise checks.Refused(f"'{text}' is a multicast address: nothing is sent from it")
    return text


def _to_mac(value: Any) -> str:
    text: str = checks.mac().convert(value)
    if int(text[:2], 16) & 1:
        raise checks.Refused(f"'{text}' is a multicast address: nothing is sent from it")
    return text


ATTRIBUTES = (
    Attribute(
        name="security_groups",
        check=Check(
            convert=_to_groups, schema={**_GROUPS.schema, "type": ["array", "null"]}, parse=checks.string().parse
        ),
        default=ABSENT,
        post=True,
        put=True,
        extension="security-group",
        doc="Ids of the groups that say what passes; the project's default group unless given.",
    ),
    Attribute(
        name="allowed_address_pairs",
        check=Check(convert=_to_pairs, schema={"type": ["array", "null"], "items": _PAIR, "maxItems": MAX_PAIRS}),
        default=ABSENT,
        post=True,
        put=True,
        filterable=False,
        extension="allowed-address-pairs",
        doc="Addresses it may send from beside its own: ip_address (or a CIDR) and mac_address (its own by default).",
    ),
    Attribute(
        name="port_security_enabled",
        check=checks.boolean(),
        default=ABSENT,
        post=True,
        put=True,
        filterable=False,
        extension="port-security",
        doc="Whether it is filtered, and held to its own addresses; as its network says unless given.",
    ),
)
