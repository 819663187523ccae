"""The host kit against the kernel: namespaces, legs, routes, nft, flat networks, many threads."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import socket
import subprocess
import threading
import time
import uuid

import pytest

from svcfabric.drivers.linux import arp, leg, link, names, netns, nft, process, route, segment, sysctl
from svcfabric.drivers.linux.fault import HostFault, NftRefused, NoNamespace, RouteRefused
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.driver import DriverOptions
from svcfabric.spi.l2l3 import Address, Leg, NetworkSpec, Route, Segment
from tests import bedhost, beds


@pytest.fixture
def name():
    """A namespace of the test's own, not made yet."""
    made = f"kit{uuid.uuid4().hex[:8]}"
    yield made
    for each in netns.names(made):
        netns.delete(each)


@pytest.fixture
def host(name):
    """A host without tunnels; everything it makes goes with the test."""
    made = Host(DriverOptions(host="h", state_dir="/nowhere", tag=name))
    yield made
    for each in netns.names(f"sf-{name}-"):
        netns.delete(each)


def a_segment(**more):
    return Segment(network_id=str(uuid.uuid4()), type="vxlan", vni=1, **more)


def a_leg(wire, *addresses, **more):
    port_id = str(uuid.uuid4())
    held = tuple(Address(address=each, prefix_length=24) for each in addresses)
    return Leg(port_id=port_id, mac=beds.mac_of(port_id), segment=wire, addresses=held, **more)


def test_a_namespace_as_iproute2_knows_it(name):
    assert not netns.exists(name)
    assert netns.create(name) is True
    assert netns.create(name) is False
    assert netns.names(name) == [name]
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert name in listed
    assert (mounts_at("/run/netns"), mounts_at(f"/run/netns/{name}")) == (1, 1)
    assert netns.run_in(name, link.names_here) == {"lo": 1}
    assert link.is_up(netns.rtnl(name, link.find, "lo"))
    assert netns.delete(name) is True
    assert netns.delete(name) is False
    assert mounts_at(f"/run/netns/{name}") == 0


def mounts_at(path):
    with open("/proc/self/mountinfo") as file:
        return sum(line.split()[4] == path for line in file)


def test_a_stale_file_is_no_namespace(name):
    netns.create(name)
    netns.delete(name)
    netns.path(name).touch()
    assert netns.names(name) == []
    with pytest.raises(NoNamespace):
        netns.run_in(name, os.getpid)
    assert netns.create(name) is True


