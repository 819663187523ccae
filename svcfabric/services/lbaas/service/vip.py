"""The address of a load balancer: found out from what the tenant named, taken, given back."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.fabric.interfaces import Network, PortView
from svcfabric.services.lbaas import faults, rules

OWNER = "Octavia"  # what clients of the network API know a load balancer's port by


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Vip:
    """Where a load balancer is reached. ``owned``: the port was made for it and goes with it."""

    port_id: str
    network_id: str
    subnet_id: str
    address: str
    owned: bool

    def columns(self) -> dict[str, Any]:
        """As the row holds it."""
        return {
            "vip_port_id": self.port_id,
            "vip_network_id": self.network_id,
            "vip_subnet_id": self.subnet_id,
            "vip_address": self.address,
            "vip_port_owned": self.owned,
        }


def take(conn: sa.Connection, ctx: Context, network: Network, ident: str, body: Mapping[str, Any]) -> Vip:
    """The VIP of load balancer ``ident``: a port the tenant named, or one made on its network or subnet.

    Raises ``errors.NotFound`` for things that are not there for the caller, ``errors.BadRequest`` for a
    contradiction, ``errors.Conflict`` for an address that is taken.
    """
    if body.get("vip_port_id"):
        return _named(conn, ctx, network, ident, body)
    if body.get("vip_network_id"):
        network_id, subnet_id = _on_network(conn, ctx, network, body)
    elif body.get("vip_subnet_id"):
        found = _found(
            faults.missing("Subnet", body["vip_subnet_id"]), network.subnet, conn, ctx, body["vip_subnet_id"]
        )
        network_id, subnet_id = found.network_id, found.id
    else:
        raise faults.invalid("VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.")
    try:
        port = network.create_port(
            conn,
            network_id=network_id,
            fixed_ips=[(subnet_id, body.get("vip_address") or "")],
            project_id=body["project_id"],
            name=f"octavia-lb-{ident}",
            device_id=f"lb-{ident}",
            device_owner=OWNER,
        )
    except errors.OverQuota:
        raise
    except errors.Conflict as taken:
        raise errors.Conflict(f"The VIP IP address is already in use: {taken.message}") from None
    return _vip(port, subnet_id, next(address for subnet, address in port.fixed_ips if subnet == subnet_id), owned=True)


def give_back(conn: sa.Connection, network: Network, ident: str, port_id: str, owned: bool) -> list[str]:
    """Free the port of load balancer ``ident``, which is gone; returns instance ids to kick."""
    if owned:
        return network.delete_port(conn, port_id)
    kicks = network.bind_port(conn, port_id, "", instance_id=ident)
    with contextlib.suppress(errors.NotFound):  # its owner has deleted it meanwhile
        network.claim_port(conn, port_id, device_id="", device_owner="")
    return kicks


def _vip(port: PortView, subnet_id: str, address: str, *, owned: bool) -> Vip:
    return Vip(port_id=port.id, network_id=port.network_id, subnet_id=subnet_id, address=address, owned=owned)


def _named(conn: sa.Connection, ctx: Context, network: Network, ident: str, body: Mapping[str, Any]) -> Vip:
    port_id = body["vip_port_id"]
    port = _found(faults.missing("Port", port_id), network.port, conn, ctx, port_id)
    if port.device_id:
        raise faults.invalid(f"Port {port_id} is already used by device {port.device_id} ")
    if body.get("vip_network_id") not in (None, port.network_id):
        raise faults.invalid(f"Port {port_id} is not on network {body['vip_network_id']}.")
    subnet_id, address = _of_port(port, body.get("vip_subnet_id"), body.get("vip_address"))
    network.claim_port(conn, port_id, device_id=f"lb-{ident}", device_owner=OWNER)
    return _vip(port, subnet_id, address, owned=False)


def _of_port(port: PortView, subnet_id: str | None, address: str | None) -> tuple[str, str]:
    fitting = [
        (subnet, ip)
        for subnet, ip in port.fixed_ips
        if subnet_id in (None, subnet) and (address is None or rules.canonical(ip) == rules.canonical(address))
    ]
    if fitting and (subnet_id or address or len(port.fixed_ips) == 1):
        return fitting[0]
    if subnet_id:
        raise faults.invalid("No VIP address found on the specified VIP port within the specified subnet.")
    if address:
        raise faults.invalid("Specified VIP address not found on the specified VIP port.")
    raise faults.invalid("VIP port's subnet could not be determined. Please specify either a VIP subnet or address.")


def _on_network(conn: sa.Connection, ctx: Context, network: Network, body: Mapping[str, Any]) -> tuple[str, str]:
    network_id, wanted, address = body["vip_network_id"], body.get("vip_subnet_id"), body.get("vip_address")
    subnets = _found(faults.missing("Network", network_id), network.subnets, conn, ctx, network_id)
    if wanted:
        if all(subnet.id != wanted for subnet in subnets):
            raise faults.missing("Subnet", wanted)
        return network_id, wanted
    if address:
        chosen = rules.subnet_for(address, [(subnet.id, subnet.cidr) for subnet in subnets])
        if chosen is None:
            raise faults.invalid("Supplied network does not contain a subnet for VIP address specified.")
        return network_id, chosen
    if not subnets:
        raise faults.invalid("Supplied network does not contain a subnet.")
    return network_id, next((subnet.id for subnet in subnets if subnet.ip_version == 4), subnets[0].id)


def _found(missing: errors.NotFound, look: Any, conn: sa.Connection, ctx: Context, ident: str) -> Any:
    try:
        return look(conn, ctx, ident)
    except errors.NotFound:
        raise missing from None
