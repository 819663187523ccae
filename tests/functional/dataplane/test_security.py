"""Security groups with real packets between servers on two hosts."""

from __future__ import annotations

import dataclasses
import ipaddress
import subprocess

import pytest

from svcfabric.drivers.linux import arp, netns
from svcfabric.spi.l2l3 import NetworkSpec, Qos
from svcfabric.spi.security import AddressGroupSpec, MemberSpec, SecurityGroupSpec
from tests import bedhost, beds, secured
from tests.secured import ICMP, ICMPV6, OUT, TCP, UDP, Conversation, pings, reaches, rule


@pytest.fixture
def hosts(bed):
    """The bed's two hosts, with all drivers loaded as an agent has them."""
    for host in bed.hosts:
        for kind in secured.KINDS:
            host.observe(kind)
    return bed.hosts


def test_rules_in_both_directions_and_versions(bed, hosts):
    one, two = hosts
    net = bed.network()
    plain = secured.group(hosts)
    client = bed.server(net, one, "10.0.0.11", addresses=secured.dual(net, 11), security=secured.secured(plain))
    server = bed.server(net, two, "10.0.0.12", addresses=secured.dual(net, 12), security=secured.secured(plain))
    assert not pings(client, "10.0.0.12")
    assert not pings(client, "fd00::c")
    # out of the client, into the server: each alone is not enough, and answers need no rule
    secured.group([one], *OUT, id=plain)
    assert not pings(client, "10.0.0.12")
    secured.group([two], rule(protocol=ICMP, first=8), rule(protocol=TCP, first=80, last=81), id=plain)
    assert pings(client, "10.0.0.12")
    assert reaches(client, server, 80)
    assert reaches(client, server, 81)
    assert not reaches(client, server, 82)
    big = beds.Ping(client.namespace, "10.0.0.12", "-c", "2", "-i", "0.01", "-W", "0.5", "-s", "4000").finish()
    assert big.lost == 0, "in fragments"
    assert not pings(client, "fd00::c")
    assert not pings(server, "10.0.0.11")
    secured.group([two], rule(version=6, protocol=ICMPV6), rule(version=6, protocol=TCP, cidr="fd00::/64"), id=plain)
    assert pings(client, "fd00::c")
    assert reaches(client, server, 82, "fd00::c")
    big = beds.Ping(client.namespace, "fd00::c", "-c", "2", "-i", "0.01", "-W", "0.5", "-s", "4000").finish()
    assert big.lost == 0, "in fragments"
    assert not pings(client, "10.0.0.12")
    assert not reaches(client, server, 80)
    # out of the server nothing has been let yet
    assert not pings(server, "fd00::b")
    secured.group([one], *OUT, rule("ingress", 6), id=plain)
    secured.group([two], rule("egress", 6, protocol=ICMPV6, first=128), rule(version=6), id=plain)
    assert pings(server, "fd00::b")
    assert not reaches(server, client, 80, "fd00::b")


def test_a_port_without_groups_speaks_to_nobody_and_one_without_security_to_all(bed, hosts):
    one, two = hosts
    net = bed.network()
    closed = bed.server(net, one, "10.0.0.11", security=secured.secured())
    open_, other = bed.server(net, two, "10.0.0.12"), bed.server(net, one, "10.0.0.13")
    assert not pings(closed, open_.address)
    assert not pings(open_, closed.address)
    assert pings(open_, other.address)
    # the filter off and on again, with connections it has never seen
    bed.bind(dataclasses.replace(closed.port, security=None), one)
    assert pings(open_, closed.address)
    talk = Conversation(open_, closed, 5000)
    bed.bind(closed.port, one)
    assert not talk.goes_on()
    assert not pings(open_, closed.address)
    talk.close()