def test_code_runs_inside_and_the_caller_stays_where_it_is(name):
    netns.create(name)
    own = os.stat("/proc/thread-self/ns/net").st_ino
    inside = netns.run_in(name, lambda: os.stat("/proc/thread-self/ns/net").st_ino)
    assert inside == netns.path(name).stat().st_ino != own
    assert netns.run_in(name, lambda: netns.run_in(None, lambda: os.stat("/proc/thread-self/ns/net").st_ino)) == own
    assert os.stat("/proc/thread-self/ns/net").st_ino == own
    with pytest.raises(ZeroDivisionError):
        netns.run_in(name, lambda: 1 // 0)
    with pytest.raises(NoNamespace, match="does not exist"):
        netns.run_in(name + "x", os.getpid)


def test_entering_leaks_no_descriptor_and_no_thread(name):
    netns.create(name)
    for _ in range(3):
        netns.rtnl(name, link.find, "lo")
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(50):
        netns.rtnl(name, link.find, "lo")
        nft.list_json(name)
    assert len(os.listdir("/proc/self/fd")) <= before[0]
    assert threading.active_count() <= before[1]


def test_sysctls_are_the_namespaces_own(name):
    netns.create(name)
    own = sysctl.read(None, "net/ipv4/ip_forward")
    sysctl.write(name, {"net/ipv4/ip_forward": "1" if own == "0" else "0"})
    assert sysctl.read(name, "net/ipv4/ip_forward") != own
    assert sysctl.read(None, "net/ipv4/ip_forward") == own
    sysctl.write(name, {"net/no/such": "1"}, missing_ok=True)
    with pytest.raises(FileNotFoundError):
        sysctl.write(name, {"net/no/such": "1"})


def test_the_bridge_namespace_keeps_bridged_frames_from_filters(host):
    namespace = host.ensure_bridge_namespace()
    assert sysctl.read(namespace, "net/bridge/bridge-nf-call-iptables") == "0"
    assert sysctl.read(namespace, "net/ipv6/conf/default/disable_ipv6") == "1"


def test_a_leg_becomes_exactly_what_is_said(host, name):
    netns.create(name)
    wire = a_segment(mtu=1400)
    spec = a_leg(wire, "10.0.0.1", "10.0.0.2")
    assert leg.ensure_leg(host, name, spec, "eth0") == "eth0"
    assert leg.legs(host, name) == {spec.port_id: "eth0"}
    assert shown(name, "eth0") == (spec.mac, 1400, True, {"10.0.0.1", "10.0.0.2"})
    changed = dataclasses.replace(
        spec,
        mac="fa:16:3e:00:00:99",
        segment=dataclasses.replace(wire, mtu=1300),
        addresses=(Address(address="10.0.0.3", prefix_length=24),),
        admin_state_up=False,
    )
    leg.ensure_leg(host, name, changed, "eth0")
    assert shown(name, "eth0") == ("fa:16:3e:00:00:99", 1300, False, {"10.0.0.3"})
    leg.ensure_leg(host, name, spec, "eth0")
    assert shown(name, "eth0") == (spec.mac, 1400, True, {"10.0.0.1", "10.0.0.2"})
    assert leg.remove_leg(host, spec.port_id) is True
    assert leg.remove_leg(host, spec.port_id) is False
    assert leg.legs(host, name) == {}


def shown(namespace, ifname):
    found = netns.rtnl(namespace, link.find, ifname)
    addresses = netns.rtnl(namespace, lambda ipr: list(ipr.get_addr(family=2, index=found["index"])))
    return (
        found.get_attr("IFLA_ADDRESS"),
        found.get_attr("IFLA_MTU"),
        link.is_up(found),
        {each.get_attr("IFA_LOCAL") for each in addresses},
    )


def test_the_same_leg_again_is_the_same_interface(host, name):
    netns.create(name)
    spec = a_leg(a_segment(), "10.0.0.1")
    leg.ensure_leg(host, name, spec)
    before = netns.run_in(name, link.names_here)
    leg.ensure_leg(Host(DriverOptions(host="h", state_dir="/", tag=host.tag)), name, spec)
    assert netns.run_in(name, link.names_here) == before


def test_a_leg_moves_to_another_name_or_namespace(host, name):
    netns.create(name)
    netns.create(f"{name}b")
    spec = a_leg(a_segment(), "10.0.0.1")
    leg.ensure_leg(host, name, spec, "one")
    leg.ensure_leg(host, name, spec, "two")
    assert leg.legs(host, name) == {spec.port_id: "two"}
    leg.ensure_leg(host, f"{name}b", spec, "two")
    assert leg.legs(host, name) == {}
    assert leg.legs(host, f"{name}b") == {spec.port_id: "two"}


def test_the_leg_of_another_port_takes_over_an_interfaces_name(host, name):
    netns.create(name)
    wire = a_segment()
    old, new = a_leg(wire, "10.0.0.1"), a_leg(wire, "10.0.0.1")
    leg.ensure_leg(host, name, old, "eth0")
    leg.ensure_leg(host, name, new, "eth0")
    assert leg.legs(host, name) == {new.port_id: "eth0"}
    assert names.tap(old.port_id) not in beds.interfaces(host.bridge_namespace)


def test_two_ports_whose_ids_begin_alike_do_not_take_each_others_interface(host, name):
    netns.create(name)
    first = a_leg(a_segment(), "10.0.0.1")
    second = dataclasses.replace(first, port_id=first.port_id[:-4] + "ffff", segment=a_segment())
    leg.ensure_leg(host, name, first, "one")
    with pytest.raises(HostFault, match="another's") as refused:
        leg.ensure_leg(host, name, second, "two")
    assert refused.value.detail == f"leg:{first.port_id}"
    assert leg.legs(host, name) == {first.port_id: "one"}
    leg.remove_leg(host, first.port_id)
    leg.ensure_leg(host, name, second, "two")


def test_a_leg_is_announced_when_it_is_made_anew_and_when_it_gets_an_address(host, name):
    netns.create(name)
    wire = a_segment()
    leg.ensure_leg(host, name, a_leg(wire), "sniffed")
    sniffer = beds.Sniffer(name, "sniffed")
    netns.create(f"{name}b")
    spec = a_leg(wire, "10.0.0.1")
    leg.ensure_leg(host, f"{name}b", spec)
    assert announced(sniffer, spec.mac) == {"10.0.0.1"}
    more = dataclasses.replace(spec, addresses=(*spec.addresses, Address(address="10.0.0.2", prefix_length=24)))
    leg.ensure_leg(host, f"{name}b", more)
    assert "10.0.0.2" in announced(sniffer, spec.mac)  # and the kernel may tell the first a second time
    leg.ensure_leg(host, f"{name}b", more)
    assert "10.0.0.2" not in announced(sniffer, spec.mac)


@pytest.mark.parametrize("last", range(10, 20))
def test_who_asked_too_early_is_told_when_the_leg_comes_up(host, name, last):
    """Else a neighbour that asked a moment before waits for its own next question, a second later."""
    netns.create(name)
    wire = a_segment()
    leg.ensure_leg(host, name, a_leg(wire, "10.0.0.1"), "asking")
    netns.create(f"{name}b")
    address = f"10.0.0.{last}"

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"?", (address, 9))

    def known():
        return netns.rtnl(name, lambda ipr: [n for n in ipr.get_neighbours(dst=address) if n.get_attr("NDA_LLADDR")])

    netns.run_in(name, ask)
    leg.ensure_leg(host, f"{name}b", a_leg(wire, address))
    assert process.until(known, timeout=0.5)


