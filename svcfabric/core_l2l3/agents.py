"""Agents in the form clients of the network API know.

Clients look for an agent of a certain type. One agent does everything here, so it is listed once as it is and once
more for each type clients act on, with an id of its own: the same, but for the digit that tells a UUID's version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Attribute, ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.reader import Reader
from svcfabric.db.base import Ascii
from svcfabric.fabric.agents import alive_since
from svcfabric.fabric.models import agents

BINARY = "svcfabric-agent"
DHCP_AGENT, L3_AGENT = "DHCP agent", "L3 agent"
_ROLES = ((DHCP_AGENT, "dhcp", "8"), (L3_AGENT, "router", "7"))  # type, the kind of instance it realises, the digit
_VERSION = 14  # where that digit is
_MOMENT = sa.bindparam("alive_since", type_=sa.DateTime())


def _text(name: str, doc: str) -> Attribute:
    return Attribute(name=name, check=checks.string(), sortable=True, doc=doc)


def _time(name: str, doc: str) -> Attribute:
    return Attribute(name=name, check=checks.timestamp(), sortable=True, doc=doc)


ATTRIBUTES = (
    Attribute(name="id", check=checks.uuid(), sortable=True, doc="Identity."),
    _text("agent_type", "What kind of agent."),
    _text("binary", "The program."),
    _text("topic", "Where it listens."),
    _text("host", "The host it serves, and its name."),
    Attribute(
        name="admin_state_up",
        check=checks.boolean(),
        put=True,
        sortable=True,
        doc="Whether routers and other singletons may be placed on it.",
    ),
    Attribute(
        name="description",
        check=checks.nullable(checks.string(255)),
        put=True,
        sortable=True,
        doc="An operator's note.",
    ),
    Attribute(
        name="availability_zone",
        check=checks.string(),
        sortable=True,
        extension="availability_zone",
        doc="Where the host is, as its configuration says.",
    ),
    Attribute(name="alive", check=checks.boolean(), doc="Whether it has been heard of lately."),
    _time("created_at", "First heard of."),
    _time("started_at", "Last started."),
    _time("heartbeat_timestamp", "Last heard of."),
    Attribute(
        name="configurations",
        check=checks.json_object(),
        filterable=False,
        doc="What it says of itself: drivers, wires.",
    ),
)


def _as(agent_type: str, kind: str, digit: str) -> sa.Select[Any]:
    """All agents that realise ``kind``, as rows of that type."""
    ident = sa.func.substr(agents.c.id, 1, _VERSION).concat(digit).concat(sa.func.substr(agents.c.id, _VERSION + 2))
    told: dict[str, sa.ColumnElement[Any]] = {"id": ident, "agent_type": sa.literal_column(f"'{agent_type}'")}
    return sa.select(
        *(sa.type_coerce(told.get(column.name, column), column.type).label(column.name) for column in agents.c)
    ).where(sa.cast(agents.c.drivers, sa.Text).contains(f'["{kind}",'))


_SEEN = sa.union_all(sa.select(*agents.c), *(_as(*role) for role in _ROLES)).subquery("seen_agents")


def _of_type(values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Clients do not agree on capitals."""
    return sa.func.lower(_SEEN.c.agent_type).in_([str(value).lower() for value in values])


READER = Reader(
    "Agent",
    _SEEN,
    {
        "id": _SEEN.c.id,
        "agent_type": _SEEN.c.agent_type,
        "binary": sa.literal_column(f"'{BINARY}'", Ascii),
        "topic": sa.literal_column("'agent'", Ascii),
        "host": _SEEN.c.host,
        "admin_state_up": _SEEN.c.admin_state_up,
        "description": _SEEN.c.description,
        "availability_zone": _SEEN.c.availability_zone,
        "alive": sa.type_coerce(_SEEN.c.heartbeat_at >= _MOMENT, sa.Boolean()),
        "created_at": _SEEN.c.created_at,
        "started_at": _SEEN.c.started_at,
        "heartbeat_timestamp": _SEEN.c.heartbeat_at,
        "configurations": _SEEN.c.configuration,
        "local_ip": _SEEN.c.local_ip,
        "drivers": _SEEN.c.drivers,
        "physical_networks": _SEEN.c.physical_networks,
    },
    filters={"agent_type": _of_type},
    visible=lambda _project: sa.false(),
    finish=lambda row: _finish(row),
)


def _finish(row: Row) -> None:
    told = row["configurations"] or {}
    row["configurations"] = {
        **told,
        "tunneling_ip": row.pop("local_ip"),
        "drivers": [f"{kind}.{driver}" for kind, driver in row.pop("drivers")],
        "physical_networks": row.pop("physical_networks"),
    }


class Agents:
    """``api.resource.Handler`` of agents, which only administrators see."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def _now(self) -> dict[str, object]:
        return {"alive_since": alive_since(self._core.settings.down_time)}

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Agents announce themselves."""
        raise errors.BadRequest("An agent cannot be created")

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One agent."""
        with self._core.database.read() as conn:
            return READER.get(conn, ctx, ident, self._now())

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """All agents."""
        with self._core.database.read() as conn:
            return READER.list(conn, ctx, query, self._now())

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Let new work onto an agent's host, or keep it off; say what it is for."""

        def work(conn: sa.Connection) -> Row:
            if body:
                conn.execute(agents.update().where(agents.c.host == host_of(conn, ident)).values(**body))
            return READER.get(conn, ctx, ident, self._now())

        return self._core.database.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Forget an agent; one that lives announces itself again."""

        def work(conn: sa.Connection) -> None:
            if not conn.execute(agents.delete().where(agents.c.host == host_of(conn, ident))).rowcount:
                raise READER.not_found(ident)

        self._core.database.write(work)


def host_of(conn: sa.Connection, ident: str) -> str:
    """The host of an agent, whichever of its rows is meant; "" when there is none."""
    return conn.execute(sa.select(_SEEN.c.host).where(_SEEN.c.id == ident)).scalar() or ""
