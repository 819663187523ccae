"""Quotas: limits per project and resource, checked in the transaction that creates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.fabric.models import quota_locks, quotas

Count = Callable[[sa.Connection, str], int]


class Quotas:
    """Limits of one API's resources. ``defaults``: resource -> limit, -1 for none."""

    def __init__(self, defaults: Mapping[str, int]) -> None:
        self.defaults = dict(defaults)
        self._counts: dict[str, Count] = {}

    def declare(self, resource: str, limit: int, table: sa.Table) -> None:
        """A further resource: its default limit, and its table as ``countable`` says."""
        self.defaults[resource] = limit
        self.countable(resource, table)

    def countable(self, resource: str, table: sa.Table) -> None:
        """Declare that a resource's use is its project's rows in ``table``."""
        query = sa.select(sa.func.count()).select_from(table)
        self._counts[resource] = lambda conn, project: int(
            conn.execute(query.where(table.c.project_id == project)).scalar_one()
        )

    def check(self, conn: sa.Connection, project_id: str, resource: str, adding: int = 1) -> None:
        """Raise ``errors.OverQuota`` when ``adding`` more would pass the limit. Call before the insert."""
        limit = self.limits(conn, project_id, [resource])[resource]
        if limit < 0:
            return
        self._lock(conn, project_id, resource)
        used = self._counts[resource](conn, project_id)
        if used + adding > limit:
            raise errors.OverQuota(
                f"Quota exceeded for resources: ['{resource}']. "
                f"The limit is {limit}, {used} are in use and {adding} more were asked for."
            )

    def limits(self, conn: sa.Connection, project_id: str, resources: list[str] | None = None) -> dict[str, int]:
        """Limits in force for a project."""
        names = resources or list(self.defaults)
        rows = conn.execute(
            sa.select(quotas.c.resource, quotas.c.limit).where(
                quotas.c.project_id == project_id, quotas.c.resource.in_(names)
            )
        ).all()
        stored: dict[str, int] = {resource: limit for resource, limit in rows}
        return {name: stored.get(name, self.defaults[name]) for name in names}

    def usage(self, conn: sa.Connection, project_id: str) -> dict[str, int]:
        """How much of each countable resource a project has."""
        return {name: count(conn, project_id) for name, count in self._counts.items()}

    def set(self, conn: sa.Connection, project_id: str, limits: Mapping[str, int]) -> None:
        """Store limits; only those named change."""
        for resource, limit in limits.items():
            key = (quotas.c.project_id == project_id, quotas.c.resource == resource)
            conn.execute(quotas.delete().where(*key))
            conn.execute(quotas.insert().values(project_id=project_id, resource=resource, limit=limit))

    def reset(self, conn: sa.Connection, project_id: str) -> None:
        """Back to the defaults, for this API's resources."""
        conn.execute(
            quotas.delete().where(quotas.c.project_id == project_id, quotas.c.resource.in_(list(self.defaults)))
        )

    def stored(self, conn: sa.Connection) -> dict[str, dict[str, Any]]:
        """Stored limits by project."""
        result: dict[str, dict[str, Any]] = {}
        for row in conn.execute(sa.select(quotas).where(quotas.c.resource.in_(list(self.defaults)))):
            result.setdefault(row.project_id, {})[row.resource] = row.limit
        return result

    def _lock(self, conn: sa.Connection, project_id: str, resource: str) -> None:
        # Two that make the row at once: the later one's transaction is run again.
        key = (quota_locks.c.project_id == project_id, quota_locks.c.resource == resource)
        found = conn.execute(sa.select(quota_locks.c.resource).where(*key).with_for_update()).first()
        if found is None:
            conn.execute(quota_locks.insert().values(project_id=project_id, resource=resource))
