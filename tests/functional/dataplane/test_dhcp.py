"""DHCP and DHCPv6: real clients on two hosts, the same server on both, nothing of it between them."""

from __future__ import annotations

import dataclasses
import os
import signal
import time

import pytest

from svcfabric.drivers.dnsmasq import border
from svcfabric.drivers.linux import dhcp_hosts, netns, nft, process
from svcfabric.spi.dhcp import DhcpSubnet
from svcfabric.spi.l2l3 import Address, DhcpOption, Route
from tests import bedhost, beds, dhcpbeds

SERVER = "10.0.0.2"


@pytest.fixture
def dhcp(bed):
    with dhcpbeds.dhcp(bed) as made:
        yield made


def pid_of(host, spec):
    running = process.adopt(f"{host.state_dir}/dhcp/{spec.id}", "dnsmasq")
    return running.pid if running else 0


def eventually(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def test_a_lease_on_each_host_says_all_of_the_network(bed, dhcp, say):
    net = bed.network(mtu=1400)
    routes = (Route(destination="192.0.2.0/24", nexthop="10.0.0.9"),)
    subnet = {"dns_nameservers": ("192.0.2.53", "192.0.2.54"), "routes": routes}
    dhcp.serve(net, SERVER, subnet=subnet, lease=7200)
    for host, address in zip(bed.hosts, ("10.0.0.11", "10.0.0.12"), strict=True):
        client = dhcp.client(net, host, address, hostname=f"host-{address[-2:]}")
        told = dhcpbeds.lease(client)
        assert told is not None
        assert (told.kind, told.address) == (dhcpbeds.ACK, address)
        assert told.addresses(1) == ["255.255.255.0"]
        assert told.addresses(3) == ["10.0.0.1"]
        assert told.addresses(6) == ["192.0.2.53", "192.0.2.54"]
        assert told.addresses(54) == [SERVER]
        assert int.from_bytes(told.options[26]) == 1400
        assert int.from_bytes(told.options[51]) == 7200
        assert told.options[12].decode() == f"host-{address[-2:]}"
        assert told.options[15].decode() == "example.org"
        wanted = {"169.254.169.254/32": SERVER, "192.0.2.0/24": "10.0.0.9", "0.0.0.0/0": "10.0.0.1"}
        assert told.routes() == wanted
        assert told.routes(249) == wanted
    say(f"DHCP: a lease {told.seconds * 1000:.1f} ms after the port's wire was plugged")
    assert told.seconds < 0.1


def test_a_clients_own_program_gets_it_too(bed, dhcp):
    net = bed.network()
    dhcp.serve(net, SERVER)
    for host, address in zip(bed.hosts, ("10.0.0.11", "10.0.0.12"), strict=True):
        told = dhcpbeds.dhclient(dhcp.client(net, host, address), "-4")
        assert (told["new_ip_address"], told["new_routers"]) == (address, "10.0.0.1")
        assert told["new_interface_mtu"] == "1450"
        assert "32 169 254 169 254" in told["new_rfc3442"]


def test_nothing_of_it_crosses_to_other_hosts(bed, dhcp):
    net = bed.network()
    spec = dhcp.serve(net, SERVER)
    one, two = bed.hosts
    here, there = dhcp.client(net, one, "10.0.0.11"), dhcp.client(net, two, "10.0.0.12")
    underlay = beds.Sniffer(bed.underlay, "h1")
    for client in (here, there):
        assert dhcpbeds.lease(client)
    assert dhcpbeds.lease(here, timeout=0.1, mac="fa:16:3e:00:00:01") is None  # nobody's: asked for some time
    server = bytes.fromhex(spec.leg.mac.replace(":", ""))
    give(here, "10.0.0.11")
    assert beds.ping(here.namespace, SERVER).lost == 0
    assert beds.ping(here.namespace, "169.254.169.254").lost == 0
    inner = underlay.inner_frames()
    underlay.close()
    assert [each for each in inner if each[12:14] == b"\x08\x00" and each[23] == 17] == []
    assert [each for each in inner if server in (each[:6], each[6:12])] == []
    assert [each for each in inner if beds.is_arp(each)] == []


def give(client, address):
    """Have the client use what it was told."""

    def configure(ipr):
        index = ipr.link_lookup(ifname="eth0")[0]
        ipr.addr("add", index=index, address=address, prefixlen=24)
        ipr.route("add", dst="169.254.169.254/32", gateway=SERVER)

    netns.rtnl(client.namespace, configure)


def test_strangers_get_nothing_and_other_hosts_ports_neither(bed, dhcp):
    net = bed.network()
    one, two = bed.hosts
    dhcp.serve(net, SERVER, one)  # the second host has none
    client = dhcp.client(net, one, "10.0.0.11")
    assert dhcpbeds.lease(client, timeout=0.3, mac="fa:16:3e:00:00:01") is None
    far = dhcp.client(net, two, "10.0.0.12")
    assert dhcpbeds.lease(far, timeout=0.3) is None
    assert dhcpbeds.lease(client)


def test_a_port_is_known_when_its_wire_is_there_and_dnsmasq_is_not_restarted_for_it(bed, dhcp, say):
    net = bed.network()
    one, _ = bed.hosts
    spec = dhcp.serve(net, SERVER, one)
    pid, slowest = pid_of(one, spec), 0.0
    for number in range(11, 31):
        told = dhcpbeds.lease(dhcp.client(net, one, f"10.0.0.{number}"))
        assert told is not None
        assert told.address == f"10.0.0.{number}"
        slowest = max(slowest, told.seconds)
    say(f"DHCP: the slowest of 20 new ports had its lease in {slowest * 1000:.1f} ms")
    assert slowest < 0.1
    assert pid_of(one, spec) == pid


def test_a_ports_own_options_win_and_follow_changes(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    dhcp.serve(net, SERVER, one, subnet={"dns_nameservers": ("192.0.2.53",)})
    options = (
        DhcpOption(name="bootfile-name", value="pxelinux.0"),
        DhcpOption(name="66", value="192.0.2.66"),
        DhcpOption(name="dns-server", value="192.0.2.1,192.0.2.2"),
        DhcpOption(name="router", value=""),
    )
    client, other = dhcp.client(net, one, "10.0.0.11", options=options), dhcp.client(net, one, "10.0.0.12")
    told = dhcpbeds.lease(client)
    assert told.options[67].rstrip(b"\0") == b"pxelinux.0"
    assert told.options[66].rstrip(b"\0") == b"192.0.2.66"
    assert told.addresses(6) == ["192.0.2.1", "192.0.2.2"]
    assert 3 not in told.options
    plain = dhcpbeds.lease(other)
    assert (plain.addresses(6), plain.addresses(3), 67 in plain.options) == (["192.0.2.53"], ["10.0.0.1"], False)
    changed = (DhcpOption(name="dns-server", value="192.0.2.9"),)
    one.apply(dataclasses.replace(client.port, dhcp=dataclasses.replace(client.port.dhcp, options=changed)))
    eventually(lambda: dhcpbeds.lease(client).addresses(6) == ["192.0.2.9"])
    assert dhcpbeds.lease(client).addresses(3) == ["10.0.0.1"]


def test_an_address_is_anothers_as_soon_as_its_port_is_gone(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    dhcp.serve(net, SERVER, one)
    first = dhcp.client(net, one, "10.0.0.11")
    assert dhcpbeds.lease(first)
    one.remove("port", first.port.id)
    second = dhcp.client(net, one, "10.0.0.11")
    told = dhcpbeds.lease(second)
    assert told is not None
    assert told.address == "10.0.0.11"
    assert told.seconds < 0.2
    changed = dataclasses.replace(second.port, addresses=(net.address("10.0.0.12"),))
    one.apply(changed)
    eventually(lambda: (got := dhcpbeds.lease(second)) and got.address == "10.0.0.12")
    answer = dhcpbeds.renew(second, "10.0.0.11")
    assert answer.kind == dhcpbeds.NAK


def test_a_port_that_moves_keeps_its_lease(bed, dhcp):
    net = bed.network()
    dhcp.serve(net, SERVER)
    one, two = bed.hosts
    client = dhcp.client(net, one, "10.0.0.11")
    assert dhcpbeds.lease(client)
    bed.bind(client.port, two)
    moved = dhcp.plug(client.port, two)
    answer = dhcpbeds.renew(moved, "10.0.0.11")
    assert (answer.kind, answer.address) == (dhcpbeds.ACK, "10.0.0.11")
    assert not list((dhcp_hosts.RUN / one.tag / net.id / "hosts").iterdir())


def test_several_subnets_of_a_network(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    subnets = (
        DhcpSubnet(subnet_id="a", cidr="10.0.0.0/24", gateway="10.0.0.1"),
        DhcpSubnet(subnet_id="b", cidr="10.1.0.0/16", gateway="10.1.0.1"),
    )
    spec = dhcpbeds.spec_of(net, SERVER, *subnets)
    more = Address(address="10.1.0.2", prefix_length=16, subnet_id="b")
    spec = dataclasses.replace(spec, leg=dataclasses.replace(spec.leg, addresses=(*spec.leg.addresses, more)))
    dhcp.apply(spec, one)
    for address, router, other in (
        ("10.0.0.11", "10.0.0.1", "10.1.0.0/16"),
        ("10.1.2.3", "10.1.0.1", "10.0.0.0/24"),
    ):
        told = dhcpbeds.lease(dhcp.client(net, one, address))
        assert (told.address, told.addresses(3)) == (address, [router])
        assert told.routes()[other] == "0.0.0.0"
    told = dhcpbeds.lease(dhcp.client(net, one, "10.0.0.21", "10.1.0.21"))
    assert told.address == "10.0.0.21", "the first of a port's addresses"
    told = dhcpbeds.lease(dhcp.client(net, one, "172.16.0.1", "10.1.0.22"))
    assert told.address == "10.1.0.22", "the one of a subnet that is served"


def test_stateful_dhcpv6(bed, dhcp):
    net = bed.network("fd00:10::/64")
    subnet = {"mode": "dhcpv6-stateful", "gateway": "", "dns_nameservers": ("fd00::53",)}
    dhcp.serve(net, "fd00:10::2", subnet=subnet)
    for host, address in zip(bed.hosts, ("fd00:10::11", "fd00:10::12"), strict=True):
        client = dhcp.client(net, host, address)
        told = dhcpbeds.dhclient(client, "-6")
        assert told["new_ip6_address"] == address
        assert told["new_dhcp6_name_servers"] == "fd00::53"
        assert told["new_dhcp6_domain_search"] == "example.org."
    first = client
    host.remove("port", first.port.id)
    second = dhcp.client(net, host, "fd00:10::12")
    assert dhcpbeds.dhclient(second, "-6")["new_ip6_address"] == "fd00:10::12"


def test_stateless_dhcpv6(bed, dhcp):
    net = bed.network("fd00:10::/64")
    one, _ = bed.hosts
    subnet = {"mode": "dhcpv6-stateless", "gateway": "", "dns_nameservers": ("fd00::53",)}
    dhcp.serve(net, "fd00:10::2", one, subnet=subnet)
    option = DhcpOption(name="ntp-server", value="[fd00::123]", version=6)
    client = dhcp.client(net, one, "fd00:10::11", options=(option,))
    told = dhcpbeds.dhclient(client, "-6", "-S")
    assert told["new_dhcp6_name_servers"] == "fd00::53"


# ---- life and death


def test_it_outlives_the_agent_and_is_adopted(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    spec = dhcp.serve(net, SERVER, one)
    client = dhcp.client(net, one, "10.0.0.11")
    pid = pid_of(one, spec)
    one(bedhost.restart)
    one.apply(spec)
    one.apply(client.port)
    assert pid_of(one, spec) == pid
    assert not one.observe("dhcp")[spec.id].drifted
    assert dhcpbeds.lease(client)


def test_what_is_damaged_is_seen_and_mended(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    spec = dhcp.serve(net, SERVER, one)
    client = dhcp.client(net, one, "10.0.0.11")
    damages = (
        lambda: os.kill(pid_of(one, spec), signal.SIGKILL),
        lambda: netns.rtnl(one.own("dhcp", spec.id), lambda ipr: ipr.link("del", ifname="dhcp0")),
        lambda: netns.delete(one.own("dhcp", spec.id)),
        lambda: nft.delete_table(one.bridges, f"netdev {border.table(spec.id)}"),
    )
    for damage in damages:
        damage()
        eventually(lambda: one.observe("dhcp")[spec.id].drifted)
        one.apply(spec)
        eventually(lambda: not one.observe("dhcp")[spec.id].drifted)
        assert dhcpbeds.lease(client)


def test_a_change_of_what_it_says_restarts_it(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    spec = dhcp.serve(net, SERVER, one)
    client = dhcp.client(net, one, "10.0.0.11")
    assert dhcpbeds.lease(client).addresses(6) == []
    (subnet,) = spec.subnets
    one.apply(dataclasses.replace(spec, subnets=(dataclasses.replace(subnet, dns_nameservers=("192.0.2.7",)),)))
    assert dhcpbeds.lease(client).addresses(6) == ["192.0.2.7"]
    one.apply(dataclasses.replace(spec, subnets=()))
    assert pid_of(one, spec) == 0
    assert not one.observe("dhcp")[spec.id].drifted


def test_nothing_is_left(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    before = beds.snapshot(one.bridges)
    spec = dhcp.serve(net, SERVER, one)
    client = dhcp.client(net, one, "10.0.0.11")
    pid = pid_of(one, spec)
    one.remove("dhcp", spec.id)
    one.remove("port", client.port.id)
    assert one.observe("dhcp") == {}
    assert not netns.exists(one.own("dhcp", spec.id))
    assert not (dhcp_hosts.RUN / one.tag).exists()
    assert not os.path.exists(f"/proc/{pid}")
    assert beds.snapshot(one.bridges) == before
    one.remove("dhcp", spec.id)  # once more
    one.remove("network", net.id)


def test_one_nobody_asked_for_is_found_and_removed(bed, dhcp):
    net = bed.network()
    one, _ = bed.hosts
    spec = dhcp.serve(net, SERVER, one)
    os.unlink(f"{one.state_dir}/dhcp/{spec.id}.json")
    one(bedhost.restart)
    assert list(one.observe("dhcp")) == [spec.id]
    one.remove("dhcp", spec.id)
    assert list(one.observe("dhcp")) == []
    assert beds.interfaces(one.bridges) == {f"br-{net.id[:11]}", f"vx-{net.id[:11]}"}
