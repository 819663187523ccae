"""DHCP options that a port's owner adds: which there are, and how an update changes those a port has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, Attribute, Check

MAX_OPTIONS = 64
BLANK = ("router", "classless-static-route")  # may be told to be left out, by an empty value

# By the address family they belong to; all have a number, too.
_NAMES_V4 = """
    netmask time-offset router dns-server log-server lpr-server boot-file-size domain-name swap-server root-path
    extension-path ip-forward-enable non-local-source-routing policy-filter max-datagram-reassembly default-ttl mtu
    all-subnets-local router-discovery router-solicitation static-route trailer-encapsulation arp-timeout
    ethernet-encap tcp-ttl tcp-keepalive nis-domain nis-server ntp-server netbios-ns netbios-dd netbios-nodetype
    netbios-scope x-windows-fs x-windows-dm T1 T2 vendor-class nis+-domain nis+-server tftp-server bootfile-name
    mobile-ip-home smtp-server pop3-server nntp-server irc-server user-class rapid-commit client-arch
    client-interface-id client-machine-id posix-timezone tzdb-timezone ipv6-only domain-search sip-server
    classless-static-route vendor-id-encap tftp-server-address server-ip-address
"""
_NAMES_V6 = """
    sip-server-domain sip-server dns-server domain-search nis-server nis+-server nis-domain nis+-domain sntp-server
    information-refresh-time posix-timezone tzdb-timezone ntp-server bootfile-url bootfile-param
"""
NAMES = {4: frozenset(_NAMES_V4.split()), 6: frozenset(_NAMES_V6.split())}
HIGHEST = {4: 254, 6: 65535}
_CLIENT = {("client-id", 4), ("61", 4), ("1", 6)}
# Boot loaders tell what they are by an option; answers may depend on it.
_NAME = re.compile(r"(?:tag:!?(?:ipxe|ipxe6),)?(.+)")


def _name(value: Any) -> str:
    text: str = checks.string(64, 1, oneline=True).convert(value)
    return text


def _value(value: Any) -> str:
    text: str = checks.string(255, oneline=True).convert(value)
    if '"' in text or "\\" in text:
        raise checks.Refused(f"'{checks.shown(text)}' holds a quotation mark or backslash, which no option takes")
    return text


def _version(value: Any) -> int:
    number: int = checks.integer().convert(value)
    if number not in (4, 6):
        raise checks.Refused(f"'{number}' is not in [4, 6]")
    return number


def _whole(option: dict[str, Any]) -> None:
    text, version = option["opt_name"], option["ip_version"]
    match = _NAME.fullmatch(text)
    name = match[1] if match else ""
    number = int(name) if name.isascii() and name.isdecimal() else 0
    if (name, version) not in _CLIENT and name not in NAMES[version] and not 1 <= number <= HIGHEST[version]:
        raise checks.Refused(f"opt_name: '{checks.shown(text)}' is no DHCP option of IPv{version} by name or number")
    if (name, version) in _CLIENT:
        raise checks.Refused(f"opt_name: '{text}' is for clients to send: a port is known by its MAC address")
    if option["opt_value"] == "" and name not in BLANK:
        raise checks.Refused(f"opt_value: '' Blank strings are not permitted for {name}")


_TEXT = {"type": "string"}
_OPTION = checks.mapping(
    {
        "opt_name": Check(convert=_name, schema={**_TEXT, "maxLength": 64}),
        "opt_value": checks.nullable(Check(convert=_value, schema={**_TEXT, "maxLength": 255})),
        "ip_version": Check(convert=_version, schema={"type": "integer", "enum": [4, 6]}),
    },
    required=("opt_name", "opt_value"),
    defaults={"ip_version": 4},
    rule=_whole,
)

ATTRIBUTE = Attribute(
    name="extra_dhcp_opts",
    check=checks.nullable(checks.list_of(_OPTION, max=MAX_OPTIONS)),
    default=ABSENT,
    post=True,
    put=True,
    filterable=False,
    extension="extra_dhcp_opt",
    doc="Options DHCP tells this port beside the network's. An update changes those it names; null takes one back.",
)


def merged(held: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """What a port's options are after an update: of a name and version there is one, a null value removes it."""
    found = {(one["opt_name"], one["ip_version"]): dict(one) for one in held}
    for one in given or ():
        key = one["opt_name"], one["ip_version"]
        if one["opt_value"] is None:
            found.pop(key, None)
        else:
            found[key] = {name: one[name] for name in ("opt_name", "opt_value", "ip_version")}
    return list(found.values())
