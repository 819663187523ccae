"""What a port may claim to be."""

import pytest

from svcfabric.drivers.linux.security import antispoof, names

MAC, OTHER = "fa:16:3e:00:00:01", "fa:16:3e:00:00:02"
LOCAL = "fe80::f816:3eff:fe00:1"


def frames(*pairs):
    return antispoof.frames(antispoof.sources(pairs))


def test_the_link_local_address_of_a_mac():
    assert str(antispoof.link_local(MAC)) == f"{LOCAL}/128"
    with pytest.raises(ValueError):
        antispoof.link_local("fa:16:3e")


def test_one_mac_and_a_network():
    assert frames((MAC, "10.0.0.0/24"), (MAC, "fd01::/64")) == [
        f"ether saddr != {MAC} drop",
        f"arp saddr ether != {MAC} drop",
        "arp saddr ip != { 0.0.0.0, 10.0.0.0/24 } drop",
        "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
        "ip saddr != 10.0.0.0/24 drop",
        "icmpv6 type 136 @th,64,128 != { 0xfd010000000000000000000000000000-0xfd01000000000000ffffffffffffffff, "
        "0xfe80000000000000f8163efffe000001 } drop",
        f"ip6 saddr != {{ fd01::/64, {LOCAL} }} drop",
    ]


def test_single_addresses_are_elements():
    found = antispoof.elements("tap1", antispoof.sources([(MAC, "10.0.0.5"), (OTHER, "10.0.1.0/24"), (MAC, "fd00::5")]))
    keys = {(names.bare(name), key) for name, key in found}
    assert {key for name, key in keys if name == "s_macs"} == {f'"tap1" . {MAC}', f'"tap1" . {OTHER}'}
    assert {key for name, key in keys if name == "s_sources4"} == {f'"tap1" . {MAC} . 10.0.0.5'}
    sixes = {key for name, key in keys if name == "s_sources6"}
    assert sixes == {f'"tap1" . {MAC} . {each}' for each in ("fd00::5", LOCAL)} | {f'"tap1" . {OTHER} . {LOCAL[:-1]}2'}
    assert ("s_targets", f'"tap1" . {MAC} . 0xfd000000000000000000000000000005') in keys
    assert set(found.values()) == {""}


def test_without_an_address_only_dhcp_gets_out():
    lines = frames((MAC, LOCAL))
    assert "meta protocol ip drop" in lines
    assert "arp saddr ip != 0.0.0.0 drop" in lines


def test_pairs_with_macs_of_their_own():
    lines = frames((MAC, "10.0.0.5"), (OTHER, "10.0.1.0/24"))
    assert f"ether saddr != {{ {MAC}, {OTHER} }} drop" in lines
    assert f"ether saddr . ip saddr != {{ {MAC} . 10.0.0.5, {OTHER} . 10.0.1.0/24 }} drop" in lines
    assert any(line.startswith("arp saddr ether . arp saddr ip != {") for line in lines)


def test_overlapping_pairs_become_one():
    assert "ip saddr != { 10.0.0.0/24 } drop" in [
        line.replace("10.0.0.0/24 drop", "{ 10.0.0.0/24 } drop")
        for line in frames((MAC, "10.0.0.5"), (MAC, "10.0.0.0/24"), (MAC, "10.0.0.0/25"))
    ]


def test_a_pair_of_everything_leaves_only_the_mac_to_check():
    lines = frames((MAC, "10.0.0.5"), (MAC, "0.0.0.0/0"))
    assert not any(line.startswith(("ip saddr !=", "arp saddr ip")) for line in lines)
    assert f"ether saddr != {MAC} drop" in lines
    assert f"ip6 saddr != {LOCAL} drop" in lines
    assert f"{OTHER} . 0.0.0.0-255.255.255.255" in " ".join(frames((MAC, "10.0.0.5"), (OTHER, "0.0.0.0/0")))


def test_addresses_that_are_none_are_refused():
    with pytest.raises(ValueError):
        antispoof.sources([(MAC, "10.0.0.256")])
