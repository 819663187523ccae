"""What DHCP and metadata know of one port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from svcfabric.spi.l2l3 import DhcpHost, DhcpOption


def dhcp_host(device_id: str, hostname: str, options: Sequence[Mapping[str, object]]) -> DhcpHost:
    """Of a server's port."""
    return DhcpHost(
        hostname=hostname,
        options=tuple(
            DhcpOption(name=str(one["opt_name"]), value=str(one["opt_value"]), version=int(str(one["ip_version"])))
            for one in options
        ),
        device_id=device_id,
    )
