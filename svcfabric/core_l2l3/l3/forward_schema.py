"""What a port forwarding says."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import REQUIRED, Attribute, Check

# What has ports that a router can translate; by number, too, as clients may write it.
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
_NUMBERS = {str(number): name for name, number in PROTOCOLS.items()}
_PORT = checks.integer(1, 65535)


def protocol() -> Check:
    """A transport protocol's name or number, stored as the name."""
    names = checks.enum(PROTOCOLS, ignore_case=True)

    def convert(value: Any) -> str:
        number = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        found: str = names.convert(_NUMBERS.get(number, value))
        return found

    return Check(convert=convert, schema=names.schema, parse=lambda text: _NUMBERS.get(text, text.lower()))


def port_range() -> Check:
    """``first:last`` or one port, stored as ``first:last``."""

    def convert(value: Any) -> str:
        first, colon, last = str(value).partition(":")
        try:
            ports = (_PORT.convert(first), _PORT.convert(last if colon else first))
        except ValueError as reason:
            raise checks.Refused(f"Invalid port: {checks.shown(value)}: {reason}") from None
        if ports[0] > ports[1]:
            raise checks.Refused(f"Invalid port range: {checks.shown(value)}: the first port is above the last")
        return f"{ports[0]}:{ports[1]}"

    return Check(convert=convert, schema={"type": "string", "pattern": "^[0-9]+(:[0-9]+)?$"}, parse=lambda text: text)


def _port(name: str, doc: str) -> Attribute:
    return Attribute(
        name=name,
        check=checks.nullable(_PORT),
        default=None,
        post=True,
        put=True,
        filterable=name == "external_port",
        sortable=name == "external_port",
        doc=doc,
    )


def _range(name: str, doc: str) -> Attribute:
    return Attribute(
        name=name,
        check=checks.nullable(port_range()),
        default=None,
        post=True,
        put=True,
        filterable=name == "external_port_range",
        sortable=name == "external_port_range",
        extension="floating-ip-port-forwarding-port-ranges",
        doc=doc,
    )


ATTRIBUTES = (
    Attribute(name="id", check=checks.uuid(), sortable=True, doc="Identity, made by the service."),
    Attribute(
        name="project_id",
        check=checks.string(255),
        post=True,
        visible=False,
        filterable=False,
        doc="Owning project: the floating IP's.",
    ),
    _port("external_port", "The port of the floating address; null for a range of several."),
    _range("external_port_range", "The ports of the floating address, first:last."),
    _port("internal_port", "The port it leads to; null for a range of several."),
    _range("internal_port_range", "The ports they lead to: as many, in order, or one for all."),
    Attribute(
        name="internal_ip_address",
        check=checks.nullable(checks.ip_address(4)),
        default=None,
        post=True,
        put=True,
        filterable=False,
        doc="The inside port's address it leads to; its first IPv4 address when not given.",
    ),
    Attribute(
        name="protocol",
        check=protocol(),
        default=REQUIRED,
        post=True,
        put=True,
        sortable=True,
        doc="tcp, udp or sctp.",
    ),
    Attribute(
        name="internal_port_id",
        check=checks.uuid(),
        default=REQUIRED,
        post=True,
        put=True,
        sortable=True,
        doc="The inside port it leads to.",
    ),
    Attribute(
        name="description",
        check=checks.string(255),
        default="",
        post=True,
        put=True,
        extension="floating-ip-port-forwarding-description",
        doc="Free text for people.",
    ),
)
