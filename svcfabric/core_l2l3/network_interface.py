"""The core as services see it: ``fabric.interfaces.Network``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.core_l2l3 import port_store, spec
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.models import ports
from svcfabric.core_l2l3.rbac.networks import may_see
from svcfabric.core_l2l3.readers import PORTS, SUBNETS
from svcfabric.core_l2l3.topology import Subnet, load_networks
from svcfabric.db.base import now
from svcfabric.fabric.interfaces import PortView, SubnetView
from svcfabric.spi.l2l3 import Leg


class CoreNetwork:
    """Ports and subnets for services. Every call runs in the caller's transaction."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def port(self, conn: sa.Connection, ctx: Context, port_id: str) -> PortView:
        """A port of the caller's."""
        row = PORTS.get(conn, ctx, port_id)
        if not ctx.sees(row["project_id"]):  # on a network of his
            raise PORTS.not_found(port_id)
        return _view(row, row["mac_address"])

    def subnet(self, conn: sa.Connection, ctx: Context, subnet_id: str) -> SubnetView:
        """A subnet the caller may use: own, or of a network that is shared with him or external."""
        row = SUBNETS.get(conn, ctx, subnet_id)
        return SubnetView(
            id=row["id"],
            network_id=row["network_id"],
            project_id=row["project_id"],
            ip_version=row["ip_version"],
            cidr=row["cidr"],
        )

    def subnets(self, conn: sa.Connection, ctx: Context, network_id: str) -> list[SubnetView]:
        """The subnets of a network the caller may use, oldest first; ``NotFound`` for the network."""
        network = load_networks(conn, [network_id]).get(network_id)
        if network is None or not may_see(conn, ctx, network):
            raise errors.NotFound.of("Network", network_id)
        return [_subnet_view(subnet) for subnet in network.subnets]

    def create_port(
        self,
        conn: sa.Connection,
        *,
        network_id: str,
        fixed_ips: Sequence[tuple[str, str]],
        project_id: str,
        name: str,
        device_id: str,
        device_owner: str,
        admin_state_up: bool = True,
    ) -> PortView:
        """Make a service port. ``fixed_ips``: (subnet_id or "", address or "" for any) pairs; none: the usual.

        Raises ``errors.NotFound`` for the network, ``errors.Conflict`` when an address is taken or none is left.
        """
        networks = load_networks(conn, [network_id])
        if network_id not in networks:
            raise errors.NotFound.of("Network", network_id)
        wish = {
            "network_id": network_id,
            "project_id": project_id,
            "name": name,
            "device_id": device_id,
            "device_owner": device_owner,
            "admin_state_up": admin_state_up,
            "leg": True,
            "fixed_ips": [_named(subnet_id, address) for subnet_id, address in fixed_ips] or None,
        }
        (row,) = port_store.create(conn, self._core, Changed(), networks, [wish])
        return _view(row, row["mac_address"])

    def delete_port(self, conn: sa.Connection, port_id: str) -> list[str]:
        """Delete a service port (nothing happens when it is gone); returns instance ids to kick after the commit."""
        changed = Changed()
        for row in self._locked(conn, port_id):
            networks = load_networks(conn, [row["network_id"]])
            port_store.delete(conn, self._core, changed, row, networks[row["network_id"]])
        return changed.ids

    def claim_port(self, conn: sa.Connection, port_id: str, *, device_id: str, device_owner: str) -> None:
        """Mark an existing port as a service's own ("" releases it). ``Conflict`` when something else uses it."""
        rows = self._locked(conn, port_id)
        if not rows:
            raise errors.NotFound.of("Port", port_id)
        row = rows[0]
        if device_id and row["device_id"] != device_id:
            _refuse_used(row)
        _store(conn, row, {"device_id": device_id, "device_owner": device_owner, "leg": bool(device_id)})

    def bind_port(self, conn: sa.Connection, port_id: str, host: str, *, instance_id: str) -> list[str]:
        """Bind a service port to a host as a leg of that instance; returns ids to kick after the commit.

        "" for the host unbinds. The instance gets a new generation whenever the leg changes from now on.
        """
        changed = Changed()
        for row in self._locked(conn, port_id):
            networks = load_networks(conn, [row["network_id"]])
            owner = {"leg": True, "service_instance_id": instance_id if host else None}
            port_store.move(conn, self._core, changed, row, networks[row["network_id"]], host, owner)
        return changed.ids

    def legs(self, conn: sa.Connection, port_ids: Sequence[str]) -> dict[str, Leg]:
        """Legs for ports, for building specs, in two queries. Missing ports are left out."""
        return spec.load_legs(conn, port_ids) if port_ids else {}

    def _locked(self, conn: sa.Connection, port_id: str) -> list[dict[str, Any]]:
        stmt = sa.select(ports).where(ports.c.id == port_id).with_for_update()
        return [dict(row._mapping) for row in conn.execute(stmt)]


def _refuse_used(row: Mapping[str, Any]) -> None:
    if row["device_id"]:
        used = f"Port already has an attached device {row['device_id']}."
    elif row["host"]:
        used = "Port is bound to a host already: something is plugged into it."
    else:
        return
    raise errors.InUse(
        f"Unable to complete operation on port {row['id']} for network {row['network_id']}. {used}",
        neutron_type="PortInUse",
    )


def _named(subnet_id: str, address: str) -> dict[str, str]:
    named = {"subnet_id": subnet_id, "ip_address": address}
    return {key: value for key, value in named.items() if value}


def _store(conn: sa.Connection, row: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    stamp = {"revision_number": row["revision_number"] + 1, "updated_at": now()}
    conn.execute(ports.update().where(ports.c.id == row["id"]).values(**values, **stamp))


def _view(row: Mapping[str, Any], mac: str) -> PortView:
    return PortView(
        id=row["id"],
        network_id=row["network_id"],
        project_id=row["project_id"],
        mac=mac,
        fixed_ips=tuple((ip["subnet_id"], ip["ip_address"]) for ip in row["fixed_ips"]),
        device_id=row["device_id"],
        device_owner=row["device_owner"],
    )


def _subnet_view(subnet: Subnet) -> SubnetView:
    return SubnetView(
        id=subnet.id,
        network_id=subnet.network_id,
        project_id=subnet.project_id,
        ip_version=subnet.ip_version,
        cidr=subnet.cidr,
    )
