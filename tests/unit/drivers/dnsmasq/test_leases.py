"""Leases of nobody, and how their end is told."""

from __future__ import annotations

from svcfabric.drivers.dnsmasq import leases
from svcfabric.drivers.dnsmasq.leases import Lease

FILE = """\
1763714000 fa:16:3e:00:00:01 10.0.0.11 vm *
1763714000 fa:16:3e:00:00:02 10.0.0.12 * *
duid 00:02:00:00:7e:d9:11
1763714000 4041266 fd00:10::11 vm 00:01:00:01:30:b1:d2:aa:fa:16:3e:00:00:01
cut sho
"""


def test_a_lease_file():
    found = list(leases.parse(FILE))
    assert found == [
        Lease("10.0.0.11", mac="fa:16:3e:00:00:01"),
        Lease("10.0.0.12", mac="fa:16:3e:00:00:02"),
        Lease("fd00:10::11", duid=bytes.fromhex("0001000130b1d2aafa163e000001"), iaid=4041266),
    ]


def test_leases_of_nobody_and_of_another():
    holders = {"10.0.0.11": "fa:16:3e:00:00:01", "10.0.0.12": "fa:16:3e:00:00:99"}
    gone = leases.stale(leases.parse(FILE), holders.get)
    assert [each.address for each in gone] == ["10.0.0.12", "fd00:10::11"]


def test_a_release_as_rfc_2131_has_it():
    packet = leases.release_v4(Lease("10.0.0.11", mac="fa:16:3e:00:00:01"), "10.0.0.2")
    assert len(packet) == 300
    assert packet[:4] == bytes([1, 1, 6, 0])
    assert packet[12:16] == bytes([10, 0, 0, 11])
    assert packet[28:34] == bytes.fromhex("fa163e000001")
    assert packet[236:].rstrip(b"\0") == b"\x63\x82\x53\x63\x35\x01\x07\x36\x04\x0a\x00\x00\x02\xff"


def test_a_release_as_rfc_8415_has_it():
    packet = leases.release_v6(Lease("fd00::11", duid=b"\x00\x01ab", iaid=7), b"\x00\x02cd")
    assert packet[0] == 8
    assert packet[4:].startswith(b"\x00\x01\x00\x04\x00\x01ab\x00\x02\x00\x04\x00\x02cd")
    assert packet.endswith(bytes.fromhex("fd000000000000000000000000000011") + bytes(8))
