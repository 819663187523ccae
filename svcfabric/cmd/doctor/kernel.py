"""What the kernel can do, tried in a throwaway network namespace."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.cmd.doctor.finding import Finding, degraded, missing, ok
from svcfabric.drivers.linux import netns, nft
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.security import base, kernel

_NAT = """
table ip doctor {
  map one { type ipv4_addr : ipv4_addr
    elements = { 192.0.2.1 : 192.0.2.2 }
  }
  chain pre { type nat hook prerouting priority dstnat
    dnat to ip daddr map @one
  }
  chain post { type nat hook postrouting priority srcnat
    masquerade
  }
}
"""
_STATEFUL = """
table inet doctor {
  chain forward { type filter hook forward priority filter
    ct state established,related accept
  }
}
"""
_FORWARD = """
table netdev doctor {
  chain c_in { type filter hook ingress device "v0" priority 0
    fwd to "i0"
  }
}
"""
_KERNEL = "needs a kernel with {option} (Debian's has it; in a container: the host's)"


def examine() -> list[Finding]:
    """Make a namespace, try everything inside, take it away."""
    try:
        with _namespace() as name:
            release = ok("kernel", platform.release())
            return [release, ok("network namespaces", "made and entered"), *netns.run_in(name, _try_all)]
    except (HostFault, OSError) as exc:
        return [missing("network namespaces", _words(exc), "run as root on a kernel with CONFIG_NET_NS")]


@contextlib.contextmanager
def _namespace() -> Iterator[str]:
    name = f"sf-doctor-{secrets.token_hex(4)}"
    netns.create(name)
    try:
        yield name
    finally:
        netns.delete(name)


def _try_all() -> list[Finding]:
    with IPRoute() as ipr:
        links = [
            _needed("veth", "CONFIG_VETH", lambda: ipr.link("add", ifname="v0", kind="veth", peer="v1")),
            _needed("bridge", "CONFIG_BRIDGE", lambda: ipr.link("add", ifname="b0", kind="bridge")),
            _vxlan(ipr),
            _suppression(ipr),
            _limits(ipr),
        ]
    return [
        *links,
        _needed("nftables NAT", "CONFIG_NFT_NAT, CONFIG_NFT_MASQ", lambda: nft.apply_here(_NAT)),
        _needed("connection tracking", "CONFIG_NFT_CT, CONFIG_NF_CT_NETLINK", lambda: nft.apply_here(_STATEFUL)),
        _bridge_filter(),
    ]


def _needed(name: str, option: str, attempt: Callable[[], Any]) -> Finding:
    try:
        attempt()
    except (NetlinkError, HostFault, OSError) as exc:
        return missing(name, _words(exc), _KERNEL.format(option=option))
    return ok(name, "works")


def _vxlan(ipr: Any) -> Finding:
    try:
        ipr.link("add", ifname="x0", kind="vxlan", vxlan_id=1, vxlan_local="127.0.0.1", vxlan_port=4789)
    except (NetlinkError, OSError) as exc:
        return degraded("vxlan", _words(exc), f"networks stay on one host; {_KERNEL.format(option='CONFIG_VXLAN')}")
    return ok("vxlan", "works")


def _suppression(ipr: Any) -> Finding:
    name, instead = "ARP suppression", "ARP is flooded to the other hosts of a network instead"
    try:
        bridge, port = (ipr.link_lookup(ifname=ifname)[0] for ifname in ("b0", "v0"))
        ipr.link("set", index=port, master=bridge)
        ipr.brport("set", index=port, brport_neigh_suppress=1)
    except (NetlinkError, OSError, IndexError) as exc:
        return degraded(name, _words(exc), instead)
    return ok(name, "bridge ports have neigh_suppress")


def _limits(ipr: Any) -> Finding:
    name, instead = "limits of bandwidth", "ports and routers with QoS policies that limit bandwidth are in ERROR"
    try:
        ipr.link("add", ifname="i0", kind="ifb")
        ipr.tc("add", "htb", index=ipr.link_lookup(ifname="i0")[0], handle=0x10000, default=0)
        nft.apply_here(_FORWARD)
    except (NetlinkError, HostFault, OSError, IndexError) as exc:
        option = "CONFIG_IFB, CONFIG_NET_SCH_HTB, CONFIG_NFT_FWD_NETDEV"
        return degraded(name, _words(exc), f"{instead}; {_KERNEL.format(option=option)}")
    return ok(name, "htb, ifb and nftables' fwd")


def _bridge_filter() -> Finding:
    name, instead = "filtering on bridges", "ports with port security are in ERROR, those without work"
    option = "CONFIG_BRIDGE_NETFILTER (module br_netfilter), CONFIG_NF_TABLES_BRIDGE"
    try:
        kernel.ensure_possible_here()
        nft.apply_here(base.made())
    except (HostFault, OSError) as exc:
        return degraded(name, _words(exc), f"{instead}; {_KERNEL.format(option=option)}")
    return ok(name, "br_netfilter, per bridge; nftables in families bridge and inet")


def _words(exc: Exception) -> str:
    if isinstance(exc, NetlinkError):
        return os.strerror(exc.code)
    return getattr(exc, "detail", "") or str(exc)
