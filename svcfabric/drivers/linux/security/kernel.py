"""What is in the kernel: the tables' contents by name, and whether anybody has changed them since.

All but ``guard`` run in a thread inside the bridge namespace.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from svcfabric.drivers.linux import link, nft
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.security import names
from svcfabric.drivers.linux.security.base import SETS
from svcfabric.drivers.linux.security.transaction import Mirror

_BRIDGE_NETFILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
_NETLINK_NETFILTER = 12
_GETGEN, _NEWGEN, _REQUEST = 0x0A10, 0x0A0F, 1
_GEN_ID = 1


def generation_here() -> int:
    """The number of nft transactions this namespace has seen, by whomever."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock:
        sock.bind((0, 0))
        sock.send(struct.pack("=IHHIIBBH", 20, _GETGEN, _REQUEST, 1, 0, 0, 0, 0))
        answer = sock.recv(4096)
    kind = struct.unpack_from("=H", answer, 4)[0]
    at = 20
    while kind == _NEWGEN and at + 8 <= len(answer):
        length, attribute = struct.unpack_from("=HH", answer, at)
        if attribute & 0x3FFF == _GEN_ID:
            return int(struct.unpack_from(">I", answer, at + 4)[0])
        at += max(4, (length + 3) & ~3)
    return -1


def carry_out_here(text: str) -> tuple[int, int]:
    """One transaction; the generations before and after it. Raises ``NftRefused``."""
    before = generation_here()
    nft.apply_here(text)
    return before, generation_here()


def scan_here() -> tuple[Mirror, int]:
    """What there is, and its generation."""
    generation = generation_here()
    mirror = Mirror()
    for chain in _listed("chains", "chain"):
        if chain["table"] == names.TABLE:
            mirror.chains.add(_name(chain))
    for what in ("set", "map"):
        for found in _listed(f"{what}s", what, terse=True):
            if found["table"] == names.TABLE:
                mirror.sets.add(_name(found))
    for name in SETS.keys() & mirror.sets:
        for found in _listed(f"{SETS[name][0]} {name}", SETS[name][0]):
            elements = [_element(name, each) for each in found.get("elem", ())]
            mirror.elements[name] = {key: value for key, value, _ in elements}
            mirror.owners |= {key: comment for key, _, comment in elements if comment}
    return mirror, generation


def ensure_possible_here() -> None:
    """Raise ``HostFault`` if bridged packets cannot be seen by ``inet`` chains here; loads the module for it."""
    if not _BRIDGE_NETFILTER.exists():
        # without it the kernel takes the bridges' options all the same, and filters nothing
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["modprobe", "br_netfilter"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
    if not _BRIDGE_NETFILTER.exists():
        raise HostFault("The host cannot filter ports.", detail="no br_netfilter in this kernel", code="host.no_filter")


def guard(ipr: Any, bridge: str, on: bool) -> None:
    """Let the bridge's packets through the ``inet`` chains, or not; one that is gone is no error.

    Raises ``HostFault`` when the kernel cannot.
    """
    if on:
        ensure_possible_here()
    index = link.index_here(bridge)
    if index:
        value = int(on)
        ipr.link("set", index=index, kind="bridge", br_nf_call_iptables=value, br_nf_call_ip6tables=value)


def _listed(what: str, kind: str, *, terse: bool = False) -> Iterator[dict[str, Any]]:
    answer = nft.list_here(what, terse=terse)
    return (each[kind] for each in answer if kind in each)


def _name(found: dict[str, Any]) -> str:
    return f"{found['family']} {found['table']} {found['name']}"


def _element(name: str, element: Any) -> tuple[str, str, str]:
    """(key, value, comment) as ``guarded.elements`` writes them."""
    key, value = element if isinstance(element, list) else (element, "")
    comment = ""
    if isinstance(key, dict) and "elem" in key:
        key, comment = key["elem"]["val"], key["elem"].get("comment", "")
    if isinstance(value, dict):
        value = f"goto {value.get('goto', {}).get('target')}"
    if isinstance(key, dict):
        interface, *others = key["concat"]
        if name == names.TARGETS:
            others[-1] = f"{int(others[-1], 16):#034x}"
        elif name == names.SOURCES6:
            others[-1] = str(ipaddress.ip_address(others[-1]))
        key = " . ".join((f'"{interface}"', *others))
    elif isinstance(key, str):
        key = f'"{key}"'
    return str(key), str(value), comment
