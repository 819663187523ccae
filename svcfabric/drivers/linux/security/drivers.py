"""Drivers of security groups, their members, address groups. Ports: ``security.ports``."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from svcfabric.drivers.linux.fault import guarded
from svcfabric.drivers.linux.records import Records
from svcfabric.drivers.linux.security.filter import Filter
from svcfabric.drivers.linux.security.state import State
from svcfabric.spi import codec
from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report
from svcfabric.spi.security import AddressGroupSpec, MemberSpec, SecurityGroupSpec
from svcfabric.spi.spec import Envelope, Spec

S = TypeVar("S", bound=Spec)


class _Part(abc.ABC, Generic[S]):
    """What the three have in common: specs are remembered whole, the filter does the work."""

    kind: str
    features: frozenset[str] = frozenset()

    def __init__(self, options: DriverOptions) -> None:
        self._records = Records(options.state_dir)
        self._filter = Filter.of(options)
        self._filter.load(self.kind, self._remembered)

    @guarded
    def apply(self, spec: S) -> Report:
        """Into force, in one transaction; then connections that may no longer be are cut."""
        self._put(spec)
        self._records.put(spec.id, codec.encode(Envelope(spec=spec, generation=0, driver="linux")))
        return Report(instance_id=spec.id)

    @guarded
    def remove(self, instance_id: str) -> Report:
        """Out of force. What other things still refer to stays, empty, until they no longer do."""
        self._drop(instance_id)
        self._records.drop(instance_id)
        return Report(instance_id=instance_id)

    def observe(self) -> Iterable[Observation]:
        """Those applied, drifted when their chains or sets are gone; leftovers of others."""
        lost = self._filter.lost(self.kind)
        for instance_id in dict(self._records.items()):
            yield Observation(instance_id=instance_id, kind=self.kind, drifted=instance_id in lost)
        for instance_id in self._filter.strangers(self.kind):
            yield Observation(instance_id=instance_id, kind=self.kind)

    @abc.abstractmethod
    def _put(self, spec: S) -> None:
        """Into force."""

    @abc.abstractmethod
    def _drop(self, instance_id: str) -> None:
        """Out of force."""

    @abc.abstractmethod
    def _into(self, state: State) -> Callable[[S], None]:
        """What takes a remembered spec into ``state``, without a word to the kernel."""

    def _remembered(self, state: State) -> None:
        for record in dict(self._records.items()).values():
            with contextlib.suppress(ValueError):  # the instance is applied again, and written anew
                found: Any = codec.decode(record).spec
                self._into(state)(found)


class SecurityGroupDriver(_Part[SecurityGroupSpec]):
    """Entry point ``security_group.linux``: a group's rules."""

    kind = "security_group"
    features = frozenset({"stateful", "stateless", "remote-group", "address-group", "icmp", "ports"})

    def plan(self, spec: SecurityGroupSpec, current: SecurityGroupSpec | None) -> Plan:
        """The rules that come and go; those that go may cut connections."""
        before = set(current.rules) if current is not None else set()
        gone, new = before - set(spec.rules), set(spec.rules) - before
        steps = [f"let through {each}" for each in new] + [f"no longer let through {each}" for each in gone]
        return Plan(steps=tuple(sorted(steps)), impact="cuts flows" if gone else "new flows" if new else "none")

    def _put(self, spec: SecurityGroupSpec) -> None:
        self._filter.put_group(spec)

    def _drop(self, instance_id: str) -> None:
        self._filter.drop_group(instance_id)

    def _into(self, state: State) -> Callable[[SecurityGroupSpec], None]:
        return state.put_group


class MemberDriver(_Part[MemberSpec]):
    """Entry point ``security_group_member.linux``: one port's addresses in the sets of its groups."""

    kind = "security_group_member"

    def plan(self, spec: MemberSpec, current: MemberSpec | None) -> Plan:
        """The addresses that come into and out of groups."""
        pairs = {(group, address) for group in spec.groups for address in spec.addresses}
        before = {(group, each) for group in current.groups for each in current.addresses} if current else set()
        steps = [f"{address} joins {group}" for group, address in pairs - before]
        steps += [f"{address} leaves {group}" for group, address in before - pairs]
        return Plan(
            steps=tuple(sorted(steps)), impact="cuts flows" if before - pairs else "new flows" if steps else "none"
        )

    def _put(self, spec: MemberSpec) -> None:
        self._filter.put_member(spec)

    def _drop(self, instance_id: str) -> None:
        self._filter.drop_member(instance_id)

    def _into(self, state: State) -> Callable[[MemberSpec], None]:
        return state.put_member


class AddressGroupDriver(_Part[AddressGroupSpec]):
    """Entry point ``address_group.linux``: a named list of CIDRs."""

    kind = "address_group"

    def plan(self, spec: AddressGroupSpec, current: AddressGroupSpec | None) -> Plan:
        """The CIDRs that come and go."""
        before = set(current.cidrs) if current is not None else set()
        steps = [f"add {each}" for each in set(spec.cidrs) - before]
        gone = [f"take out {each}" for each in before - set(spec.cidrs)]
        return Plan(
            steps=tuple(sorted(steps + gone)), impact="cuts flows" if gone else "new flows" if steps else "none"
        )

    def _put(self, spec: AddressGroupSpec) -> None:
        self._filter.put_list(spec)

    def _drop(self, instance_id: str) -> None:
        self._filter.drop_list(instance_id)

    def _into(self, state: State) -> Callable[[AddressGroupSpec], None]:
        return state.put_list
