"""What a subnet pool and an address scope say."""

from __future__ import annotations

from typing import Any

from svcfabric.api import checks
from svcfabric.api.resource import ABSENT, REQUIRED, Attribute, Check, Dialect
from svcfabric.api.standard import standard_attributes

MAX_PREFIXES = 1000
PREFIXES = checks.list_of(checks.cidr(), max=MAX_PREFIXES)
_NUMBER = checks.integer(0, 2**31 - 1)
# Taken as a number or as text, shown as text.
_LENGTH = Check(convert=_NUMBER.convert, schema={"type": ["string", "integer"]})


def _version(value: Any) -> int:
    number: int = checks.integer().convert(value)
    if number not in (4, 6):
        raise checks.Refused(f"'{number}' is not in [4, 6]")
    return number


VERSION = Check(convert=_version, schema={"type": "integer", "enum": [4, 6]})


def _number(name: str, doc: str, check: Check = _LENGTH) -> Attribute:
    return Attribute(name=name, check=check, default=ABSENT, post=True, put=True, sortable=True, doc=doc)


def _shared(put: bool) -> Attribute:
    return Attribute(
        name="shared",
        check=checks.boolean(),
        default=False,
        post=True,
        put=put,
        sortable=True,
        admin_write=True,
        doc="Whether every project may use it.",
    )


SUBNETPOOL = (
    *(attribute for attribute in standard_attributes(Dialect.NEUTRON) if attribute.name != "name"),
    Attribute(
        name="name",
        check=checks.string(255, 1),
        default=REQUIRED,
        post=True,
        put=True,
        sortable=True,
        doc="Name for people; need not be unique.",
    ),
    Attribute(
        name="prefixes",
        check=PREFIXES,
        default=REQUIRED,
        post=True,
        put=True,
        filterable=False,
        doc="What subnets are taken from; all of one family. Prefixes that touch are merged.",
    ),
    _number("default_quota", "Most a project may take: IPv4 addresses, or IPv6 networks of /64.", _NUMBER),
    Attribute(name="ip_version", check=checks.integer(4, 6), sortable=True, doc="The prefixes' family."),
    _number("default_prefixlen", "Length of a subnet's prefix when none is named; min_prefixlen unless given."),
    _number("min_prefixlen", "Shortest prefix (largest subnet) it gives; 8 or 64 unless given."),
    _number("max_prefixlen", "Longest prefix (smallest subnet) it gives; 32 or 128 unless given."),
    Attribute(
        name="is_default",
        check=checks.boolean(),
        default=False,
        post=True,
        put=True,
        sortable=True,
        admin_write=True,
        doc="Whether subnets that want a default pool are taken from it; one of each family at most.",
    ),
    _shared(put=False),
    Attribute(
        name="address_scope_id",
        check=checks.nullable(checks.uuid()),
        default=None,
        post=True,
        put=True,
        sortable=True,
        extension="address-scope",
        doc="The scope in which its addresses are unique.",
    ),
)

ADDRESS_SCOPE = (
    Attribute(name="id", check=checks.uuid(), sortable=True, doc="Identity, made by the service."),
    *(attribute for attribute in standard_attributes(Dialect.NEUTRON) if attribute.name in ("name", "project_id")),
    _shared(put=True),
    Attribute(name="ip_version", check=VERSION, default=REQUIRED, post=True, sortable=True, doc="4 or 6."),
)
