"""Floating IPs: an address on the router's loopback, two elements in its NAT maps, or some for single ports.

The loopback, not the gateway's leg: the kernel answers ARP for it all the same, and no change of the leg
(nor of its exact addresses) touches it.
"""

from __future__ import annotations

import dataclasses
import errno
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux import arp, conntrack, forwards, l3, link, nat, netns, nft
from svcfabric.drivers.linux.fault import NftRefused, NoNamespace, guarded
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.qos import gateways as qos
from svcfabric.drivers.linux.records import Records
from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report
from svcfabric.spi.l2l3 import FloatingIPSpec, PortForward

KIND = "floatingip"

_LOOPBACK = 1


class FloatingIPDriver:
    """Entry point ``floatingip.linux``."""

    kind = KIND
    features = frozenset({"floatingip", "hairpin", "port-forwarding", "qos"})

    def __init__(self, options: DriverOptions) -> None:
        self._host = Host(options)
        self._records = Records(options.state_dir)

    def plan(self, spec: FloatingIPSpec, current: FloatingIPSpec | None) -> Plan:
        """Which translation would be made; another one's connections are cut."""
        if spec == current:
            return Plan()
        where = f"at router {spec.router_id}"
        if current is not None and dataclasses.replace(current, qos=spec.qos) == spec:
            return Plan(steps=(f"change the limits of {spec.floating_address} {where}",), impact="none")
        if spec.fixed_address or not spec.forwards:
            step = f"translate {spec.floating_address} to {spec.fixed_address or 'nothing'} {where}"
            return Plan(steps=(step,), impact="cuts flows" if current else "new flows")
        kept = set(current.forwards if current else ())
        steps = [f"no longer forward {_words(spec, each)} {where}" for each in kept - set(spec.forwards)]
        steps += [f"forward {_words(spec, each)} {where}" for each in spec.forwards if each not in kept]
        cuts = bool(kept - set(spec.forwards)) or (current is not None and bool(current.fixed_address))
        return Plan(steps=tuple(steps), impact="cuts flows" if cuts else "new flows" if steps else "none")

    @guarded
    def apply(self, spec: FloatingIPSpec) -> Report:
        """Waits for the router. Translation before address: the router itself never answers for it."""
        for address in (spec.floating_address, spec.fixed_address, *(each.address for each in spec.forwards)):
            if address:
                ipaddress.IPv4Address(address)
        namespace = self._host.namespace(l3.KIND, spec.router_id)
        record = _record(spec)
        with self._host.locked(f"floating {spec.floating_address}"):
            before = self._records.get(spec.id)
            if before is not None and not _same_place(before, record):
                self._take_away(before)  # another router or address; a new target is a swap, below
                before = None
            if not self._translate(namespace, spec, before):
                return Report(instance_id=spec.id, ok=False, waits_for=spec.router_id)
            if before is not None and before.get("qos"):
                record["qos"] = before["qos"]
            self._records.put(spec.id, record)
            if netns.rtnl(namespace, _hold, spec.floating_address):
                _announce(namespace, spec.floating_address)
            self._limit(namespace, spec, record)
        return Report(instance_id=spec.id)

    def _limit(self, namespace: str, spec: FloatingIPSpec, record: dict[str, Any]) -> None:
        held = record.pop("qos", None)
        limits = qos.put_floating(self._host, namespace, l3.GATEWAY, spec.floating_address, spec.qos, held)
        self._records.put(spec.id, record if limits is None else record | {"qos": limits})

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
        routers: dict[str, _State] = {}
        for instance_id, record in self._records.items():
            router = record["router"]
            if router not in routers:
                routers[router] = _state_of(self._host.namespace(l3.KIND, router))
            there = routers[router].holds(record) and not qos.drifted(routers[router].links, record, l3.GATEWAY)
            yield Observation(instance_id=instance_id, kind=KIND, drifted=not there)

    def _translate(self, namespace: str, spec: FloatingIPSpec, before: dict[str, Any] | None) -> bool:
        """False when the router (its namespace, its table) is not there yet."""
        if not netns.exists(namespace):
            return False
        wanted = forwards.elements(spec.floating_address, spec.forwards)
        old = _forwards(before) if before else []
        known = forwards.elements(spec.floating_address, old)
        text = nat.floating_made(spec.floating_address, spec.fixed_address) if spec.fixed_address else ""
        # the same again: whatever of it may be gone by now
        text += forwards.changes(known if known != wanted else {}, wanted)
        try:
            if before is not None and before["fixed"] and not spec.fixed_address:
                raise NftRefused("an element has to go")
            if text:
                nft.apply(namespace, text)
            elif not nft.list_json(namespace, f"chain {nat.CHAIN}"):
                return False
        except NftRefused:
            if not nft.list_json(namespace, f"chain {nat.CHAIN}"):
                return False
            self._swap(namespace, spec, wanted)
        gone = [each for each in old if each not in spec.forwards]
        if gone:
            _cut(namespace, spec.floating_address, gone)
        return True

    def _swap(self, namespace: str, spec: FloatingIPSpec, wanted: forwards.Elements) -> None:
        """The maps are not as they were left, or an address is translated otherwise: one transaction from what is."""
        listing = nft.list_json(namespace, f"table {nat.TABLE}")
        dnat, snat = nat.elements(listing, "m_dnat"), nat.elements(listing, "m_snat")
        there = forwards.mine(forwards.listed(listing), spec.floating_address)
        text = nat.floating_changes(spec.floating_address, spec.fixed_address, dnat, snat)
        if text := text + forwards.changes(there, wanted):
            nft.apply(namespace, text)
        before = dnat.get(spec.floating_address, spec.fixed_address)
        if before:
            conntrack.cut(namespace, spec.floating_address, before)

    def _taken_over(self, instance_id: str, record: dict[str, Any]) -> bool:
        """Whether the address is another floating IP's by now, made before this one was taken away."""
        here = (record["router"], record["floating"])
        others = [each for ident, each in self._records.items() if ident != instance_id]
        return any((each["router"], each["floating"]) == here for each in others)

    def _take_away(self, record: dict[str, Any]) -> None:
        namespace = self._host.namespace(l3.KIND, record["router"])
        if not netns.exists(namespace):
            return
        floating = record["floating"]
        listing = nft.list_json(namespace, f"table {nat.TABLE}")
        dnat, snat = nat.elements(listing, "m_dnat"), nat.elements(listing, "m_snat")
        changes = nat.floating_changes(floating, "", dnat, snat)
        changes += forwards.changes(forwards.mine(forwards.listed(listing), floating), {})
        if changes:
            nft.apply(namespace, changes)
        if record["fixed"]:
            conntrack.cut(namespace, floating, record["fixed"])
        if old := _forwards(record):
            _cut(namespace, floating, old)
        netns.rtnl(namespace, _release, floating)
        qos.drop_floating(self._host, namespace, l3.GATEWAY, floating)