def test_members_come_and_go_and_what_a_change_forbids_is_cut(bed, hosts):
    one, two = hosts
    net = bed.network()
    web, admins = secured.group(hosts, *OUT), secured.group(hosts, *OUT)
    secured.group(
        hosts, *OUT, rule(group=web, protocol=TCP), rule(group=admins, protocol=TCP), rule(protocol=ICMP), id=web
    )
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(web))
    mine = bed.server(net, two, "10.0.0.12", security=secured.secured(web))
    admin = bed.server(net, two, "10.0.0.13", security=secured.secured(admins))
    stranger = bed.server(net, two, "10.0.0.14", security=secured.secured(admins))
    assert not reaches(mine, server, 80)
    members = [secured.member(hosts, mine, web), secured.member(hosts, admin, admins)]
    talks = [Conversation(mine, server, 80), Conversation(admin, server, 81)]
    assert not reaches(stranger, server, 80)
    ping = beds.Ping(stranger.namespace, server.address, "-i", "0.02")
    # one leaves: its connection ends on both hosts, the others' go on
    for host in hosts:
        host.remove("security_group_member", members[0])
    assert not talks[0].goes_on()
    assert talks[1].goes_on()
    assert not reaches(mine, server, 80)
    # the rule about the others goes, and with it theirs
    secured.group(hosts, *OUT, rule(group=web, protocol=TCP), rule(protocol=ICMP), id=web)
    assert not talks[1].goes_on()
    assert ping.finish(interrupt=True).lost <= 1
    # back again
    secured.member(hosts, mine, web)
    assert reaches(mine, server, 80)
    for talk in talks:
        talk.close()


def test_address_groups_and_pairs_as_members(bed, hosts):
    one, two = hosts
    net = bed.network()
    listed = secured.addresses(hosts, "10.0.0.12/32", "fd00::/64")
    guarded = secured.group(hosts, *OUT, rule(address_group=listed, protocol=TCP, first=80, last=80))
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(guarded))
    client = bed.server(net, two, "10.0.0.12")
    other = bed.server(net, two, "10.0.0.130")
    talk = Conversation(client, server, 80)
    assert not reaches(client, server, 81)
    assert not reaches(other, server, 80)
    secured.addresses(hosts, "10.0.0.128/25", "10.0.0.129/32", id=listed)
    assert not talk.goes_on()
    talk.close()
    assert reaches(other, server, 80)
    assert not reaches(client, server, 80)
    # a member's allowed pair may be a CIDR
    peers = secured.group(hosts)
    secured.group(hosts, *OUT, rule(group=peers), id=guarded)
    assert not reaches(other, server, 80)
    wide = dataclasses.replace(other.port, addresses=(net.address("10.0.0.99"),))
    held = secured.member(hosts, dataclasses.replace(other, port=wide), peers)
    assert not reaches(other, server, 80)
    wide = dataclasses.replace(wide, addresses=(net.address("10.0.0.128/25"), net.address("10.0.0.0/30")))
    secured.member(hosts, dataclasses.replace(other, port=wide), peers, id=held)
    assert reaches(other, server, 80)


def test_stateless_groups_track_nothing_and_answers_need_rules(bed, hosts):
    one, two = hosts
    net = bed.network()
    quick = secured.group(hosts, *OUT, rule(protocol=TCP, first=80, last=80), stateful=False)
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(quick))
    client = bed.server(net, two, "10.0.0.12", security=secured.secured(quick))
    assert not reaches(client, server, 80), "the client's ephemeral port is not open"
    ephemeral = rule(protocol=TCP, first=1024, last=65535)
    secured.group(hosts, *OUT, rule(protocol=TCP, first=80, last=80), ephemeral, stateful=False, id=quick)
    assert reaches(client, server, 80)
    assert secured.connections(one) == secured.connections(two) == []
    # a stateful port on the same host sees answers of a stateless one
    careful = bed.server(net, one, "10.0.0.13", security=secured.secured(secured.group(hosts, *OUT)))
    assert reaches(careful, server, 80)
    # the group becomes stateful under its ports
    secured.group(hosts, *OUT, rule(protocol=TCP, first=80, last=80), id=quick)
    assert reaches(client, server, 80)
    assert not reaches(client, server, 2000)


