"""Legs: veth pairs from a function's namespace to a network's bridge."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import address, arp, forwarding, link, names, netns, segment, sysctl
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.l2l3 import Leg

ALIAS = "leg:"


def ensure_leg(
    host: Host, namespace: str, leg: Leg, ifname: str | None = None, *, also_announce: Iterable[str] = ()
) -> str:
    """Make the leg what the spec says, inside ``namespace``; the inner interface's name.

    MAC, MTU, state and addresses become exactly those given; the outer end is on the network's bridge with
    a static forwarding entry. New addresses are announced, and when the leg is new ``also_announce`` too
    (addresses held elsewhere in the namespace that are reached through it).
    Applying the same leg again changes nothing and takes 2 ms. Raises ``NoNamespace``.
    """
    inner = ifname or names.leg(leg.port_id)
    segment.ensure_bridge(host, leg.segment)
    with netns.opened(namespace) as inside:
        peer = netns.rtnl(host.bridge_namespace, _ensure_pair, leg, inner, inside)
        told = netns.rtnl(namespace, _configure, leg, inner, peer)
        if told is None:  # the pair's inner end is elsewhere or has another name: make it anew
            netns.rtnl(host.bridge_namespace, link.delete, names.tap(leg.port_id))
            netns.rtnl(host.bridge_namespace, _ensure_pair, leg, inner, inside)
            peer, told = 0, netns.rtnl(namespace, _configure, leg, inner, 0) or []
    if peer == 0:
        told = list(also_announce)
    if told and leg.admin_state_up:
        arp.announce(namespace, inner, leg.mac, told)
    return inner


def remove_leg(host: Host, port_id: str) -> bool:
    """Delete the leg, outer end first, so that its name is free at once; False if there was none."""
    if not netns.exists(host.bridge_namespace):
        return False
    return netns.rtnl(host.bridge_namespace, link.delete, names.tap(port_id))


def legs(host: Host, namespace: str) -> dict[str, str]:
    """The legs in a namespace: {port id: interface name}. {} when there is no such namespace."""
    if not netns.exists(namespace):
        return {}
    return {
        link.alias_of(each).removeprefix(ALIAS): link.name_of(each)
        for each in netns.rtnl(namespace, lambda ipr: list(link.each(ipr)))
        if link.alias_of(each).startswith(ALIAS)
    }


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


def _configure(ipr: Any, leg: Leg, inner: str, peer: int) -> list[str] | None:
    """Put the inner end right; the addresses to announce, or None when index ``peer`` is not this interface.

    With ``peer`` 0 the interface is new, and the kernel announces its addresses when it comes up.
    """
    addresses = [(each.address, each.prefix_length) for each in leg.addresses]
    index = link.index_here(inner)
    if peer == 0:
        sysctl.write_here(interface_sysctls(inner), missing_ok=True)
        address.add_addresses(ipr, index, addresses)
        state = {"state": "up"} if leg.admin_state_up else {}
        ipr.link("set", index=index, ifalias=ALIAS + leg.port_id, **state)
        return []
    if peer != index:
        return None
    found = link.find(ipr, inner)
    assert found is not None
    change: dict[str, Any] = {}
    if found.get_attr("IFLA_ADDRESS") != leg.mac:
        change["address"] = leg.mac
    if found.get_attr("IFLA_MTU") != leg.segment.mtu:
        change["mtu"] = leg.segment.mtu
    new = address.set_addresses(ipr, index, addresses)
    if link.is_up(found) != leg.admin_state_up:
        change["state"] = "up" if leg.admin_state_up else "down"
    if change:
        ipr.link("set", index=index, **change)
    return new


def interface_sysctls(ifname: str) -> dict[str, str]:
    """What every interface the product configures gets."""
    return {
        # gratuitous ARP and neighbour advertisements, by the kernel, when the interface comes up
        f"net/ipv4/conf/{ifname}/arp_notify": "1",
        f"net/ipv6/conf/{ifname}/ndisc_notify": "1",
        # removing the first of two addresses of a subnet must not remove the second
        f"net/ipv4/conf/{ifname}/promote_secondaries": "1",
        f"net/ipv6/conf/{ifname}/accept_ra": "0",
        # the control plane hands out each address once: no second of waiting until one may be used
        f"net/ipv6/conf/{ifname}/accept_dad": "0",
    }
