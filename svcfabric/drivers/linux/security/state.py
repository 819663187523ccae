"""What should be filtered on this host: ports, groups, members, address lists, and who refers to whom.

Everything is by id and goes in and out one at a time; answers cost what they are long. Not locked.
"""

from __future__ import annotations

import collections
import ipaddress
from collections.abc import Iterable, Iterator

from svcfabric.drivers.linux.security import names
from svcfabric.drivers.linux.security.flow import Address, Flow, Policy
from svcfabric.drivers.linux.security.guarded import GuardedPort, number_for
from svcfabric.drivers.linux.security.shapes import Network, collapsed, network_of
from svcfabric.spi.security import AddressGroupSpec, MemberSpec, SecurityGroupSpec, SecurityRule

Links = collections.defaultdict[str, set[str]]


class State:
    """See the module. Putting replaces what has the same id."""

    def __init__(self) -> None:
        self.ports: dict[str, GuardedPort] = {}
        self.groups: dict[str, SecurityGroupSpec] = {}
        self.members: dict[str, MemberSpec] = {}
        self.lists: dict[str, AddressGroupSpec] = {}
        #: ports' numbers in marks
        self.numbers: set[int] = set()
        self._by_network: Links = collections.defaultdict(set)
        self._by_group: Links = collections.defaultdict(set)
        self._by_claim: Links = collections.defaultdict(set)
        self._by_policy: Links = collections.defaultdict(set)
        self._referrers: Links = collections.defaultdict(set)
        self._list_referrers: Links = collections.defaultdict(set)
        self._policies: dict[str, Policy] = {}
        self._addresses: dict[str, collections.Counter[Network]] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing at all should be there."""
        return not (self.ports or self.groups or self.members or self.lists)

    # ---- ports

    def put_port(self, port: GuardedPort) -> None:
        """A filtered port."""
        self.drop_port(port.id)
        self.ports[port.id] = port
        self.numbers.add(port.number)
        for links, key in self._port_links(port):
            links[key].add(port.id)

    def drop_port(self, port_id: str) -> None:
        """No longer filtered, or gone."""
        port = self.ports.pop(port_id, None)
        if port is not None:
            self.numbers.discard(port.number)
            for links, key in self._port_links(port):
                _unlink(links, key, port_id)

    def ports_on(self, network_id: str) -> Iterator[GuardedPort]:
        """A network's."""
        return (self.ports[each] for each in self._by_network.get(network_id, ()))

    def ports_in(self, group_id: str) -> list[GuardedPort]:
        """Those in a group."""
        return [self.ports[each] for each in self._by_group.get(group_id, ())]

    def has_policy(self, policy: str) -> bool:
        """Whether some port is in just those groups."""
        return policy in self._by_policy

    def stateful(self, port: GuardedPort) -> bool:
        """Whether its connections are tracked: unless all its groups, and there are some, are stateless."""
        found = [self.groups.get(each) for each in port.groups]
        return not found or any(each is None or each.stateful for each in found)

    def zone_for(self, network_id: str) -> int:
        """The network's connection tracking zone, new if it has none."""
        for port in self.ports_on(network_id):
            return port.zone
        taken = {next(self.ports_on(each)).zone for each in self._by_network}
        return number_for(network_id, names.ZONES, taken)

    def _port_links(self, port: GuardedPort) -> Iterator[tuple[Links, str]]:
        yield self._by_network, port.network
        yield self._by_policy, port.policy
        for group in port.groups:
            yield self._by_group, group
        for networks in port.sources.values():
            for network in networks:
                whole = network.prefixlen == network.max_prefixlen
                yield self._by_claim, f"{port.zone} {network.network_address if whole else ''}"

    # ---- groups and lists

    def put_group(self, spec: SecurityGroupSpec) -> None:
        """A group's rules. Raises ``ValueError`` for one that makes no sense."""
        policy = Policy(spec.rules)
        self.drop_group(spec.id)
        self.groups[spec.id], self._policies[spec.id] = spec, policy
        for rule in spec.rules:
            if rule.group:
                self._referrers[rule.group].add(spec.id)
            elif rule.address_group:
                self._list_referrers[rule.address_group].add(spec.id)

    def drop_group(self, group_id: str) -> None:
        """Its rules are none now."""
        for remote, each in self.references(group_id):
            _unlink(self._referrers if remote else self._list_referrers, each, group_id)
        self.groups.pop(group_id, None)
        self._policies.pop(group_id, None)

    def references(self, group_id: str) -> set[tuple[bool, str]]:
        """Whom the group's rules refer to: (True, group id), (False, address group id)."""
        spec = self.groups.get(group_id)
        rules = spec.rules if spec is not None else ()
        found = {(True, rule.group) for rule in rules if rule.group}
        return found | {(False, rule.address_group) for rule in rules if rule.address_group and not rule.group}

    def referrers(self, group_id: str) -> set[str]:
        """The groups whose rules refer to this one's members."""
        return set(self._referrers.get(group_id, ()))

    def list_referrers(self, list_id: str) -> set[str]:
        """The groups whose rules refer to this address group."""
        return set(self._list_referrers.get(list_id, ()))

    def put_list(self, spec: AddressGroupSpec) -> None:
        """An address group's CIDRs."""
        self.lists[spec.id] = spec

    def list_networks(self, list_id: str, version: int) -> list[Network]:
        """An address group's CIDRs of that version, without overlaps."""
        spec = self.lists.get(list_id)
        found = [ipaddress.ip_network(each, strict=False) for each in spec.cidrs] if spec is not None else []
        return collapsed(each for each in found if each.version == version)

    # ---- members

    def put_member(self, spec: MemberSpec) -> None:
        """A member. Raises ``ValueError`` for an address that is none."""
        networks = addresses_of(spec)
        self.drop_member(spec.id)
        self.members[spec.id] = spec
        for group in spec.groups:
            self._addresses.setdefault(group, collections.Counter()).update(networks)

    def drop_member(self, member_id: str) -> None:
        """A member no more."""
        spec = self.members.pop(member_id, None)
        for group in spec.groups if spec is not None else ():
            counted = self._addresses[group]
            for network in addresses_of(spec) if spec is not None else ():
                counted[network] -= 1
                if counted[network] <= 0:
                    del counted[network]
            if not counted:
                del self._addresses[group]

    def holds(self, group_id: str, network: Network) -> bool:
        """Whether some member of the group has exactly that address or CIDR."""
        return network in self._addresses.get(group_id, ())

    def size(self, group_id: str) -> int:
        """How many addresses and CIDRs the group's members have."""
        return len(self._addresses.get(group_id, ()))

    def hosts(self, group_id: str, version: int) -> list[Network]:
        """Members' single addresses."""
        return [each for each in self._addresses.get(group_id, ()) if each.version == version and is_host(each)]

    def networks(self, group_id: str, version: int) -> list[Network]:
        """Members' CIDRs, without overlaps."""
        found = self._addresses.get(group_id, ())
        return collapsed(each for each in found if each.version == version and not is_host(each))

    def known(self, group_id: str) -> bool:
        """Whether the group's members have to be in sets: rules refer to them."""
        return group_id in self._referrers

    # ---- what may pass

    def forbids(self, flow: Flow) -> bool:
        """Whether a tracked connection may no longer be: a filtered port at one of its ends does not let it begin."""
        ends = (("egress", flow.source, flow.destination), ("ingress", flow.destination, flow.source))
        for direction, own, other in ends:
            holders = self.holders(flow.zone, own)
            if holders and not any(self._permits(port, direction, other, flow) for port in holders):
                return True
        return False

    def holders(self, zone: int, address: Address) -> list[GuardedPort]:
        """The filtered ports of that zone that may send from the address."""
        found = [self.ports[each] for each in self._by_claim.get(f"{zone} {address}", ())]
        wide = [self.ports[each] for each in self._by_claim.get(f"{zone} ", ())]
        return found + [each for each in wide if _claims(each, address)]

    def _permits(self, port: GuardedPort, direction: str, other: Address, flow: Flow) -> bool:
        if flow.essential or not self.stateful(port):
            return True
        policies = [self._policies[each] for each in port.groups if each in self._policies]
        return any(self._is_peer(rule, other) for policy in policies for rule in policy.about(direction, flow))

    def _is_peer(self, rule: SecurityRule, other: Address) -> bool:
        if rule.group:
            known = self._addresses.get(rule.group, collections.Counter())
            return ipaddress.ip_network(other) in known or _within(other, known)
        if rule.address_group:
            return _within(other, self.list_networks(rule.address_group, other.version), hosts=True)
        return not rule.cidr or other in network_of(rule.cidr, other.version)


def addresses_of(spec: MemberSpec) -> set[Network]:
    """A member's addresses as networks."""
    return {ipaddress.ip_network(each, strict=False) for each in spec.addresses}


def is_host(network: Network) -> bool:
    """Whether it is one address."""
    return network.prefixlen == network.max_prefixlen


def _claims(port: GuardedPort, address: Address) -> bool:
    return any(_within(address, networks) for networks in port.sources.values())


def _within(address: Address, networks: Iterable[Network], *, hosts: bool = False) -> bool:
    """Whether the address is in one of the networks; single addresses count if ``hosts``."""
    return any(address in each for each in networks if hosts or not is_host(each))


def _unlink(links: Links, key: str, value: str) -> None:
    links[key].discard(value)
    if not links[key]:
        del links[key]
