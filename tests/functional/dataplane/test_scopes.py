"""Address scopes: nothing is forwarded between two, nothing translated within one; floating IPs lead across."""

import dataclasses

import pytest

from svcfabric.drivers.linux import netns
from tests import beds
from tests.functional.dataplane.test_l3 import FLOATING, GATEWAY

RED, BLUE = "11111111-0000-0000-0000-000000000001", "11111111-0000-0000-0000-000000000002"


@pytest.fixture(scope="module")
def bed():
    with beds.bed(2) as made:
        yield made


def leg(net, four="", six="", more=()):
    made = net.leg(net.gateway)
    return dataclasses.replace(made, scope4=four, scope6=six, addresses=(*made.addresses, *more))


def test_scopes_apart_and_together(bed):
    one, two = bed.hosts
    outside = bed.external(one)
    red, blue = bed.network("10.0.0.0/24"), bed.network("10.0.1.0/24")
    legs = leg(red, RED), leg(blue, BLUE)
    outer = outside.leg(GATEWAY)
    bed.bind_leg(outer, one)
    router = bed.router(one, *legs, gateway=outer)
    here, there = bed.server(red, two, "10.0.0.11"), bed.server(blue, one, "10.0.1.11")

    def between():
        return beds.ping(here.namespace, there.address, 2, wait=0.2).received

    assert between() == 0
    for server in (here, there):  # out they go, translated
        assert beds.seen_from(server.namespace, bed.outside, beds.OUTSIDE) == GATEWAY
    netns.rtnl(bed.outside, lambda ipr: ipr.route("add", dst="10.0.0.0/23", gateway=GATEWAY))
    assert beds.ping(bed.outside, here.address, 2, wait=0.2).received == 0
    bed.floating(one, router, FLOATING, here.address)
    assert beds.seen_from(bed.outside, here.namespace, FLOATING) == beds.OUTSIDE
    # outside is of blue's scope: it is reached, and reaches, untranslated
    shared = dataclasses.replace(router, gateway=dataclasses.replace(outer, scope4=BLUE))
    one.apply(shared)
    assert beds.seen_from(there.namespace, bed.outside, beds.OUTSIDE) == there.address
    assert beds.ping(bed.outside, there.address, 2).lost == 0
    assert beds.ping(bed.outside, here.address, 2, wait=0.2).received == 0
    one.apply(dataclasses.replace(router, legs=(legs[0], dataclasses.replace(legs[1], scope4=RED))))
    assert between() == 2
    one.apply(dataclasses.replace(router, legs=tuple(dataclasses.replace(each, scope4="") for each in legs)))
    assert between() == 2


def test_ipv6_scopes(bed):
    one, two = bed.hosts
    red, blue = bed.network("fd00:20::/64"), bed.network("fd00:21::/64")
    legs = leg(red, six=RED), leg(blue, six=BLUE)
    router = bed.router(one, *legs)
    here, there = bed.server(red, two, "fd00:20::11"), bed.server(blue, one, "fd00:21::11")
    assert beds.ping(here.namespace, there.address, 2, wait=0.2).received == 0
    one.apply(dataclasses.replace(router, legs=(legs[0], dataclasses.replace(legs[1], scope6=RED))))
    assert beds.ping(here.namespace, there.address, 2).lost == 0
