"""Legs: veth pairs from a function's namespace to a network's bridge."""

from __future__ import annotations

import errno
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import address, arp, forwarding, link, names, netns, segment, sysctl
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.l2l3 import Leg

ALIAS = "leg:"


def ensure_leg(host: Host, namespace: str, leg: Leg, ifname: str | None = None) -> str:
    """Make the leg what the spec says, inside ``namespace``; the inner interface's name.

    MAC, MTU, state and addresses become exactly those given; the outer end is on the network's bridge with
    a static forwarding entry. New addresses are announced. Applying the same leg again changes nothing and
    takes 2 ms. Raises ``NoNamespace``.
    """
    inner = ifname or names.leg(leg.port_id)
    ensure_legs(host, namespace, {inner: leg})
    return inner


def ensure_legs(host: Host, namespace: str, wanted: Mapping[str, Leg]) -> set[str]:
    """``ensure_leg`` for several at once, {inner interface's name: leg}, in one pass on each side.

    Returns the names of those that are new. Other legs in the namespace are left alone.
    """
    for each in wanted.values():
        segment.ensure_bridge(host, each.segment)
    with netns.opened(namespace) as inside:
        peers = netns.rtnl(host.ensure_bridge_namespace(), _ensure_pairs, wanted, inside)
        strangers = netns.run_in_fd(inside, _not_here, peers)
        if strangers:  # pairs whose inner end is elsewhere or has another name: make them anew
            taps = [names.tap(wanted[each].port_id) for each in strangers]
            netns.rtnl(host.bridge_namespace, link.delete_many, taps)
            again = {each: wanted[each] for each in strangers}
            peers |= netns.rtnl(host.bridge_namespace, _ensure_pairs, again, inside)
        news = netns.rtnl(namespace, _configure_all, wanted, peers)
    for inner, addresses in news.items():
        tap = names.tap(wanted[inner].port_id)
        carries = functools.partial(link.until_carrying, host.bridge_namespace, tap)
        arp.announce(namespace, inner, wanted[inner].mac, addresses, when=carries)
    return {inner for inner, peer in peers.items() if peer == 0}


def remove_leg(host: Host, port_id: str) -> bool:
    """Delete the leg, outer end first, so that its name is free at once; False if there was none."""
    return remove_legs(host, [port_id]) == 1


def remove_legs(host: Host, port_ids: Iterable[str]) -> int:
    """``remove_leg`` for several in the time of one; how many there were."""
    if not netns.exists(host.bridge_namespace):
        return 0
    return netns.rtnl(host.bridge_namespace, link.delete_many, [names.tap(each) for each in port_ids])


def legs(host: Host, namespace: str) -> dict[str, str]:
    """The legs in a namespace: {port id: interface name}. {} when there is no such namespace."""
    if not netns.exists(namespace):
        return {}
    return {
        link.alias_of(each).removeprefix(ALIAS): link.name_of(each)
        for each in netns.rtnl(namespace, lambda ipr: list(link.each(ipr)))
        if link.alias_of(each).startswith(ALIAS)
    }


def _ensure_pairs(ipr: Any, wanted: Mapping[str, Leg], inside: int) -> dict[str, int]:
    return {inner: _ensure_pair(ipr, leg, inner, inside) for inner, leg in wanted.items()}


def _not_here(peers: Mapping[str, int]) -> list[str]:
    return [inner for inner, peer in peers.items() if peer not in (0, link.index_here(inner))]


def _configure_all(ipr: Any, wanted: Mapping[str, Leg], peers: Mapping[str, int]) -> dict[str, list[str]]:
    """{inner interface: addresses to announce}."""
    news = {}
    for inner, leg in wanted.items():
        if peers[inner] == 0:
            _configure_new(ipr, leg, inner)
            new = [each.address for each in leg.addresses]
        else:
            new = _configure(ipr, leg, inner)
        if new and leg.admin_state_up:
            news[inner] = new
    return news


