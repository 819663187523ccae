"""Routers and floating IPs: between subnets, out by source NAT, in by floating IP, hairpin, routes."""

from __future__ import annotations

import dataclasses
import os
import subprocess

import pytest

from svcfabric.drivers.linux import netns
from svcfabric.spi.l2l3 import Address, Route
from tests import bedhost, beds

GATEWAY, FLOATING, SECOND = "203.0.113.10", "203.0.113.20", "203.0.113.21"


@dataclasses.dataclass
class Site:
    """A project: a network on two hosts, a router on the first, a server on each."""

    net: beds.Net
    router: beds.RouterSpec
    near: beds.Server
    far: beds.Server
    outside: beds.Net


def build(bed, outside, gateway=GATEWAY, **more):
    one, two = bed.hosts
    net = bed.network()
    leg, outer = net.leg(net.gateway), outside.leg(gateway)
    bed.bind_leg(outer, one)
    router = bed.router(one, leg, gateway=outer, **more)
    near, far = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    return Site(net, router, near, far, outside)


@pytest.fixture
def site(bed):
    return build(bed, bed.external(bed.hosts[0]))


def test_between_two_networks_through_the_router(bed):
    one, two = bed.hosts
    red, blue = bed.network("10.0.0.0/24"), bed.network("10.0.1.0/24")
    bed.router(one, red.leg(red.gateway), blue.leg(blue.gateway))
    here, there = bed.server(red, two, "10.0.0.11"), bed.server(blue, two, "10.0.1.11")
    assert beds.ping(here.namespace, there.address, 5).lost == 0
    assert beds.seen_from(here.namespace, there.namespace, there.address) == here.address


def test_out_by_source_nat_from_both_hosts(bed, site):
    for server in (site.near, site.far):
        assert beds.ping(server.namespace, beds.OUTSIDE).lost == 0
        assert beds.seen_from(server.namespace, bed.outside, beds.OUTSIDE) == GATEWAY


def test_source_nat_off_and_on_again(bed, site):
    one = bed.hosts[0]
    one.apply(dataclasses.replace(site.router, enable_snat=False))
    netns.rtnl(bed.outside, lambda ipr: ipr.route("add", dst="10.0.0.0/24", gateway=GATEWAY))
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == site.far.address
    one.apply(site.router)
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == GATEWAY


def test_in_by_floating_ip_and_out_with_it(bed, site):
    one = bed.hosts[0]
    floating = bed.floating(one, site.router, FLOATING, site.far.address)
    assert beds.ping(bed.outside, FLOATING).lost == 0
    assert beds.seen_from(bed.outside, site.far.namespace, FLOATING) == beds.OUTSIDE
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == FLOATING
    assert beds.seen_from(site.near.namespace, bed.outside, beds.OUTSIDE) == GATEWAY
    one.remove("floatingip", floating.id)
    assert beds.ping(bed.outside, FLOATING, 2, wait=0.2).received == 0
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == GATEWAY


def test_floating_ip_works_without_source_nat(bed):
    site = build(bed, bed.external(bed.hosts[0]), enable_snat=False)
    bed.floating(bed.hosts[0], site.router, FLOATING, site.far.address)
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == FLOATING
    assert beds.ping(site.near.namespace, beds.OUTSIDE, 2, wait=0.2).received == 0


def test_hairpin_between_servers_and_to_oneself(bed, site):
    bed.floating(bed.hosts[0], site.router, FLOATING, site.far.address)
    # no floating IP of its own: seen as the router
    assert beds.seen_from(site.near.namespace, site.far.namespace, FLOATING) == GATEWAY
    assert beds.seen_from(site.far.namespace, site.far.namespace, FLOATING) == FLOATING
    bed.floating(bed.hosts[0], site.router, SECOND, site.near.address)
    assert beds.seen_from(site.near.namespace, site.far.namespace, FLOATING) == SECOND


