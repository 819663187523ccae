"""Tell the neighbours where an address is: gratuitous ARP, unsolicited neighbour advertisement."""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from collections.abc import Iterable

from svcfabric.drivers.linux import netns

_BROADCAST = b"\xff" * 6
_ALL_NODES_MAC = b"\x33\x33\x00\x00\x00\x01"
_ALL_NODES = ipaddress.IPv6Address("ff02::1").packed
_ICMPV6 = 58


def announce(namespace: str | None, ifname: str, mac: str, addresses: Iterable[str]) -> None:
    """Send one frame per address out of the interface, which must be up; a failed send is no error.

    Neighbours that know the address with another MAC learn the new one at once.
    """
    netns.run_in(namespace, announce_here, ifname, mac, addresses)


def announce_here(ifname: str, mac: str, addresses: Iterable[str]) -> None:
    """``announce`` for a thread that is inside the namespace already."""
    source = bytes.fromhex(mac.replace(":", ""))
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    try:
        sock.bind((ifname, 0))
        for address in addresses:
            sock.send(frame(source, address))
    except OSError:
        return  # the link is down or gone: nobody to tell, and whoever raises it announces again
    finally:
        # closing a packet socket waits 5-15 ms for a quiet moment in the kernel: not at the caller's cost
        threading.Thread(target=sock.close, name="close", daemon=True).start()


def frame(mac: bytes, address: str) -> bytes:
    """The Ethernet frame that announces ``address`` at ``mac`` (6 bytes)."""
    ip = ipaddress.ip_address(address)
    if ip.version == 4:
        arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip.packed + bytes(6) + ip.packed
        return _BROADCAST + mac + b"\x08\x06" + arp
    override = 0x20000000
    advert = struct.pack("!BBHI", 136, 0, 0, override) + ip.packed + b"\x02\x01" + mac
    pseudo = ip.packed + _ALL_NODES + struct.pack("!II", len(advert), _ICMPV6)
    advert = advert[:2] + struct.pack("!H", _checksum(pseudo + advert)) + advert[4:]
    header = struct.pack("!IHBB", 0x60000000, len(advert), _ICMPV6, 255) + ip.packed + _ALL_NODES
    return _ALL_NODES_MAC + mac + b"\x86\xdd" + header + advert


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