def _ensure_pair(ipr: Any, leg: Leg, inner: str, inside: int) -> int:
    """Put the outer end right, or make the pair; the inner end's index, 0 when the pair is new."""
    tap = names.tap(leg.port_id)
    bridge, _ = segment.indexes_here(leg.segment.network_id)
    found = link.find(ipr, tap) if link.index_here(tap) else None
    if found is not None and link.alias_of(found) == ALIAS + leg.port_id:
        wanted = (bridge, leg.segment.mtu, True)
        if (found.get_attr("IFLA_MASTER"), found.get_attr("IFLA_MTU"), link.is_up(found)) != wanted:
            ipr.link("set", index=found["index"], master=bridge, mtu=leg.segment.mtu, state="up")
            forwarding.point_local(ipr, found["index"], leg.mac)
        return int(found.get_attr("IFLA_LINK") or -1)
    if found is not None:
        link.refuse_anothers(found, leg.port_id)
        link.delete(ipr, tap)
    peer = {"ifname": inner, "address": leg.mac, "mtu": leg.segment.mtu, "net_ns_fd": inside}
    try:
        ipr.link("add", ifname=tap, kind="veth", mtu=leg.segment.mtu, master=bridge, state="up", peer=peer)
    except NetlinkError as exc:
        if exc.code != errno.EEXIST:
            raise
        # the name is taken inside, by the leg of another port that went without a word
        netns.run_in_fd(inside, link.delete_here, inner)
        ipr.link("add", ifname=tap, kind="veth", mtu=leg.segment.mtu, master=bridge, state="up", peer=peer)
    index = link.index_here(tap)
    ipr.link("set", index=index, ifalias=ALIAS + leg.port_id)
    forwarding.point_local(ipr, index, leg.mac)
    return 0


def _configure_new(ipr: Any, leg: Leg, inner: str) -> None:
    index = link.index_here(inner)
    sysctl.write_here(interface_sysctls(inner), missing_ok=True)
    address.add_addresses(ipr, index, _addresses(leg))
    state = {"state": "up"} if leg.admin_state_up else {}
    ipr.link("set", index=index, ifalias=ALIAS + leg.port_id, **state)


def _configure(ipr: Any, leg: Leg, inner: str) -> list[str]:
    """Put the inner end right; the addresses that are new."""
    found = link.find(ipr, inner)
    if found is None:
        raise HostFault(f"interface {inner} vanished while it was being configured")
    change: dict[str, Any] = {}
    if found.get_attr("IFLA_ADDRESS") != leg.mac:
        change["address"] = leg.mac
    if found.get_attr("IFLA_MTU") != leg.segment.mtu:
        change["mtu"] = leg.segment.mtu
    new = address.set_addresses(ipr, found["index"], _addresses(leg))
    if link.is_up(found) != leg.admin_state_up:
        change["state"] = "up" if leg.admin_state_up else "down"
        new = [each.address for each in leg.addresses]
    if change:
        ipr.link("set", index=found["index"], **change)
    return new


def _addresses(leg: Leg) -> list[tuple[str, int]]:
    return [(each.address, each.prefix_length) for each in leg.addresses]


def interface_sysctls(ifname: str) -> dict[str, str]:
    """What every interface the product configures gets."""
    return {
        # announcing is ours: the kernel does it before frames can come back, and they would be lost for a second
        f"net/ipv4/conf/{ifname}/arp_notify": "0",
        f"net/ipv6/conf/{ifname}/ndisc_notify": "0",
        # removing the first of two addresses of a subnet must not remove the second
        f"net/ipv4/conf/{ifname}/promote_secondaries": "1",
        f"net/ipv6/conf/{ifname}/accept_ra": "0",
        # the control plane hands out each address once: no second of waiting until one may be used
        f"net/ipv6/conf/{ifname}/accept_dad": "0",
    }