@dataclasses.dataclass(frozen=True, slots=True)
class _State:
    """What a router really does for floating IPs."""

    held: frozenset[str] = frozenset()
    dnat: Mapping[str, str] = dataclasses.field(default_factory=dict)
    forwards: forwards.Elements = dataclasses.field(default_factory=dict)
    links: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def holds(self, record: Mapping[str, Any]) -> bool:
        floating = record["floating"]
        wanted = forwards.elements(floating, _forwards(record))
        return (
            floating in self.held
            and self.dnat.get(floating, "") == record["fixed"]
            and forwards.mine(self.forwards, floating) == wanted
        )


def _state_of(namespace: str) -> _State:
    try:
        listing = nft.list_json(namespace, f"table {nat.TABLE}")
        held = frozenset(netns.rtnl(namespace, l3.held_addresses))
        links = netns.run_in(namespace, link.names_here)
    except NoNamespace:
        return _State()
    return _State(held, nat.elements(listing, "m_dnat"), forwards.listed(listing), links)


def _record(spec: FloatingIPSpec) -> dict[str, Any]:
    return {
        "router": spec.router_id,
        "floating": spec.floating_address,
        "fixed": spec.fixed_address,
        "forwards": [dataclasses.asdict(each) for each in spec.forwards],
    }


def _same_place(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("router", "floating"))


def _forwards(record: Mapping[str, Any]) -> list[PortForward]:
    return [PortForward(**each) for each in record.get("forwards", ())]


def _words(spec: FloatingIPSpec, forward: PortForward) -> str:
    outside = f"{spec.floating_address} {forward.protocol} {forward.external_first}-{forward.external_last}"
    return f"{outside} to {forward.address} {forward.first}-{forward.last}"


def _cut(namespace: str, floating: str, gone: Iterable[PortForward]) -> None:
    """End the connections of forwardings that are no more."""
    spans = [(forwards.NUMBERS[each.protocol], each.external_first, each.external_last) for each in gone]
    conntrack.cut_ports(namespace, floating, spans)


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
        arp.announce(namespace, ifname, mac, [address], pauses=arp.LATE)
