"""Tell the neighbours where an address is: gratuitous ARP, unsolicited neighbour advertisement."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from svcfabric.drivers.linux import netns
from svcfabric.drivers.linux.fault import HostFault

_BROADCAST = b"\xff" * 6
_ALL_NODES_MAC = b"\x33\x33\x00\x00\x00\x01"
_ALL_NODES = ipaddress.IPv6Address("ff02::1").packed
_ICMPV6 = 58

PAUSES = (0.0, 0.01, 0.05, 0.2)  # seconds before each repetition of an announcement
# For what another may have answered for a moment ago: neighbours keep an entry for a second before they replace it.
LATE = (*PAUSES, 1.0)


def announce(
    namespace: str | None,
    ifname: str,
    mac: str,
    addresses: Iterable[str],
    when: Callable[[], object] = lambda: None,
    pauses: Sequence[float] = PAUSES,
) -> None:
    """Send a frame per address out of the interface, and again a few times, from a thread. Never fails.

    Neighbours that know the address with another MAC, or are waiting for an answer, learn the new one at once
    (and send what they had waiting), so ``when`` returns as soon as they may. The interface must be up.
    """
    netns.run_in(namespace, announce_here, ifname, mac, addresses, when, pauses)


def announce_here(
    ifname: str,
    mac: str,
    addresses: Iterable[str],
    when: Callable[[], object] = lambda: None,
    pauses: Sequence[float] = PAUSES,
) -> None:
    """``announce`` for a thread that is inside the namespace already."""
    source = bytes.fromhex(mac.replace(":", ""))
    frames = [frame(source, address) for address in addresses]
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    try:
        sock.bind((ifname, 0))
    except OSError:
        frames = []  # the link is gone: nobody to tell
    threading.Thread(target=_tell, args=(sock, frames, when, pauses), name="announce", daemon=True).start()


def _tell(sock: socket.socket, frames: list[bytes], when: Callable[[], object], pauses: Sequence[float]) -> None:
    """Closes the socket, too: that waits 5-15 ms for a quiet moment in the kernel, not at the caller's cost."""
    with sock, contextlib.suppress(OSError, HostFault):  # interface or namespace are down, or went meanwhile
        when()
        for pause in pauses if frames else ():
            time.sleep(pause)
            _send(sock, frames)


def _send(sock: socket.socket, frames: list[bytes]) -> None:
    for each in frames:
        sock.send(each)


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
