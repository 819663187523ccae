"""Addresses of IP and Ethernet, prefixes."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from svcfabric.api.checks.reason import Refused, shown, text_of
from svcfabric.api.resource import Check

_MAC = re.compile(r"[0-9a-f]{2}([:-]?)(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}")
_HEX = re.compile(r"[^0-9a-f]")


def ip_address(version: int | None = None) -> Check:
    """An address of family 4, 6 or either, stored in canonical form. No leading zeros, no zone index."""
    words = f"IPv{version}" if version else "IPv4 or IPv6"

    def convert(value: Any) -> str:
        try:
            address = ipaddress.ip_address(value) if isinstance(value, str) and "%" not in value else None
        except ValueError:
            address = None
        if address is None or version not in (None, address.version):
            kind = f"IPv{version}" if version else "IP"
            raise Refused(f"'{shown(value)}' is not a valid {kind} address", f"Value should be {words} format")
        return str(address)

    def parse(value: str) -> str:
        try:
            return str(ipaddress.ip_address(text_of(value)))
        except Refused:
            raise
        except ValueError:
            return value

    formats: list[dict[str, Any]] = [{"format": "ipv4"}, {"format": "ipv6"}]
    schema = (
        {"type": "string", **formats[0 if version == 4 else 1]} if version else {"type": "string", "anyOf": formats}
    )
    return Check(convert=convert, schema=schema, parse=parse)


def cidr(version: int | None = None, *, host_bits: bool = True, kind: str = "IP subnet") -> Check:
    """A prefix ``address/length``, stored with its host bits cleared; without ``host_bits`` they are refused."""

    def convert(value: Any) -> str:
        network = None
        if isinstance(value, str) and "%" not in value and value.partition("/")[2].isdigit():
            try:
                network = ipaddress.ip_network(value, strict=not host_bits)
            except ValueError:
                network = None
        if network is None or version not in (None, network.version):
            family = f"IPv{version}" if version else "IPv4 or IPv6"
            raise Refused(f"'{shown(value)}' is not a valid {kind}", f"Value should be {family} CIDR format")
        return str(network)

    return Check(convert=convert, schema={"type": "string", "format": "cidr"}, parse=text_of)


def mac() -> Check:
    """An Ethernet address, stored as lower-case pairs with colons. All zeros is refused."""

    def convert(value: Any) -> str:
        text = value.lower() if isinstance(value, str) else ""
        if _MAC.fullmatch(text):
            digits = _HEX.sub("", text)
            if int(digits, 16):
                return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
        raise Refused(f"'{shown(value)}' is not a valid MAC address")

    def parse(value: str) -> str:
        try:
            return convert(value)
        except ValueError:
            return text_of(value)

    return Check(convert=convert, schema={"type": "string", "pattern": "^([0-9a-f]{2}:){5}[0-9a-f]{2}$"}, parse=parse)
