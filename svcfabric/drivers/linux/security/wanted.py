"""What should be in the kernel for each thing of the state: what to add to a transaction, what is missing. Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

from svcfabric.drivers.linux import names as interfaces
from svcfabric.drivers.linux.security import antispoof, guarded, names, shapes
from svcfabric.drivers.linux.security.guarded import GuardedPort
from svcfabric.drivers.linux.security.shapes import Network, text_of
from svcfabric.drivers.linux.security.state import State, is_host
from svcfabric.drivers.linux.security.transaction import Mirror, Transaction
from svcfabric.spi.security import SecurityGroupSpec

_TYPES = {4: "type ipv4_addr;", 6: "type ipv6_addr;"}
_INTERVALS = " flags interval;"


def port(tx: Transaction, state: State, port_id: str, old: GuardedPort | None) -> None:
    """A port's elements, and the chains they lead to, or none any more; ``old``: as it was before."""
    new = state.ports.get(port_id)
    elements: dict[tuple[str, str], str] = {}
    tx.drop_chain(names.spoofing_chain(port_id))
    if new is not None:
        elements = guarded.elements(new, state.stateful(new))
        tx.owned(f'"{new.tap}"', port_id)
        _policy_chains(tx, new)
        if new.wide:
            tx.chain(names.spoofing_chain(port_id), antispoof.frames(new.sources))
    stale = _keys_found(tx.there, port_id) if old is None else set()
    if old is not None:
        stale |= guarded.elements(old, True).keys() | guarded.elements(old, False).keys()
    tx.elements(elements, [key for key in stale if not _wanted_by_others(state, key, port_id, old)])
    if old is not None and (new is None or new.policy != old.policy):
        _sweep_policies(tx, state, old.policy)
    elif new is None:
        _sweep_policies(tx, state, None)
    for group_id in set(old.groups if old is not None else ()) - set(new.groups if new is not None else ()):
        _sweep_group(tx, state, group_id)


def group(
    tx: Transaction,
    state: State,
    group_id: str,
    touched: Iterable[tuple[bool, str]],
    old: SecurityGroupSpec | None,
) -> None:
    """A group's chains, the sets its rules refer to (``touched``: or did), its ports when they become stateless."""
    for remote, each in sorted({*touched, (True, group_id)}):
        if remote:
            _member_sets(tx, state, each)
        else:
            _list_sets(tx, state, each)
    spec = state.groups.get(group_id)
    if spec is not None:
        before = shapes.chains(old) if old is not None and old != spec else {}
        for name, rules in shapes.chains(spec).items():
            if name not in tx.there.chains or rules != before.get(name):
                tx.chain(name, rules)
    elif state.ports_in(group_id):
        for direction in names.DIRECTIONS:
            tx.chain(names.group_chain(group_id, direction), [])
    else:
        _sweep_group(tx, state, group_id)
    for each_port in state.ports_in(group_id):
        mark = str(guarded.mark_of(each_port, state.stateful(each_port)))
        there = tx.there.elements.get(names.OUT, {}).get(f'"{interfaces.tap(each_port.id)}"')
        if there is not None and there != mark:
            port(tx, state, each_port.id, each_port)


def members(tx: Transaction, state: State, touched: Mapping[str, set[Network]]) -> None:
    """Members' addresses that came or went: {group: networks}."""
    for group_id, networks in touched.items():
        _member_sets(tx, state, group_id)
        for version in _TYPES if state.known(group_id) else ():
            mine = {each for each in networks if each.version == version}
            single = {each for each in mine if is_host(each)}
            name = names.hosts_set(group_id, version)
            if single and state.size(group_id) <= len(networks):
                # nobody else is known: whatever else may be in the set from before is nobody's
                tx.refill(name, map(text_of, state.hosts(group_id, version)))
            elif single:
                held = {each for each in single if state.holds(group_id, each)}
                tx.change_set(name, map(text_of, held), map(text_of, single - held))
            if mine - single:
                tx.refill(names.networks_set(group_id, version), map(text_of, state.networks(group_id, version)))


def address_list(tx: Transaction, state: State, list_id: str) -> None:
    """An address group's CIDRs."""
    _list_sets(tx, state, list_id)
    for version in _TYPES if _list_needed(state, list_id) else ():
        tx.refill(names.list_set(list_id, version), map(text_of, state.list_networks(list_id, version)))


def lost(kind: str, state: State, there: Mirror) -> set[str]:
    """Ids of what is not (wholly) in the kernel though it should be."""
    if kind == "port":
        return {each.id for each in state.ports.values() if not (there.whole and _is_there(state, each, there))}
    if kind == "security_group":
        return {
            each
            for each in state.groups
            if any(names.group_chain(each, direction) not in there.chains for direction in names.DIRECTIONS)
        }
    if kind == "security_group_member":
        missing = {
            group_id
            for group_id in {each for spec in state.members.values() for each in spec.groups}
            if state.known(group_id) and any(names.hosts_set(group_id, version) not in there.sets for version in _TYPES)
        }
        return {each for each, spec in state.members.items() if not missing.isdisjoint(spec.groups)}
    return {each for each in state.lists if any(names.list_set(each, version) not in there.sets for version in _TYPES)}


