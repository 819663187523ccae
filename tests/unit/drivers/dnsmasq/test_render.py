"""dnsmasq's configuration, line by line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from svcfabric.drivers.dnsmasq import border, render
from svcfabric.spi.dhcp import DhcpSpec, DhcpSubnet
from svcfabric.spi.l2l3 import Address, DnsName, Leg, Route, Segment

PATHS = render.Paths(
    hosts=Path("/r/hosts"), options=Path("/r/options"), names=Path("/r/names"), leases=Path("/s/leases")
)
ID = "11111111-2222-3333-4444-555555555555"


def spec(*subnets: DhcpSubnet, **more) -> DhcpSpec:
    held = tuple(
        Address(address=f"10.{number}.0.2", prefix_length=24, subnet_id=subnet.subnet_id)
        for number, subnet in enumerate(subnets)
    )
    segment = Segment(network_id="n", type="vxlan", vni=5, mtu=1450)
    leg = Leg(port_id=ID, mac="fa:16:3e:00:00:02", segment=segment, addresses=held)
    return DhcpSpec(id=ID, leg=leg, subnets=subnets, **more)


def lines(made: DhcpSpec) -> list[str]:
    return render.render(made, PATHS, "dhcp0").splitlines()


def test_a_network_with_one_subnet():
    subnet = DhcpSubnet(
        subnet_id="a",
        cidr="10.0.0.0/24",
        gateway="10.0.0.1",
        dns_nameservers=("192.0.2.53",),
        routes=(Route(destination="192.0.2.0/24", nexthop="10.0.0.9"),),
    )
    found = lines(spec(subnet, dns_domain="example.org", lease=3600))
    routes = "169.254.169.254/32,10.0.0.2,192.0.2.0/24,10.0.0.9,0.0.0.0/0,10.0.0.1"
    for line in (
        "port=0",
        "interface=dhcp0",
        "dhcp-ignore=tag:!known",
        "dhcp-hostsdir=/r/hosts",
        "dhcp-optsdir=/r/options",
        "dhcp-leasefile=/s/leases",
        "dhcp-duid=32473,11:11:11:11:22:22:33:33:44:44:55:55:55:55:55:55",
        "domain=example.org",
        "dhcp-option=option:mtu,1450",
        "dhcp-range=set:s0,10.0.0.0,static,255.255.255.0,3600",
        "dhcp-option=tag:s0,option:router,10.0.0.1",
        "dhcp-option=tag:s0,option:dns-server,192.0.2.53",
        f"dhcp-option=tag:s0,option:classless-static-route,{routes}",
        f"dhcp-option=tag:s0,249,{routes}",
    ):
        assert line in found


def test_without_gateway_resolvers_or_metadata_it_names_none():
    found = lines(spec(DhcpSubnet(subnet_id="a", cidr="10.0.0.0/24"), metadata=False))
    assert "dhcp-option=tag:s0,option:router" in found
    assert "dhcp-option=tag:s0,option:dns-server" in found
    assert not [line for line in found if "route," in line]
    assert not [line for line in found if line.startswith("domain")]


def test_a_subnets_own_routes_win():
    own = (
        Route(destination="0.0.0.0/0", nexthop="10.0.0.8"),
        Route(destination="169.254.169.254/32", nexthop="10.0.0.7"),
    )
    found = lines(spec(DhcpSubnet(subnet_id="a", cidr="10.0.0.0/24", gateway="10.0.0.1", routes=own)))
    assert "dhcp-option=tag:s0,option:classless-static-route,0.0.0.0/0,10.0.0.8,169.254.169.254/32,10.0.0.7" in found


def test_ipv6():
    stateful = DhcpSubnet(
        subnet_id="a", cidr="fd00:1::/64", mode="dhcpv6-stateful", dns_nameservers=("fd00::53", "fd00::54")
    )
    found = lines(spec(stateful, lease=60))
    assert "dhcp-range=set:s0,fd00:1::,static,64,60" in found
    assert "dhcp-option=tag:s0,option6:dns-server,[fd00::53],[fd00::54]" in found


@pytest.mark.parametrize(
    "wrong",
    [
        {"gateway": "10.0.0.1\ndhcp-script=/bin/x"},
        {"dns_nameservers": ("x",)},
        {"cidr": "10.0.0.0/24\nuser=root"},
        {"routes": (Route(destination="10.0.0.0/8", nexthop="x"),)},
    ],
)
def test_what_is_no_address_is_refused(wrong):
    good = DhcpSubnet(subnet_id="a", cidr="10.0.0.0/24")
    with pytest.raises(ValueError):
        lines(spec(dataclasses.replace(good, **wrong)))


def test_a_domain_is_one_word():
    with pytest.raises(ValueError):
        lines(spec(dns_domain="a\nb"))


def test_there_is_nothing_to_do_without_subnets_or_with_the_port_down():
    one = spec(DhcpSubnet(subnet_id="a", cidr="10.0.0.0/24"))
    assert render.serves(one)
    assert not render.serves(spec())
    assert not render.serves(dataclasses.replace(one, leg=dataclasses.replace(one.leg, admin_state_up=False)))


def test_the_border_has_the_same_rules_both_ways():
    text = border.text(ID, "vx-1", "fa:16:3e:00:00:02")
    for rule in (
        "ether saddr fa:16:3e:00:00:02 drop",
        "ether daddr fa:16:3e:00:00:02 drop",
        "udp dport { 67, 68, 546, 547 } drop",
    ):
        assert text.count(rule) == 2
    assert 'hook ingress device "vx-1"' in text
    assert 'hook egress device "vx-1"' in text


def test_names_of_the_networks_ports():
    subnets = (
        DhcpSubnet(subnet_id="a", cidr="10.0.0.0/20"),
        DhcpSubnet(subnet_id="b", cidr="fd00:1::/64", mode="dhcpv6-stateful"),
        DhcpSubnet(subnet_id="c", cidr="10.2.0.0/24", dns_nameservers=("192.0.2.53",)),
    )
    made = spec(*subnets, dns_domain="example.org", dns=DnsName(name="ns", domains=("example.org", "x.net")))
    found = lines(dataclasses.replace(made, leg=dataclasses.replace(made.leg, addresses=made.leg.addresses[:1])))
    assert "port=0" not in found
    assert [line for line in found if line.startswith("local=")] == [
        "local=/example.org/",
        "local=/x.net/",
        "local=/0.10.in-addr.arpa/",
        "local=/0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa/",
        "local=/0.2.10.in-addr.arpa/",
    ]
    for line in (
        "hostsdir=/r/names",
        "no-resolv",
        "dhcp-ignore-names",
        "host-record=ns.example.org,ns.x.net,ns,10.0.0.2",
        "dhcp-option=tag:s0,option:dns-server,10.0.0.2",
        "dhcp-option=tag:s2,option:dns-server,192.0.2.53",
    ):
        assert line in found
    for wrong in ({"name": "a,b"}, {"name": "a\nb"}, {"domains": ("a/b",)}):
        with pytest.raises(ValueError):
            lines(dataclasses.replace(made, dns=dataclasses.replace(made.dns, **wrong)))
