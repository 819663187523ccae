"""Which host has which router, and moving one by hand."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import SYSTEM
from svcfabric.core_l2l3 import agents, router_place
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.readers import ROUTERS
from svcfabric.core_l2l3.routers import locked
from svcfabric.fabric import instances
from svcfabric.fabric.agents import alive_since
from svcfabric.fabric.models import agents as agents_table
from svcfabric.fabric.models import instances as instances_table
from svcfabric.fabric.models import placements


class RouterHosts:
    """``/agents/{id}/l3-routers`` and ``/routers/{id}/l3-agents``: an administrator's."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def routers(self, agent_id: str) -> list[Row]:
        """The routers on an agent's host."""
        with self._core.database.read() as conn:
            host = _agent(conn, agent_id).host
            stmt = (
                sa.select(placements.c.instance_id)
                .join(instances_table, instances_table.c.id == placements.c.instance_id)
                .where(
                    placements.c.host == host,
                    placements.c.role == "owner",
                    placements.c.removing.is_(False),
                    instances_table.c.kind == "router",
                )
            )
            ids = tuple(conn.execute(stmt).scalars())
            rows = ROUTERS.list(conn, SYSTEM, ListQuery(filters={"id": ids}, sorts=(("id", "asc"),))) if ids else []
        return [{**row, "tenant_id": row["project_id"]} for row in rows]

    def agents(self, router_id: str) -> list[Row]:
        """The agent of the router's host; none while it waits for one."""
        with self._core.database.read() as conn:
            state = "active" if ROUTERS.get(conn, SYSTEM, router_id)["ha"] else None
            hosts = tuple(instances.hosts(conn, router_id))
            if not hosts:
                return []
            now = {"alive_since": alive_since(self._core.settings.down_time)}
            query = ListQuery(filters={"host": hosts, "agent_type": (agents.L3_AGENT,)}, sorts=(("id", "asc"),))
            return [{**row, "ha_state": state} for row in agents.READER.list(conn, SYSTEM, query, now)]

    def add(self, agent_id: str, body: Any) -> dict[str, str]:
        """Bring a router to an agent's host, from wherever it is: its ports and floating IPs come with it.

        Answers what was asked: clients insist on some JSON.
        """
        router_id = _named(body)

        def work(conn: sa.Connection, changed: Changed) -> None:
            agent = _agent(conn, agent_id)
            offers = ["router", self._core.settings.driver] in agent.drivers
            if not agent.admin_state_up or not offers:
                raise errors.NotFound(
                    f"Agent {agent_id} is not a L3 Agent or has been disabled", neutron_type="InvalidL3Agent"
                )
            locked(conn, SYSTEM, router_id)
            if router_place.host_of(conn, router_id) == agent.host:
                return
            if agent.heartbeat_at < alive_since(self._core.settings.down_time):
                raise _failed(router_id, agent_id, "it has not been heard of lately")
            if not router_place.reaches(conn, agent.host, router_id):
                raise _failed(router_id, agent_id, "its host does not have the physical network of the gateway")
            router_place.move(conn, self._core, changed, router_id, agent.host)

        self._core.write(work)
        return {"router_id": router_id}

    def remove(self, agent_id: str, router_id: str) -> None:
        """Take a router off an agent's host. It is nowhere then, until it is added to one or attached anew."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            agent = _agent(conn, agent_id)
            locked(conn, SYSTEM, router_id)
            if router_place.host_of(conn, router_id) != agent.host:
                raise errors.Conflict(
                    f"The router {router_id} is not hosted by the L3 Agent {agent_id}.",
                    neutron_type="RouterNotHostedByL3Agent",
                )
            router_place.take_off(conn, self._core, changed, router_id)

        self._core.write(work)


def _agent(conn: sa.Connection, agent_id: str) -> Any:
    """The host's agent, whichever of the agents clients see of it is meant."""
    columns = (agents_table.c.host, agents_table.c.drivers, agents_table.c.admin_state_up, agents_table.c.heartbeat_at)
    host = agents.host_of(conn, agent_id)
    found = conn.execute(sa.select(*columns).where(agents_table.c.host == host)).first() if host else None
    if found is None:
        raise errors.NotFound.of("Agent", agent_id)
    return found


def _named(body: Any) -> str:
    given = body.get("router_id") if isinstance(body, dict) else None
    try:
        router_id: str = checks.uuid().convert(given)
    except ValueError as reason:
        raise errors.BadRequest(f"Invalid input for router_id. Reason: {reason}.") from None
    return router_id


def _failed(router_id: str, agent_id: str, reason: str) -> errors.Conflict:
    return errors.Conflict(
        f"Failed scheduling router {router_id} to the L3 Agent {agent_id}: {reason}.",
        neutron_type="RouterSchedulingFailed",
    )
