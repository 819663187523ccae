"""What DHCP and metadata know of one port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from svcfabric.spi.l2l3 import DhcpHost, DhcpOption


def dhcp_host(
    device_id: str, fixed_ips: Sequence[Mapping[str, str]], options: Sequence[Mapping[str, object]]
) -> DhcpHost:
    """Of a server's port. Its name follows from its first address, as clients expect."""
    address = next((ip["ip_address"] for ip in sorted(fixed_ips, key=lambda ip: ":" in ip["ip_address"])), "")
    return DhcpHost(
        hostname=f"host-{address.replace('.', '-').replace(':', '-')}".rstrip("-") if address else "",
        options=tuple(
            DhcpOption(name=str(one["opt_name"]), value=str(one["opt_value"]), version=int(str(one["ip_version"])))
            for one in options
        ),
        device_id=device_id,
    )
