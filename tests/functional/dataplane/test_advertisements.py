"""Router advertisements: what servers on another host make of them; IPv6 outside."""

import contextlib
import dataclasses
import ipaddress
import os
import socket
import struct
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from svcfabric.core_l2l3.pools import eui64
from svcfabric.drivers.linux import netns, process, sysctl
from svcfabric.spi.l2l3 import Address, Leg, PortSpec, RaPrefix, RouterAdvertisement
from tests import bedhost, beds

DNS = "2001:db8::53"
PREFIX = "2001:db8:1::/64"


def advertised(net, mode="slaac", prefix=PREFIX, servers=(DNS,)):
    """A router's leg that advertises a prefix."""
    port_id = str(uuid.uuid4())
    gateway = str(ipaddress.ip_network(prefix)[1])
    return Leg(
        port_id=port_id,
        mac=beds.mac_of(port_id),
        segment=net.segment,
        addresses=(Address(address=gateway, prefix_length=64),),
        ra=RouterAdvertisement(prefixes=(RaPrefix(cidr=prefix, mode=mode),), dns_nameservers=servers),
    )


@dataclasses.dataclass
class Station:
    """A namespace on a port that makes its own address, and what it has seen."""

    namespace: str
    address: str
    sniffer: beds.Sniffer

    def addresses(self):
        return _ip(self.namespace, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global")

    def gateway(self):
        return _ip(self.namespace, "-6", "route", "show", "default")

    def advertisement(self, timeout=4.0, *, like=lambda each: True):
        """The next advertisement that is as it should be: flags, lifetime, mtu, servers, {prefix: flags}."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for frame in self.sniffer.frames():
                told = parsed(frame)
                if told and like(told):
                    return told
            time.sleep(0.01)
        raise AssertionError("no such advertisement")


def parsed(frame):
    if frame[12:14] != b"\x86\xdd" or frame[20] != 58 or frame[54] != 134:
        return None
    told = {"flags": frame[59], "lifetime": struct.unpack("!H", frame[60:62])[0], "prefixes": {}, "servers": []}
    options = frame[70:]
    while len(options) >= 8 and options[1]:
        option, options = options[: options[1] * 8], options[options[1] * 8 :]
        if option[0] == 3:
            told["prefixes"][f"{ipaddress.IPv6Address(option[16:32])}/{option[2]}"] = option[3] & 0xC0
        elif option[0] == 5:
            told["mtu"] = struct.unpack("!I", option[4:8])[0]
        elif option[0] == 25:
            told["servers"] = [str(ipaddress.IPv6Address(option[at : at + 16])) for at in range(8, len(option), 16)]
    return told


def _ip(namespace, *arguments):
    return netns.run_in(namespace, subprocess.run, ["ip", *arguments], capture_output=True, text=True).stdout


@contextlib.contextmanager
def station(bed, net, host, prefix=PREFIX):
    port_id = str(uuid.uuid4())
    mac = beds.mac_of(port_id)
    held = Address(address=eui64(prefix, mac), prefix_length=64)
    spec = bed.bind(PortSpec(id=port_id, segment=net.segment, mac=mac, addresses=(held,)), host)
    namespace = f"{bed.name}-x{port_id[:6]}"
    netns.create(namespace)
    host(bedhost.plug_port, spec.id, namespace, "eth0", [], "")
    sniffer = beds.Sniffer(namespace, "eth0")
    own = "net/ipv6/conf/eth0"
    sysctl.write(namespace, {f"{own}/disable_ipv6": "1", f"{own}/accept_ra": "1", f"{own}/autoconf": "1"})
    sysctl.write(namespace, {f"{own}/disable_ipv6": "0"})  # as if it had just come: it solicits
    try:
        yield Station(namespace, held.address, sniffer)
    finally:
        sniffer.close()


def pid_of(host, router):
    running = process.adopt(f"{host.state_dir}/router/radvd/{router.id}", "radvd")
    return running.pid if running else None


def running(pid):
    """Whether there is such a process and it is no zombie."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def bed():
    """One bed for all: what a test makes, it takes away."""
    with beds.bed(2) as made:
        yield made


@pytest.fixture(autouse=True)
def no_router_is_left(bed):
    yield
    for host in bed.hosts:
        for router_id in host.observe("router"):
            host.remove("router", router_id)


@pytest.fixture
def net(bed):
    return bed.network(PREFIX)


def test_a_host_elsewhere_makes_itself_an_address_and_reaches_others(bed, net):
    one, two = bed.hosts
    blue = bed.network("fd00:11::/64")
    bed.router(one, advertised(net), blue.leg(blue.gateway))
    there = bed.server(blue, two, "fd00:11::12")
    with station(bed, net, two) as here:
        assert process.until(lambda: here.address in here.addresses(), 5.0), here.addresses()
        assert process.until(lambda: "via fe80::" in here.gateway(), 1.0)
        assert beds.ping(here.namespace, there.address, 5).lost == 0
        told = here.advertisement()
        assert told["prefixes"] == {PREFIX: 0xC0}
        assert (told["flags"] & 0xC0, told["mtu"], told["servers"]) == (0, net.segment.mtu, [DNS])
        assert told["lifetime"] > 0


@pytest.mark.parametrize(
    ("mode", "flags", "prefix"), [("dhcpv6-stateful", 0x80, 0x80), ("dhcpv6-stateless", 0x40, 0xC0)]
)
def test_modes_say_where_addresses_are_from(bed, net, mode, flags, prefix):
    bed.router(bed.hosts[0], advertised(net, mode))
    with station(bed, net, bed.hosts[1]) as here:
        told = here.advertisement()
        assert (told["flags"] & 0xC0, told["prefixes"]) == (flags, {PREFIX: prefix})


def test_a_change_is_told_at_once_by_the_same_daemon(bed, net):
    one, two = bed.hosts
    leg = advertised(net)
    router = bed.router(one, leg)
    with station(bed, net, two) as here:
        here.advertisement()
        assert process.until(lambda: here.address in here.addresses(), 5.0)
        pid = pid_of(one, router)
        ping = beds.Ping(here.namespace, str(ipaddress.ip_network(PREFIX)[1]), "-i", "0.01")
        other = dataclasses.replace(leg, ra=dataclasses.replace(leg.ra, dns_nameservers=("2001:db8::54",)))
        one.apply(dataclasses.replace(router, legs=(other,)))
        here.advertisement(like=lambda told: told["servers"] == ["2001:db8::54"])
        one(bedhost.restart)
        one.apply(dataclasses.replace(router, legs=(other,)))
        assert pid_of(one, router) == pid
        assert ping.finish(interrupt=True).lost == 0


def test_an_advertiser_that_died_is_drift_and_comes_back(bed, net):
    one, two = bed.hosts
    router = bed.router(one, advertised(net))
    pid = pid_of(one, router)
    os.kill(pid, 9)
    assert process.until(lambda: one.observe("router")[router.id].drifted, 2.0)
    one.apply(router)
    assert one.observe("router")[router.id].drifted is False
    assert pid_of(one, router) not in (None, pid)
    with station(bed, net, two) as here:
        assert here.advertisement()["prefixes"] == {PREFIX: 0xC0}


def test_the_end_leaves_nothing_and_says_farewell_only_when_the_router_stays(bed, net):
    one, two = bed.hosts
    leg = advertised(net)
    router = bed.router(one, leg)
    with station(bed, net, two) as here:
        here.advertisement()
        one.apply(dataclasses.replace(router, legs=(dataclasses.replace(leg, ra=None),)))
        here.advertisement(like=lambda told: told["lifetime"] == 0)
        assert pid_of(one, router) is None
        one.apply(router)
        here.advertisement(like=lambda told: told["lifetime"] > 0)
        pid = pid_of(one, router)
        one.remove("router", router.id)  # as when it moves to another host
        time.sleep(0.3)
        assert not [each for each in map(parsed, here.sniffer.frames()) if each and each["lifetime"] == 0]
        assert not running(pid)
    assert not os.path.exists(f"{one.state_dir}/router/radvd/{router.id}")


def test_ipv6_outside_is_reached_without_translation(bed):
    one, two = bed.hosts
    outside = bed.external(one)
    inner = bed.network("2001:db8:7::/64")
    port_id = str(uuid.uuid4())
    gateway = Leg(
        port_id=port_id,
        mac=beds.mac_of(port_id),
        segment=outside.segment,
        addresses=(
            outside.address("203.0.113.10"),
            Address(address="2001:db8:ff::10", prefix_length=64, gateway="2001:db8:ff::1"),
        ),
    )
    bed.bind_leg(gateway, one)
    router = bed.router(one, inner.leg(inner.gateway), gateway=gateway)
    server = bed.server(inner, two, "2001:db8:7::11")
    sysctl.write(bed.outside, {"net/ipv6/conf/x0/accept_dad": "0"})
    netns.rtnl(bed.outside, beds.raise_with, "x0", ("2001:db8:ff::1", 64))
    netns.rtnl(bed.outside, lambda ipr: ipr.route("add", dst="2001:db8:7::/64", gateway="2001:db8:ff::10", family=10))

    def seen():
        listener = netns.run_in(bed.outside, lambda: socket.create_server(("::", 0), family=socket.AF_INET6))
        listener.settimeout(3)
        with listener, beds.connect(server.namespace, "2001:db8:ff::1", listener.getsockname()[1]):
            connection, peer = listener.accept()
            connection.close()
            return peer[0]

    assert beds.ping(server.namespace, "2001:db8:ff::1").lost == 0
    assert seen() == server.address
    assert beds.ping(bed.outside, server.address).lost == 0
    one.apply(dataclasses.replace(router, gateway=None))
    assert beds.ping(server.namespace, "2001:db8:ff::1", 1, wait=0.2).received == 0