def test_two_projects_with_the_same_addresses(bed):
    outside = bed.external(bed.hosts[0])
    red, blue = build(bed, outside, GATEWAY), build(bed, outside, "203.0.113.11")
    bed.floating(bed.hosts[0], red.router, FLOATING, red.far.address)
    bed.floating(bed.hosts[0], blue.router, SECOND, blue.far.address)
    assert red.far.address == blue.far.address
    assert beds.seen_from(bed.outside, red.far.namespace, FLOATING) == beds.OUTSIDE
    assert beds.seen_from(bed.outside, blue.far.namespace, SECOND) == beds.OUTSIDE
    assert beds.seen_from(red.near.namespace, bed.outside, beds.OUTSIDE) == GATEWAY
    assert beds.seen_from(blue.near.namespace, bed.outside, beds.OUTSIDE) == "203.0.113.11"
    # from one project to the other, by its floating IP
    assert beds.seen_from(red.far.namespace, blue.far.namespace, SECOND) == FLOATING


def test_removing_a_floating_ip_cuts_its_connections_and_no_others(bed, site):
    one = bed.hosts[0]
    floating = bed.floating(one, site.router, FLOATING, site.far.address)
    inside = beds.Listener(site.far.namespace)
    outside = beds.Listener(bed.outside)
    cut = beds.connect(bed.outside, FLOATING, inside.port)
    kept = beds.connect(site.near.namespace, beds.OUTSIDE, outside.port)
    far_end, _ = inside.accept()
    out_end, _ = outside.accept()
    one.remove("floatingip", floating.id)
    cut.settimeout(0.5)
    cut.sendall(b"lost")
    far_end.settimeout(0.5)
    with pytest.raises(TimeoutError):
        far_end.recv(4)
    kept.sendall(b"kept")
    assert out_end.recv(4) == b"kept"


def test_a_floating_ip_moves_to_another_server(bed, site):
    one = bed.hosts[0]
    floating = bed.floating(one, site.router, FLOATING, site.far.address)
    assert beds.seen_from(bed.outside, site.far.namespace, FLOATING) == beds.OUTSIDE
    one.apply(dataclasses.replace(floating, fixed_address=site.near.address))
    assert beds.seen_from(bed.outside, site.near.namespace, FLOATING) == beds.OUTSIDE
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == GATEWAY
    assert beds.seen_from(site.near.namespace, bed.outside, beds.OUTSIDE) == FLOATING


def test_an_address_that_is_anothers_by_now_stays_with_it(bed, site):
    one = bed.hosts[0]
    old = bed.floating(one, site.router, FLOATING, site.far.address)
    assert beds.seen_from(bed.outside, site.far.namespace, FLOATING) == beds.OUTSIDE
    bed.floating(one, site.router, FLOATING, site.near.address)
    one.remove("floatingip", old.id)  # asked for before, done after
    assert beds.seen_from(bed.outside, site.near.namespace, FLOATING) == beds.OUTSIDE
    assert beds.seen_from(site.near.namespace, bed.outside, beds.OUTSIDE) == FLOATING
    assert not any(each.drifted for each in one.observe("floatingip").values())


def test_a_floating_ip_waits_for_its_router(bed, site):
    one = bed.hosts[0]
    spec = dataclasses.replace(bed.floating(one, site.router, FLOATING, site.far.address), router_id="not-yet")
    report = one.try_apply(spec)
    assert (report.ok, report.waits_for, report.error) == (False, "not-yet", "")


def test_a_floating_ip_moves_to_another_router(bed):
    one = bed.hosts[0]
    outside = bed.external(one)
    red, blue = build(bed, outside, GATEWAY), build(bed, outside, "203.0.113.11")
    floating = bed.floating(one, red.router, FLOATING, red.far.address)
    assert beds.seen_from(bed.outside, red.far.namespace, FLOATING) == beds.OUTSIDE
    one.apply(dataclasses.replace(floating, router_id=blue.router.id))
    # the outside learnt the other router's MAC from the announcement
    assert beds.seen_from(bed.outside, blue.far.namespace, FLOATING) == beds.OUTSIDE
    assert beds.seen_from(red.far.namespace, bed.outside, beds.OUTSIDE) == GATEWAY


