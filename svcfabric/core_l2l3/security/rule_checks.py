"""What a rule may say: pure functions. Errors carry the names clients match on."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any

from svcfabric import errors
from svcfabric.api.checks import shown
from svcfabric.api.resource import Row
from svcfabric.core_l2l3.security import protocols

ETHERTYPES = {"ipv4": "IPv4", "ipv6": "IPv6"}
PARENT = "PARENT"  # in a template: the group that the rule is made in
_REMOTES = ("remote_ip_prefix", "remote_group_id", "remote_address_group_id")
_EVERYWHERE = ("0.0.0.0/0", "::/0")


def invalid(message: str, name: str) -> errors.InvalidInput:
    """A refusal with the error type that clients know it by."""
    return errors.InvalidInput(message, neutron_type=name)


def to_protocol(value: Any) -> str | None:
    """A protocol by name or number, None for any."""
    if value is None or value == protocols.ANY:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return str(value)
    if isinstance(value, str):
        text = value.lower()
        if text in protocols.NUMBERS:
            return text
        if text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= 255:
            return str(int(text))
    names = ", ".join(sorted(protocols.NUMBERS))
    raise invalid(
        f"Security group rule protocol {shown(value)} not supported: it must be any, a number from 0 to 255 or one "
        f"of {names}.",
        "SecurityGroupRuleInvalidProtocol",
    )


def to_ethertype(value: Any) -> str:
    """``IPv4`` or ``IPv6``, in any case."""
    known = ETHERTYPES.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise invalid(
            f"Security group rule ethertype '{shown(value)}' not supported: it must be IPv4 or IPv6.",
            "SecurityGroupRuleInvalidEtherType",
        )
    return known


def to_port(value: Any) -> int | None:
    """A port, or an ICMP type or code: 0 to 65535."""
    if value is None:
        return None
    text = str(value)
    plain = isinstance(value, (int, str)) and not isinstance(value, bool)
    if not plain or not (text.isascii() and text.isdigit() and len(text) < 6) or int(text) > 65535:
        raise invalid(f"Invalid value for port {shown(value)}", "SecurityGroupInvalidPortValue")
    return int(text)


def to_prefix(value: Any) -> str | None:
    """An address or CIDR as CIDR; its host bits are kept, as the client wrote them."""
    if value is None or value == "":
        return None
    try:
        # a zone would make an address that no packet carries
        interface = ipaddress.ip_interface(value) if isinstance(value, str) and "%" not in value else None
    except ValueError:
        interface = None
    if interface is None:
        raise errors.BadRequest(f"Invalid CIDR {shown(value)} given as IP prefix.", neutron_type="InvalidCIDR")
    return str(interface)


def canonical(rule: Mapping[str, Any]) -> Row:
    """The rule as it is stored, checked. Raises ``errors.InvalidInput`` for what does not fit together."""
    whole = dict(rule)
    whole["protocol"] = protocols.canonical(rule["protocol"], rule["ethertype"])
    if (rule["port_range_min"], rule["port_range_max"]) == (1, 65535):
        whole["port_range_min"] = whole["port_range_max"] = None
    _check_range(whole)
    _check_family(whole)
    if sum(whole[name] is not None for name in _REMOTES) > 1:
        raise invalid(
            "A rule may name only one of remote_ip_prefix, remote_group_id and remote_address_group_id.",
            "SecurityGroupMultipleRemoteEntites",
        )
    return whole


def normalized(prefix: str | None) -> str | None:
    """A prefix with its host bits cleared."""
    return None if prefix is None else str(ipaddress.ip_interface(prefix).network)


def digest(rule: Mapping[str, Any]) -> str:
    """What makes two rules of a group the same: protocols by number, "everywhere" however it is said."""
    protocol, prefix = rule["protocol"], rule["remote_ip_prefix"]
    same = "hopopt" if protocol == "hopopt" else "" if protocol is None else protocols.number(protocol)
    parts = (
        rule["direction"],
        rule["ethertype"],
        same,
        _or_nothing(rule["port_range_min"]),
        _or_nothing(rule["port_range_max"]),
        _or_nothing(rule["remote_group_id"]),
        _or_nothing(rule["remote_address_group_id"]),
        "" if prefix in _EVERYWHERE else _or_nothing(prefix),
    )
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()


def _or_nothing(value: Any) -> Any:
    return "" if value is None else value


def _check_range(rule: Row) -> None:
    first, last = rule["port_range_min"], rule["port_range_max"]
    if first is None and last is None:
        return
    if not rule["protocol"]:
        raise invalid(
            "A port range needs a protocol: say which protocol it is of.", "SecurityGroupProtocolRequiredWithPorts"
        )
    number = protocols.number(rule["protocol"])
    if number in protocols.WITH_PORTS:
        _check_ports(first, last)
    elif number in (protocols.ICMP, protocols.ICMPV6):
        _check_icmp(first, last)
    else:
        names = ", ".join(protocols.WITH_PORTS.values())
        raise invalid(
            f"Protocol {rule['protocol']} has no ports: a range can be given for {names}.",
            "SecurityGroupInvalidProtocolForPort",
        )


def _check_ports(first: int | None, last: int | None) -> None:
    if 0 in (first, last):
        raise invalid("Invalid value for port 0", "SecurityGroupInvalidPortValue")
    if first is None or last is None or first > last:
        raise invalid(
            "For protocols with ports, port_range_min must be <= port_range_max, and both be given.",
            "SecurityGroupInvalidPortRange",
        )


def _check_icmp(kind: int | None, code: int | None) -> None:
    for name, attribute, value in (("type", "port_range_min", kind), ("code", "port_range_max", code)):
        if value is not None and value > 255:
            raise invalid(
                f"Invalid value for ICMP {name} ({attribute}) {value}: it must be 0 to 255.",
                "SecurityGroupInvalidIcmpValue",
            )
    if kind is None:
        raise invalid(
            f"ICMP code (port-range-max) {code} is given, but the ICMP type (port-range-min) is missing.",
            "SecurityGroupMissingIcmpType",
        )


def _check_family(rule: Row) -> None:
    ethertype, prefix, protocol = rule["ethertype"], rule["remote_ip_prefix"], rule["protocol"]
    if prefix is not None and ethertype != f"IPv{ipaddress.ip_interface(prefix).version}":
        raise invalid(
            f"Conflicting value ethertype {ethertype} for CIDR {prefix}", "SecurityGroupRuleParameterConflict"
        )
    if protocol is not None and ethertype == "IPv4" and protocols.number(protocol) in protocols.IPV6_ONLY:
        raise invalid(
            f"Invalid ethertype {ethertype} for protocol {protocol}.", "SecurityGroupEthertypeConflictWithProtocol"
        )
