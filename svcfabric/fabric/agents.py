"""Agents: heartbeats, and the choice of a host for an instance."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from svcfabric.db.base import new_id, now
from svcfabric.fabric.models import agents, instances, placements

ZONE = "nova"  # of a host whose agent names none, as clients expect


def heartbeat(conn: sa.Connection, beat: Mapping[str, Any]) -> bool:
    """Store an agent's heartbeat; True when the agent is new or has been restarted.

    ``beat``: host, agent_type, availability_zone, local_ip, physical_networks, drivers [{kind, driver, features}],
    started_at (ISO 8601, UTC), and anything else for ``configuration``.
    """
    values = {
        "agent_type": str(beat.get("agent_type", "host")),
        "availability_zone": str(beat.get("availability_zone") or ZONE),
        "local_ip": str(beat.get("local_ip") or ""),
        "drivers": [[d["kind"], d["driver"]] for d in beat.get("drivers", [])],
        "physical_networks": sorted(beat.get("physical_networks") or []),
        "configuration": {k: beat[k] for k in ("resources", "version") if k in beat} | _features(beat),
        "started_at": _time(beat.get("started_at")),
        "heartbeat_at": now(),
    }
    host = beat["host"]
    before = conn.execute(sa.select(agents.c.started_at, agents.c.local_ip).where(agents.c.host == host)).first()
    if (before.local_ip if before else "") != values["local_ip"]:
        _moved(conn, host)
    if before is None:
        conn.execute(agents.insert().values(id=new_id(), host=host, created_at=now(), admin_state_up=True, **values))
        return True
    conn.execute(agents.update().where(agents.c.host == host).values(**values))
    return bool(before.started_at != values["started_at"])


def _features(beat: Mapping[str, Any]) -> dict[str, Any]:
    """What its drivers can do, {kind.driver: features}, of those that say."""
    told = {f"{d['kind']}.{d['driver']}": d["features"] for d in beat.get("drivers", []) if "features" in d}
    return {"features": told} if told else {}


def _moved(conn: sa.Connection, host: str) -> None:
    """A host has a new tunnel endpoint: whoever knows of what lives there must be told; the sweep does."""
    here = sa.select(placements.c.instance_id).where(
        placements.c.host == host, placements.c.role == "owner", placements.c.removing.is_(False)
    )
    conn.execute(
        instances.update()
        .where(instances.c.id.in_(here), instances.c.deleted.is_(False))
        .values(generation=instances.c.generation + 1, changed_at=now())
    )


def alive_since(down_time: float) -> datetime.datetime:
    """Heartbeats at or after this time count as alive; ``down_time`` in seconds."""
    return now() - datetime.timedelta(seconds=down_time)


def choose(
    conn: sa.Connection,
    kind: str,
    driver: str,
    *,
    down_time: float,
    physical_network: str = "",
    zones: Collection[str] = (),
    without: Collection[str] = (),
) -> str | None:
    """The live host (none of ``without``) that offers (kind, driver) and has the fewest of that kind, or None.

    ``zones``: it must be in one of these; none given: anywhere.
    """
    offers = [
        row
        for row in conn.execute(
            sa.select(agents.c.host, agents.c.drivers, agents.c.physical_networks, agents.c.availability_zone).where(
                agents.c.heartbeat_at >= alive_since(down_time), agents.c.admin_state_up.is_(True)
            )
        )
        if [kind, driver] in row.drivers
        and row.host not in without
        and (not zones or row.availability_zone in zones)
        and (not physical_network or physical_network in row.physical_networks)
    ]
    if len(offers) < 2:
        return offers[0].host if offers else None
    load: dict[str, int] = {
        host: count
        for host, count in conn.execute(
            sa.select(placements.c.host, sa.func.count())
            .join(instances, instances.c.id == placements.c.instance_id)
            .where(instances.c.kind == kind, placements.c.role == "owner")
            .group_by(placements.c.host)
        )
    }
    return min((row.host for row in offers), key=lambda host: (load.get(host, 0), host))


def local_ips(conn: sa.Connection, hosts: list[str]) -> dict[str, str]:
    """Tunnel endpoint address by host, for hosts that have one."""
    if not hosts:
        return {}
    rows = conn.execute(sa.select(agents.c.host, agents.c.local_ip).where(agents.c.host.in_(hosts)))
    return {row.host: row.local_ip for row in rows if row.local_ip}


def _time(text: Any) -> datetime.datetime:
    if not text:
        return now()
    moment = datetime.datetime.fromisoformat(str(text))
    return moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment
