"""A port's limits, at the bridge's end of its wire. In a thread inside the bridge namespace."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from svcfabric.drivers.linux import link, names, nft
from svcfabric.drivers.linux.qos import port_rules, shaper
from svcfabric.drivers.linux.qos.amounts import shape
from svcfabric.spi.l2l3 import PortSpec, Qos

ALIAS = "qos:"
State = dict[str, Any]


def ifb_name(port_id: str) -> str:
    """The device with the shaper of what a port sends."""
    return f"ifb{port_id[:11]}"


def put_here(ipr: Any, spec: PortSpec, record: Mapping[str, Any] | None) -> State | None:
    """Make a port's limits what the spec says; what to remember as the ``qos`` of its record.

    Without limits, before and now, nothing is asked of the kernel. A leg that is not there yet is limited when
    ``drifted`` has told that it has come.
    """
    held: State | None = record.get("qos") if record is not None else None
    if spec.vtep or spec.qos == Qos():
        if held is not None or (record is None and link.index_here(ifb_name(spec.id))):
            drop_here(ipr, spec.id, held)
        return None
    tap = link.index_here(names.tap(spec.id))
    wanted = {**dataclasses.asdict(spec.qos), "mtu": spec.segment.mtu}
    state = {"limits": wanted, "rules": "", "indexes": [tap, link.index_here(ifb_name(spec.id))]}
    if tap:
        state["rules"] = _rules_of(spec)
        there = held is not None and not _lost(spec.id, held, tables_here())
        if state != held or not there:
            same = there and held is not None and all(held.get(name) == state[name] for name in ("rules", "indexes"))
            _limit(ipr, spec, tap, same_rules=same)
            state["indexes"] = [tap, link.index_here(ifb_name(spec.id))]
    return state


def drop_here(ipr: Any, port_id: str, held: Mapping[str, Any] | None) -> None:
    """A port's limits go; nothing to do for one that has none."""
    ifb = ifb_name(port_id)
    if held is None and not link.index_here(ifb):
        return
    tap, index = names.tap(port_id), link.index_here(names.tap(port_id))
    for each in (index, link.index_here(ifb)):
        if each:
            shaper.open_up(ipr, each)
    nft.apply_here(port_rules.rules(tap, "", Qos()))
    if index:
        shaper.unlimit(ipr, index)
    link.delete(ipr, ifb)


def tables_here() -> frozenset[str]:
    """The names of the tables that are there, as ``drifted`` wants them."""
    found = nft.list_here("tables netdev")
    return frozenset(each["table"]["name"] for each in found if "table" in each)


def drifted(here: Mapping[str, int], tables: frozenset[str], port_id: str, record: Mapping[str, Any]) -> bool:
    """Whether what the limits are on has come, gone or been made anew, or their rules are gone.

    ``here``: {interface: index}.
    """
    held = record.get("qos")
    if held is None:
        return False
    now = [here.get(names.tap(port_id), 0), here.get(ifb_name(port_id), 0)]
    return bool(now != held["indexes"]) or _lost(port_id, held, tables)


def _lost(port_id: str, held: Mapping[str, Any], tables: frozenset[str]) -> bool:
    """Whether a port's rules should be there and are not."""
    ruled = "add chain" in held["rules"]
    return ruled and port_rules.table(names.tap(port_id)).removeprefix("netdev ") not in tables


def _limit(ipr: Any, spec: PortSpec, tap: int, *, same_rules: bool) -> None:
    """A shaper is there before frames are sent its way, and goes when they no longer are."""
    qos, mtu = spec.qos, spec.segment.mtu
    if qos.egress_kbps:
        ifb = shaper.ensure_ifb(ipr, ifb_name(spec.id), ALIAS + spec.id)
        shaper.limit(ipr, ifb, shape(qos.egress_kbps, qos.egress_burst_kb, mtu))
    elif ifb := link.index_here(ifb_name(spec.id)):
        shaper.open_up(ipr, ifb)
    if not same_rules:
        nft.apply_here(_rules_of(spec))
    if not qos.egress_kbps:
        link.delete(ipr, ifb_name(spec.id))
    if qos.ingress_kbps:
        shaper.limit(ipr, tap, shape(qos.ingress_kbps, qos.ingress_burst_kb, mtu))
    else:
        shaper.unlimit(ipr, tap)


def _rules_of(spec: PortSpec) -> str:
    return port_rules.rules(names.tap(spec.id), ifb_name(spec.id) if spec.qos.egress_kbps else "", spec.qos)
