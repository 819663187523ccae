"""The border of a host: what is the DHCP server's stays on it, since every other host has the same server.

Rules at the device that leads to other hosts, in a table of the bridge namespace per instance, both ways: no
DHCP, and nothing from or to the server's MAC address, which no other host must learn or answer.
"""

from __future__ import annotations

import re

from svcfabric.drivers.linux import netns, nft

_DHCP = "67, 68, 546, 547"


def table(instance_id: str) -> str:
    """The nft table of an instance."""
    return "sf_dhcp_" + re.sub(r"\W", "_", instance_id)


def text(instance_id: str, device: str, mac: str) -> str:
    """One transaction that puts the rules there, in place of earlier ones. Pure."""
    rules = "".join(
        f"    {rule}\n"
        for rule in (f"ether saddr {mac} drop", f"ether daddr {mac} drop", f"udp dport {{ {_DHCP} }} drop")
    )
    chains = "".join(
        f'  chain {name} {{\n    type filter hook {hook} device "{device}" priority -400\n{rules}  }}\n'
        for name, hook in (("from_others", "ingress"), ("to_others", "egress"))
    )
    name = table(instance_id)
    return f"add table netdev {name}\ndelete table netdev {name}\ntable netdev {name} {{\n{chains}}}\n"


def close(namespace: str, instance_id: str, device: str, mac: str) -> None:
    """Put the rules there."""
    nft.apply(namespace, text(instance_id, device, mac))


def closed(namespace: str) -> frozenset[str]:
    """The tables that are there."""
    found = netns.run_in(namespace, nft.list_here, "tables netdev") if netns.exists(namespace) else []
    return frozenset(each["table"]["name"] for each in found if "table" in each)


def clear(namespace: str, instance_id: str) -> None:
    """Take them away."""
    if netns.exists(namespace):
        nft.delete_table(namespace, f"netdev {table(instance_id)}")
