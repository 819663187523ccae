"""A network's wire on one host: a bridge in the bridge namespace and what carries it to other hosts."""

from __future__ import annotations

import errno
import ipaddress
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import link, names, netns, sysctl
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.l2l3 import Segment

ALIAS = "network:"
VXLAN_PORT = 4789
_BORROWED = "borrowed:"


def ensure_bridge(host: Host, segment: Segment) -> str:
    """The network's bridge, made if needed, with its VXLAN device or physical interface; its name.

    A VXLAN device is there only when ``host.local_ip`` is set. Its outside belongs to the agent's
    namespace, its inside to the bridge namespace. Idempotent; 0.15 ms when all is there.
    """
    ready = host.bridges.get(segment.network_id)
    if ready is not None and ready[0] == segment and _indexes_now(host, segment.network_id) == ready[1]:
        return names.bridge(segment.network_id)
    with host.locked(segment.network_id):
        mac = names.bridge_mac(host.tag, segment.network_id)
        netns.rtnl(host.ensure_bridge_namespace(), _ensure_bridge_device, segment, mac)
        if segment.type == "vxlan" and host.local_ip:
            _ensure_vxlan(host, segment)
        elif segment.type == "flat":
            _ensure_physical(host, segment)
        host.bridges[segment.network_id] = (segment, _indexes_now(host, segment.network_id))
    return names.bridge(segment.network_id)


def remove_bridge(host: Host, network_id: str) -> None:
    """Take the bridge and its VXLAN device away; give a physical interface back to the agent's namespace.

    Raises ``HostFault`` while ports still hang on it.
    """
    with host.locked(network_id):
        host.bridges.pop(network_id, None)
        if netns.exists(host.bridge_namespace):
            with netns.opened(None) as own:
                netns.rtnl(host.bridge_namespace, _dismantle, network_id, own)


def bridges(host: Host) -> dict[str, str]:
    """All networks on the host: {network id: bridge name}."""
    if not netns.exists(host.bridge_namespace):
        return {}
    return {
        link.alias_of(each).removeprefix(ALIAS): link.name_of(each)
        for each in netns.rtnl(host.bridge_namespace, lambda ipr: list(link.each(ipr)))
        if link.alias_of(each).startswith(ALIAS)
    }


def indexes_here(network_id: str) -> tuple[int, int]:
    """(bridge, VXLAN device) as interface indexes in this thread's namespace, 0 where there is none."""
    return link.index_here(names.bridge(network_id)), link.index_here(names.vxlan(network_id))


def _indexes_now(host: Host, network_id: str) -> tuple[int, int]:
    return netns.run_in(host.ensure_bridge_namespace(), indexes_here, network_id)


def _ensure_bridge_device(ipr: Any, segment: Segment, mac: str) -> None:
    ifname, alias = names.bridge(segment.network_id), ALIAS + segment.network_id
    found = link.find(ipr, ifname)
    if found is None:
        # a MAC of its own: one taken from its ports changes with them, and each change empties the neighbour table
        ipr.link("add", ifname=ifname, kind="bridge", address=mac, br_mcast_snooping=0, br_stp_state=0)
        found = link.find(ipr, ifname)
        assert found is not None
    if link.alias_of(found) not in ("", alias):
        raise HostFault(f"bridge {ifname} belongs to another network", detail=link.alias_of(found), retry=False)
    if (link.alias_of(found), found.get_attr("IFLA_MTU"), link.is_up(found)) != (alias, segment.mtu, True):
        # for its neighbour table (suppressed solicitations); it has no address, not even a link-local one
        sysctl.write_here({f"net/ipv6/conf/{ifname}/disable_ipv6": "0"}, missing_ok=True)
        # an explicit MTU stays; otherwise a bridge takes its ports' smallest
        ipr.link("set", index=found["index"], mtu=segment.mtu, ifalias=alias, state="up")


