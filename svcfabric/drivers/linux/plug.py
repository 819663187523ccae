"""Put the free end of a port's wire where it is used: a server's namespace, a container's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from svcfabric.drivers.linux import address, arp, leg, link, names, netns, route, sysctl, wire
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.l2l3 import Route


def plug(
    host: Host,
    port_id: str,
    namespace: str,
    ifname: str,
    addresses: Iterable[tuple[str, int]],
    gateway: str | Iterable[str] = "",
    routes: Iterable[Route] = (),
    mtu: int = 0,
    advertised: bool = False,
) -> None:
    """Move the free end into ``namespace`` (a name in /run/netns) as ``ifname``, configured, up and carrying.

    ``addresses``: (address, prefix length); ``gateway``: the default one ("" none; several: one per family);
    ``mtu``: 0 leaves the network's. ``advertised``: the kernel there takes addresses and routes from router
    advertisements. Plugging again sets the same anew. Raises ``HostFault`` when the port has
    no free wire on this host or ``ifname`` is another interface, ``NoNamespace``.
    """
    with netns.opened(namespace) as inside:
        if not netns.run_in_fd(inside, link.index_here, ifname):
            netns.rtnl(host.ensure_bridge_namespace(), _move, port_id, ifname, inside)
        elif not netns.rtnl(namespace, _is_port, ifname, port_id):
            raise HostFault(f"{ifname} in {namespace} is another interface", code="host.interface_taken", retry=False)
    held = list(addresses)
    mac = netns.rtnl(namespace, _configure, ifname, held, mtu, advertised)
    route.set_routes(namespace, routes, gateway)
    link.until_carrying(host.bridge_namespace, names.tap(port_id))
    arp.announce(namespace, ifname, mac, [each for each, _length in held])


def unplug(host: Host, port_id: str, namespace: str, ifname: str) -> bool:
    """Bring the end back to where it waits; False when it is not there (nor its namespace)."""
    if not netns.exists(namespace):
        return False
    with netns.opened(host.ensure_bridge_namespace()) as bridge:
        return netns.rtnl(namespace, _bring_back, port_id, ifname, bridge)


def _is_port(ipr: Any, ifname: str, port_id: str) -> bool:
    found = link.find(ipr, ifname)
    return found is not None and link.alias_of(found) == wire.ALIAS + port_id


def _move(ipr: Any, port_id: str, ifname: str, inside: int) -> None:
    found = link.find(ipr, names.parked(port_id))
    if found is None:
        words = f"port {port_id} has no free wire on this host: it is bound elsewhere, or plugged in already"
        raise HostFault(words, code="host.not_wired")
    ipr.link("set", index=found["index"], ifname=ifname, ifalias=wire.ALIAS + port_id, net_ns_fd=inside)


def _configure(ipr: Any, ifname: str, addresses: list[tuple[str, int]], mtu: int, advertised: bool) -> str:
    """Its MAC."""
    heard = {f"net/ipv6/conf/{ifname}/{each}": "1" for each in ("accept_ra", "autoconf")} if advertised else {}
    sysctl.write_here(leg.interface_sysctls(ifname) | heard, missing_ok=True)
    index = link.index_here(ifname)
    if mtu:
        ipr.link("set", index=index, mtu=mtu)
    address.set_addresses(ipr, index, addresses)
    ipr.link("set", index=index, state="up")
    return str(ipr.link("get", index=index)[0].get_attr("IFLA_ADDRESS"))


def _bring_back(ipr: Any, port_id: str, ifname: str, bridge: int) -> bool:
    found = link.find(ipr, ifname)
    if found is None or link.alias_of(found) != wire.ALIAS + port_id:
        return False
    ipr.link("set", index=found["index"], state="down")
    ipr.link("set", index=found["index"], ifname=names.parked(port_id), net_ns_fd=bridge)
    return True
