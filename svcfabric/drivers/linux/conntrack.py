"""Cut connections: entries of a namespace's connection table, selected in the kernel, deleted one by one."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Any

from pyroute2.conntrack import Conntrack, NFCTAttrTuple
from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import netns


def cut(namespace: str, outside: str, inside: str) -> int:
    """Forget all IPv4 connections translated between the addresses ``outside`` and ``inside``; how many.

    The next packet of such a connection meets the rules as they are now. Cut after the rules changed.
    """
    return netns.run_in(namespace, _cut, outside, inside)


def cut_ports(namespace: str, outside: str, spans: Iterable[tuple[int, int, int]]) -> int:
    """Forget all IPv4 connections to certain ports of the address ``outside``; how many.

    ``spans``: (protocol's number, first port, last port).
    """
    return netns.run_in(namespace, _cut_ports, outside, list(spans))


def _cut_ports(outside: str, spans: list[tuple[int, int, int]]) -> int:
    with Conntrack() as table:
        found = [
            entry
            for entry in table.dump_entries(tuple_orig=NFCTAttrTuple(daddr=outside))
            if any(
                entry.tuple_orig.proto == protocol and first <= (entry.tuple_orig.dport or 0) <= last
                for protocol, first, last in spans
            )
        ]
        _delete(table, found)
    return len(found)


def _cut(outside: str, inside: str) -> int:
    with Conntrack() as table:
        # two passes over the original direction: the kernel's filter of the reply direction cannot be trusted
        found = list(table.dump_entries(tuple_orig=NFCTAttrTuple(daddr=outside)))
        found += [
            entry
            for entry in table.dump_entries(tuple_orig=NFCTAttrTuple(saddr=inside))
            if entry.tuple_reply.daddr == outside
        ]
        _delete(table, found)
    return len(found)


def _delete(table: Any, found: Iterable[Any]) -> None:
    for entry in found:
        try:
            table.entry("del", tuple_orig=entry.tuple_orig)
        except NetlinkError as exc:
            if exc.code != errno.ENOENT:
                raise
