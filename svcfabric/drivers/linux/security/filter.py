"""The filter of one host, shared by the drivers of its agent: puts specs into force, one transaction each.

Whatever arrives first, what it refers to is made empty; what nothing needs any more goes with the last that
needed it. The kernel's tables are never rebuilt: an agent that starts looks what is there and goes on.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from svcfabric.drivers.linux import link, netns, nft, sysctl
from svcfabric.drivers.linux import names as interfaces
from svcfabric.drivers.linux.fault import NftRefused
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.security import base, connections, guarded, kernel, names, shapes, wanted
from svcfabric.drivers.linux.security.flow import Address, Flow
from svcfabric.drivers.linux.security.guarded import GuardedPort
from svcfabric.drivers.linux.security.shapes import Network
from svcfabric.drivers.linux.security.state import State, addresses_of
from svcfabric.drivers.linux.security.transaction import Mirror, Transaction
from svcfabric.spi.driver import DriverOptions
from svcfabric.spi.l2l3 import PortSpec
from svcfabric.spi.security import AddressGroupSpec, MemberSpec, SecurityGroupSpec

KINDS = frozenset({"port", "security_group", "security_group_member", "address_group"})


class Filter:
    """Get it with ``Filter.of``. Every method that changes something raises ``NftRefused``, ``ValueError`` for
    specs that make no sense, or what the kernel says; then nothing has changed."""

    _made: weakref.WeakValueDictionary[str, Filter] = weakref.WeakValueDictionary()
    _guard = threading.Lock()

    def __init__(self, host: Host) -> None:
        self._host = host
        self._namespace = host.bridge_namespace
        self._lock = threading.RLock()
        self._loaded: set[str] = set()
        self._mirror: Mirror | None = None
        self._generation = -1
        self._looks = 0
        self._judged: dict[str, tuple[int, set[str]]] = {}
        self._based = False
        # network -> interface index of its bridge, whose packets go through the tables
        self._guarded: dict[str, int] = {}
        #: what should be
        self.state = State()

    @classmethod
    def of(cls, options: DriverOptions) -> Filter:
        """The one filter of an agent's drivers, by their options."""
        with cls._guard:
            key = f"{options.tag} {Path(options.state_dir).parent}"
            found = cls._made.get(key)
            if found is None:
                found = cls._made[key] = cls(Host(options))
            return found

    def load(self, kind: str, put: Callable[[State], None]) -> None:
        """Take in what a driver remembers from before. Once all kinds have, nobody's leftovers can be told."""
        with self._lock:
            put(self.state)
            self._loaded.add(kind)

    # ---- changes

    def put_port(self, spec: PortSpec, bridge: int) -> GuardedPort:
        """Filter a port, whether its wire is there yet or not; what to remember of it.

        ``bridge``: the interface index of its network's bridge, which must be there.
        """
        with self._lock:
            old = self.state.ports.get(spec.id)
            port = self._port_of(spec, old)

            def undo() -> None:
                self.state.drop_port(spec.id)
                if old is not None:
                    self.state.put_port(old)

            self.state.put_port(port)
            with _undone(undo):
                if self._guarded.get(port.network) != bridge:
                    netns.rtnl(self._namespace, kernel.guard, port.bridge, True)
                    self._guarded[port.network] = bridge
                self._commit(lambda tx: wanted.port(tx, self.state, port.id, old))
            if old is not None and old != port:
                self._cut_port(port.zone, [*_networks(old), *_networks(port)])
            elif old is None and netns.run_in(self._namespace, link.index_here, interfaces.tap(port.id)):
                self._cut_port(port.zone, _networks(port))  # it has a wire: it was not filtered before
            return port

    def drop_port(self, port_id: str, *, gone: bool) -> None:
        """Filter a port no more. ``gone``: it is no more, and whoever has its address next starts anew."""
        with self._lock:
            old = self.state.ports.get(port_id)
            self.state.drop_port(port_id)
            if not netns.exists(self._namespace):
                return
            with _undone(lambda: self.state.put_port(old) if old is not None else None):
                self._commit(lambda tx: wanted.port(tx, self.state, port_id, old))
            if old is not None:
                if gone:
                    self._cut_port(old.zone, _networks(old))
                if not any(self.state.ports_on(old.network)):
                    self._guarded.pop(old.network, None)
                    netns.rtnl(self._namespace, kernel.guard, old.bridge, False)
            self._tidy()

    def put_group(self, spec: SecurityGroupSpec) -> None:
        """A group's rules, all of them."""
        shapes.chains(spec)
        with self._lock:
            old = self.state.groups.get(spec.id)
            touched = self.state.references(spec.id)
            self.state.put_group(spec)
            touched |= self.state.references(spec.id)
            with _undone(lambda: self.state.put_group(old) if old is not None else self.state.drop_group(spec.id)):
                self._commit(lambda tx: wanted.group(tx, self.state, spec.id, touched, old))
            if old is not None and (set(old.rules) - set(spec.rules) or old.stateful != spec.stateful):
                self._cut_group(spec.id)

    def drop_group(self, group_id: str) -> None:
        """No such group; ports that are still in it have nothing let through by it."""
        with self._lock:
            old = self.state.groups.get(group_id)
            touched = self.state.references(group_id)
            self.state.drop_group(group_id)
            with _undone(lambda: self.state.put_group(old) if old is not None else None):
                self._commit(lambda tx: wanted.group(tx, self.state, group_id, touched, old))
            self._cut_group(group_id)
            self._tidy()

    def put_member(self, spec: MemberSpec) -> None:
        """A member: one element in each of its groups' sets."""
        with self._lock:
            old = self.state.members.get(spec.id)
            self.state.put_member(spec)
            self._member_changed(spec.id, old, spec)

    def drop_member(self, member_id: str) -> None:
        """A member no more."""
        with self._lock:
            old = self.state.members.get(member_id)
            self.state.drop_member(member_id)
            if old is not None:
                self._member_changed(member_id, old, None)
            self._tidy()

    def put_list(self, spec: AddressGroupSpec) -> None:
        """An address group's CIDRs, all of them. Raises ``ValueError`` for one that is none."""
        networks = {shapes.network_of(each, 6 if ":" in each else 4) for each in spec.cidrs}
        names.checked(spec.id)
        with self._lock:
            old = self.state.lists.get(spec.id)
            self.state.put_list(spec)
            with _undone(lambda: self._restore_list(spec.id, old)):
                self._commit(lambda tx: wanted.address_list(tx, self.state, spec.id))
            self._cut_list(spec.id, old, networks)

    def drop_list(self, list_id: str) -> None:
        """No such address group; rules that still refer to it match nobody."""
        with self._lock:
            old = self.state.lists.pop(list_id, None)
            with _undone(lambda: self._restore_list(list_id, old)):
                self._commit(lambda tx: wanted.address_list(tx, self.state, list_id))
            self._cut_list(list_id, old, set())
            self._tidy()

    # ---- looking

    def lost(self, kind: str) -> set[str]:
        """Ids of those of a kind that are not (wholly) there any more."""
        with self._lock:
            mirror = self._look()
            looks, missing = self._judged.get(kind, (-1, set()))
            # nothing was found changed by others since the last answer, and then all was there
            if missing or looks != self._looks:
                self._judged[kind] = (self._looks, wanted.lost(kind, self.state, mirror))
            return self._judged[kind][1]

    def strangers(self, kind: str) -> set[str]:
        """Ids that something in the kernel is named after and nobody asked for."""
        with self._lock:
            mirror = self._look()
            return wanted.strangers(kind, self.state, mirror) if self._complete else set()

    # ---- inside

    @property
    def _complete(self) -> bool:
        return self._loaded >= KINDS

    def _port_of(self, spec: PortSpec, old: GuardedPort | None) -> GuardedPort:
        number = old.number if old is not None else self._number_for(spec.id)
        same = old is not None and old.network == spec.segment.network_id
        zone = old.zone if old is not None and same else self.state.zone_for(spec.segment.network_id)
        return GuardedPort.of(spec, number, zone)

    def _number_for(self, port_id: str) -> int:
        return guarded.number_for(port_id, names.NUMBERS, self.state.numbers)

    def _restore_list(self, list_id: str, old: AddressGroupSpec | None) -> None:
        if old is None:
            self.state.lists.pop(list_id, None)
        else:
            self.state.lists[list_id] = old

    def _member_changed(self, member_id: str, old: MemberSpec | None, new: MemberSpec | None) -> None:
        def undo() -> None:
            self.state.drop_member(member_id)
            if old is not None:
                self.state.put_member(old)

        touched = {group: set(addresses_of(old)) for group in old.groups} if old is not None else {}
        for group in new.groups if new is not None else ():
            touched.setdefault(group, set()).update(addresses_of(new) if new is not None else ())
        with _undone(undo):
            self._commit(lambda tx: wanted.members(tx, self.state, touched))
        left = {
            network
            for group, networks in touched.items()
            for network in networks
            if self.state.referrers(group) and not self.state.holds(group, network)
        }
        self._cut(left)

    def _cut_group(self, group_id: str) -> None:
        self._cut([each for port in self.state.ports_in(group_id) for each in _networks(port)])

    def _cut_list(self, list_id: str, old: AddressGroupSpec | None, new: Collection[Network]) -> None:
        before = {shapes.network_of(each, 6 if ":" in each else 4) for each in old.cidrs} if old is not None else set()
        if self.state.list_referrers(list_id):
            self._cut(before - set(new))

    def _cut_port(self, zone: int, networks: Iterable[Network]) -> None:
        """End the connections in the zone of addresses that no filtered port has now, or that may not be."""

        def wrong(flow: Flow) -> bool:
            ends = (flow.source, flow.destination)
            left = any(_within(each, about) and not self.state.holders(zone, each) for each in ends)
            return flow.zone == zone and (left or self.state.forbids(flow))

        about = set(networks)
        self._cut(about, wrong)

    def _cut(self, networks: Collection[Network], wrong: Callable[[Flow], bool] | None = None) -> None:
        """End those connections of the addresses that are ``wrong`` (default: that may no longer be)."""
        if networks and netns.exists(self._namespace):
            netns.run_in(self._namespace, connections.cut_here, networks, wrong or self.state.forbids)

    def _commit(self, build: Callable[[Transaction], None]) -> None:
        """Carry out one transaction; when the kernel is not as thought, look and try once more."""
        for last in (False, True):
            mirror = self._seen()
            change = Transaction(mirror)
            build(change)
            text = change.text()
            if not text:
                return
            self._host.ensure_bridge_namespace()
            head = "" if self._based else base.made()
            try:
                before, after = netns.run_in(self._namespace, kernel.carry_out_here, head + text)
            except NftRefused:
                if last:
                    raise
                self._mirror, self._based = None, False
                continue
            change.done()
            if head:
                sysctl.write(self._namespace, base.SYSCTLS, missing_ok=True)
                mirror.chains |= base.CHAINS.keys()
                mirror.sets |= base.SETS.keys()
                self._based = True
            # somebody else's transactions in between: look again when next asked
            self._generation = after if (before, after) == (self._generation, before + 1) else -1
            return

    def _seen(self) -> Mirror:
        """What was there when last looked, and what was done since."""
        if self._mirror is None:
            return self._look()
        return self._mirror

    def _look(self) -> Mirror:
        """What is there now."""
        if not netns.exists(self._namespace):
            self._mirror, self._generation, self._based = Mirror(), -1, False
            return self._mirror
        if self._mirror is None or netns.run_in(self._namespace, kernel.generation_here) != self._generation:
            self._mirror, self._generation = netns.run_in(self._namespace, kernel.scan_here)
            self._looks += 1
            self._based = self._based and self._mirror.whole
        return self._mirror

    def _tidy(self) -> None:
        """Take the tables away with the last thing in them."""
        if self._complete and self.state.empty and netns.exists(self._namespace):
            mirror = self._seen()
            found = mirror.chains | mirror.sets
            # what is left of things forgotten filters on until it is removed by name
            if found and not any(names.owner(each)[0] for each in found):
                nft.apply(self._namespace, base.gone())
                self._mirror, self._based = None, False


@contextlib.contextmanager
def _undone(undo: Callable[[], object]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        undo()
        raise


def _within(address: Address, networks: Collection[Network]) -> bool:
    return any(address in each for each in networks)


def _networks(port: GuardedPort) -> list[Network]:
    return [each for networks in port.sources.values() for each in networks]
