"""Limits and marks on real packets: ports on two hosts, floating IPs, a router's gateway."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import subprocess
import threading
import time
import uuid

import pytest

from svcfabric.drivers.linux import netns, nft
from svcfabric.spi.l2l3 import Qos
from svcfabric.spi.security import PortSecurity, SecurityGroupSpec, SecurityRule
from tests import beds

WITHIN = 0.05  # of the limit
TCP = 0.15  # a second's look at a connection that finds its rate and makes up for losses


class Stream:
    """A TCP connection one end of which sends all it can; the other counts."""

    def __init__(self, sender, receiver, address):
        """``sender``, ``receiver``: namespaces; the receiver is reached at that address."""
        self._listener = beds.Listener(receiver)
        self._out = beds.connect(sender, address, self._listener.port)
        self._in, _ = self._listener.accept()
        self.received, self._stop = 0, False
        self._threads = [threading.Thread(target=call, daemon=True) for call in (self._send, self._count)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        chunk = bytes(65536)
        with contextlib.suppress(OSError):
            while not self._stop:
                self._out.sendall(chunk)

    def _count(self):
        with contextlib.suppress(OSError):
            while got := len(self._in.recv(1 << 18)):
                self.received += got

    def mbit(self, seconds=1.0, settle=0.3):
        """Mbit/s of payload, after a moment in which bursts are over."""
        time.sleep(settle)
        before, start = self.received, time.monotonic()
        time.sleep(seconds)
        return (self.received - before) * 8e-6 / (time.monotonic() - start)

    def close(self):
        self._stop = True
        for end in (self._out, self._in):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@contextlib.contextmanager
def stream(sender, receiver, address):
    made = Stream(sender, receiver, address)
    try:
        yield made
    finally:
        made.close()


def frames(mbit, mtu):
    """What the shaper counts, of a payload: Ethernet, IP and TCP headers (with timestamps) too."""
    return mbit * (mtu + 14) / (mtu - 52)


def datagrams(sender, receiver, address, mbit, seconds=1.0, settle=0.2):
    """Mbit/s of frames that arrive when ``mbit`` are sent, after a moment in which bursts are over."""
    payload, arrived = bytes(1372), [0]  # with headers (UDP 8, IP 20, Ethernet 14) 1414
    into = netns.run_in(receiver, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    out = netns.run_in(sender, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    into.bind(("0.0.0.0", 0))
    into.settimeout(0.5)

    def count():
        with contextlib.suppress(OSError):
            while into.recv(2048):
                arrived[0] += 1

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    start, number, before = time.monotonic(), 0, 0
    while (now := time.monotonic() - start) < settle + seconds:
        if before == 0 and now >= settle:
            before, began = arrived[0], time.monotonic()
        if number * 1414 * 8e-6 <= mbit * now:
            out.sendto(payload, (address, into.getsockname()[1]))
            number += 1
        else:
            time.sleep(0.0005)
    rate = (arrived[0] - before) * 1414 * 8e-6 / (time.monotonic() - began)
    out.close()
    thread.join(2)
    into.close()
    return rate


def flood(sender, receiver, address, packets, seconds):
    """How many of so many datagrams, sent evenly, arrive."""
    into = netns.run_in(receiver, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    out = netns.run_in(sender, socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    with into, out:
        into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        into.bind(("0.0.0.0", 0))
        target = (address, into.getsockname()[1])
        start = time.monotonic()
        for number in range(packets):
            while time.monotonic() - start < number * seconds / packets:
                pass
            out.sendto(b"x" * 32, target)
        time.sleep(0.1)
        into.setblocking(False)
        arrived = 0
        with contextlib.suppress(BlockingIOError):
            while into.recv(64):
                arrived += 1
    return arrived


def within(wanted, measure, *args, rel=WITHIN):
    """What was measured, within ``rel`` of ``wanted``; looked at again when a busy machine has held the sender up."""
    for _ in range(5):
        found = measure(*args)
        if found == pytest.approx(wanted, rel=rel):
            return found
    raise AssertionError(f"{found} is not {wanted}")


def shown(namespace, *command):
    done = netns.run_in(namespace, subprocess.run, command, capture_output=True, text=True, check=True)
    return done.stdout


def state(namespace):
    """Shapers and rules of a namespace; a rule made anew has another handle."""
    parts = [shown(namespace, "nft", "-a", "-s", "list", "ruleset")]
    parts += [shown(namespace, "tc", *words) for words in (("qdisc",), ("-d", "qdisc"))]
    return re.sub(r"refcnt \d+|direct_packets_stat \d+", "", "\n".join(parts))


@pytest.fixture
def two(bed):
    """A network, a server on each host, and the first one's port to be limited."""
    net = bed.network()
    here, there = bed.server(net, bed.hosts[0], "10.0.0.11"), bed.server(net, bed.hosts[1], "10.0.0.12")

    def limited(**limits):
        bed.hosts[0].apply(dataclasses.replace(here.port, qos=Qos(**limits)))

    return here, there, limited