def strangers(kind: str, state: State, there: Mirror) -> set[str]:
    """Ids that chains or sets are named after though nothing needs these. Ports first: they refer to the others."""
    found = {"port": {each for each in there.owners.values() if each not in state.ports}}
    for name in there.chains | there.sets:
        what, each = names.owner(name)
        if what == "pa":
            unknown, owner = each not in state.ports, "port"
        elif what in ("ge", "gi"):
            unknown, owner = each not in state.groups and not state.ports_in(each), "security_group"
        elif what in ("a4", "a6"):
            unknown, owner = not _list_needed(state, each), "address_group"
        else:
            unknown, owner = what[:1] in ("m", "n") and not state.known(each), "security_group"
        if unknown:
            found.setdefault(owner, set()).add(each)
    return found.get(kind, set()) if kind == "port" or not found["port"] else set()


def _policy_chains(tx: Transaction, port: GuardedPort) -> None:
    for direction in names.DIRECTIONS:
        name = names.policy_chain(port.policy, direction)
        if name not in tx.there.chains:
            for group_id in port.groups:
                tx.placeholder(names.group_chain(group_id, direction))
            tx.chain(name, guarded.policy_rules(port, direction))


def _is_there(state: State, port: GuardedPort, there: Mirror) -> bool:
    chains = [names.policy_chain(port.policy, each) for each in names.DIRECTIONS]
    chains += [names.spoofing_chain(port.id)] if port.wide else []
    elements = guarded.elements(port, state.stateful(port))
    return there.chains.issuperset(chains) and all(
        there.elements.get(name, {}).get(key) == value for (name, key), value in elements.items()
    )


def _keys_found(there: Mirror, port_id: str) -> set[tuple[str, str]]:
    """The keys of elements in the kernel that are of the port, whatever is remembered of it."""
    tap = f'"{interfaces.tap(port_id)}"'
    if there.owners.get(tap) not in (None, port_id):
        return set()  # of a port whose id begins alike
    mark = there.elements.get(names.OUT, {}).get(tap)
    found = {(name, mark) for name in (names.FROM, names.TO) if mark is not None}
    for name in (names.IN, names.OUT, names.WIDE):
        found.add((name, tap))
    for name in (names.MACS, names.SOURCES4, names.SOURCES6, names.TARGETS) if mark is not None else ():
        found |= {(name, key) for key in there.elements.get(name, ()) if key.startswith(tap)}
    return found


def _wanted_by_others(state: State, key: tuple[str, str], port_id: str, old: GuardedPort | None) -> bool:
    name, what = key
    others = [each for each in state.ports_on(old.network) if each.id != port_id] if old is not None else []
    if name == names.ZONE:
        return bool(others)
    if name == names.TRACKED:
        return any(
            what == f'"{each.bridge}" . {mac}' for each in others if state.stateful(each) for mac in each.sources
        )
    return False


def _sweep_policies(tx: Transaction, state: State, policy: str | None) -> None:
    """Drop the chains of a policy that no port has any more; None: of all that nothing leads to."""
    if policy is not None:
        unused = {policy} if not state.has_policy(policy) else set()
    else:
        found = {names.owner(each)[1] for each in tx.there.chains if names.owner(each)[0] in ("qe", "qi")}
        unused = {each for each in found if not state.has_policy(each)} - _targets(tx)
    for each in unused:
        for direction in names.DIRECTIONS:
            tx.drop_chain(names.policy_chain(each, direction))


def _targets(tx: Transaction) -> set[str]:
    """The policies that elements which stay lead to."""
    return {
        value.partition("_")[2]
        for name in (names.FROM, names.TO)
        for key, value in tx.there.elements.get(name, {}).items()
        if not tx.goes(name, key)
    }


def _sweep_group(tx: Transaction, state: State, group_id: str) -> None:
    if group_id not in state.groups and not state.ports_in(group_id):
        for direction in names.DIRECTIONS:
            tx.drop_chain(names.group_chain(group_id, direction))


def _member_sets(tx: Transaction, state: State, group_id: str) -> None:
    for version, kind in _TYPES.items():
        single, wide = names.hosts_set(group_id, version), names.networks_set(group_id, version)
        if state.known(group_id):
            hosts, networks = (functools.partial(_texts, of, group_id, version) for of in (state.hosts, state.networks))
            tx.new_set(single, kind, hosts)
            tx.new_set(wide, kind + _INTERVALS, networks)
        else:
            tx.drop_set(single)
            tx.drop_set(wide)


def _list_sets(tx: Transaction, state: State, list_id: str) -> None:
    for version, kind in _TYPES.items():
        name = names.list_set(list_id, version)
        if _list_needed(state, list_id):
            tx.new_set(name, kind + _INTERVALS, functools.partial(_texts, state.list_networks, list_id, version))
        else:
            tx.drop_set(name)


def _texts(networks: Callable[[str, int], list[Network]], owner: str, version: int) -> list[str]:
    return [text_of(each) for each in networks(owner, version)]


def _list_needed(state: State, list_id: str) -> bool:
    return list_id in state.lists or bool(state.list_referrers(list_id))