def test_a_port_cannot_pretend_to_be_another(bed, hosts):
    one, _ = hosts
    net = bed.network()
    everything = secured.group(hosts, *OUT, rule(), rule(version=6))
    vip = ("fa:16:3e:aa:aa:aa", "10.0.0.64/28")
    liar = bed.server(
        net, one, "10.0.0.11", addresses=secured.dual(net, 11), security=secured.secured(everything, pairs=[vip])
    )
    # on the same host: between hosts nobody's announcements are flooded
    witness = bed.server(net, one, "10.0.0.12", addresses=secured.dual(net, 12))
    (me, my4, my6), (it, its4, its6) = _of(liar), _of(witness)
    local = "fe80::" + _local(me)
    lies = {
        "MAC": secured.udp(("fa:16:3e:bb:bb:bb", my4, 9), (it, its4, 9)),
        "IPv4": secured.udp((me, "10.0.0.99", 9), (it, its4, 9)),
        "IPv6": secured.udp((me, "fd00::99", 9), (it, its6, 9)),
        "link-local": secured.udp((me, "fe80::1", 9), (it, its6, 9)),
        "a pair's address with its own MAC": secured.udp((me, "10.0.0.70", 9), (it, its4, 9)),
        "its own address with a pair's MAC": secured.udp((vip[0], my4, 9), (it, its4, 9)),
        "VLAN": secured.udp((me, my4, 9), (it, its4, 9), vlan=7),
        "ARP": arp.frame(secured.mac(me), "10.0.0.1"),
        "ARP by another": secured.mac("ff:ff:ff:ff:ff:ff") + secured.mac(me) + arp.frame(secured.mac(it), my4)[12:],
        "ND": secured.icmpv6(me, my6, _advertisement("fd00::1", me)),
        "RA": secured.icmpv6(me, local, bytes((134, 0, 0, 0, 64, 0, 7, 8)) + bytes(8)),
        "DHCP": secured.udp((me, my4, 67), ("ff:ff:ff:ff:ff:ff", "255.255.255.255", 68)),
        "DHCPv6": secured.udp((me, local, 547), (it, its6, 546)),
        "LLC": secured.mac(it) + secured.mac(me) + b"\x00\x26" + bytes(46),
    }
    truths = {
        "IPv4": secured.udp((me, my4, 9), (it, its4, 9)),
        "IPv6": secured.udp((me, my6, 9), (it, its6, 9)),
        "link-local": secured.udp((me, local, 9), (it, "fe80::" + _local(it), 9)),
        "a pair": secured.udp((vip[0], "10.0.0.70", 9), (it, its4, 9)),
        "ARP": arp.frame(secured.mac(me), my4),
        "ARP of a pair": arp.frame(secured.mac(vip[0]), "10.0.0.70"),
        "ND": secured.icmpv6(me, my6, _advertisement(my6, me)),
        "DHCP request": secured.udp((me, "0.0.0.0", 68), ("ff:ff:ff:ff:ff:ff", "255.255.255.255", 67)),
        "DHCPv6 request": secured.udp((me, local, 546), ("33:33:00:01:00:02", "ff02::1:2", 547)),
        "MLD": secured.icmpv6(me, "::", bytes((143, 0, 0, 0, 0, 0, 0, 0)), "ff02::16", "33:33:00:00:00:16"),
    }
    assert _heard(witness, liar, lies) == set()
    assert _heard(witness, liar, truths) == set(truths)


def test_essentials_reach_a_port_that_lets_nothing_in(bed, hosts):
    one, two = hosts
    net = bed.network()
    closed = bed.server(net, one, "10.0.0.11", addresses=secured.dual(net, 11), security=secured.secured())
    router = bed.server(net, two, "10.0.0.1", addresses=secured.dual(net, 1))
    (it, its4, its6), (me, my4, my6) = _of(router), _of(closed)
    local = "fe80::" + _local(it)
    wanted = {
        "DHCP": secured.udp((it, its4, 67), (me, my4, 68)),
        "DHCP broadcast": secured.udp((it, its4, 67), ("ff:ff:ff:ff:ff:ff", "255.255.255.255", 68)),
        "DHCPv6": secured.udp((it, local, 547), (me, "fe80::" + _local(me), 546)),
        "RA": secured.icmpv6(it, local, bytes((134, 0, 0, 0, 64, 0, 7, 8)) + bytes(8)),
        "ND": secured.icmpv6(it, its6, _advertisement(its6, it), my6, me),
    }
    unwanted = {
        "UDP": secured.udp((it, its4, 9), (me, my4, 9)),
        "UDP, IPv6": secured.udp((it, its6, 9), (me, my6, 9)),
        "UDP broadcast": secured.udp((it, its4, 9), ("ff:ff:ff:ff:ff:ff", "255.255.255.255", 9)),
        "VLAN": secured.udp((it, its4, 9), (me, my4, 9), vlan=7),
    }
    assert _heard(closed, router, {**wanted, **unwanted}) == set(wanted)


