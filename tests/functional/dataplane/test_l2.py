"""Networks and ports: VXLAN between hosts, static forwarding, suppressed ARP, wires and their plugs."""

from __future__ import annotations

import dataclasses

from svcfabric.drivers.linux import netns
from svcfabric.spi.l2l3 import NetworkSpec
from tests import bedhost, beds


def test_two_hosts_ping_across_vxlan_and_arp_is_not_flooded(bed):
    one, two = bed.hosts
    net = bed.network()
    here, there = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    underlay = beds.Sniffer(bed.underlay, "h1")
    assert beds.ping(here.namespace, there.address, 5).lost == 0
    assert beds.ping(there.namespace, here.address, 5).lost == 0
    inner = underlay.inner_frames()
    assert len([each for each in inner if each[23] == 1]) >= 20, "the pings went over the underlay"
    assert [each for each in inner if beds.is_arp(each)] == []


def test_an_address_on_the_same_host_is_not_asked_for_elsewhere(bed):
    one, _ = bed.hosts
    net = bed.network()
    here, near = bed.server(net, one, "10.0.0.11"), bed.server(net, one, "10.0.0.12")
    underlay = beds.Sniffer(bed.underlay, "h1")
    assert beds.ping(here.namespace, near.address, 3).lost == 0
    assert [each for each in underlay.inner_frames() if beds.is_arp(each)] == []


def test_unknown_addresses_are_flooded_to_the_hosts_given_and_no_others():
    with beds.bed(3) as bed:
        net = bed.network()
        here = bed.server(net, bed.hosts[0], "10.0.0.11")
        sniffers = [beds.Sniffer(bed.underlay, f"h{number}") for number in (2, 3)]
        spec = NetworkSpec(id=net.id, segment=net.segment, vteps=(bed.hosts[2].local_ip,))
        bed.hosts[0].apply(spec)
        beds.ping(here.namespace, "10.0.0.99", 1, wait=0.1)
        asked = [[each for each in sniffer.inner_frames() if beds.is_arp(each)] for sniffer in sniffers]
        assert not asked[0]
        assert asked[1]


def test_a_port_moves_to_another_host(bed):
    one, two = bed.hosts
    net = bed.network()
    fixed = bed.server(net, one, "10.0.0.11")
    mover = bed.server(net, one, "10.0.0.12")
    assert beds.ping(fixed.namespace, mover.address).lost == 0
    # away: the wire goes, its namespace with it
    bed.bind(mover.port, two)
    assert "eth0" not in beds.interfaces(mover.namespace)
    moved = dataclasses.replace(mover, host=two)
    bed.plug(moved)
    assert beds.ping(fixed.namespace, mover.address).lost == 0
    # and back
    bed.bind(mover.port, one)
    bed.plug(mover)
    assert beds.ping(fixed.namespace, mover.address).lost == 0
    assert beds.ping(mover.namespace, fixed.address).lost == 0


def test_a_new_address_of_a_remote_port_is_answered_and_the_old_one_is_not(bed):
    one, two = bed.hosts
    net = bed.network()
    here, there = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    changed = dataclasses.replace(there.port, addresses=(net.address("10.0.0.13"),))
    bed.bind(changed, two)
    two(bedhost.plug_port, changed.id, there.namespace, "eth0", [("10.0.0.13", 24)], net.gateway)
    underlay = beds.Sniffer(bed.underlay, "h1")
    assert beds.ping(here.namespace, "10.0.0.13").lost == 0
    assert not [each for each in underlay.inner_frames() if beds.is_arp(each)]
    assert beds.ping(here.namespace, "10.0.0.12", 1, wait=0.2).received == 0


