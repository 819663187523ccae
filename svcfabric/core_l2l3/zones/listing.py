"""The list of availability zones: made of what agents say."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.api.short_list import page
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Core
from svcfabric.fabric.agents import alive_since
from svcfabric.fabric.models import agents

KINDS = ("network", "router")
STATES = {True: "available", False: "unavailable"}


class Zones:
    """``api.resource.Handler`` of availability zones: listed, for everybody."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Zones follow from the agents."""
        raise errors.BadRequest("An availability zone cannot be created")

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """One row for each zone and kind that hosts of it offer."""
        columns = (agents.c.availability_zone, agents.c.drivers, agents.c.admin_state_up, agents.c.heartbeat_at)
        with self._core.database.read() as conn:
            found = conn.execute(sa.select(*columns)).all()
        alive = alive_since(self._core.settings.down_time)
        up: dict[tuple[str, str], bool] = {}
        for agent in found:
            takes = agent.admin_state_up and agent.heartbeat_at >= alive
            for kind in {offer[0] for offer in agent.drivers} & set(KINDS):
                key = agent.availability_zone, kind
                up[key] = up.get(key, False) or takes
        rows = [
            {"id": f"{name}/{kind}", "name": name, "resource": kind, "state": STATES[takes]}
            for (name, kind), takes in sorted(up.items())
        ]
        return page(rows, query)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """They are listed only."""
        raise errors.NotFound.of("Availability zone", ident)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Zones follow from the agents."""
        raise errors.BadRequest("An availability zone cannot be changed")

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Zones follow from the agents."""
        raise errors.BadRequest("An availability zone cannot be deleted")
