"""What hosts' drivers have said they can do."""

from __future__ import annotations

import sqlalchemy as sa

from svcfabric.core_l2l3.core import Settings
from svcfabric.fabric.agents import alive_since
from svcfabric.fabric.models import agents

HELPER = "conntrack-helper:"  # what begins a feature of the router driver: conntrack-helper:ftp:tcp


def helpers(conn: sa.Connection, settings: Settings) -> set[tuple[str, str]] | None:
    """The conntrack helpers (name, protocol) of live hosts' kernels; None when no host has said, or one says all."""
    stmt = sa.select(agents.c.configuration).where(agents.c.heartbeat_at >= alive_since(settings.down_time))
    told: set[tuple[str, str]] | None = None
    for configuration in conn.execute(stmt).scalars():
        features = (configuration or {}).get("features", {}).get(f"router.{settings.driver}")
        if features is None:
            continue
        if "*" in features:
            return None
        told = told or set()
        for feature in features:
            if feature.startswith(HELPER):
                name, _, protocol = feature.removeprefix(HELPER).partition(":")
                told.add((name, protocol))
    return told