def test_bandwidth_of_a_port_both_ways(bed, two, say):
    here, there, limited = two
    mtu = here.port.segment.mtu
    limited(egress_kbps=20_000, ingress_kbps=30_000)
    egress = within(20, datagrams, here.namespace, there.namespace, there.address, 40)
    ingress = within(30, datagrams, there.namespace, here.namespace, here.address, 60)
    with stream(here.namespace, there.namespace, there.address) as sent:
        tcp = within(20, lambda: frames(sent.mbit(), mtu), rel=TCP)
    say(f"port limited to 20 Mbit/s out, 30 in: {egress:.2f} out, {ingress:.2f} in; TCP {tcp:.2f} out")


def test_a_changed_limit_cuts_nothing_and_no_limit_leaves_nothing(bed, two):
    here, there, limited = two
    bridges = bed.hosts[0].bridges
    before = state(bridges)
    limited(egress_kbps=40_000)
    limited(egress_kbps=10_000, egress_burst_kb=100)
    within(10, datagrams, here.namespace, there.namespace, there.address, 20, 0.5)
    limited(egress_kbps=30_000)
    within(30, datagrams, here.namespace, there.namespace, there.address, 60, 0.5)
    limited(egress_kbps=30_000, ingress_kbps=30_000)
    pings = beds.Ping(here.namespace, there.address, "-i", "0.002", "-c", "150")
    for mbit in (20, 40, 10, 15, 5):
        limited(egress_kbps=mbit * 1000, ingress_kbps=mbit * 1500, dscp=8)
        time.sleep(0.05)
    assert pings.finish().lost == 0
    pings = beds.Ping(here.namespace, there.address, "-i", "0.002", "-c", "200")
    for limits in ({"egress_kbps": 5_000}, {"ingress_kbps": 5_000}, {"egress_kpps": 2}, {"egress_kbps": 9_000}, {}):
        limited(**limits)
        time.sleep(0.05)
    # the interface's queue is another, twice: that takes the kernel a millisecond or two
    assert pings.finish().lost <= 6
    assert state(bridges) == before
    assert not [name for name in beds.interfaces(bridges) if name.startswith("ifb")]


def test_applied_again_and_after_a_restart_it_stays_as_it_is(bed, two):
    here, _there, limited = two
    host = bed.hosts[0]
    limited(egress_kbps=10_000, ingress_kbps=10_000, egress_kpps=5, dscp=10)
    before = state(host.bridges)
    assert "fwd to" in before
    limited(egress_kbps=10_000, ingress_kbps=10_000, egress_kpps=5, dscp=10)
    host(bed_restart)
    limited(egress_kbps=10_000, ingress_kbps=10_000, egress_kpps=5, dscp=10)
    assert state(host.bridges) == before
    assert host.observe("port")[here.port.id].drifted is False
    netns.rtnl(host.bridges, lambda ipr: ipr.link("del", ifname=f"ifb{here.port.id[:11]}"))
    assert host.observe("port")[here.port.id].drifted is True
    limited(egress_kbps=10_000, ingress_kbps=10_000, egress_kpps=5, dscp=10)
    assert host.observe("port")[here.port.id].drifted is False
    nft.delete_table(host.bridges, f"netdev sf_qos_tap{here.port.id[:11]}")
    assert host.observe("port")[here.port.id].drifted is True
    limited(egress_kbps=10_000, ingress_kbps=10_000, egress_kpps=5, dscp=10)
    assert host.observe("port")[here.port.id].drifted is False
    assert "fwd to" in state(host.bridges)
    host.remove("port", here.port.id)
    assert "sf_qos" not in state(host.bridges)
    assert not [name for name in beds.interfaces(host.bridges) if name.startswith("ifb")]


def bed_restart(station):
    station.restart()