def _ensure_vxlan(host: Host, segment: Segment) -> None:
    version = ipaddress.ip_address(host.local_ip).version
    suffix = "" if version == 4 else "6"

    def stale(ipr: Any) -> bool:
        """Whether the device is missing; one with another tunnel address or id is removed."""
        found = link.find(ipr, names.vxlan(segment.network_id))
        if found is None:
            return True
        data = found.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
        if (data.get_attr("IFLA_VXLAN_ID"), data.get_attr("IFLA_VXLAN_LOCAL" + suffix)) != (segment.vni, host.local_ip):
            link.delete(ipr, names.vxlan(segment.network_id))
            return True
        return False

    if netns.rtnl(host.bridge_namespace, stale):
        with netns.opened(host.bridge_namespace) as inside:
            netns.rtnl(None, _add_vxlan, host, segment, inside, suffix)
    netns.rtnl(host.bridge_namespace, _enslave_vxlan, segment)


def _add_vxlan(ipr: Any, host: Host, segment: Segment, inside: int, suffix: str) -> None:
    try:
        ipr.link(
            "add",
            ifname=names.vxlan(segment.network_id),
            kind="vxlan",
            net_ns_fd=inside,
            mtu=segment.mtu,
            vxlan_id=segment.vni,
            vxlan_port=VXLAN_PORT,
            vxlan_learning=0,
            **{"vxlan_local" + suffix: host.local_ip},
        )
    except NetlinkError as exc:
        if exc.code != errno.EEXIST:
            raise
        raise HostFault(f"VXLAN id {segment.vni} is in use on this host by something else", detail=str(exc)) from exc


def _enslave_vxlan(ipr: Any, segment: Segment) -> None:
    bridge, device = indexes_here(segment.network_id)
    ipr.link("set", index=device, master=bridge, mtu=segment.mtu, ifalias=f"vni:{segment.vni}", state="up")
    ipr.link("set", index=device, kind="bridge_slave", learning=0, neigh_suppress=1)


def _ensure_physical(host: Host, segment: Segment) -> None:
    ifname = host.physical_networks.get(segment.physical_network, "")
    if not ifname:
        return

    def lend(ipr: Any, inside: int) -> None:
        found = link.find(ipr, ifname)
        if found is None:
            raise HostFault(f"physical network {segment.physical_network}: there is no interface {ifname}")
        was = "up" if link.is_up(found) else "down"
        ipr.link("set", index=found["index"], ifalias=_BORROWED + was, net_ns_fd=inside)

    if netns.rtnl(host.bridge_namespace, link.find, ifname) is None:
        with netns.opened(host.bridge_namespace) as inside:
            netns.rtnl(None, lend, inside)

    def enslave(ipr: Any) -> None:
        found = link.find(ipr, ifname)
        assert found is not None
        bridge, _ = indexes_here(segment.network_id)
        if found.get_attr("IFLA_MASTER") not in (None, bridge):
            raise HostFault(f"interface {ifname} carries another flat network already", retry=False)
        ipr.link("set", index=found["index"], master=bridge, state="up")

    netns.rtnl(host.bridge_namespace, enslave)


def _dismantle(ipr: Any, network_id: str, own: int) -> None:
    bridge, device = indexes_here(network_id)
    members = [each for each in link.each(ipr) if bridge and each.get_attr("IFLA_MASTER") == bridge]
    borrowed = [each for each in members if link.alias_of(each).startswith(_BORROWED)]
    others = [each for each in members if each["index"] != device and each not in borrowed]
    if others:
        wires = ", ".join(link.name_of(each) for each in others)
        raise HostFault("the network still has ports on this host", detail=wires, code="host.in_use")
    for each in borrowed:
        ipr.link("set", index=each["index"], master=0)
        ipr.link("set", index=each["index"], ifalias="", net_ns_fd=own)
        if link.alias_of(each) == _BORROWED + "up":
            name = link.name_of(each)
            netns.rtnl(None, lambda outside, name=name: outside.link("set", ifname=name, state="up"))
    link.delete(ipr, names.vxlan(network_id))
    link.delete(ipr, names.bridge(network_id))
