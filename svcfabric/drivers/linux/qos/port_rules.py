"""A port's nft table: packet rates, marks, and the way to the shaper of what it sends. Pure."""

from __future__ import annotations

from svcfabric.drivers.linux.qos.amounts import packets
from svcfabric.spi.l2l3 import Qos


def table(tap: str) -> str:
    """The name of a port's table, by the bridge's end of its wire."""
    return f"netdev sf_qos_{tap}"


def rules(tap: str, ifb: str, qos: Qos) -> str:
    """nft text that makes the table anew in one transaction, or takes it away where nothing is to be ruled.

    ``ifb``: the device with the shaper of what the port sends; "" for none.
    """
    name = table(tap)
    incoming, outgoing = sent(qos), received(qos)
    if ifb:
        incoming.append(f'fwd to "{ifb}"')
    lines = [f"add table {name}", f"delete table {name}"]
    if incoming or outgoing:
        lines.append(f"add table {name}")
    for chain, hook, statements in (("c_in", "ingress", incoming), ("c_out", "egress", outgoing)):
        if statements:
            definition = f'type filter hook {hook} device "{tap}" priority 0; policy accept;'
            lines.append(f"add chain {name} {chain} {{ {definition} }}")
            lines += [f"add rule {name} {chain} {each}" for each in statements]
    return "\n".join(lines) + "\n"


def sent(qos: Qos) -> list[str]:
    """Statements about what its holder sends, bandwidth aside: what exceeds the packet rate goes first."""
    statements = [f"{packets(qos.egress_kpps, qos.egress_burst_kpps)} drop"] if qos.egress_kpps else []
    return [*statements, *marks(qos)]


def received(qos: Qos) -> list[str]:
    """Statements about what its holder receives, bandwidth aside."""
    return [f"{packets(qos.ingress_kpps, qos.ingress_burst_kpps)} drop"] if qos.ingress_kpps else []


def marks(qos: Qos) -> list[str]:
    """Statements that set the DSCP mark."""
    return [f"ip dscp set {qos.dscp}", f"ip6 dscp set {qos.dscp}"] if qos.dscp >= 0 else []
