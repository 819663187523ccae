"""Conntrack helpers: which of them this kernel has, and the nft text that gives them connections."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable

from svcfabric.drivers.linux import netns, nft
from svcfabric.drivers.linux.fault import HostFault, NftRefused
from svcfabric.drivers.linux.nat import TABLE
from svcfabric.spi.l2l3 import ConntrackHelper

LOG = logging.getLogger(__name__)
FEATURE = "conntrack-helper:"  # begins the feature of a helper the kernel has: conntrack-helper:ftp:tcp
CHAIN = f"{TABLE} c_help"
HOOKED = f"{CHAIN} {{ type filter hook prerouting priority mangle; policy accept; }}"

# (helper, protocol) as clients name it -> as the kernel does
_KNOWN = {
    ("amanda", "udp"): "amanda",
    ("ftp", "tcp"): "ftp",
    ("h323", "tcp"): "Q.931",
    ("h323", "udp"): "RAS",
    ("irc", "tcp"): "irc",
    ("netbios-ns", "udp"): "netbios-ns",
    ("pptp", "tcp"): "pptp",
    ("sane", "tcp"): "sane",
    ("sip", "tcp"): "sip",
    ("sip", "udp"): "sip",
    ("snmp", "udp"): "snmp",
    ("tftp", "udp"): "tftp",
}


class HelperMissing(HostFault):
    """The kernel lacks a conntrack helper; all else is in place."""

    code = "host.no_helper"


@functools.cache
def offered() -> frozenset[tuple[str, str]]:
    """The (helper, protocol) pairs of this kernel, found out by trying; none where that is not allowed."""
    try:
        return netns.run_in_new(_try_all)
    except (HostFault, OSError) as exc:
        LOG.debug("cannot find out the kernel's conntrack helpers: %s", exc)
        return frozenset()


def features() -> frozenset[str]:
    """``offered`` as a driver's features."""
    return frozenset(f"{FEATURE}{helper}:{protocol}" for helper, protocol in offered())


def _try_all() -> frozenset[tuple[str, str]]:
    found = set()
    nft.apply_here(f"add table {TABLE}")
    for pair in _KNOWN:
        try:
            nft.apply_here(_object(*pair))
        except NftRefused:
            continue
        found.add(pair)
    return frozenset(found)


def text(helpers: Iterable[ConntrackHelper]) -> list[str]:
    """nft commands that fill ``CHAIN`` (which exists, empty): those of the kernel's helpers only."""
    lines = []
    for each in sorted(helpers, key=lambda helper: (helper.protocol, helper.port)):
        pair = (each.helper, each.protocol)
        if pair in offered():
            lines.append(_object(*pair))
            lines.append(f'add rule {CHAIN} {each.protocol} dport {each.port} ct helper set "{_name(*pair)}"')
    return lines


def refuse_missing(helpers: Iterable[ConntrackHelper]) -> None:
    """Raise ``HelperMissing`` naming those this kernel has not."""
    missing = [
        f"{each.helper} for {each.protocol}" for each in helpers if (each.helper, each.protocol) not in offered()
    ]
    if missing:
        raise HelperMissing(
            f"the kernel of the router's host has no conntrack helper {', '.join(missing)}", retry=False
        )


def _name(helper: str, protocol: str) -> str:
    return f"h_{helper.replace('-', '_')}_{protocol}"


def _object(helper: str, protocol: str) -> str:
    kernel = _KNOWN[helper, protocol]
    return f'add ct helper {TABLE} {_name(helper, protocol)} {{ type "{kernel}" protocol {protocol}; l3proto ip; }}'
