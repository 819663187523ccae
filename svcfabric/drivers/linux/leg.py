"""Legs: veth pairs from a function's namespace to a network's bridge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from svcfabric.drivers.linux import address, arp, forwarding, link, names, netns, segment, sysctl
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.l2l3 import Leg

ALIAS = "leg:"


def ensure_leg(
    host: Host, namespace: str, leg: Leg, ifname: str | None = None, *, also_announce: Iterable[str] = ()
) -> str:
    """Make the leg what the spec says, inside ``namespace``; the inner interface's name.

    MAC, MTU, state and addresses become exactly those given; the outer end is on the network's bridge with
    a static forwarding entry. New addresses are announced by gratuitous ARP, and when the leg is new
    ``also_announce`` too (addresses held elsewhere in the namespace that are reached through it).
    Applying the same leg again changes nothing and takes 2 ms. Raises ``NoNamespace``.
    """
    inner = ifname or names.leg(leg.port_id)
    segment.ensure_bridge(host, leg.segment)
    with netns.opened(namespace) as inside:
        outer_index, peer_index = netns.rtnl(host.bridge_namespace, _check_outer, leg)
        inner_index = netns.run_in_fd(inside, link.index_here, inner)
        fresh = not outer_index or peer_index != inner_index
        if fresh:
            netns.rtnl(namespace, link.delete, inner)
            netns.rtnl(host.bridge_namespace, _create, leg, inner, inside)
    new = netns.rtnl(namespace, _configure, leg, inner, fresh)
    told = [*(each.address for each in leg.addresses), *also_announce] if fresh else new
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


def _check_outer(ipr: Any, leg: Leg) -> tuple[int, int]:
    """(index, peer's index) of the outer end, put right where it differs; (0, 0) when it is not there."""
    found = link.find(ipr, names.tap(leg.port_id))
    if found is None:
        return 0, 0
    if link.alias_of(found) != ALIAS + leg.port_id:
        link.delete(ipr, names.tap(leg.port_id))
        return 0, 0
    bridge, _ = segment.indexes_here(leg.segment.network_id)
    if (found.get_attr("IFLA_MASTER"), found.get_attr("IFLA_MTU"), link.is_up(found)) != (
        bridge,
        leg.segment.mtu,
        True,
    ):
        ipr.link("set", index=found["index"], master=bridge, mtu=leg.segment.mtu, state="up")
        forwarding.point_local(ipr, found["index"], leg.mac)
    return found["index"], found.get_attr("IFLA_LINK") or 0


def _create(ipr: Any, leg: Leg, inner: str, inside: int) -> None:
    tap = names.tap(leg.port_id)
    bridge, _ = segment.indexes_here(leg.segment.network_id)
    link.delete(ipr, tap)
    ipr.link(
        "add",
        ifname=tap,
        kind="veth",
        mtu=leg.segment.mtu,
        peer={"ifname": inner, "address": leg.mac, "mtu": leg.segment.mtu, "net_ns_fd": inside},
    )
    index = link.index_here(tap)
    ipr.link("set", index=index, master=bridge, ifalias=ALIAS + leg.port_id, state="up")
    forwarding.point_local(ipr, index, leg.mac)


def _configure(ipr: Any, leg: Leg, inner: str, fresh: bool) -> list[str]:
    """The addresses that are new on the inner end."""
    found = link.find(ipr, inner)
    assert found is not None, f"{inner} vanished"
    index = found["index"]
    change: dict[str, Any] = {}
    if fresh:
        change["ifalias"] = ALIAS + leg.port_id
        sysctl.write_here(interface_sysctls(inner), missing_ok=True)
    if found.get_attr("IFLA_ADDRESS") != leg.mac:
        change["address"] = leg.mac
    if found.get_attr("IFLA_MTU") != leg.segment.mtu:
        change["mtu"] = leg.segment.mtu
    if link.is_up(found) != leg.admin_state_up:
        change["state"] = "up" if leg.admin_state_up else "down"
    if change:
        ipr.link("set", index=index, **change)
    new = address.set_addresses(ipr, index, [(each.address, each.prefix_length) for each in leg.addresses])
    return [each.address for each in leg.addresses] if change.get("state") == "up" else new


def interface_sysctls(ifname: str) -> dict[str, str]:
    """What every interface the product configures gets."""
    return {
        f"net/ipv4/conf/{ifname}/arp_notify": "1",
        # removing the first of two addresses of a subnet must not remove the second
        f"net/ipv4/conf/{ifname}/promote_secondaries": "1",
        f"net/ipv6/conf/{ifname}/accept_ra": "0",
    }
