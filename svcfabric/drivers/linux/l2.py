"""Networks and ports on a host: bridges, VXLAN, static forwarding, suppressed ARP, wires."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from svcfabric.drivers.linux import dhcp_hosts, forwarding, link, names, netns, segment, wire
from svcfabric.drivers.linux.fault import guarded
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.qos import ports as qos
from svcfabric.drivers.linux.records import Records
from svcfabric.drivers.linux.security.ports import PortFilter
from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report
from svcfabric.spi.l2l3 import NetworkSpec, PortSpec


class NetworkDriver:
    """Entry point ``network.linux``: the bridge, the VXLAN device, where broadcasts go."""

    kind = "network"
    features = frozenset({"vxlan", "flat", "mtu"})

    def __init__(self, options: DriverOptions) -> None:
        self._host = Host(options)
        self._records = Records(options.state_dir)

    def plan(self, spec: NetworkSpec, current: NetworkSpec | None) -> Plan:
        """The bridge when it is new, and the tunnel endpoints that come and go."""
        before = set(current.vteps) if current else set()
        steps = [] if current else [f"create bridge {names.bridge(spec.id)}"]
        steps += [f"flood to {each}" for each in sorted(set(spec.vteps) - before)]
        steps += [f"no longer flood to {each}" for each in sorted(before - set(spec.vteps))]
        return Plan(steps=tuple(steps), impact="none")

    @guarded
    def apply(self, spec: NetworkSpec) -> Report:
        """Bridge and device; then flood entries, exactly those given."""
        segment.ensure_bridge(self._host, spec.segment)
        vteps = sorted(each for each in spec.vteps if each != self._host.local_ip)
        before = self._records.get(spec.id)
        indexes = netns.rtnl(self._host.bridge_namespace, _set_vteps, spec.id, vteps, before)
        self._records.put(spec.id, {"indexes": list(indexes), "vteps": vteps})
        return Report(instance_id=spec.id)

    @guarded
    def remove(self, instance_id: str) -> Report:
        """Refused, to be tried again, while ports still hang on the bridge."""
        segment.remove_bridge(self._host, instance_id)
        self._records.drop(instance_id)
        return Report(instance_id=instance_id)

    def observe(self) -> Iterable[Observation]:
        """Networks with a bridge or a record; drifted when a device is gone or was made anew by others."""
        here = links_of(self._host)
        records = dict(self._records.items())
        for instance_id, record in records.items():
            now = [here.get(names.bridge(instance_id), 0), here.get(names.vxlan(instance_id), 0)]
            yield Observation(instance_id=instance_id, kind=self.kind, drifted=now != record["indexes"])
        if {name for name in here if name.startswith("br-")} - {names.bridge(each) for each in records}:
            for instance_id in segment.bridges(self._host).keys() - records.keys():
                yield Observation(instance_id=instance_id, kind=self.kind)


class PortDriver:
    """Entry point ``port.linux``: a wire where the port is bound, a forwarding entry where it is not."""

    kind = "port"
    features = frozenset({"veth", "leg", "arp-suppression", "port-security", "qos"})

    def __init__(self, options: DriverOptions) -> None:
        self._host = Host(options)
        self._records = Records(options.state_dir)
        self._filter = PortFilter(self._host, options)

    def plan(self, spec: PortSpec, current: PortSpec | None) -> Plan:
        """One step; moving between hosts cuts what is under way."""
        if spec == current:
            return Plan()
        step = f"send {spec.mac} to {spec.vtep}" if spec.vtep else f"{spec.wire} {names.tap(spec.id)} for {spec.mac}"
        moves = current is not None and (current.vtep, current.mac) != (spec.vtep, spec.mac)
        return Plan(steps=(step,), impact="cuts flows" if moves else "new flows")

    @guarded
    def apply(self, spec: PortSpec) -> Report:
        """Wire or forwarding entry, then what the bridge answers ARP with; the old ones go last."""
        with self._host.locked(spec.id):
            segment.ensure_bridge(self._host, spec.segment)
            before = self._records.get(spec.id)
            self._tell_dhcp(spec, before)
            dhcp_hosts.name(self._host, spec, _named(before))
            with self._filter.around(spec):
                record = netns.rtnl(self._host.bridge_namespace, _apply_port, spec, before)
            self._records.put(spec.id, record)
        return Report(instance_id=spec.id)

    @guarded
    def remove(self, instance_id: str) -> Report:
        """The wire (not the leg of a function) and all entries."""
        with self._host.locked(instance_id):
            if netns.exists(self._host.bridge_namespace):
                record = self._records.get(instance_id)
                netns.rtnl(self._host.bridge_namespace, _remove_port, instance_id, record)
            self._filter.remove(instance_id)
            if before := self._told(instance_id):
                dhcp_hosts.drop(self._host, instance_id, before)
            if network_id := _named(self._records.get(instance_id)):
                dhcp_hosts.unname(self._host, instance_id, network_id)
            self._records.drop(instance_id)
        return Report(instance_id=instance_id)

    def _tell_dhcp(self, spec: PortSpec, before: dict[str, Any] | None) -> None:
        """DHCP knows a port before it has its wire, and not once it is elsewhere."""
        told = before if before is not None and before.get("dhcp") else None
        if spec.dhcp is not None and not spec.vtep:
            dhcp_hosts.put(self._host, spec, told)
        elif told is not None:
            dhcp_hosts.drop(self._host, spec.id, told)

    def _told(self, port_id: str) -> dict[str, Any] | None:
        record = self._records.get(port_id)
        return record if record is not None and record.get("dhcp") else None

    def observe(self) -> Iterable[Observation]:
        """Ports with a wire or a record; drifted when the wire or what the entries are on is another now."""
        here = links_of(self._host)
        records = dict(self._records.items())
        unfiltered = self._filter.lost()
        limited = any(record.get("qos") for record in records.values())
        tables = netns.run_in(self._host.bridge_namespace, qos.tables_here) if limited and here else frozenset()
        for instance_id, record in records.items():
            now = _indexes_of(lambda ifname: here.get(ifname, 0), instance_id, record)
            unlimited = qos.drifted(here, tables, instance_id, record)
            drifted = now != record["indexes"] or instance_id in unfiltered or unlimited
            yield Observation(instance_id=instance_id, kind=self.kind, drifted=drifted)
        strangers = {name for name in here if name.startswith("tap")} - {names.tap(each) for each in records}
        aliases = netns.rtnl(self._host.bridge_namespace, _aliases, strangers) if strangers else []
        left = {each.removeprefix(wire.ALIAS) for each in aliases if each.startswith(wire.ALIAS)}
        for instance_id in sorted(left | self._filter.strangers() - records.keys()):
            yield Observation(instance_id=instance_id, kind=self.kind)


def _named(record: dict[str, Any] | None) -> str:
    """The network in whose DNS a port has names; "" for none."""
    return str(record["network"]) if record is not None and record.get("named") else ""


def links_of(host: Host) -> dict[str, int]:
    """{interface: index} of the bridge namespace; {} when there is none."""
    if not netns.exists(host.bridge_namespace):
        return {}
    return netns.run_in(host.bridge_namespace, link.names_here)


def _set_vteps(ipr: Any, network_id: str, vteps: list[str], before: dict[str, Any] | None) -> tuple[int, int]:
    bridge, vxlan = segment.indexes_here(network_id)
    if vxlan:
        same = before is not None and before["indexes"] == [bridge, vxlan]
        forwarding.set_flood(ipr, vxlan, vteps, before["vteps"] if before is not None and same else None)
    return bridge, vxlan


def _apply_port(ipr: Any, spec: PortSpec, before: dict[str, Any] | None) -> dict[str, Any]:
    """Make it so; the record to keep."""
    network_id = spec.segment.network_id
    bridge, vxlan = segment.indexes_here(network_id)
    addresses = [each.address for each in spec.addresses]
    if spec.vtep:
        wire.remove(ipr, spec.id)
        if vxlan:
            forwarding.point_remote(ipr, vxlan, spec.mac, spec.vtep)
    else:
        if vxlan and (before is None or before["vtep"]):
            forwarding.drop_remote(ipr, vxlan, spec.mac)
        if spec.wire == "veth":
            wire.ensure(ipr, spec, bridge)
        elif tap := link.index_here(names.tap(spec.id)):
            forwarding.point_local(ipr, tap, spec.mac)  # its owner was quicker and made the leg
    forwarding.know(ipr, bridge, spec.mac, addresses)
    if before is not None and before["network"] == network_id:
        _forget_old(ipr, bridge, vxlan, before, spec.mac, set(addresses))
    record = {
        "network": network_id,
        "mac": spec.mac,
        "addresses": addresses,
        "vtep": spec.vtep,
        "wire": spec.wire,
        "dhcp": spec.dhcp is not None and not spec.vtep,
        "named": spec.dns is not None,
    }
    limits = qos.put_here(ipr, spec, before)
    if limits is not None:
        record["qos"] = limits
    return {**record, "indexes": _indexes_of(link.index_here, spec.id, record)}


def _forget_old(ipr: Any, bridge: int, vxlan: int, before: dict[str, Any], mac: str, keep: set[str]) -> None:
    forwarding.unknow(ipr, bridge, before["mac"], [each for each in before["addresses"] if each not in keep])
    if before["mac"] != mac and before["vtep"] and vxlan:
        forwarding.drop_remote(ipr, vxlan, before["mac"])


def _remove_port(ipr: Any, port_id: str, record: dict[str, Any] | None) -> None:
    wire.remove(ipr, port_id)
    qos.drop_here(ipr, port_id, record.get("qos") if record is not None else None)
    if record is None:
        return
    bridge, vxlan = segment.indexes_here(record["network"])
    if bridge:
        forwarding.unknow(ipr, bridge, record["mac"], record["addresses"])
    if vxlan and record["vtep"]:
        forwarding.drop_remote(ipr, vxlan, record["mac"])


def _indexes_of(index: Callable[[str], int], port_id: str, record: dict[str, Any]) -> list[int]:
    """What the port's state hangs on: bridge, VXLAN device, own wire; 0 for what there is not."""
    network_id = record["network"]
    own = index(names.tap(port_id)) if record["wire"] == "veth" and not record["vtep"] else 0
    return [index(names.bridge(network_id)), index(names.vxlan(network_id)), own]


def _aliases(ipr: Any, ifnames: Iterable[str]) -> list[str]:
    found = (link.find(ipr, each) for each in ifnames)
    return [link.alias_of(each) for each in found if each is not None]
