"""Limits of a router's gateway and of its floating IPs, on the gateway leg in the router's namespace.

The shapers and the table come with the first limit and go with the last. The router's driver and the floating
IPs' put theirs independently, in any order, several at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from svcfabric.drivers.linux import link, netns, nft
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.qos import gateway_rules, shaper
from svcfabric.drivers.linux.qos.amounts import shape
from svcfabric.drivers.linux.qos.gateway_rules import Place
from svcfabric.spi.l2l3 import Qos

ALIAS = "qos:gateway"
IFB = "ifbgw"
NONE = Qos()
State = dict[str, Any]


def put_gateway(host: Host, namespace: str, leg: str, qos: Qos, floating: Callable[[Any], list[str]]) -> None:
    """Make a gateway's limits these. ``leg``: its interface, "" for none; ``floating`` lists the router's addresses."""
    with host.locked(f"qos {namespace}"):
        netns.rtnl(namespace, _put_gateway, leg, qos, floating)


def put_floating(
    host: Host, namespace: str, prefix: str, address: str, qos: Qos, held: Mapping[str, Any] | None
) -> State | None:
    """Make a floating address's limits these; what to remember of it, None without limits.

    ``prefix``: what the gateway leg's name begins with. ``held``: what was remembered.
    """
    with host.locked(f"qos {namespace}"):
        return netns.rtnl(namespace, _put_floating, prefix, address, qos, held)


def drop_floating(host: Host, namespace: str, prefix: str, address: str) -> None:
    """The address is no floating one of the router any more. Arguments as for ``put_floating``."""
    with host.locked(f"qos {namespace}"):
        netns.rtnl(namespace, _drop_floating, prefix, address, gone=True)


def drifted(here: Mapping[str, int], record: Mapping[str, Any], prefix: str) -> bool:
    """Whether what a floating IP's limits are on is gone or has been made anew. ``here``: {interface: index}."""
    held = record.get("qos")
    return bool(held is not None and held.get("indexes") != [_leg_of(here, prefix)[1], here.get(IFB, 0)])


def _leg_of(here: Mapping[str, int], prefix: str) -> tuple[str, int]:
    return next(((name, index) for name, index in sorted(here.items()) if name.startswith(prefix)), ("", 0))


def _place(ipr: Any, leg: str) -> Place:
    """Shapers with classes on both devices, made when they are not there."""
    index, ifb = link.index_here(leg), shaper.ensure_ifb(ipr, IFB, ALIAS)
    for each in (index, ifb):
        shaper.ensure_classes(ipr, each)
    return Place(leg=(leg, index), ifb=(IFB, ifb))


def _put_gateway(ipr: Any, leg: str, qos: Qos, floating: Callable[[Any], list[str]]) -> None:
    if qos == NONE or not leg:
        if not link.index_here(IFB):
            return
        if not leg:
            _end(ipr, "")
            return
    place = _place(ipr, leg)
    if gateway_rules.comment_in(nft.list_here(f"chain {gateway_rules.OUT}")) == gateway_rules.comment_of(place, qos):
        return
    _set_classes(ipr, place, gateway_rules.GATEWAY_CLASS, qos)
    nft.apply_here(gateway_rules.base(place, qos, floating(ipr)))
    _drop_classes(ipr, place, gateway_rules.GATEWAY_CLASS, qos)
    if qos == NONE:
        _end_if_open(ipr, leg)


def _put_floating(ipr: Any, prefix: str, address: str, qos: Qos, held: Mapping[str, Any] | None) -> State | None:
    leg, _ = _leg_of(link.names_here(), prefix)
    if qos == NONE or not leg:
        _drop_floating(ipr, prefix, address, gone=False)
        return None
    place = _place(ipr, leg)
    state = {"limits": dataclasses.asdict(qos), "indexes": [place.leg[1], place.ifb[1]]}
    if state == held:
        return state
    if not nft.list_here(f"chain {gateway_rules.OUT}"):
        nft.apply_here(gateway_rules.base(place, NONE, ()))
    number = gateway_rules.class_of(address, _limited())
    _set_classes(ipr, place, number, qos)
    nft.apply_here(gateway_rules.put(address, number, qos, IFB))
    _drop_classes(ipr, place, number, qos)
    return state


def _drop_floating(ipr: Any, prefix: str, address: str, *, gone: bool) -> None:
    if not link.index_here(IFB) or not nft.list_here(f"chain {gateway_rules.OUT}"):
        return
    number = _limited().get(address, 0)
    leg, index = _leg_of(link.names_here(), prefix)
    devices = [each for each in (index, link.index_here(IFB)) if each and number]
    for each in devices:
        shaper.open_up(ipr, each, number)
    nft.apply_here(gateway_rules.drop(address, number, gone=gone))
    for each in devices:
        shaper.drop_class(ipr, each, number)
    if number:
        _end_if_open(ipr, leg)


def _limited() -> dict[str, int]:
    """The floating addresses that have limits, with the numbers of their classes."""
    return gateway_rules.classes_in(nft.list_here(f"map {gateway_rules.TABLE} v_out"))


def _set_classes(ipr: Any, place: Place, number: int, qos: Qos) -> None:
    """Before anything is put in them; those without a limit let out what waits."""
    for (name, index), kbps, burst in _both(place, qos):
        if kbps:
            found = link.find(ipr, name)
            mtu = int(found.get_attr("IFLA_MTU")) if found is not None else 1500
            shaper.set_class(ipr, index, number, shape(kbps, burst, mtu))
        else:
            shaper.open_up(ipr, index, number)


def _drop_classes(ipr: Any, place: Place, number: int, qos: Qos) -> None:
    """After nothing is put in them any more."""
    for (_name, index), kbps, _burst in _both(place, qos):
        if not kbps:
            shaper.drop_class(ipr, index, number)


def _both(place: Place, qos: Qos) -> tuple[tuple[tuple[str, int], int, int], ...]:
    outgoing = (place.leg, qos.egress_kbps, qos.egress_burst_kb)
    return outgoing, (place.ifb, qos.ingress_kbps, qos.ingress_burst_kb)


def _end_if_open(ipr: Any, leg: str) -> None:
    """Take all away once neither the gateway nor a floating address has limits."""
    comment = gateway_rules.comment_in(nft.list_here(f"chain {gateway_rules.OUT}"))
    if comment.endswith(gateway_rules.LIMITED):
        return
    if not _limited():
        _end(ipr, leg)


def _end(ipr: Any, leg: str) -> None:
    nft.apply_here(f"add table {gateway_rules.TABLE}\ndelete table {gateway_rules.TABLE}\n")
    if leg and (index := link.index_here(leg)):
        shaper.unlimit(ipr, index)
    link.delete(ipr, IFB)