def test_flooded_packets_meet_the_rules_of_each_port(bed, hosts):
    one, _ = hosts
    net = bed.network()
    speakers = secured.group(hosts, *OUT)
    listeners = secured.group(hosts, rule(protocol=UDP, first=5353))
    sender = bed.server(net, one, "10.0.0.11", security=secured.secured(speakers))
    wanting = [
        bed.server(net, host, f"10.0.0.{20 + number}", security=secured.secured(listeners))
        for number, host in enumerate(hosts)
    ]
    others = [
        bed.server(net, host, f"10.0.0.{30 + number}", security=secured.secured(speakers))
        for number, host in enumerate(hosts)
    ]
    me, my4, _ = _of(sender)
    group = secured.udp((me, my4, 9), ("01:00:5e:00:00:fb", "224.0.0.251", 5353))
    everybody = secured.udp((me, my4, 9), ("ff:ff:ff:ff:ff:ff", "10.0.0.255", 5353))
    unknown = secured.udp((me, my4, 9), ("fa:16:3e:cc:cc:cc", "10.0.0.77", 5353))
    for frame in (group, everybody, unknown):
        sniffers = [beds.Sniffer(each.namespace, "eth0") for each in (*wanting, *others)]
        secured.send(sender, frame, frame)
        with secured.heard(sender):
            pass
        assert [frame in each.frames() for each in sniffers] == [True, True, False, False]
        for each in sniffers:
            each.close()


def test_networks_with_the_same_addresses_do_not_know_each_others_connections(bed, hosts):
    one, two = hosts
    red, blue = bed.network(), bed.network()
    open_ = secured.group(hosts, *OUT, rule(protocol=UDP, first=9))
    closed = secured.group(hosts, *OUT)
    pairs = {
        net.id: (
            bed.server(net, one, "10.0.0.11", security=secured.secured(into)),
            bed.server(net, two, "10.0.0.12", security=secured.secured(into)),
        )
        for net, into in ((red, open_), (blue, closed))
    }

    def passes(client, server, *ports):
        (me, my4, _), (it, its4, _) = _of(client), _of(server)
        frame = secured.udp((me, my4, ports[0]), (it, its4, ports[1]))
        with secured.heard(server) as found:
            secured.send(client, frame)
        return frame in found

    there, back = pairs[red.id], tuple(reversed(pairs[red.id]))
    assert passes(*there, 1000, 9)
    assert passes(*back, 9, 1000), "an answer"
    assert not passes(*pairs[blue.id], 1000, 9)
    assert passes(*there, 1000, 9)
    zones = {zone for zone, source, _ in secured.connections(two) if source == "10.0.0.11"}
    assert len(zones) == 1


def test_what_a_router_brings_is_filtered_by_the_ports_rules(bed, hosts):
    one, two = hosts
    red, blue = bed.network("10.1.0.0/24"), bed.network("10.2.0.0/24")
    near = secured.group(hosts, *OUT, rule(protocol=TCP, cidr="10.1.0.0/25", first=80))
    legs = [red.leg("10.1.0.1"), blue.leg("10.2.0.1")]
    bed.router(one, *legs)
    client = bed.server(red, one, "10.1.0.11", security=secured.secured(near))
    server = bed.server(blue, two, "10.2.0.12", security=secured.secured(near))
    assert reaches(client, server, 80)
    assert not reaches(client, server, 81)
    assert not reaches(server, client, 80)
    assert not pings(client, server.address)