def test_packet_rate_of_a_port_both_ways(two, say):
    here, there, limited = two
    limited(egress_kpps=1, egress_burst_kpps=0, ingress_kpps=2)
    out = within(1100, flood, here.namespace, there.namespace, there.address, 4000, 1.0)
    into = within(2200, flood, there.namespace, here.namespace, here.address, 6000, 1.0)
    say(f"port limited to 1,000 packets/s out, 2,000 in, with bursts of a tenth: {out} out, {into} in a second")


def test_marks_are_on_the_wire(bed, two):
    here, there, limited = two
    limited(dscp=26)
    underlay = beds.Sniffer(there.namespace, "eth0")
    assert beds.ping(here.namespace, there.address, 3).lost == 0
    time.sleep(0.05)
    seen = {each[15] for each in underlay.frames() if each[12:14] == b"\x08\x00" and each[26:30] == b"\x0a\x00\x00\x0b"}
    assert seen == {26 << 2}
    limited()
    assert beds.ping(here.namespace, there.address, 3).lost == 0
    time.sleep(0.05)
    seen = {each[15] for each in underlay.frames() if each[12:14] == b"\x08\x00" and each[26:30] == b"\x0a\x00\x00\x0b"}
    assert seen == {0}


def test_a_limited_port_is_filtered_all_the_same(bed, two):
    """What the shaper gives back goes on through the filter: neither spoofed nor unasked packets pass."""
    here, there, _ = two
    group = SecurityGroupSpec(id=str(uuid.uuid4()), rules=(SecurityRule(direction="egress", version=4),))
    bed.hosts[0].apply(group)
    limits = Qos(egress_kbps=50_000, ingress_kbps=50_000, egress_kpps=50, dscp=8)
    bed.hosts[0].apply(dataclasses.replace(here.port, security=PortSecurity(groups=(group.id,)), qos=limits))
    assert beds.ping(here.namespace, there.address, 3).lost == 0
    assert beds.ping(there.namespace, here.address, 3, wait=0.2).received == 0
    netns.rtnl(here.namespace, beds.raise_with, "eth0", ("10.0.0.99", 24))
    ping = beds.Ping(here.namespace, there.address, "-c", "3", "-i", "0.01", "-W", "0.2", "-I", "10.0.0.99")
    assert ping.finish().received == 0


@pytest.fixture
def routed(bed):
    """A router to the outside; a server with a floating IP on one host, one without on the other."""
    one, two = bed.hosts
    outside, net = bed.external(one), bed.network()
    gateway = outside.leg("203.0.113.10")
    router = bed.router(one, net.leg("10.0.0.1"), gateway=gateway)
    bed.bind_leg(gateway, one)
    floats, plain = bed.server(net, two, "10.0.0.11"), bed.server(net, one, "10.0.0.12")
    fip = bed.floating(one, router, "203.0.113.20", "10.0.0.11")
    return one, router, fip, floats, plain


def test_a_floating_ip_is_limited_both_ways_and_no_other(bed, routed, say):
    one, router, fip, floats, plain = routed
    namespace = one.own("router", router.id)
    before = state(namespace)
    one.apply(dataclasses.replace(fip, qos=Qos(egress_kbps=20_000, ingress_kbps=30_000)))
    held = state(namespace)
    one.apply(dataclasses.replace(fip, qos=Qos(egress_kbps=20_000, ingress_kbps=30_000)))
    one(bed_restart)
    one.apply(dataclasses.replace(fip, qos=Qos(egress_kbps=20_000, ingress_kbps=30_000)))
    assert state(namespace) == held
    out = within(20, datagrams, floats.namespace, bed.outside, beds.OUTSIDE, 40)
    into = within(30, datagrams, bed.outside, floats.namespace, fip.floating_address, 60)
    with stream(floats.namespace, bed.outside, beds.OUTSIDE):
        assert datagrams(plain.namespace, bed.outside, beds.OUTSIDE, 50, 0.3) > 40
    say(f"floating IP limited to 20 Mbit/s out, 30 in: {out:.2f} out, {into:.2f} in")
    assert one.observe("floatingip")[fip.id].drifted is False
    one.apply(fip)
    assert state(namespace) == before


