"""Value rules for attribute declarations. Each factory returns a ``Check``.

``convert`` raises ``Refused`` (a ``ValueError``) whose text is the reason as clients of the network API know
it; ``Refused.octavia`` is the same reason in the load-balancer API's words. Strings never hold NUL (no
database stores it). ``parse`` is lenient for identifiers: a filter by something that is no UUID finds
nothing instead of failing, as clients expect.
"""

from svcfabric.api.checks.addresses import cidr, ip_address, mac
from svcfabric.api.checks.reason import Refused, shown
from svcfabric.api.checks.scalars import (
    boolean,
    enum,
    integer,
    nullable,
    regex,
    strict_boolean,
    string,
    timestamp,
    uri,
    uuid,
)
from svcfabric.api.checks.structures import json_object, list_of, mapping, string_map
from svcfabric.api.resource import Check

__all__ = [
    "Check",
    "Refused",
    "boolean",
    "cidr",
    "enum",
    "integer",
    "ip_address",
    "json_object",
    "list_of",
    "mac",
    "mapping",
    "nullable",
    "regex",
    "shown",
    "strict_boolean",
    "string",
    "string_map",
    "timestamp",
    "uri",
    "uuid",
]
