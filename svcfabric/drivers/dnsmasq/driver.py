"""The driver: what the agent calls, for many networks from several threads."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.dnsmasq import border, leases, render
from svcfabric.drivers.dnsmasq.daemon import LEASES, Daemon
from svcfabric.drivers.dnsmasq.metadata import Metadata
from svcfabric.drivers.linux import (
    address,
    dhcp_hosts,
    files,
    forwarding,
    leg,
    link,
    names,
    netns,
    segment,
    sysctl,
)
from svcfabric.drivers.linux.fault import HostFault, guarded
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.records import Records
from svcfabric.spi.dhcp import DhcpSpec
from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report
from svcfabric.spi.l2l3 import Address, Leg, Segment

LOG = logging.getLogger(__name__)
KIND = "dhcp"
IFNAME = "dhcp0"
REREAD = 0.1  # least seconds between two times that one dnsmasq reads everything again

_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_INSTANCES_MIN = 8192
_SYSCTLS = {
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    # a link-local address made from the MAC is the same on every host
    "net/ipv6/conf/default/addr_gen_mode": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv4/ip_forward": "0",
    "net/ipv6/conf/all/forwarding": "0",
}


class DnsmasqDriver:
    """Entry point ``dhcp.linux``.

    Of ``options.settings`` it knows ``dnsmasq`` (the program), ``metadata_url`` and ``metadata_secret``.
    """

    kind = KIND
    features = frozenset({"dhcpv4", "dhcpv6-stateful", "dhcpv6-stateless", "metadata"})

    def __init__(self, options: DriverOptions) -> None:
        self._host = Host(options)
        self._root = Path(options.state_dir)
        self._records = Records(options.state_dir)
        self._binary = options.settings.get("dnsmasq", "dnsmasq")
        self._metadata = Metadata(self._host, self._root / "metadata", options.settings)
        self._sparing = Sparing(self._reread, REREAD)
        self._adopted: set[str] = set()
        dhcp_hosts.watch(self._host, self._changed)

    def plan(self, spec: DhcpSpec, current: DhcpSpec | None) -> Plan:
        """The difference of the configurations; a restart loses the question that is asked at that moment."""
        paths = self._paths(spec)
        before = render.render(current, paths, IFNAME) if current and render.serves(current) else ""
        after = render.render(spec, paths, IFNAME) if render.serves(spec) else ""
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "current", "new", lineterm="")
        steps = [] if current else [f"create namespace {self._namespace(spec.id)}"]
        if current is None or current.leg != spec.leg:
            steps.append(f"leg {spec.leg.port_id}")
        if before != after:
            steps.append("restart dnsmasq" if before and after else "start dnsmasq" if after else "stop dnsmasq")
        if (current is not None and current.metadata) != spec.metadata:
            steps.append("serve metadata" if spec.metadata else "no longer serve metadata")
        return Plan(steps=tuple(steps), diff="\n".join(lines), impact="none")

    @guarded
    def apply(self, spec: DhcpSpec) -> Report:
        """Namespace and leg, the border, then dnsmasq and metadata."""
        network_id = spec.leg.segment.network_id
        text = render.render(spec, self._paths(spec), IFNAME)
        with self._host.locked(spec.id):
            before = self._records.get(spec.id) or {}
            record = {"network": network_id, "port": spec.leg.port_id, "mac": spec.leg.mac, "addresses": _known(spec)}
            # noted before it is made, so that ``remove`` finds it whatever happens in between
            self._records.put(spec.id, {**before, **record})
            self._plug(spec, before)
            self._close_border(spec, before)
            with dhcp_hosts.prepared(self._host, network_id) as top:
                files.swap(top / dhcp_hosts.SERVED, spec.id)
            if spec.metadata and spec.leg.admin_state_up:
                with self._metadata.serving(network_id, self._namespace(spec.id), IFNAME):
                    self._run(spec, text)
            else:
                self._run(spec, text)
                self._metadata.stop(network_id)
            self._records.put(spec.id, {**record, **self._made(spec)})
        return Report(instance_id=spec.id)

    @guarded
    def remove(self, instance_id: str) -> Report:
        """All of it; what was told of ports stays theirs."""
        with self._host.locked(instance_id):
            record = self._records.get(instance_id) or {}
            namespace = self._namespace(instance_id)
            self._daemon(instance_id).stop()
            self._adopted.discard(instance_id)
            network_ids = self._networks_of(instance_id)
            for each in network_ids:
                self._metadata.stop(each)
            border.clear(self._host.bridge_namespace, instance_id)
            self._unplug(namespace, record)
            shutil.rmtree(self._directory(instance_id), ignore_errors=True)
            for each in network_ids:
                (dhcp_hosts.directory(self._host, each) / dhcp_hosts.SERVED).unlink(missing_ok=True)
                dhcp_hosts.clear(self._host, each)
            self._records.drop(instance_id)
        return Report(instance_id=instance_id)

    def observe(self) -> Iterable[Observation]:
        """Networks with a namespace or a record; drifted when namespace, leg, border, dnsmasq or metadata is gone."""
        records = dict(self._records.items())
        present = set(self._host.namespaces(KIND))
        here = netns.run_in(self._host.bridge_namespace, link.names_here) if present and records else {}
        served = self._metadata.served() if any(each.get("metadata") for each in records.values()) else frozenset()
        closed = border.closed(self._host.bridge_namespace) if records else frozenset()
        for instance_id in sorted(present | records.keys()):
            record = records.get(instance_id)
            drifted = record is not None and (
                instance_id not in present
                or record.get("indexes") != _indexes(here, record)
                or (bool(record.get("border", ["", 0])[1]) and border.table(instance_id) not in closed)
                or (record.get("dnsmasq", False) and not self._daemon(instance_id).alive())
                or (record.get("metadata", False) and record["network"] not in served)
            )
            yield Observation(instance_id=instance_id, kind=KIND, drifted=drifted)

    # ---- parts of ``apply`` and ``remove``

    def _plug(self, spec: DhcpSpec, before: dict[str, Any]) -> None:
        namespace = self._namespace(spec.id)
        if netns.create(namespace):
            sysctl.write(namespace, _SYSCTLS, missing_ok=True)
        leg.ensure_leg(self._host, namespace, _with_metadata(spec), IFNAME)
        if spec.metadata:
            netns.rtnl(namespace, _add_link_local)
        bridge, known = self._host.bridge_namespace, _known(spec)
        gone = [each for each in before.get("addresses", ()) if each not in known]
        netns.rtnl(bridge, _unknow, before.get("network", ""), before.get("mac", ""), gone)
        netns.rtnl(bridge, _know, spec.leg.segment.network_id, spec.leg.mac, known)

    def _close_border(self, spec: DhcpSpec, before: dict[str, Any]) -> None:
        """The rules are made again for another device, and when somebody took them away."""
        device = self._device(spec.leg.segment)
        index = netns.run_in(self._host.bridge_namespace, link.index_here, device) if device else 0
        wanted = [device, index, spec.leg.mac]
        bridge = self._host.bridge_namespace
        if index and (before.get("border") != wanted or border.table(spec.id) not in border.closed(bridge)):
            border.close(bridge, spec.id, device, spec.leg.mac)

    def _run(self, spec: DhcpSpec, text: str) -> None:
        daemon = self._daemon(spec.id)
        if not render.serves(spec):
            daemon.stop()
            return
        _raise_inotify_limit()
        modes = {subnet.mode for subnet in spec.subnets}
        daemon.run(text, IFNAME, v4="dhcpv4" in modes, v6=bool(modes - {"dhcpv4"}))
        if spec.id not in self._adopted:
            self._adopted.add(spec.id)
            self._sparing(spec.id)  # an agent may have died between an entry's end and telling of it

    def _made(self, spec: DhcpSpec) -> dict[str, Any]:
        """The rest of the record: what is to be there."""
        device = self._device(spec.leg.segment)
        here = netns.run_in(self._host.bridge_namespace, link.names_here)
        made = {
            "border": [device, here.get(device, 0), spec.leg.mac],
            "dnsmasq": render.serves(spec),
            "metadata": spec.metadata and spec.leg.admin_state_up,
            "servers": [[each.address, each.prefix_length] for each in spec.leg.addresses],
            "duid": render.duid(spec).hex(),
        }
        return {**made, "indexes": _indexes(here, {"port": spec.leg.port_id, **made})}

    def _unplug(self, namespace: str, record: dict[str, Any]) -> None:
        ports = {*leg.legs(self._host, namespace), *([record["port"]] if "port" in record else [])}
        if ports and netns.exists(self._host.bridge_namespace):
            if "network" in record:
                with contextlib.suppress(NetlinkError):
                    netns.rtnl(
                        self._host.bridge_namespace, _unknow, record["network"], record["mac"], record["addresses"]
                    )
            leg.remove_legs(self._host, ports)
        netns.delete(namespace)

    def _networks_of(self, instance_id: str) -> list[str]:
        """What the instance serves, whether there is a record of it or not: one network, or none."""
        marks = dhcp_hosts.root(self._host).glob(f"*/{dhcp_hosts.SERVED}")
        return [mark.parent.name for mark in marks if files.read(mark) == instance_id]

    def _device(self, wire: Segment) -> str:
        """What leads to other hosts."""
        if wire.type == "vxlan":
            return names.vxlan(wire.network_id)
        return self._host.physical_networks.get(wire.physical_network, "")

    # ---- entries that changed or went

    def _changed(self, network_id: str) -> None:
        for instance_id, record in self._records.items():
            if record["network"] == network_id and record.get("dnsmasq"):
                self._sparing(instance_id)

    def _reread(self, instance_id: str) -> None:
        with self._host.locked(instance_id), contextlib.suppress(HostFault, OSError):  # a network that goes meanwhile
            record = self._records.get(instance_id)
            if record is None or not record.get("dnsmasq"):
                return
            daemon = self._daemon(instance_id)
            self._release(daemon.directory, instance_id, record)
            if dhcp_hosts.labelled(self._host, record["network"]):
                daemon.restart()
            else:
                daemon.reread()

    def _release(self, directory: Path, instance_id: str, record: dict[str, Any]) -> None:
        def mac_of(where: str) -> str | None:
            caller = dhcp_hosts.caller(self._host, record["network"], where)
            return None if caller is None else str(caller["mac"])

        gone = leases.stale(leases.parse(files.read(directory / LEASES) or ""), mac_of)
        if gone:
            servers = [(each, length) for each, length in record["servers"]]
            duid = bytes.fromhex(record["duid"])
            netns.run_in(self._namespace(instance_id), leases.release_here, gone, IFNAME, servers, duid)

    # ---- names

    def _namespace(self, instance_id: str) -> str:
        return self._host.namespace(KIND, instance_id)

    def _directory(self, instance_id: str) -> Path:
        if os.sep in instance_id or instance_id.startswith("."):
            raise HostFault(f"{instance_id!r} cannot name a directory", retry=False)
        return self._root / instance_id

    def _daemon(self, instance_id: str) -> Daemon:
        return Daemon(self._directory(instance_id), self._namespace(instance_id), self._binary)

    def _paths(self, spec: DhcpSpec) -> render.Paths:
        top = dhcp_hosts.directory(self._host, spec.leg.segment.network_id)
        user, group = dhcp_hosts.daemon_user()
        return render.Paths(
            hosts=top / dhcp_hosts.HOSTS,
            options=top / dhcp_hosts.OPTIONS,
            names=top / dhcp_hosts.NAMES,
            leases=self._directory(spec.id) / LEASES,
            user=user,
            group=group,
        )


class Sparing:
    """Calls ``work(key)`` soon after it was called with a key: at once, but at most every ``least`` seconds."""

    def __init__(self, work: Callable[[str], None], least: float) -> None:
        self._work, self._least = work, least
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._last: dict[str, float] = {}

    def __call__(self, key: str) -> None:
        with self._lock:
            if key in self._waiting:
                return
            self._waiting.add(key)
            wait = max(0.0, self._last.get(key, 0.0) + self._least - time.monotonic())
        timer = threading.Timer(wait, self._run, (key,))
        timer.daemon = True
        timer.start()

    def _run(self, key: str) -> None:
        with self._lock:
            self._waiting.discard(key)
            self._last[key] = time.monotonic()
        self._work(key)


def _with_metadata(spec: DhcpSpec) -> Leg:
    if not spec.metadata:
        return spec.leg
    more = Address(address=render.METADATA_V4, prefix_length=32)
    return dataclasses.replace(spec.leg, addresses=(*spec.leg.addresses, more))


def _known(spec: DhcpSpec) -> list[str]:
    """Addresses the bridge answers for, so that nobody asks other hosts for them."""
    own = [each.address for each in spec.leg.addresses]
    return [*own, render.METADATA_V4, render.METADATA_V6] if spec.metadata else own


def _indexes(here: dict[str, int], record: dict[str, Any]) -> list[int]:
    """What the instance hangs on: its leg, the device at the border."""
    device = (record.get("border") or [""])[0]
    return [here.get(names.tap(record["port"]), 0), here.get(device, 0)]


def _add_link_local(ipr: Any) -> None:
    address.add_addresses(ipr, link.index_here(IFNAME), [(render.METADATA_V6, 64)])


def _know(ipr: Any, network_id: str, mac: str, addresses: list[str]) -> None:
    bridge, _ = segment.indexes_here(network_id)
    forwarding.know(ipr, bridge, mac, addresses)


def _unknow(ipr: Any, network_id: str, mac: str, addresses: list[str]) -> None:
    bridge, _ = segment.indexes_here(network_id)
    if bridge:
        forwarding.unknow(ipr, bridge, mac, addresses)


def _raise_inotify_limit() -> None:
    """Each dnsmasq watches its directories by one instance of these, and all are the same user's."""
    with contextlib.suppress(OSError, ValueError):
        before = int(_INSTANCES.read_text())
        if before < _INSTANCES_MIN:
            _INSTANCES.write_text(str(_INSTANCES_MIN))
            LOG.warning("raised fs.inotify.max_user_instances from %d to %d (machine-wide)", before, _INSTANCES_MIN)
