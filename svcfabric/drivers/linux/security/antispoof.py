"""What a filtered port may claim to be, as nft statements. Pure.

A port may send from its own MAC and addresses, from those of its allowed address pairs, and from the
link-local address made of each of the MACs. It may ask for an address by DHCP and look for neighbours
before it has one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from svcfabric.drivers.linux.security import names
from svcfabric.drivers.linux.security.shapes import Network, collapsed, text_of

UNSPECIFIED = ipaddress.IPv4Network("0.0.0.0/32")

Sources = Mapping[str, Sequence[Network]]


def link_local(mac: str) -> Network:
    """The link-local address a MAC makes (RFC 4291)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    if len(octets) != 6:
        raise ValueError(f"{mac!r} is no MAC address")
    identifier = bytes((octets[0] ^ 2,)) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return ipaddress.IPv6Network(((0xFE80 << 112) | int.from_bytes(identifier), 128))


def sources(pairs: Iterable[tuple[str, str]]) -> dict[str, list[Network]]:
    """{MAC: networks it may send from} of (MAC, CIDR or address) pairs, without overlaps, IPv4 first."""
    found: dict[str, list[Network]] = {}
    for mac, cidr in pairs:
        found.setdefault(mac.lower(), []).append(ipaddress.ip_network(cidr, strict=False))
    return {mac: _tidied([*networks, link_local(mac)]) for mac, networks in found.items()}


def frames(allowed: Sources) -> list[str]:
    """Statements of the chain of a port that may send from CIDRs: drop what it may not send."""
    every = collapsed(each for networks in allowed.values() for each in networks if each.version == 6)
    targets = [_number(each) for each in every]
    return [
        f"ether saddr != {_one_of(sorted(allowed))} drop",
        *_arp(allowed),
        "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        *_drop_others("ip saddr", "meta protocol ip", allowed, 4),
        # this nft knows no name for the target of an advertisement
        f"icmpv6 type 136 @th,64,128 != {{ {', '.join(targets)} }} drop",
        *_drop_others("ip6 saddr", "meta protocol ip6", allowed, 6),
    ]


def elements(interface: str, allowed: Sources) -> dict[tuple[str, str], str]:
    """Of the sets of what may come in at an interface: all that is no CIDR. {(set, key): ""}."""
    found = {(names.MACS, f'"{interface}" . {mac}'): "" for mac in allowed}
    for mac, networks in allowed.items():
        for network in networks:
            if network.prefixlen == network.max_prefixlen:
                begin, address = f'"{interface}" . {mac} .', network.network_address
                if network.version == 4:
                    found[names.SOURCES4, f"{begin} {address}"] = ""
                else:
                    found |= {
                        (names.SOURCES6, f"{begin} {address}"): "",
                        (names.TARGETS, f"{begin} {_number(network)}"): "",
                    }
    return found


def _tidied(networks: list[Network]) -> list[Network]:
    return [each for version in (4, 6) for each in collapsed(net for net in networks if net.version == version)]


def _arp(allowed: Sources) -> list[str]:
    """Sender addresses in ARP; probes have none."""
    probing = {
        mac: [*collapsed([UNSPECIFIED, *(each for each in networks if each.version == 4)])]
        for mac, networks in allowed.items()
    }
    if len(probing) == 1:
        ((mac, networks),) = probing.items()
        return [f"arp saddr ether != {mac} drop", *_unless("arp saddr ip", networks)]
    elements = [f"{mac} . {text_of(each)}" for mac, networks in sorted(probing.items()) for each in networks]
    return [f"arp saddr ether . arp saddr ip != {_one_of(elements)} drop"]


def _drop_others(key: str, protocol: str, allowed: Sources, version: int) -> list[str]:
    mine = {mac: [each for each in networks if each.version == version] for mac, networks in allowed.items()}
    if not any(mine.values()):
        return [f"{protocol} drop"]
    if len(mine) == 1:
        return _unless(key, next(iter(mine.values())))
    elements = [f"{mac} . {text_of(each)}" for mac, networks in sorted(mine.items()) for each in networks]
    return [f"ether saddr . {key} != {_one_of(elements)} drop"]


def _unless(key: str, networks: Sequence[Network]) -> list[str]:
    if any(each.prefixlen == 0 for each in networks):
        return []
    return [f"{key} != {_one_of([text_of(each) for each in networks])} drop"]


def _one_of(elements: list[str]) -> str:
    return elements[0] if len(elements) == 1 and "-" not in elements[0] else f"{{ {', '.join(elements)} }}"


def _number(network: Network) -> str:
    first, last = int(network.network_address), int(network.broadcast_address)
    return f"{first:#034x}" if first == last else f"{first:#034x}-{last:#034x}"