def test_same_addresses_in_two_networks_do_not_meet(bed):
    one, two = bed.hosts
    red, blue = bed.network(), bed.network()
    servers = {
        name: (bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12"))
        for name, net in (("red", red), ("blue", blue))
    }
    netns.rtnl(servers["blue"][1].namespace, lambda ipr: ipr.link("set", ifname="eth0", state="down"))
    assert beds.ping(servers["red"][0].namespace, "10.0.0.12").lost == 0
    assert beds.ping(servers["blue"][0].namespace, "10.0.0.12", 2, wait=0.2).received == 0


def test_a_port_that_is_administratively_down_passes_nothing(bed):
    one, two = bed.hosts
    net = bed.network()
    here, there = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    one.apply(dataclasses.replace(here.port, admin_state_up=False))
    assert beds.ping(here.namespace, there.address, 2, wait=0.2).received == 0
    one.apply(here.port)
    assert beds.ping(here.namespace, there.address).lost == 0


def test_the_network_mtu_holds_from_end_to_end(bed):
    one, two = bed.hosts
    net = bed.network(mtu=1300)
    here, there = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    fits = beds.Ping(here.namespace, there.address, "-c", "2", "-i", "0.01", "-M", "do", "-s", str(1300 - 28)).finish()
    assert fits.lost == 0
    refused = beds.Ping(
        here.namespace, there.address, "-c", "1", "-W", "0.2", "-M", "do", "-s", str(1300 - 27)
    ).finish()
    assert refused.received == 0


def test_ipv6_across_vxlan_with_suppressed_neighbour_discovery(bed):
    one, two = bed.hosts
    net = bed.network("fd00:10::/64")
    here, there = bed.server(net, one, "fd00:10::11"), bed.server(net, two, "fd00:10::12")
    underlay = beds.Sniffer(bed.underlay, "h1")
    assert beds.ping(here.namespace, there.address).lost == 0
    solicitations = [each for each in underlay.inner_frames() if each[12:14] == b"\x86\xdd" and each[54] == 135]
    assert solicitations == []


def test_unplug_and_plug_again(bed):
    one, two = bed.hosts
    net = bed.network()
    here, there = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    assert one(bedhost.unplug_port, here.port.id, here.namespace, "eth0") is True
    assert one(bedhost.unplug_port, here.port.id, here.namespace, "eth0") is False
    assert beds.interfaces(here.namespace) == set()
    bed.plug(here)
    bed.plug(here)
    assert beds.ping(here.namespace, there.address).lost == 0


def test_a_network_with_ports_stays_until_they_are_gone(bed):
    one, _ = bed.hosts
    net = bed.network(hosts=[one])
    port = bed.port(net, one, "10.0.0.11")
    refused = one(bedhost.remove, "network", net.id)
    assert (refused.ok, refused.code, refused.retry) == (False, "host.in_use", True)
    one.remove("port", port.id)
    one.remove("network", net.id)
    assert beds.interfaces(one.bridges) == set()


def test_what_is_removed_leaves_nothing_and_may_be_removed_again(bed):
    one, two = bed.hosts
    net = bed.network()
    servers = [bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")]
    for _ in range(2):
        for host in bed.hosts:
            for server in servers:
                host.remove("port", server.port.id)
            host.remove("network", net.id)
    for host in bed.hosts:
        assert beds.interfaces(host.bridges) == set()
        assert host.observe("port") == host.observe("network") == {}


def test_vanished_devices_are_seen_as_drift_and_applied_again(bed):
    one, two = bed.hosts
    net = bed.network()
    here, there = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    assert not any(each.drifted for kind in ("network", "port") for each in one.observe(kind).values())
    bridges = [name for name in beds.interfaces(one.bridges) if name.startswith(("br-", "vx-"))]
    for name in bridges:
        netns.rtnl(one.bridges, lambda ipr, name=name: ipr.link("del", ifname=name))
    assert one.observe("network")[net.id].drifted
    assert one.observe("port")[here.port.id].drifted
    assert one.observe("port")[there.port.id].drifted
    one.apply(NetworkSpec(id=net.id, segment=net.segment, vteps=(two.local_ip,)))
    one.apply(here.port)
    one.apply(dataclasses.replace(there.port, vtep=two.local_ip))
    assert not any(each.drifted for kind in ("network", "port") for each in one.observe(kind).values())
    assert beds.ping(here.namespace, there.address).lost == 0


def test_after_a_restart_without_records_what_is_there_is_found_as_orphans(bed):
    one, _ = bed.hosts
    net = bed.network(hosts=[one])
    port = bed.port(net, one, "10.0.0.11")
    one(bedhost.configure, {**_options(one), "state_dir": f"{one.state_dir}-empty"})
    assert set(one.observe("network")) == {net.id}
    assert set(one.observe("port")) == {port.id}
    one.remove("port", port.id)
    one.remove("network", net.id)
    assert beds.interfaces(one.bridges) == set()


def _options(host):
    return {
        "host": "again",
        "tag": host.tag,
        "local_ip": host.local_ip,
        "physical_networks": {beds.PHYSICAL: "ext0"},
    }
