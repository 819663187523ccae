"""What a name may be, and what follows from it. Pure; names are in lower case, as they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.spi.l2l3 import DnsName

LONGEST = 255
_LABEL = re.compile(r"[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?")


def well_formed(text: str) -> str:
    """A name, or "", of labels as hosts have them (RFC 1123); a full one may end in a dot. Raises ``Refused``."""
    bare = text.removesuffix(".")
    if len(bare) > LONGEST:
        raise _malformed(text, f"it exceeds the {LONGEST} character limit of names")
    labels = bare.split(".") if text else []
    for label in labels:
        if not label:
            raise _malformed(text, "it has an empty label")
        if _LABEL.fullmatch(label) is None:
            rule = "must be of 1 to 63 letters, digits and hyphens, and neither begin nor end with a hyphen"
            raise _malformed(text, f"'{checks.shown(label)}' {rule}")
    if len(labels) > 1 and labels[-1].isdecimal():
        raise _malformed(text, f"the top level domain '{labels[-1]}' must not be a number")
    return text


def fit(name: str, domain: str) -> str:
    """A port's name that goes with the cloud's domain. Raises ``errors.InvalidInput`` when it is too long or elsewhere.

    ``domain``: as the configuration says it, "" for none.
    """
    domain = domain.removesuffix(".").lower()
    if not domain or not name:
        return name
    if not name.endswith("."):
        if len(name) + len(domain) + 2 > LONGEST:
            raise _unfit(f"'{checks.shown(name)}' and the domain '{domain}' together exceed {LONGEST} characters")
    elif not name.endswith(f".{domain}."):
        raise _unfit(f"'{checks.shown(name)}' is a full name, which must be one below the domain '{domain}'")
    return name


def assign(rows: Iterable[dict[str, Any]], domain: str) -> None:
    """Give ports' rows their ``dns_assignment``: what each of their addresses is called."""
    end = f".{domain.removesuffix('.')}." if domain else ""
    for row in rows:
        name, found = row["dns_name"], []
        for ip in row["fixed_ips"]:
            address = ip["ip_address"]
            host = name or DnsName.default(address)
            fqdn = host if host[-1] == "." else host + end
            found.append({"ip_address": address, "hostname": host, "fqdn": fqdn})
        row["dns_assignment"] = found


def told(name: str, default: str, *others: str) -> DnsName:
    """What hosts are told of a port. ``default``: the cloud's domain; ``others``: further ones; "" for none."""
    domains = dict.fromkeys(each.removesuffix(".").lower() for each in (default, *others))
    domains.pop("", None)
    relative = name.removesuffix(".")
    if name.endswith(".") and default:
        relative = relative.removesuffix("." + default.removesuffix(".").lower())
    return DnsName(name=relative, domains=tuple(domains))


def hostname(name: str, fixed_ips: Sequence[Mapping[str, str]]) -> str:
    """What DHCP calls a port: its name's first label, else as its first address says, as clients expect."""
    if name:
        return name.partition(".")[0]
    address = next((ip["ip_address"] for ip in sorted(fixed_ips, key=lambda ip: ":" in ip["ip_address"])), "")
    return DnsName.default(address) if address else ""


def _malformed(text: str, rule: str) -> checks.Refused:
    return checks.Refused(f"'{checks.shown(text)}' not a valid PQDN or FQDN. Reason: {rule}")


def _unfit(reason: str) -> errors.InvalidInput:
    return errors.InvalidInput(f"Invalid input for dns_name. Reason: {reason}.")
