"""A group's rules as nft statements. Pure.

Rules are not compiled one by one but by shape: all that differ in values only become elements of one set, so
that a packet's cost does not grow with their number. Concatenated interval sets take no overlapping elements;
CIDRs that contain one another are therefore laid into levels, one set each (rarely more than two or three).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from svcfabric.drivers.linux.security import names
from svcfabric.drivers.linux.security.services import Ranges, Services, services
from svcfabric.spi.security import SecurityGroupSpec, SecurityRule

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def chains(spec: SecurityGroupSpec) -> dict[str, list[str]]:
    """The group's chains, {name: statements}. Raises ``ValueError`` for rules that make no sense."""
    return {names.group_chain(spec.id, each): statements(spec.rules, each) for each in names.DIRECTIONS}


def statements(rules: Iterable[SecurityRule], direction: str) -> list[str]:
    """Statements that accept what the rules of that direction let through, and do nothing to the rest."""
    found: dict[int, list[SecurityRule]] = {4: [], 6: []}
    for rule in rules:
        if rule.direction not in names.DIRECTIONS or rule.version not in found:
            raise ValueError(f"rule: direction {rule.direction!r}, IP version {rule.version}")
        if rule.direction == direction:
            found[rule.version].append(rule)
    return [line for version, mine in found.items() if mine for line in _of_version(mine, version, direction)]


def network_of(cidr: str, version: int) -> Network:
    """The CIDR as a network of that version of IP; ``ValueError`` when it is none."""
    network = ipaddress.ip_network(cidr, strict=False)
    if network.version != version:
        raise ValueError(f"{cidr} is not IPv{version}")
    return network


def text_of(network: Network) -> str:
    """The network as an element: a single address without its length, all addresses as a range."""
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    if network.prefixlen == 0:  # as a prefix nft would take it for a wildcard
        return f"{network.network_address}-{network.broadcast_address}"
    return str(network)


def collapsed(networks: Iterable[Network]) -> list[Network]:
    """The same addresses in as few networks as possible; all of one version of IP."""
    return list(ipaddress.collapse_addresses(networks))  # type: ignore[type-var]


def levels(networks: Iterable[Network]) -> list[list[Network]]:
    """The networks in lists within which none contains another: the n-th has those within n others."""
    out: list[list[Network]] = []
    above: list[Network] = []
    for network in sorted(networks):
        while above and not network.subnet_of(above[-1]):  # type: ignore[arg-type]
            above.pop()
        if len(above) == len(out):
            out.append([])
        out[len(above)].append(network)
        above.append(network)
    return out


def _of_version(rules: Sequence[SecurityRule], version: int, direction: str) -> list[str]:
    peer = f"{'ip' if version == 4 else 'ip6'} {'saddr' if direction == 'ingress' else 'daddr'}"
    anybody: list[SecurityRule] = []
    networks: dict[Network, list[SecurityRule]] = {}
    others: dict[str, list[SecurityRule]] = {}
    for rule in rules:
        if rule.group:
            for name in (names.hosts_set(rule.group, version), names.networks_set(rule.group, version)):
                others.setdefault(f"{peer} @{names.bare(name)}", []).append(rule)
        elif rule.address_group:
            name = names.list_set(rule.address_group, version)
            others.setdefault(f"{peer} @{names.bare(name)}", []).append(rule)
        elif rule.cidr and (network := network_of(rule.cidr, version)).prefixlen:
            networks.setdefault(network, []).append(rule)
        else:
            anybody.append(rule)
    lines = _accepting(f"meta nfproto ipv{version}", services(anybody), version) if anybody else []
    lines += _by_network(peer, {network: services(its) for network, its in networks.items()}, version)
    for prefix, its in others.items():
        lines += _accepting(prefix, services(its), version)
    return lines


def _accepting(prefix: str, allowed: Services, version: int) -> list[str]:
    if allowed.anything:
        return [f"{prefix} accept"]
    icmp = _icmp(version)
    return [
        *_rule(f"{prefix} meta l4proto", [str(each) for each in sorted(allowed.protocols)]),
        *_rule(f"{prefix} meta l4proto . th dport", _pairs(allowed.ports)),
        *_rule(f"{prefix} {icmp} type . {icmp} code", _pairs(allowed.messages)),
    ]


def _by_network(peer: str, allowed: Mapping[Network, Services], version: int) -> list[str]:
    icmp = _icmp(version)
    whole = collapsed(network for network, its in allowed.items() if its.anything)
    lines = _rule(peer, [text_of(each) for each in whole])
    for level in levels(network for network, its in allowed.items() if not its.anything):
        at = [(text_of(each), allowed[each]) for each in level]
        protocols = [f"{text} . {each}" for text, its in at for each in sorted(its.protocols)]
        lines += _rule(f"{peer} . meta l4proto", protocols)
        ports = [f"{text} . {each}" for text, its in at for each in _pairs(its.ports)]
        lines += _rule(f"{peer} . meta l4proto . th dport", ports)
        messages = [f"{text} . {each}" for text, its in at for each in _pairs(its.messages)]
        lines += _rule(f"{peer} . {icmp} type . {icmp} code", messages)
    return lines


def _rule(key: str, elements: list[str]) -> list[str]:
    return [f"{key} {{ {', '.join(elements)} }} accept"] if elements else []


def _pairs(values: Mapping[int, Ranges]) -> list[str]:
    """``FIRST . RANGE`` for each."""
    return [
        f"{first} . {low}" if low == high else f"{first} . {low}-{high}"
        for first, ranges in sorted(values.items())
        for low, high in ranges
    ]


def _icmp(version: int) -> str:
    return "icmp" if version == 4 else "icmpv6"