def test_an_address_that_is_another_floating_ips_by_now(bed, routed):
    """Made before the first is taken away: the limits are the second's, or none."""
    one, router, fip, _floats, _plain = routed
    namespace = one.own("router", router.id)
    one.apply(dataclasses.replace(fip, qos=Qos(egress_kbps=20_000)))
    second = dataclasses.replace(fip, id=str(uuid.uuid4()))
    one.apply(dataclasses.replace(second, qos=Qos(egress_kbps=30_000)))
    one.remove("floatingip", fip.id)
    assert "30Mbit" in shown(namespace, "tc", "class", "show", "dev", f"gw{router.gateway.port_id[:13]}")
    assert one.observe("floatingip")[second.id].drifted is False
    one.apply(second)
    assert "sf_qos" not in state(namespace)


def test_a_gateways_limits_are_for_what_has_no_floating_ip(bed, routed, say):
    one, router, fip, floats, plain = routed
    namespace = one.own("router", router.id)
    before = state(namespace)
    limited = dataclasses.replace(router, gateway_qos=Qos(egress_kbps=20_000, ingress_kbps=30_000, dscp=8))
    one.apply(limited)
    held = state(namespace)
    one.apply(limited)
    assert state(namespace) == held
    out = within(20, datagrams, plain.namespace, bed.outside, beds.OUTSIDE, 40)
    with downloads(bed.outside, plain.namespace) as received:
        into = within(30, lambda: frames(received.mbit(), 1450), rel=TCP)
        assert datagrams(bed.outside, floats.namespace, fip.floating_address, 60, 0.3) > 50
    say(f"gateway limited to 20 Mbit/s out, 30 in: {out:.2f} out, TCP {into:.2f} in")
    # with limits of its own beside, then only those, then none
    one.apply(dataclasses.replace(fip, qos=Qos(egress_kbps=10_000)))
    within(10, datagrams, floats.namespace, bed.outside, beds.OUTSIDE, 20, 0.5)
    one.apply(router)
    within(10, datagrams, floats.namespace, bed.outside, beds.OUTSIDE, 20, 0.5)
    one.remove("floatingip", fip.id)
    after = state(namespace)
    assert "sf_qos" not in after
    assert "htb" not in after
    assert "sf_qos" not in before


@contextlib.contextmanager
def downloads(server, client):
    """A stream from outside to who has no address there: the client connects, the server sends."""
    made = Download(server, client)
    try:
        yield made
    finally:
        made.close()


class Download(Stream):
    def __init__(self, server, client):
        self._listener = beds.Listener(server)
        self._in = beds.connect(client, beds.OUTSIDE, self._listener.port)
        self._out, _ = self._listener.accept()
        self._out.settimeout(None)
        self.received, self._stop = 0, False
        self._threads = [threading.Thread(target=call, daemon=True) for call in (self._send, self._count)]
        for thread in self._threads:
            thread.start()


def test_rates_and_marks_of_a_floating_ip(bed, routed):
    one, _router, fip, floats, _plain = routed
    one.apply(dataclasses.replace(fip, qos=Qos(egress_kpps=1, ingress_kpps=2, dscp=46)))
    wire = beds.Sniffer(bed.outside, "x0")
    within(1100, flood, floats.namespace, bed.outside, beds.OUTSIDE, 3000, 1.0)
    seen = {each[15] for each in wire.frames() if each[23] == 17 and each[26:30] == socket.inet_aton("203.0.113.20")}
    assert seen == {46 << 2}
    within(2200, flood, bed.outside, floats.namespace, fip.floating_address, 5000, 1.0)


def test_a_leg_that_comes_later_is_limited(bed):
    """A function's own port: its wire may be made after the port is known."""
    one, _two = bed.hosts
    net = bed.network()
    leg = net.leg("10.0.0.1")
    spec = beds.PortSpec(
        id=leg.port_id,
        segment=leg.segment,
        mac=leg.mac,
        addresses=leg.addresses,
        wire="leg",
        qos=Qos(ingress_kbps=9000),
    )
    bed.bind(spec, one)
    assert one.observe("port")[leg.port_id].drifted is False
    router = beds.RouterSpec(id="11111111-2222-4333-8444-555555555555", legs=(leg,))
    one.apply(router)
    assert one.observe("port")[leg.port_id].drifted is True
    one.apply(spec)
    assert one.observe("port")[leg.port_id].drifted is False
    assert "htb" in shown(one.bridges, "tc", "qdisc")
    one.apply(dataclasses.replace(spec, qos=Qos()))
    assert "htb" not in shown(one.bridges, "tc", "qdisc")