def test_a_port_with_limits_is_filtered_all_the_same(bed, hosts):
    one, two = hosts
    net = bed.network()
    group = secured.group(hosts, *OUT, rule(protocol=TCP, first=80))
    qos = Qos(egress_kbps=50_000, ingress_kbps=50_000, egress_kpps=5, ingress_kpps=5, dscp=10)
    client = bed.server(net, one, "10.0.0.11", security=secured.secured(group), qos=qos)
    server = bed.server(net, two, "10.0.0.12", security=secured.secured(group), qos=qos)
    assert reaches(client, server, 80)
    assert not reaches(client, server, 81)
    (me, my4, _), (it, its4, _) = _of(client), _of(server)
    frames = {
        "true": secured.udp((me, my4, 68), (it, its4, 67)),
        "false": secured.udp((me, "10.0.0.99", 68), (it, its4, 67)),
    }
    witness = beds.Sniffer(one.bridges, f"vx-{net.id[:11]}")
    secured.send(client, *frames.values())
    with secured.heard(client):
        pass
    seen = [each for each in witness.frames() if each[34:38] == frames["true"][34:38]]
    assert [each[26:30] for each in seen] == [frames["true"][26:30]]
    witness.close()


def test_a_port_may_come_before_its_group_and_the_group_before_whom_it_refers_to(bed, hosts):
    one, two = hosts
    net = bed.network()
    group, peers, listed = (secured.group([]) for _ in range(3))
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(group))
    client, other = bed.server(net, two, "10.0.0.12"), bed.server(net, two, "10.0.0.13")
    assert not reaches(client, server, 80)
    secured.group([one], *OUT, rule(group=peers), rule(address_group=listed), id=group)
    assert not reaches(client, server, 80)
    secured.member([one], client, peers)
    assert reaches(client, server, 80)
    assert not reaches(other, server, 80)
    secured.addresses([one], "10.0.0.13/32", id=listed)
    assert reaches(other, server, 80)
    assert not any(each.drifted for kind in secured.KINDS for each in one.observe(kind).values())
    # and they may go in any order, too
    one.remove("address_group", listed)
    assert not reaches(other, server, 80)
    assert reaches(client, server, 80)
    one.remove("security_group", group)
    assert not reaches(client, server, 80)


def test_a_restart_disturbs_nothing_and_goes_on_where_it_was(bed, hosts):
    one, two = hosts
    net = bed.network()
    group = secured.group(hosts, *OUT)
    secured.group(hosts, *OUT, rule(group=group), id=group)
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(group))
    client = bed.server(net, two, "10.0.0.12", security=secured.secured(group))
    held = [secured.member(hosts, each, group) for each in (server, client)]
    talk = Conversation(client, server, 80)
    ping = beds.Ping(client.namespace, server.address, "-i", "0.002")
    before = beds.snapshot(one.bridges)
    one(bedhost.restart)
    for kind in secured.KINDS:
        assert not any(each.drifted for each in one.observe(kind).values())
    # all anew, as from a server that has forgotten what it sent
    secured.group([one], *OUT, rule(group=group), id=group)
    bed.bind(server.port, one)
    for each, id in zip((server, client), held, strict=True):
        secured.member([one], each, group, id=id)
    assert beds.snapshot(one.bridges) == before
    assert ping.finish(interrupt=True).lost <= 1  # the one under way at the end
    assert talk.goes_on()
    # what it remembers of before the restart is what a change is measured by
    one.remove("security_group_member", held[1])
    assert not talk.goes_on()
    talk.close()


def test_what_others_destroy_is_seen_and_mended(bed, hosts):
    one, two = hosts
    net = bed.network()
    listed = secured.addresses(hosts, "10.0.0.12/32")
    group = secured.group(hosts, *OUT, rule(address_group=listed, protocol=TCP))
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(group))
    client = bed.server(net, two, "10.0.0.12")
    held = secured.member(hosts, client, group)
    assert not any(each.drifted for kind in secured.KINDS for each in one.observe(kind).values())
    for each in ("bridge", "inet"):
        netns.run_in(one.bridges, _nft, f"delete table {each} sf_security")
    expected = {"port": server.port.id, "security_group": group, "address_group": listed}
    for kind, instance_id in expected.items():
        assert one.observe(kind)[instance_id].drifted, kind
    bed.bind(server.port, one)
    assert not reaches(client, server, 80), "closed until all is there"
    secured.group([one], *OUT, rule(address_group=listed, protocol=TCP), id=group)
    secured.addresses([one], "10.0.0.12/32", id=listed)
    secured.member([one], client, group, id=held)
    assert not any(each.drifted for kind in secured.KINDS for each in one.observe(kind).values())
    assert reaches(client, server, 80)
    assert not pings(client, server.address)


