"""What names and domains ports, floating IPs and networks say."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import Attribute, Check
from svcfabric.core_l2l3.dns import names

EXTENSION, OF_PORTS = "dns-integration", "dns-domain-ports"
_TEXT = checks.string(names.LONGEST + 1)


def _lower(value: Any) -> str:
    text: str = _TEXT.convert(value)
    return text.lower() if text.isascii() else text  # there is more than one letter whose small one is k


def _name(value: Any) -> str:
    return names.well_formed(_lower(value))


def _relative(value: Any) -> str:
    text = _name(value)
    if text.endswith("."):
        raise checks.Refused(f"'{checks.shown(text)}' is a FQDN. It should be a relative domain name")
    if len(text) > names.LONGEST - 3:
        raise checks.Refused(f"'{checks.shown(text)}' leaves no room for a domain within {names.LONGEST} characters")
    return text


def _domain(value: Any) -> str:
    text = _lower(value)
    if text and not text.endswith("."):
        raise checks.Refused(f"'{checks.shown(text)}' is not a FQDN")
    if len(names.well_formed(text)) > names.LONGEST - 2:
        raise checks.Refused(f"'{checks.shown(text)}' leaves no room for a name within {names.LONGEST} characters")
    return text


def _attribute(name: str, convert: Any, doc: str, *, put: bool = True, extension: str = EXTENSION) -> Attribute:
    # a filter by what is no name finds nothing
    check = Check(convert=convert, schema=_TEXT.schema, parse=_lower)
    return Attribute(name=name, check=check, default="", post=True, put=put, extension=extension, doc=doc)


NETWORK_DOMAIN = _attribute(
    "dns_domain", _domain, "A domain, ending in a dot, in which its ports have names besides the cloud's."
)
PORT = (
    _attribute("dns_name", _name, "Its name in the network's DNS; empty for one that follows from each address."),
    _attribute(
        "dns_domain",
        _domain,
        "A domain, ending in a dot, in place of its network's; empty for that.",
        extension=OF_PORTS,
    ),
    Attribute(
        name="dns_assignment",
        check=checks.list_of(checks.json_object()),
        filterable=False,
        extension=EXTENSION,
        doc="What each of its addresses is called: hostname, ip_address, fqdn.",
    ),
)
FLOATINGIP = (
    _attribute("dns_name", _relative, "What it is to be called outside; kept.", put=False),
    _attribute("dns_domain", _domain, "In which domain, ending in a dot; kept.", put=False),
)