def test_extra_routes(bed, site):
    one = bed.hosts[0]
    behind = f"{bed.name}-behind"
    netns.create(behind)
    # far is a router of its own for 10.9.0.0/24
    with netns.opened(behind) as inside:
        netns.rtnl(site.far.namespace, beds.wire_pair, "eth1", ("10.9.0.1", 24), "eth0", inside)
    netns.rtnl(behind, beds.raise_with, "eth0", ("10.9.0.2", 24))
    netns.rtnl(behind, lambda ipr: ipr.route("add", dst="default", gateway="10.9.0.1"))
    netns.run_in(site.far.namespace, lambda: _write("/proc/sys/net/ipv4/ip_forward", "1"))
    route = Route(destination="10.9.0.0/24", nexthop=site.far.address)
    assert beds.ping(site.near.namespace, "10.9.0.2", 1, wait=0.2).received == 0
    one.apply(dataclasses.replace(site.router, routes=(route,)))
    assert beds.ping(site.near.namespace, "10.9.0.2").lost == 0
    assert beds.seen_from(behind, bed.outside, beds.OUTSIDE) == GATEWAY
    one.apply(site.router)
    assert beds.ping(site.near.namespace, "10.9.0.2", 1, wait=0.2).received == 0


def test_a_route_that_cannot_be_set_is_named_and_the_rest_works(bed, site):
    routes = (
        Route(destination="10.9.0.0/24", nexthop="172.31.0.1"),
        Route(destination="10.8.0.0/24", nexthop="10.0.0.12"),
    )
    report = bed.hosts[0].try_apply(dataclasses.replace(site.router, routes=routes))
    assert (report.ok, report.code) == (False, "host.route_refused")
    assert "10.9.0.0/24 via 172.31.0.1" in report.detail
    assert "10.8.0.0" not in report.detail
    assert beds.ping(site.far.namespace, beds.OUTSIDE).lost == 0


def test_a_leg_goes_also_when_a_route_cannot_be_set(bed, site):
    one = bed.hosts[0]
    other = bed.network("10.7.0.0/24")
    leg = other.leg(other.gateway)
    bed.bind_leg(leg, one)
    one.apply(dataclasses.replace(site.router, legs=(*site.router.legs, leg)))
    namespace = one.own("router", site.router.id)
    assert len(beds.interfaces(namespace)) == 3
    stray = Route(destination="10.9.0.0/24", nexthop="172.31.0.1")
    assert one.try_apply(dataclasses.replace(site.router, routes=(stray,))).code == "host.route_refused"
    assert len(beds.interfaces(namespace)) == 2


def test_legs_replaced_by_others_of_the_same_networks_keep_the_routes(bed, site):
    one = bed.hosts[0]
    route = Route(destination="10.9.0.0/24", nexthop=site.far.address)
    before = dataclasses.replace(site.router, routes=(route,))
    one.apply(before)
    inner, outer = site.net.leg(site.net.gateway), site.outside.leg(SECOND)
    for leg in (inner, outer):
        bed.bind_leg(leg, one)
    after = dataclasses.replace(before, legs=(inner,), gateway=outer)
    one.apply(after)
    for old in (*before.legs, before.gateway):
        one.remove("port", old.port_id)
    command = ["ip", "route", "show", "proto", "245"]
    done = netns.run_in(one.own("router", after.id), subprocess.run, command, capture_output=True, text=True)
    shown = sorted(line.split()[0] for line in done.stdout.splitlines())
    assert shown == ["10.9.0.0/24", "default"]
    assert beds.seen_from(site.far.namespace, bed.outside, beds.OUTSIDE) == SECOND


def test_router_administratively_down_and_up(bed, site):
    one = bed.hosts[0]
    routes = (Route(destination="10.9.0.0/24", nexthop=site.far.address),)
    one.apply(dataclasses.replace(site.router, routes=routes, admin_state_up=False))
    assert beds.ping(site.far.namespace, site.net.gateway, 1, wait=0.2).received == 0
    one.apply(dataclasses.replace(site.router, routes=routes))
    assert beds.ping(site.far.namespace, beds.OUTSIDE).lost == 0