def test_removal_leaves_nothing(bed, hosts):
    one, _ = hosts
    net = bed.network()
    before = beds.snapshot(one.bridges)
    listed = secured.addresses(hosts, "10.9.0.0/16")
    group = secured.group(hosts, *OUT)
    secured.group(hosts, *OUT, rule(group=group), rule(address_group=listed), id=group)
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(group))
    held = secured.member(hosts, server, group)
    # in the least convenient order
    one.remove("address_group", listed)
    one.remove("security_group", group)
    one.remove("security_group_member", held)
    one.remove("port", server.port.id)
    assert beds.snapshot(one.bridges) == before
    assert all(one.observe(kind) == {} for kind in secured.KINDS)
    for kind, instance_id in zip(secured.KINDS, (server.port.id, group, held, listed), strict=True):
        one.remove(kind, instance_id)


def test_leftovers_of_a_host_that_lost_its_memory_are_found_by_name(bed, hosts):
    one, _ = hosts
    net = bed.network()
    listed = secured.addresses(hosts, "10.9.0.0/16")
    group = secured.group(hosts, *OUT, rule(address_group=listed))
    port = bed.port(net, one, "10.0.0.11", security=secured.secured(group))
    options = {"host": "again", "tag": one.tag, "local_ip": one.local_ip, "physical_networks": {}}
    one(bedhost.configure, {**options, "state_dir": f"{one.state_dir}-empty"})
    for kind in secured.KINDS:
        one.observe(kind)
    found = {kind: set(one.observe(kind)) for kind in secured.KINDS}
    assert found["port"] == {port.id}
    assert found["security_group"] == set()  # a port's chain jumps there: it goes after the port
    one.remove("port", port.id)
    found = {kind: set(one.observe(kind)) for kind in secured.KINDS}
    assert (found["security_group"], found["address_group"]) == ({group}, {listed})
    one.remove("security_group", group)
    one.remove("address_group", listed)
    one.apply(NetworkSpec(id=net.id, segment=net.segment))
    one.remove("network", net.id)
    assert "sf_security" not in beds.snapshot(one.bridges)


def test_senseless_specs_change_nothing(bed, hosts):
    one, _ = hosts
    net = bed.network()
    group = secured.group(hosts, *OUT, rule(protocol=TCP, first=80))
    server = bed.server(net, one, "10.0.0.11", security=secured.secured(group))
    client = bed.server(net, one, "10.0.0.12")
    for spec in (
        SecurityGroupSpec(id=group, rules=(rule(protocol=TCP, first=90, last=80),)),
        AddressGroupSpec(id=group, cidrs=("10.0.0.0/99",)),
        MemberSpec(id=group, port_id=group, groups=(group,), addresses=("10.0.0.300",)),
        MemberSpec(id=group, port_id=group, groups=("; flush ruleset",), addresses=("10.0.0.3",)),
    ):
        report = one.try_apply(spec)
        assert (report.ok, report.code, report.retry) == (False, "host.bad_spec", False)
        assert reaches(client, server, 80)
        assert not reaches(client, server, 81)


def _heard(hearer, speaker, frames):
    """The names of those of the frames that arrive."""
    with secured.heard(hearer) as found:
        secured.send(speaker, *frames.values())
    return {what for what, frame in frames.items() if frame in found}


def _of(server):
    """(MAC, first IPv4 address, first IPv6 address or "")."""
    held = [each.address for each in server.port.addresses]
    return server.port.mac, held[0], next((each for each in held if ":" in each), "")


def _local(mac):
    octets = bytearray(secured.mac(mac))
    octets[0] ^= 2
    text = (bytes(octets[:3]) + b"\xff\xfe" + bytes(octets[3:])).hex()
    return ":".join(text[at : at + 4] for at in (0, 4, 8, 12))


def _advertisement(target, mac):
    return bytes((136, 0, 0, 0, 0x20, 0, 0, 0)) + ipaddress.ip_address(target).packed + b"\x02\x01" + secured.mac(mac)


def _nft(command):
    subprocess.run(["nft", *command.split()], check=True)
