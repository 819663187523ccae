"""Floating IPs: an address on the router's loopback, two elements in its NAT maps.

The loopback, not the gateway's leg: the kernel answers ARP for it all the same, and no change of the leg
(nor of its exact addresses) touches it.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterable
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import arp, conntrack, l3, link, nat, netns, nft
from svcfabric.drivers.linux.fault import NftRefused, guarded
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.records import Records
from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report
from svcfabric.spi.l2l3 import FloatingIPSpec

KIND = "floatingip"

_LOOPBACK = 1


class FloatingIPDriver:
    """Entry point ``floatingip.linux``."""

    kind = KIND
    features = frozenset({"floatingip", "hairpin"})

    def __init__(self, options: DriverOptions) -> None:
        self._host = Host(options)
        self._records = Records(options.state_dir)

    def plan(self, spec: FloatingIPSpec, current: FloatingIPSpec | None) -> Plan:
        """Which translation would be made; another one's connections are cut."""
        if spec == current:
            return Plan()
        step = f"translate {spec.floating_address} to {spec.fixed_address} at router {spec.router_id}"
        return Plan(steps=(step,), impact="cuts flows" if current else "new flows")

    @guarded
    def apply(self, spec: FloatingIPSpec) -> Report:
        """Waits for the router. Translation before address: the router itself never answers for it."""
        for address in (spec.floating_address, spec.fixed_address):
            ipaddress.IPv4Address(address)
        namespace = self._host.namespace(l3.KIND, spec.router_id)
        record = {"router": spec.router_id, "floating": spec.floating_address, "fixed": spec.fixed_address}
        before = self._records.get(spec.id)
        with self._host.locked(f"floating {spec.floating_address}"):
            if before is not None and {**before, "fixed": spec.fixed_address} != record:
                self._take_away(before)  # another router or address; a new fixed address is a swap, below
            if not self._translate(namespace, spec):
                return Report(instance_id=spec.id, ok=False, waits_for=spec.router_id)
            self._records.put(spec.id, record)
            if netns.rtnl(namespace, _hold, spec.floating_address):
                _announce(namespace, spec.floating_address)
        return Report(instance_id=spec.id)

    @guarded
    def remove(self, instance_id: str) -> Report:
        """End the translation, cut its connections, give the address up."""
        record = self._records.get(instance_id)
        if record is not None:
            with self._host.locked(f"floating {record['floating']}"):
                if not self._taken_over(instance_id, record):
                    self._take_away(record)
                self._records.drop(instance_id)
        return Report(instance_id=instance_id)

    def observe(self) -> Iterable[Observation]:
        """Those applied; drifted when the router, the address or the translation is gone."""
        routers: dict[str, tuple[list[str], dict[str, str]]] = {}
        for instance_id, record in self._records.items():
            router = record["router"]
            if router not in routers:
                routers[router] = self._state_of(self._host.namespace(l3.KIND, router))
            held, dnat = routers[router]
            there = record["floating"] in held and dnat.get(record["floating"]) == record["fixed"]
            yield Observation(instance_id=instance_id, kind=KIND, drifted=not there)

    def _state_of(self, namespace: str) -> tuple[list[str], dict[str, str]]:
        if not netns.exists(namespace):
            return [], {}
        return netns.rtnl(namespace, l3.held_addresses), _maps(namespace)[0]

    def _translate(self, namespace: str, spec: FloatingIPSpec) -> bool:
        """False when the router (its namespace, its table) is not there yet."""
        if not netns.exists(namespace):
            return False
        try:
            nft.apply(namespace, nat.floating_made(spec.floating_address, spec.fixed_address))
        except NftRefused:
            if not nft.list_json(namespace, f"chain {nat.CHAIN}"):
                return False
            # one of the two addresses was translated otherwise: end that in the same transaction
            maps = _maps(namespace)
            nft.apply(namespace, nat.floating_changes(spec.floating_address, spec.fixed_address, *maps))
            conntrack.cut(namespace, spec.floating_address, maps[0].get(spec.floating_address, spec.fixed_address))
        return True

    def _taken_over(self, instance_id: str, record: dict[str, Any]) -> bool:
        """Whether the address is another floating IP's by now, made before this one was taken away."""
        here = (record["router"], record["floating"])
        others = [each for ident, each in self._records.items() if ident != instance_id]
        return any((each["router"], each["floating"]) == here for each in others)

    def _take_away(self, record: dict[str, Any]) -> None:
        namespace = self._host.namespace(l3.KIND, record["router"])
        if not netns.exists(namespace):
            return
        changes = nat.floating_changes(record["floating"], "", *_maps(namespace))
        if changes:
            nft.apply(namespace, changes)
        conntrack.cut(namespace, record["floating"], record["fixed"])
        netns.rtnl(namespace, _release, record["floating"])


def _maps(namespace: str) -> tuple[dict[str, str], dict[str, str]]:
    listing = nft.list_json(namespace, f"table {nat.TABLE}")
    return nat.elements(listing, "m_dnat"), nat.elements(listing, "m_snat")


def _hold(ipr: Any, address: str) -> bool:
    """True when the address is new."""
    try:
        ipr.addr("add", index=_LOOPBACK, address=address, prefixlen=32)
    except NetlinkError as exc:
        if exc.code == errno.EEXIST:
            return False
        raise
    return True


def _release(ipr: Any, address: str) -> None:
    try:
        ipr.addr("del", index=_LOOPBACK, address=address, prefixlen=32)
    except NetlinkError as exc:
        if exc.code != errno.EADDRNOTAVAIL:
            raise


def _announce(namespace: str, address: str) -> None:
    def gateways(ipr: Any) -> list[tuple[str, str]]:
        found = (link.find(ipr, name) for name in link.names_here() if name.startswith(l3.GATEWAY))
        return [(link.name_of(each), str(each.get_attr("IFLA_ADDRESS"))) for each in found if each is not None]

    for ifname, mac in netns.rtnl(namespace, gateways):
        arp.announce(namespace, ifname, mac, [address])