def test_gateway_cleared_and_set_again_keeps_floating_ips(bed, site):
    one = bed.hosts[0]
    bed.floating(one, site.router, FLOATING, site.far.address)
    assert beds.ping(bed.outside, FLOATING).lost == 0
    one.apply(dataclasses.replace(site.router, gateway=None))
    assert beds.ping(bed.outside, FLOATING, 1, wait=0.2).received == 0
    # a new port, another MAC: neighbours must learn it at once
    outer = site.outside.leg("203.0.113.12")
    one.apply(dataclasses.replace(site.router, gateway=outer))
    assert beds.ping(bed.outside, FLOATING).lost == 0
    assert beds.seen_from(site.near.namespace, bed.outside, beds.OUTSIDE) == "203.0.113.12"


def test_ipv6_is_forwarded_without_nat(bed):
    one, two = bed.hosts
    red, blue = bed.network("fd00:10::/64"), bed.network("fd00:11::/64")
    bed.router(one, red.leg(red.gateway), blue.leg(blue.gateway))
    here, there = bed.server(red, one, "fd00:10::11"), bed.server(blue, two, "fd00:11::12")
    assert beds.ping(here.namespace, there.address).lost == 0


def test_second_address_on_a_leg_comes_and_goes(bed, site):
    one = bed.hosts[0]
    leg = site.router.legs[0]
    second = Address(address="10.0.0.2", prefix_length=24)
    for addresses in (
        (*leg.addresses, second),
        (second, *leg.addresses),
        (second,),
        leg.addresses,
    ):
        one.apply(dataclasses.replace(site.router, legs=(dataclasses.replace(leg, addresses=addresses),)))
        for each in addresses:
            assert beds.ping(site.far.namespace, each.address).lost == 0


def test_re_applying_everything_twenty_times_loses_nothing(bed, site):
    one, two = bed.hosts
    floating = bed.floating(one, site.router, FLOATING, site.far.address)
    beds.ping(site.near.namespace, beds.OUTSIDE)
    pings = [
        beds.Ping(site.near.namespace, beds.OUTSIDE, "-i", "0.01"),
        beds.Ping(site.far.namespace, site.near.address, "-i", "0.01"),
        beds.Ping(bed.outside, FLOATING, "-i", "0.01"),
    ]
    for _ in range(20):
        one.apply(site.router)
        one.apply(floating)
        bed.bind(site.near.port, one)
        bed.bind(site.far.port, two)
    for each in [ping.finish(interrupt=True) for ping in pings]:
        assert each.sent > 20
        assert each.lost == 0, each.text


def test_changing_one_thing_leaves_other_connections_alone(bed, site):
    one = bed.hosts[0]
    outside = beds.Listener(bed.outside)
    connection = beds.connect(site.far.namespace, beds.OUTSIDE, outside.port)
    end, peer = outside.accept()
    assert peer == GATEWAY
    ping = beds.Ping(site.near.namespace, beds.OUTSIDE, "-i", "0.01")
    other = bed.network("10.7.0.0/24")
    leg = other.leg(other.gateway)
    route = Route(destination="10.9.0.0/24", nexthop=site.far.address)
    steps = [
        dataclasses.replace(site.router, legs=(*site.router.legs, leg)),
        dataclasses.replace(site.router, legs=(*site.router.legs, leg), routes=(route,)),
        dataclasses.replace(site.router, routes=(route,)),
        site.router,
        dataclasses.replace(site.router, enable_snat=False),
        site.router,
    ]
    for spec in steps:
        one.apply(spec)
        floating = bed.floating(one, site.router, FLOATING, "10.0.0.77")
        one.remove("floatingip", floating.id)
        connection.sendall(b"still")
        assert end.recv(5) == b"still"
    assert ping.finish(interrupt=True).lost == 0


