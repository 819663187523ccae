"""What changes on a router, or on others beside it, disturbs no other flow; what moves is found at once."""

import dataclasses
import time

import pytest

from svcfabric.drivers.linux import netns, process
from svcfabric.spi.l2l3 import ConntrackHelper, FloatingIPSpec, RaPrefix, Route, RouterAdvertisement
from tests import beds
from tests.functional.dataplane.test_forwards import floating, forward
from tests.functional.dataplane.test_l3 import FLOATING, GATEWAY, SECOND, build

FTP = ConntrackHelper(helper="ftp", protocol="tcp", port=21)
EVERY = "0.002"  # seconds between two pings of a stream


@pytest.fixture
def outside(bed):
    yield bed.external(bed.hosts[0])
    for host in bed.hosts:
        for router_id in host.observe("router"):
            host.remove("router", router_id)  # and its radvd


@pytest.fixture
def site(bed, outside):
    return build(bed, outside)


class Connection:
    """A TCP connection that should go on."""

    def __init__(self, client, server, address, port=0, at=0):
        listener = beds.Listener(server, port=at)
        self._out = beds.connect(client, address, port or listener.port)
        self._in, _ = listener.accept()
        listener.close()

    def check(self):
        for one, other in ((self._out, self._in), (self._in, self._out)):
            one.sendall(b"still")
            assert other.recv(5) == b"still"


def test_changing_one_thing_disturbs_no_other_flow(bed, outside, site):
    one = bed.hosts[0]
    bed.floating(one, site.router, FLOATING, site.far.address)
    forwards = dataclasses.replace(
        floating(site, forward(site.near, 8080, 80)), id="99999999-0000-0000-0000-000000000000", floating_address=SECOND
    )
    one.apply(forwards)
    connections = [
        Connection(site.near.namespace, bed.outside, beds.OUTSIDE),
        Connection(site.far.namespace, bed.outside, beds.OUTSIDE),
        Connection(bed.outside, site.far.namespace, FLOATING),
        Connection(bed.outside, site.near.namespace, SECOND, 8080, 80),
    ]
    streams = [
        beds.Ping(site.near.namespace, beds.OUTSIDE, "-i", EVERY),
        beds.Ping(bed.outside, FLOATING, "-i", EVERY),
        beds.Ping(site.far.namespace, site.net.gateway, "-i", EVERY),
    ]
    for change in changes(bed, one, outside, site, forwards):
        change()
        for each in connections:
            each.check()
    for finished in [each.finish(interrupt=True) for each in streams]:
        assert finished.sent > 100
        assert finished.lost == 0, finished.text


def changes(bed, one, outside, site, forwards):
    """Routes, floating IPs, forwardings, helpers, advertisements come and go; so do routers beside it."""
    router = site.router
    six = bed.network("fd00:77::/64")
    leg = six.leg(six.gateway)
    told = RouterAdvertisement(prefixes=(RaPrefix(cidr=six.cidr, mode="slaac"),))
    advertises = dataclasses.replace(router, legs=(*router.legs, dataclasses.replace(leg, ra=told)))
    routes = (Route(destination="10.9.0.0/24", nexthop=site.far.address),)
    yield lambda: one.apply(dataclasses.replace(router, routes=routes))
    yield lambda: one.apply(dataclasses.replace(router, helpers=(FTP,)))
    yield lambda: one.apply(advertises)
    yield lambda: one.apply(dataclasses.replace(advertises, helpers=(FTP,), routes=routes))
    yield lambda: one.apply(router)
    spec = bed.floating(one, router, "203.0.113.30", "10.0.0.30")
    yield lambda: one.apply(dataclasses.replace(spec, fixed_address="10.0.0.31"))
    yield lambda: one.remove("floatingip", spec.id)
    more = (*forwards.forwards, forward(site.far, (100, 199), (1100, 1199)), forward(site.far, (200, 299), 5))
    yield lambda: one.apply(dataclasses.replace(forwards, forwards=more))
    yield lambda: one.apply(forwards)
    other = build_beside(bed, one, outside)
    yield lambda: one.apply(dataclasses.replace(other, gateway=None))
    yield lambda: one.apply(dataclasses.replace(other, gateway=outside.leg("203.0.113.41")))
    yield lambda: one.apply(dataclasses.replace(other, enable_snat=False, admin_state_up=False))
    yield lambda: one.remove("router", other.id)


def build_beside(bed, host, outside):
    net = bed.network("10.0.0.0/24")
    return bed.router(host, net.leg(net.gateway), gateway=outside.leg("203.0.113.40"))


def outage(ping):
    """The longest time without an answer, in seconds, of pings ``EVERY`` apart."""
    done = ping.finish(interrupt=True)
    return done.lost * float(EVERY), done


@pytest.mark.parametrize("new_first", [True, False], ids=["new host first", "old host first"])
def test_a_floating_ip_on_another_host_is_found_at_once(bed, outside, new_first):
    """Its router moves with it: the same ports, and so the same MACs, on another machine."""
    one, two = bed.hosts
    site = build(bed, outside)
    spec = bed.floating(one, site.router, FLOATING, site.far.address)
    there = bed.external(two)
    gateway = dataclasses.replace(site.router.gateway, segment=there.segment)
    moved = dataclasses.replace(site.router, gateway=gateway)
    assert beds.ping(bed.outside, FLOATING).lost == 0
    ping = beds.Ping(bed.outside, FLOATING, "-i", EVERY)
    time.sleep(0.1)
    arrive = [lambda: two.apply(moved), lambda: two.apply(spec)]
    for leg in site.router.legs:
        arrive.insert(0, lambda leg=leg: bed.bind_leg(leg, two))
    leave = [lambda: one.remove("floatingip", spec.id), lambda: one.remove("router", site.router.id)]
    for step in (*arrive, *leave) if new_first else (*leave, *arrive):
        step()
    time.sleep(0.3)
    seconds, done = outage(ping)
    assert seconds < 0.5, done.text
    assert beds.ping(bed.outside, FLOATING).lost == 0
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == FLOATING


def neighbour(bed, address):
    """The MAC the outside knows for an address."""
    return netns.rtnl(
        bed.outside,
        lambda ipr: {
            each.get_attr("NDA_DST"): each.get_attr("NDA_LLADDR") for each in ipr.get_neighbours(family=2)
        }.get(address),
    )


def test_a_floating_ip_at_another_router_is_no_stale_entry(bed, outside):
    one = bed.hosts[0]
    red, blue = build(bed, outside, GATEWAY), build(bed, outside, "203.0.113.11")
    spec = bed.floating(one, red.router, FLOATING, red.far.address)
    assert beds.ping(bed.outside, FLOATING).lost == 0
    assert neighbour(bed, FLOATING) == red.router.gateway.mac
    assert beds.ping(blue.far.namespace, beds.OUTSIDE).lost == 0  # or it would ask for the outside, and so be learnt
    ping = beds.Ping(bed.outside, FLOATING, "-i", EVERY)
    time.sleep(0.1)
    moved = FloatingIPSpec(
        id=spec.id, router_id=blue.router.id, floating_address=FLOATING, fixed_address=blue.far.address
    )
    one.apply(moved)
    # an entry younger than a second is not replaced (net.ipv4.neigh.*.locktime): the late announcement is for that
    assert process.until(lambda: neighbour(bed, FLOATING) == blue.router.gateway.mac, 2.0)
    seconds, done = outage(ping)
    assert neighbour(bed, FLOATING) == blue.router.gateway.mac
    assert seconds < 0.2, done.text
    assert beds.seen_from(bed.outside, blue.far.namespace, FLOATING) == beds.OUTSIDE
