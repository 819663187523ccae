"""dnsmasq's configuration for one network. Pure.

What names a tenant chose reach this text only as addresses and numbers.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from svcfabric.drivers.linux import dhcp_hosts
from svcfabric.spi.dhcp import DhcpSpec, DhcpSubnet

METADATA_V4, METADATA_V6 = "169.254.169.254", "fe80::a9fe:a9fe"
ENTERPRISE = 32473  # nobody's (RFC 5612): a server's identity is unique within its network
_MICROSOFT_ROUTES = 249


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where dnsmasq finds and keeps things, and whom it runs as."""

    hosts: Path
    options: Path
    names: Path
    leases: Path
    user: str = "nobody"
    group: str = "nogroup"


def serves(spec: DhcpSpec) -> bool:
    """Whether there is anything for dnsmasq to do."""
    return spec.leg.admin_state_up and bool(spec.subnets)


def render(spec: DhcpSpec, paths: Paths, ifname: str) -> str:
    """The whole file. Raises ``ValueError`` for an address that is none."""
    return "".join(f"{line}\n" for line in _lines(spec, paths, ifname))


def duid(spec: DhcpSpec) -> bytes:
    """The DHCPv6 server's identity (RFC 8415, 11.3): the same on every host."""
    return b"\x00\x02" + ENTERPRISE.to_bytes(4, "big") + _uid(spec)


def _uid(spec: DhcpSpec) -> bytes:
    try:
        return uuid.UUID(spec.id).bytes
    except ValueError:
        return spec.id.encode()[:32]


def _lines(spec: DhcpSpec, paths: Paths, ifname: str) -> Iterator[str]:
    yield from (
        *_dns(spec, paths),
        f"user={paths.user}",
        f"group={paths.group}",
        "no-ping",
        "log-facility=-",
        "quiet-dhcp",
        "quiet-dhcp6",
        f"interface={ifname}",
        "except-interface=lo",
        "bind-interfaces",
        "dhcp-authoritative",
        "dhcp-ignore=tag:!known",
        # an address is its port's, whichever program on it asks
        "dhcp-ignore-clid",
        "dhcp-no-override",
        "dhcp-ignore-names",
        "dhcp-lease-max=16777216",
        f"dhcp-duid={ENTERPRISE},{_uid(spec).hex(':')}",
        f"dhcp-leasefile={paths.leases}",
        f"dhcp-hostsdir={paths.hosts}",
        f"dhcp-optsdir={paths.options}",
        "dhcp-match=set:ipxe,175",
        "dhcp-match=set:ipxe6,option6:user-class,iPXE",
        f"dhcp-option=option:mtu,{int(spec.leg.segment.mtu)}",
    )
    if spec.dns_domain:
        yield f"domain={_word(spec.dns_domain)}"
        yield f"dhcp-option=option6:domain-search,{_word(spec.dns_domain)}"
    for number, subnet in enumerate(spec.subnets):
        own = next((a.address for a in spec.leg.addresses if a.subnet_id == subnet.subnet_id), "")
        tag = f"s{number}"
        if subnet.mode == "dhcpv4":
            yield from _v4(spec, subnet, tag, own)
        else:
            yield from _v6(spec, subnet, tag, own)


def _dns(spec: DhcpSpec, paths: Paths) -> Iterator[str]:
    """It knows the network's ports, all of its domains and addresses, and asks nobody."""
    if spec.dns is None:
        yield "port=0"
        return
    yield from ("no-resolv", "no-hosts", "local-ttl=0", f"hostsdir={paths.names}")
    for domain in dict.fromkeys(filter(None, (spec.dns_domain.removesuffix("."), *spec.dns.domains))):
        yield f"local=/{_word(domain)}/"
    for zone in dict.fromkeys(_reverse(subnet.cidr) for subnet in spec.subnets):
        yield f"local=/{zone}/"
    for each in spec.leg.addresses:
        called = [_word(name) for name in dhcp_hosts.names_of(spec.dns, each.address)]
        yield f"host-record={','.join(called)},{ipaddress.ip_address(each.address)}"


def _reverse(cidr: str) -> str:
    """The domain of pointers that holds all those of a subnet's addresses."""
    net = ipaddress.ip_network(cidr)
    labels = net.network_address.reverse_pointer.split(".")
    bits = 8 if net.version == 4 else 4
    return ".".join(labels[(net.max_prefixlen - net.prefixlen + bits - 1) // bits :])


def _v4(spec: DhcpSpec, subnet: DhcpSubnet, tag: str, own: str) -> Iterator[str]:
    net = ipaddress.IPv4Network(subnet.cidr)
    yield f"dhcp-range=set:{tag},{net.network_address},static,{net.netmask},{int(spec.lease)}"
    # said even when there is none: dnsmasq would name itself
    yield f"dhcp-option=tag:{tag},{_list('option:router', _addresses([subnet.gateway] if subnet.gateway else []))}"
    yield f"dhcp-option=tag:{tag},{_list('option:dns-server', _resolvers(spec, subnet, own))}"
    routes = [*_classless(spec, subnet, own)]
    if routes:
        yield f"dhcp-option=tag:{tag},{_list('option:classless-static-route', routes)}"
        yield f"dhcp-option=tag:{tag},{_list(str(_MICROSOFT_ROUTES), routes)}"


def _classless(spec: DhcpSpec, subnet: DhcpSubnet, own: str) -> Iterator[str]:
    """Pairs of destination and next hop. Who gets these looks at no gateway: it is among them."""
    destinations = {route.destination for route in subnet.routes}
    metadata = f"{METADATA_V4}/32"
    if spec.metadata and own and metadata not in destinations:
        yield f"{metadata},{ipaddress.IPv4Address(own)}"
    for other in spec.subnets:
        if other.mode == "dhcpv4" and other.cidr != subnet.cidr and other.cidr not in destinations:
            yield f"{ipaddress.IPv4Network(other.cidr)},0.0.0.0"
    for route in subnet.routes:
        yield f"{ipaddress.IPv4Network(route.destination)},{ipaddress.IPv4Address(route.nexthop)}"
    if subnet.gateway and "0.0.0.0/0" not in destinations:
        yield f"0.0.0.0/0,{ipaddress.IPv4Address(subnet.gateway)}"


def _v6(spec: DhcpSpec, subnet: DhcpSubnet, tag: str, own: str) -> Iterator[str]:
    net = ipaddress.IPv6Network(subnet.cidr)
    yield f"dhcp-range=set:{tag},{net.network_address},static,{net.prefixlen},{int(spec.lease)}"
    if servers := [f"[{each}]" for each in _resolvers(spec, subnet, own)]:
        yield f"dhcp-option=tag:{tag},{_list('option6:dns-server', servers)}"


def _resolvers(spec: DhcpSpec, subnet: DhcpSubnet, own: str) -> list[str]:
    """Those of the subnet; without any, this one."""
    return _addresses(subnet.dns_nameservers or ([own] if own and spec.dns else []))


def _addresses(texts: Iterable[str]) -> list[str]:
    return [str(ipaddress.ip_address(text)) for text in texts]


def _list(option: str, values: Iterable[str]) -> str:
    return ",".join([option, *values])


def _word(text: str) -> str:
    if not text.replace(".", "").replace("-", "").isalnum() or not text.isascii():
        raise ValueError(f"{text!r} is no domain name")
    return text
