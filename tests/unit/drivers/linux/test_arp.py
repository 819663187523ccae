"""Frames that announce an address, byte for byte as on the wire."""

from svcfabric.drivers.linux import arp

MAC = bytes.fromhex("fa163e010203")


def test_gratuitous_arp():
    assert arp.frame(MAC, "10.0.0.5") == bytes.fromhex(
        "ffffffffffff fa163e010203 08060001 0800 06 04 0001 fa163e010203 0a000005 000000000000 0a000005"
    )


def test_unsolicited_neighbour_advertisement():
    frame = arp.frame(MAC, "fd00::5")
    header, body = frame[:54], frame[54:]
    assert header[:14] == bytes.fromhex("333300000001 fa163e010203 86dd")
    assert header[18:22] == bytes.fromhex("0020 3a ff"), "32 bytes of ICMPv6, hop limit 255"
    assert body[:2] == b"\x88\x00"
    assert body[4:8] == b"\x20\x00\x00\x00", "override"
    assert body[-8:] == b"\x02\x01" + MAC
    # the checksum over the pseudo header and the whole body comes to zero
    assert arp._checksum(header[22:54] + (32).to_bytes(4, "big") + (58).to_bytes(4, "big") + body) == 0
