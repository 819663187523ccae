"""Names of a network's ports: asked of the network's own address from two hosts, real questions and answers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.reversename
import pytest

from svcfabric.drivers.linux import dhcp_hosts, netns
from svcfabric.spi.dhcp import DhcpSubnet
from svcfabric.spi.l2l3 import Address, DhcpHost, DnsName
from tests import beds, dhcpbeds

SERVER, SERVER6 = "10.0.0.2", "fd00:10::2"
DOMAINS = ("example.org", "own.example.net")
SUBNETS = (
    DhcpSubnet(subnet_id="a", cidr="10.0.0.0/24", gateway="10.0.0.1"),
    DhcpSubnet(subnet_id="b", cidr="fd00:10::/64", mode="dhcpv6-stateful"),
)


@pytest.fixture
def dhcp(bed):
    with dhcpbeds.dhcp(bed) as made:
        yield made


def called(name: str = "") -> DnsName:
    return DnsName(name=name, domains=DOMAINS)


def both(net: beds.Net, number: int) -> tuple[Address, ...]:
    return (net.address(f"10.0.0.{number}"), Address(address=f"fd00:10::{number}", prefix_length=64))


def serve(net: beds.Net, dhcp: dhcpbeds.Dhcp, *hosts: beds.HostProcess):
    spec = dhcpbeds.spec_of(net, SERVER, *SUBNETS, dns=called())
    more = Address(address=SERVER6, prefix_length=64, subnet_id="b")
    leg = dataclasses.replace(spec.leg, addresses=(*spec.leg.addresses, more))
    return dhcp.apply(dataclasses.replace(spec, leg=leg), *hosts)


def ask(server: beds.Server, name: str, kind: str = "A", at: str = SERVER) -> list[str] | str:
    """What is answered: the records' texts, or why there are none."""

    def query() -> list[str] | str:
        answer = dns.query.udp(dns.message.make_query(name, kind), at, timeout=2)
        found = [item.to_text() for rrset in answer.answer for item in rrset]
        return found or dns.rcode.to_text(answer.rcode())

    return netns.run_in(server.namespace, query)


def pointer(address: str) -> str:
    return str(dns.reversename.from_address(address))


def soon(condition: Callable[[], bool], seconds: float = 2.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, "it did not come true"
        time.sleep(0.005)
    return time.monotonic() - began


def test_ports_on_both_hosts_have_names_until_they_are_renamed_or_gone(bed, dhcp, say):
    net = bed.network()
    one, two = bed.hosts
    serve(net, dhcp)
    here = bed.server(net, one, "10.0.0.11", addresses=both(net, 11), dns=called("web"))
    there = bed.server(net, two, "10.0.0.12", addresses=both(net, 12), dns=called())
    for asker in (here, there):
        soon(lambda asker=asker: ask(asker, "host-10-0-0-12.example.org") == ["10.0.0.12"])
        for name in ("web.example.org", "web.own.example.net", "web", "WEB.example.org"):
            assert ask(asker, name) == ["10.0.0.11"]
            assert ask(asker, name, "AAAA") == ["fd00:10::11"]
            assert ask(asker, name, "AAAA", SERVER6) == ["fd00:10::11"]
        assert ask(asker, pointer("10.0.0.11"), "PTR") == ["web.example.org."]
        assert ask(asker, pointer("fd00:10::11"), "PTR") == ["web.example.org."]
        assert ask(asker, "host-10-0-0-12") == ["10.0.0.12"]
        assert ask(asker, "host-fd00-10--12.example.org", "AAAA") == ["fd00:10::12"]
        assert ask(asker, pointer("10.0.0.12"), "PTR") == ["host-10-0-0-12.example.org."]
        assert ask(asker, "host-10-0-0-2.example.org") == [SERVER]
        assert ask(asker, "nobody.example.org") == "NXDOMAIN"
        assert ask(asker, pointer("10.0.0.13"), "PTR") == "NXDOMAIN"
        assert ask(asker, "example.com") == "REFUSED"
    bed.bind(dataclasses.replace(here.port, dns=called("www")), one)
    for asker in (here, there):
        took = soon(lambda asker=asker: ask(asker, "web.example.org") == "NXDOMAIN")
        assert ask(asker, "www.example.org") == ["10.0.0.11"]
        assert ask(asker, pointer("10.0.0.11"), "PTR") == ["www.example.org."]
    say(f"DNS: renamed on both hosts {took * 1000:.1f} ms after the host was told")
    for host in bed.hosts:
        host.remove("port", here.port.id)
    took = soon(lambda: ask(there, "www.example.org") == "NXDOMAIN")
    assert ask(there, pointer("10.0.0.11"), "PTR") == "NXDOMAIN"
    say(f"DNS: a deleted port's name is gone after {took * 1000:.1f} ms")


def test_a_lease_brings_no_name_that_stays(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    serve(net, dhcp, one)
    client = dhcp.client(net, one, "10.0.0.11", hostname="web")
    watcher = bed.server(net, one, "10.0.0.12")
    named = dataclasses.replace(client.port, dns=called("web"))
    one.apply(named)
    told = dhcpbeds.lease(client)
    assert told.addresses(6) == [SERVER]
    assert told.options[12] == b"web"
    soon(lambda: ask(watcher, "web.example.org") == ["10.0.0.11"])
    one.apply(dataclasses.replace(named, dns=called("www"), dhcp=DhcpHost(hostname="www")))
    soon(lambda: ask(watcher, "web.example.org") == "NXDOMAIN" and ask(watcher, "web") != ["10.0.0.11"])
    assert ask(watcher, "www.example.org") == ["10.0.0.11"]
    one.remove("port", client.port.id)
    soon(lambda: ask(watcher, "www.example.org") == "NXDOMAIN")
    soon(lambda: ask(watcher, pointer("10.0.0.11"), "PTR") == "NXDOMAIN")


def test_names_leave_nothing_behind(bed, dhcp):
    net = bed.network()
    one, two = bed.hosts
    port = bed.port(net, one, "10.0.0.11", dns=called("web"))
    top = dhcp_hosts.RUN / two.tag / net.id
    assert (top / "names" / port.id).read_text() == "10.0.0.11 web.example.org web.own.example.net web\n"
    two.apply(dataclasses.replace(port, vtep=one.local_ip, dns=None))
    assert not top.exists()
    bed.bind(port, one)
    for host in bed.hosts:
        host.remove("port", port.id)
        assert not (dhcp_hosts.RUN / host.tag).exists()


def test_without_names_nothing_is_answered(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    dhcp.serve(net, SERVER, one)
    server = bed.server(net, one, "10.0.0.11")
    with pytest.raises((dns.exception.Timeout, ConnectionRefusedError)):
        ask(server, "web.example.org")
