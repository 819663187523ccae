"""A core that is a static list of subnets: it runs, in tables of its own, and realises nothing.

What ``fabric.interfaces.Network`` asks of a core, without networks, routers or hosts: enough to deploy load
balancers alone, and to test services without the bundled core.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.db.base import Id, Json, Name, new_id
from svcfabric.fabric.interfaces import PortView, SubnetView
from svcfabric.spi.l2l3 import Address, Leg, Segment

tables = sa.MetaData()
ports = sa.Table(
    "static_ports",
    tables,
    sa.Column("id", Id, primary_key=True),
    sa.Column("network_id", Id, nullable=False),
    sa.Column("project_id", Name, nullable=False),
    sa.Column("mac", Name, nullable=False),
    sa.Column("fixed_ips", Json, nullable=False),
    sa.Column("device_id", Name, nullable=False, default=""),
    sa.Column("device_owner", Name, nullable=False, default=""),
    sa.Column("host", Name, nullable=False, default=""),
)
addresses = sa.Table(
    "static_addresses",
    tables,
    sa.Column("subnet_id", Id, primary_key=True),
    sa.Column("address", sa.String(64), primary_key=True),
    sa.Column("port_id", Id, nullable=False),
)


@dataclasses.dataclass
class StaticNetwork:
    """``subnets``: what there is. A subnet of project ``""`` is everybody's."""

    subnets_there: list[SubnetView] = dataclasses.field(default_factory=list)

    def add(self, cidr: str, project_id: str = "", network_id: str = "") -> SubnetView:
        """One more subnet, on a network of its own unless one is named."""
        made = SubnetView(
            id=new_id(),
            network_id=network_id or new_id(),
            project_id=project_id,
            ip_version=ipaddress.ip_network(cidr).version,
            cidr=cidr,
        )
        self.subnets_there.append(made)
        return made

    def port(self, conn: sa.Connection, ctx: Context, port_id: str) -> PortView:
        row = conn.execute(sa.select(ports).where(ports.c.id == port_id)).first()
        if row is None or not ctx.sees(row.project_id):
            raise errors.NotFound.of("Port", port_id)
        return _view(row)

    def subnet(self, conn: sa.Connection, ctx: Context, subnet_id: str) -> SubnetView:
        found = next((s for s in self._visible(ctx) if s.id == subnet_id), None)
        if found is None:
            raise errors.NotFound.of("Subnet", subnet_id)
        return found

    def subnets(self, conn: sa.Connection, ctx: Context, network_id: str) -> list[SubnetView]:
        found = [s for s in self._visible(ctx) if s.network_id == network_id]
        if not found:
            raise errors.NotFound.of("Network", network_id)
        return found

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
        ident = new_id()
        taken = [(subnet_id, self._take(conn, ident, subnet_id, address)) for subnet_id, address in fixed_ips]
        conn.execute(
            ports.insert().values(
                id=ident,
                network_id=network_id,
                project_id=project_id,
                mac="fa:16:3e:" + ":".join(ident[i : i + 2] for i in (0, 2, 4)),
                fixed_ips=taken,
                device_id=device_id,
                device_owner=device_owner,
                host="",
            )
        )
        return _view(conn.execute(sa.select(ports).where(ports.c.id == ident)).one())

    def delete_port(self, conn: sa.Connection, port_id: str) -> list[str]:
        conn.execute(addresses.delete().where(addresses.c.port_id == port_id))
        conn.execute(ports.delete().where(ports.c.id == port_id))
        return [port_id]

    def claim_port(self, conn: sa.Connection, port_id: str, *, device_id: str, device_owner: str) -> None:
        row = conn.execute(sa.select(ports).where(ports.c.id == port_id).with_for_update()).first()
        if row is None:
            raise errors.NotFound.of("Port", port_id)
        if device_id and row.device_id not in ("", device_id):
            raise errors.Conflict(f"Port {port_id} is in use by {row.device_id}.")
        chosen = ports.update().where(ports.c.id == port_id)
        conn.execute(chosen.values(device_id=device_id, device_owner=device_owner))

    def bind_port(self, conn: sa.Connection, port_id: str, host: str, *, instance_id: str) -> list[str]:
        conn.execute(ports.update().where(ports.c.id == port_id).values(host=host))
        return [port_id]

    def legs(self, conn: sa.Connection, port_ids: Sequence[str]) -> dict[str, Leg]:
        by_id = {s.id: s for s in self.subnets_there}
        return {row.id: _leg(row, by_id) for row in conn.execute(sa.select(ports).where(ports.c.id.in_(port_ids)))}

    def _visible(self, ctx: Context) -> list[SubnetView]:
        return [s for s in self.subnets_there if not s.project_id or ctx.sees(s.project_id)]

    def _take(self, conn: sa.Connection, port_id: str, subnet_id: str, wanted: str) -> str:
        subnet = next(s for s in self.subnets_there if s.id == subnet_id)
        network = ipaddress.ip_network(subnet.cidr)
        if wanted:
            if ipaddress.ip_address(wanted) not in network:
                raise errors.BadRequest(f"IP address {wanted} is not a valid IP for the specified subnet.")
            chosen = wanted
        else:
            used = set(conn.execute(sa.select(addresses.c.address).where(addresses.c.subnet_id == subnet_id)).scalars())
            chosen = next(str(ip) for ip in network.hosts() if str(ip) not in used)
        try:
            conn.execute(addresses.insert().values(subnet_id=subnet_id, address=chosen, port_id=port_id))
        except IntegrityError:
            raise errors.Conflict(f"IP address {chosen} already allocated in subnet {subnet_id}") from None
        return chosen


def _view(row: sa.Row[tuple[object, ...]]) -> PortView:
    return PortView(
        id=row.id,
        network_id=row.network_id,
        project_id=row.project_id,
        mac=row.mac,
        fixed_ips=tuple((subnet, address) for subnet, address in row.fixed_ips),
        device_id=row.device_id,
        device_owner=row.device_owner,
    )


def _leg(row: sa.Row[tuple[object, ...]], by_id: dict[str, SubnetView]) -> Leg:
    return Leg(
        port_id=row.id,
        mac=row.mac,
        segment=Segment(network_id=row.network_id, type="vxlan", vni=7),
        addresses=tuple(
            Address(address=address, prefix_length=int(by_id[subnet].cidr.partition("/")[2]), subnet_id=subnet)
            for subnet, address in row.fixed_ips
        ),
    )
