"""Ports of a floating IP that lead to servers on two hosts: single ones, ranges, and what a change leaves alone."""

import dataclasses
import socket
import subprocess

import pytest

from svcfabric.drivers.linux import netns
from svcfabric.spi.l2l3 import FloatingIPSpec, PortForward
from tests import bedhost, beds
from tests.functional.dataplane.test_l3 import FLOATING, GATEWAY, build


@pytest.fixture(scope="module")
def bed():
    """One bed for all: what a test makes, it takes away."""
    with beds.bed(2) as made:
        yield made


@pytest.fixture(scope="module")
def site(bed):
    return build(bed, bed.external(bed.hosts[0]))


@pytest.fixture(autouse=True)
def nothing_is_left(bed, site):
    yield
    bed.hosts[0].remove("floatingip", floating(site).id)


def forward(server, external, inside, protocol="tcp"):
    """``external`` and ``inside``: a port or (first, last)."""
    (first, last), (to, until) = ((each, each) if isinstance(each, int) else each for each in (external, inside))
    return PortForward(
        protocol=protocol, external_first=first, external_last=last, address=server.address, first=to, last=until
    )


def floating(site, *forwards, ident="11111111-2222-3333-4444-555555555555"):
    return FloatingIPSpec(
        id=ident, router_id=site.router.id, floating_address=FLOATING, fixed_address="", forwards=forwards
    )


def arrives(client, address, port, server, at):
    """Whether a connection to ``address``:``port`` reaches what listens at ``at``; the source address seen there."""
    listener = beds.Listener(server.namespace, port=at)
    try:
        with beds.connect(client, address, port, timeout=1.0):
            connection, peer = listener.accept()
            connection.close()
            return peer
    except OSError:
        return ""
    finally:
        listener.close()


def test_ports_lead_to_servers_on_both_hosts(bed, site):
    one = bed.hosts[0]
    one.apply(floating(site, forward(site.near, 8080, 80), forward(site.far, 8081, 80)))
    assert arrives(bed.outside, FLOATING, 8080, site.near, 80) == beds.OUTSIDE
    assert arrives(bed.outside, FLOATING, 8081, site.far, 80) == beds.OUTSIDE
    assert arrives(bed.outside, FLOATING, 8082, site.far, 80) == ""
    # out they go as the router, not as the floating IP
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == GATEWAY
    # from inside, by the floating IP, back in
    assert arrives(site.near.namespace, FLOATING, 8081, site.far, 80) == GATEWAY
    one.remove("floatingip", floating(site).id)
    assert arrives(bed.outside, FLOATING, 8080, site.near, 80) == ""


def test_ranges(bed, site):
    same, shifted, many = (100, 104), (200, 204), (400, 409)
    spec = floating(
        site, forward(site.far, same, same), forward(site.far, shifted, (300, 304)), forward(site.far, many, 500)
    )
    bed.hosts[0].apply(spec)
    for port, at in ((100, 100), (103, 103), (200, 300), (204, 304), (400, 500), (409, 500)):
        assert arrives(bed.outside, FLOATING, port, site.far, at) == beds.OUTSIDE, (port, at)
    for port, at in ((105, 105), (205, 305), (410, 500), (99, 99)):
        assert arrives(bed.outside, FLOATING, port, site.far, at) == "", (port, at)


def test_protocols_are_apart(bed, site):
    bed.hosts[0].apply(floating(site, forward(site.near, 53, 5300), forward(site.far, 53, 5353, "udp")))
    assert arrives(bed.outside, FLOATING, 53, site.near, 5300) == beds.OUTSIDE

    def server():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 5353))
        sock.settimeout(3)
        return sock

    with (
        netns.run_in(site.far.namespace, server) as far,
        netns.run_in(bed.outside, socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(3)
        client.sendto(b"question", (FLOATING, 53))
        data, peer = far.recvfrom(100)
        assert (data, peer[0]) == (b"question", beds.OUTSIDE)
        far.sendto(b"answer", peer)
        assert client.recvfrom(100) == (b"answer", (FLOATING, 53))


def test_a_change_cuts_what_it_ends_and_nothing_else(bed, site):
    one = bed.hosts[0]
    kept, gone = forward(site.near, 8080, 80), forward(site.far, 8081, 80)
    one.apply(floating(site, kept, gone))
    pairs = []
    for server, port in ((site.near, 8080), (site.far, 8081)):
        listener = beds.Listener(server.namespace, port=80)
        outgoing = beds.connect(bed.outside, FLOATING, port)
        pairs.append((outgoing, listener.accept()[0]))
        listener.close()
    (kept_out, kept_in), (gone_out, gone_in) = pairs
    for forwards in (
        (kept, gone, forward(site.far, (1000, 1100), (2000, 2100))),
        (kept, gone),
        (kept, forward(site.far, 8082, 80), gone),
        (kept,),
    ):
        one.apply(floating(site, *forwards))
        kept_out.sendall(b"still")
        assert kept_in.recv(5) == b"still"
    gone_out.sendall(b"lost")
    gone_in.settimeout(0.3)
    with pytest.raises((TimeoutError, ConnectionResetError)):
        assert gone_in.recv(4) == b""


def test_all_ports_then_single_ones_then_all(bed, site):
    one = bed.hosts[0]
    single = floating(site, forward(site.near, 8080, 80))
    whole = dataclasses.replace(single, fixed_address=site.far.address, forwards=())
    for spec in (whole, single, whole):
        one.apply(spec)
        assert one.observe("floatingip")[spec.id].drifted is False
        if spec.fixed_address:
            assert beds.seen_from(bed.outside, site.far.namespace, FLOATING) == beds.OUTSIDE
            assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == FLOATING
        else:
            assert arrives(bed.outside, FLOATING, 8080, site.near, 80) == beds.OUTSIDE
            assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == GATEWAY


def test_another_target_for_the_same_port(bed, site):
    one = bed.hosts[0]
    one.apply(floating(site, forward(site.near, 8080, 80)))
    one.apply(floating(site, forward(site.far, 8080, 81)))
    assert arrives(bed.outside, FLOATING, 8080, site.far, 81) == beds.OUTSIDE
    assert arrives(bed.outside, FLOATING, 8080, site.near, 80) == ""


def test_restart_drift_and_healing(bed, site):
    one = bed.hosts[0]
    spec = floating(site, forward(site.far, 8080, 80), forward(site.far, (100, 109), 99))
    one.apply(spec)
    one(bedhost.restart)
    assert one.observe("floatingip")[spec.id].drifted is False
    namespace = one.own("router", site.router.id)
    netns.run_in(namespace, subprocess.run, ["nft", "flush", "ruleset"], check=True)
    assert one.observe("floatingip")[spec.id].drifted is True
    one.apply(site.router)
    one.apply(spec)
    assert one.observe("floatingip")[spec.id].drifted is False
    assert arrives(bed.outside, FLOATING, 8080, site.far, 80) == beds.OUTSIDE
    assert arrives(bed.outside, FLOATING, 105, site.far, 99) == beds.OUTSIDE


def test_a_plan_says_which_connections_end(bed, site):
    one = bed.hosts[0]
    both = floating(site, forward(site.near, 8080, 80), forward(site.far, 8081, 80))
    fewer = dataclasses.replace(both, forwards=both.forwards[:1])
    assert one(bedhost.plan, both, fewer).impact == "new flows"
    assert one(bedhost.plan, fewer, both).impact == "cuts flows"
    assert one(bedhost.plan, both, both).steps == ()
