"""Which hosts serve a network by DHCP, as clients know it: agents that host networks.

A network is served where it is; one that is nowhere yet will be served by any host that can, unless it was
taken off it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import SYSTEM
from svcfabric.core_l2l3.agents import DHCP_AGENT, Agents
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.dhcp import serving
from svcfabric.core_l2l3.dhcp.models import dhcp_exclusions
from svcfabric.core_l2l3.models import networks
from svcfabric.core_l2l3.readers import NETWORKS
from svcfabric.fabric import instances
from svcfabric.fabric.models import placements

_BATCH = 500


class DhcpAgents:
    """Reading and changing which agents serve which networks. For administrators."""

    def __init__(self, core: Core, agents: Agents) -> None:
        self._core, self._agents = core, agents

    def of_network(self, network_id: str) -> list[Row]:
        """The agents that serve a network."""
        with self._core.database.read() as conn:
            if conn.execute(sa.select(networks.c.id).where(networks.c.id == network_id)).first() is None:
                raise NETWORKS.not_found(network_id)
            hosts, off = instances.hosts(conn, network_id), serving.excluded(conn, network_id)
        query = ListQuery(
            filters={"agent_type": (DHCP_AGENT,), **({"host": tuple(hosts)} if hosts else {})}, sorts=(("id", "asc"),)
        )
        return [agent for agent in self._agents.list(SYSTEM, query) if agent["host"] not in off]

    def of_agent(self, agent: Row) -> list[Row]:
        """The networks an agent serves."""
        host = self._host(agent)
        placed = sa.exists().where(
            placements.c.instance_id == networks.c.id, placements.c.role == "owner", placements.c.removing.is_(False)
        )
        here = sa.exists().where(
            placements.c.instance_id == networks.c.id, placements.c.host == host, placements.c.removing.is_(False)
        )
        off = sa.exists().where(dhcp_exclusions.c.network_id == networks.c.id, dhcp_exclusions.c.host == host)
        stmt = sa.select(networks.c.id).where(sa.or_(here, ~placed), ~off).order_by(networks.c.id)
        with self._core.database.read() as conn:
            return self._rows(conn, list(conn.execute(stmt).scalars()))

    def add(self, agent: Row, network_id: str) -> None:
        """Let an agent serve a network again that it was taken off.

        Raises ``errors.Conflict`` when it does already, or would once the network is on its host.
        """
        host = self._host(agent)

        def work(conn: sa.Connection, changed: Changed) -> None:
            NETWORKS.lock(conn, SYSTEM, network_id)
            if host not in serving.excluded(conn, network_id):
                raise errors.Conflict(
                    f"The network {network_id} has been already hosted by the DHCP Agent {agent['id']}: every host "
                    "serves the networks that have ports on it.",
                    neutron_type="NetworkHostedByDHCPAgent",
                )
            serving.include(conn, self._core, changed, network_id, host)

        self._core.write(work)

    def remove(self, agent: Row, network_id: str) -> None:
        """Keep an agent from serving a network, whatever of it is on its host."""
        host = self._host(agent)

        def work(conn: sa.Connection, changed: Changed) -> None:
            NETWORKS.lock(conn, SYSTEM, network_id)
            if host in serving.excluded(conn, network_id):
                raise errors.Conflict(
                    f"The network {network_id} is not hosted by the DHCP agent {agent['id']}.",
                    neutron_type="NetworkNotHostedByDhcpAgent",
                )
            serving.exclude(conn, changed, network_id, host)

        self._core.write(work)

    def _host(self, agent: Row) -> str:
        if agent["agent_type"] != DHCP_AGENT:
            raise errors.Conflict(
                f"Agent {agent['id']} is not a valid DHCP Agent or has been disabled.", neutron_type="InvalidDHCPAgent"
            )
        return str(agent["host"])

    def _rows(self, conn: sa.Connection, ids: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        for start in range(0, len(ids), _BATCH):
            query = ListQuery(filters={"id": tuple(ids[start : start + _BATCH])}, sorts=(("id", "asc"),))
            rows += NETWORKS.list(conn, SYSTEM, query)
        return [{**row, "tenant_id": row["project_id"]} for row in rows]