def announced(sniffer, mac):
    time.sleep(sum(arp.PAUSES) + 0.1)  # the repetitions of an announcement count as one
    source = bytes.fromhex(mac.replace(":", ""))
    frames = [each for each in sniffer.frames() if beds.is_arp(each) and each[6:12] == source]
    return {".".join(map(str, each[28:32])) for each in frames if each[28:32] == each[38:42]}


def test_an_interrupted_making_is_finished(host, name):
    """A kill between two messages leaves links without their alias."""
    netns.create(name)
    wire = a_segment()
    spec = a_leg(wire, "10.0.0.1")
    host.ensure_bridge_namespace()
    netns.rtnl(host.bridge_namespace, lambda ipr: ipr.link("add", ifname=names.bridge(wire.network_id), kind="bridge"))
    netns.rtnl(
        host.bridge_namespace,
        lambda ipr: ipr.link("add", ifname=names.tap(spec.port_id), kind="veth", peer={"ifname": "lost"}),
    )
    leg.ensure_leg(host, name, spec)
    assert segment.bridges(host) == {wire.network_id: names.bridge(wire.network_id)}
    assert leg.legs(host, name) == {spec.port_id: names.leg(spec.port_id)}


def test_routes_are_exactly_those_given_and_others_are_left(host, name):
    netns.create(name)
    leg.ensure_leg(host, name, a_leg(a_segment(), "10.0.0.1"), "eth0")
    netns.rtnl(name, lambda ipr: ipr.route("add", dst="10.99.0.0/16", gateway="10.0.0.9"))
    nine, eight = (Route(destination=f"10.{n}.0.0/16", nexthop="10.0.0.8") for n in (9, 8))
    route.set_routes(name, [nine, eight], "10.0.0.254")
    assert own_routes(name) == {"10.9.0.0/16", "10.8.0.0/16", "0.0.0.0/0"}
    route.set_routes(name, [dataclasses.replace(nine, nexthop="10.0.0.7")], "10.0.0.253")
    assert own_routes(name) == {"10.9.0.0/16", "0.0.0.0/0"}
    with pytest.raises(RouteRefused) as refused:
        route.set_routes(name, [nine, Route(destination="10.7.0.0/16", nexthop="172.31.0.1")])
    assert "10.7.0.0/16 via 172.31.0.1" in refused.value.detail
    assert own_routes(name) == {"10.9.0.0/16"}
    route.set_routes(name, [])
    assert own_routes(name) == set()
    assert len(netns.rtnl(name, lambda ipr: list(ipr.get_routes(dst="10.99.0.0/16")))) == 1


def own_routes(namespace):
    return {f"{each.get_attr('RTA_DST') or '0.0.0.0'}/{each['dst_len']}" for each in netns.rtnl(namespace, route.own)}


def test_a_default_gateway_outside_the_subnet_is_reached_on_the_device(host, name):
    netns.create(name)
    leg.ensure_leg(host, name, a_leg(a_segment(), "10.0.0.1"), "eth0")
    with pytest.raises(RouteRefused):
        route.set_routes(name, [], "192.0.2.1")
    route.set_routes(name, [], "192.0.2.1", device="eth0")
    assert own_routes(name) == {"0.0.0.0/0"}


def test_nft_is_all_or_nothing_and_says_why(name):
    netns.create(name)
    nft.apply(name, "add table inet one\nadd chain inet one c { type filter hook input priority 0; }\n")
    with pytest.raises(NftRefused) as refused:
        nft.apply(name, "add table inet two\nadd rule inet one nowhere accept\n")
    assert "No such file or directory" in refused.value.detail
    assert {each["table"]["name"] for each in nft.list_json(name) if "table" in each} == {"one"}
    assert nft.list_json(name, "table inet two") == []
    nft.delete_table(name, "inet one")
    nft.delete_table(name, "inet one")
    assert nft.list_json(name) == []