def test_what_is_removed_leaves_nothing_and_the_host_as_it_was(bed):
    one = bed.hosts[0]
    before = [beds.snapshot(host.namespace) for host in bed.hosts]
    site = build(bed, bed.external(one))
    floating = bed.floating(one, site.router, FLOATING, site.far.address)
    assert beds.snapshot(one.namespace).count("ext0") == 0, "the physical interface is in the bridge namespace"
    for _ in range(2):
        one.remove("floatingip", floating.id)
        one.remove("router", site.router.id)
        for host in bed.hosts:
            for port_id in (
                site.near.port.id,
                site.far.port.id,
                site.router.legs[0].port_id,
                site.router.gateway.port_id,
            ):
                host.remove("port", port_id)
            for net in (site.net, site.outside):
                host.remove("network", net.id)
    assert [beds.snapshot(host.namespace) for host in bed.hosts] == before
    for host in bed.hosts:
        assert beds.interfaces(host.bridges) == set()
        assert netns.names(f"sf-{host.tag}-") == [host.bridges]
        assert [file for _, _, files in os.walk(host.state_dir) for file in files] == []


def test_the_machine_itself_is_left_alone(bed):
    before = _own_things(bed)
    site = build(bed, bed.external(bed.hosts[0]))
    bed.floating(bed.hosts[0], site.router, FLOATING, site.far.address)
    assert _own_things(bed) == before


def test_a_restarted_agent_changes_nothing_and_finds_everything(bed, site):
    one = bed.hosts[0]
    floating = bed.floating(one, site.router, FLOATING, site.far.address)
    ping = beds.Ping(bed.outside, FLOATING, "-i", "0.01")
    one(bedhost.restart)
    for kind, instance_id in (("router", site.router.id), ("floatingip", floating.id)):
        assert one.observe(kind)[instance_id].drifted is False
    one.apply(site.router)
    one.apply(floating)
    assert ping.finish(interrupt=True).lost == 0
    one.remove("floatingip", floating.id)
    one.remove("router", site.router.id)
    assert netns.names(f"sf-{one.tag}-") == [one.bridges]


def test_drift_is_seen_and_healed(bed, site):
    one = bed.hosts[0]
    floating = bed.floating(one, site.router, FLOATING, site.far.address)
    namespace = one.own("router", site.router.id)

    def drifted():
        return one.observe("router")[site.router.id].drifted, one.observe("floatingip")[floating.id].drifted

    def heal():
        one.apply(site.router)
        one.apply(floating)
        assert drifted() == (False, False)
        assert beds.ping(bed.outside, FLOATING).lost == 0

    heal()
    netns.rtnl(one.bridges, lambda ipr: ipr.link("del", ifname=f"tap{site.router.legs[0].port_id[:11]}"))
    assert drifted() == (True, False)
    heal()
    netns.run_in(namespace, subprocess.run, ["nft", "flush", "ruleset"], check=True)
    assert drifted() == (True, True)
    heal()
    netns.delete(namespace)
    assert drifted() == (True, True)
    heal()


def test_plans_say_what_they_disturb(bed, site):
    one = bed.hosts[0]
    assert one(bedhost.plan, site.router, site.router).impact == "none"
    assert one(bedhost.plan, site.router, site.router).steps == ()
    bare = dataclasses.replace(site.router, gateway=None)
    assert one(bedhost.plan, bare, site.router).impact == "cuts flows"
    assert one(bedhost.plan, site.router, None).steps[0].startswith("create namespace")


def _own_things(bed):
    """Links and tables in the machine's own namespace that bear the bed's name; its forwarding switch."""
    text = beds.snapshot(None)
    forwarding = _read("/proc/sys/net/ipv4/ip_forward")
    return [line for line in text.splitlines() if bed.name in line or "sf_" in line or "br-" in line], forwarding


def _write(path, value):
    with open(path, "w") as file:
        file.write(value)


def _read(path):
    with open(path) as file:
        return file.read()