def test_a_tunnel_id_in_use_is_said(lone_bed):
    (host,) = lone_bed.hosts
    net = lone_bed.network()
    other = NetworkSpec(id=str(uuid.uuid4()), segment=dataclasses.replace(net.segment, network_id=str(uuid.uuid4())))
    report = host.try_apply(other)
    assert not report.ok
    assert report.error == f"VXLAN id {net.segment.vni} is in use on this host by something else"


def test_a_missing_physical_interface_is_said(lone_bed):
    (host,) = lone_bed.hosts
    lone_bed.external(host)
    second = Segment(network_id=str(uuid.uuid4()), type="flat", physical_network=beds.PHYSICAL, mtu=1500)
    report = host.try_apply(NetworkSpec(id=second.network_id, segment=second))
    assert not report.ok
    assert report.error == "interface ext0 carries another flat network already"
    nowhere = dataclasses.replace(second, network_id=str(uuid.uuid4()), physical_network="unheard of")
    assert host.try_apply(NetworkSpec(id=nowhere.network_id, segment=nowhere)).ok, "an isolated bridge"


def test_a_physical_interface_is_given_back_as_it_was(lone_bed):
    (host,) = lone_bed.hosts
    for state in ("up", "down"):
        netns.rtnl(host.namespace, lambda ipr, state=state: ipr.link("set", ifname="ext0", state=state))
        net = lone_bed.external(host)
        assert beds.interfaces(host.namespace) == {"eth0"}
        host.remove("network", net.id)
        assert link.is_up(netns.rtnl(host.namespace, link.find, "ext0")) is (state == "up")


def test_a_changed_tunnel_address_is_taken_over(bed):
    one, two = bed.hosts
    net = bed.network()
    here, there = bed.server(net, one, "10.0.0.11"), bed.server(net, two, "10.0.0.12")
    netns.rtnl(
        one.namespace, lambda ipr: ipr.addr("add", index=link.index_here("eth0"), address="192.0.2.77", prefixlen=24)
    )
    one(
        bedhost.configure,
        {
            "host": "h1",
            "tag": one.tag,
            "local_ip": "192.0.2.77",
            "physical_networks": {},
            "state_dir": one.state_dir,
        },
    )
    one.local_ip = "192.0.2.77"
    one.apply(NetworkSpec(id=net.id, segment=net.segment, vteps=(two.local_ip,)))
    bed.bind(here.port, one)
    bed.bind(there.port, two)
    assert beds.ping(here.namespace, there.address).lost == 0


def test_many_threads_at_once(host, name):
    """As an agent does it: different instances from several threads, the bridge namespace made by whoever is first."""
    wires = [a_segment() for _ in range(3)]

    def one(number):
        namespace = f"{name}-{number}"
        netns.create(namespace)
        spec = a_leg(wires[number % 3], f"10.0.0.{number + 1}")
        leg.ensure_leg(host, namespace, spec)
        nft.apply(namespace, "add table ip t\nadd chain ip t c { type nat hook postrouting priority 100; }\n")
        route.set_routes(namespace, [], "10.0.0.254")
        found = leg.legs(host, namespace) == {spec.port_id: names.leg(spec.port_id)}
        leg.remove_leg(host, spec.port_id)
        netns.delete(namespace)
        return found

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(40)))
    for wire in wires:
        segment.remove_bridge(host, wire.network_id)
    assert beds.interfaces(host.bridge_namespace) == set()


def test_a_bridge_in_use_is_not_removed(host, name):
    netns.create(name)
    wire = a_segment()
    spec = a_leg(wire)
    leg.ensure_leg(host, name, spec)
    with pytest.raises(HostFault, match="still has ports") as refused:
        segment.remove_bridge(host, wire.network_id)
    assert names.tap(spec.port_id) in refused.value.detail


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_announcement_for_what_has_gone_is_no_fault(host, name):
    def gone():
        raise NoNamespace("it was deleted meanwhile")

    netns.create(name)
    spec = a_leg(a_segment(), "10.0.0.1")
    inner = leg.ensure_leg(host, name, spec)
    arp.announce(name, inner, spec.mac, ["10.0.0.1"], when=gone)
    for each in threading.enumerate():
        if each.name == "announce":
            each.join(5)
