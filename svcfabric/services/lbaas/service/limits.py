"""Quotas as this API shows and sets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.context import Context
from svcfabric.services.lbaas.service.desk import Desk

# Both spellings are taken and shown; the value is the limit's own name.
SPELLINGS = {
    "loadbalancer": "loadbalancer",
    "load_balancer": "loadbalancer",
    "listener": "listener",
    "pool": "pool",
    "healthmonitor": "healthmonitor",
    "health_monitor": "healthmonitor",
    "member": "member",
    "l7policy": "l7policy",
    "l7rule": "l7rule",
}
RESOURCES = tuple(dict.fromkeys(SPELLINGS.values()))
_LIMIT = checks.integer(-1, 2**31 - 1)


class Limits:
    """The use cases of quotas; ``project_id`` is any project for administrators, else the caller's own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def stored(self, ctx: Context) -> list[dict[str, Any]]:
        """Projects with limits of their own; null where the default is in force."""
        with self._desk.database.read() as conn:
            found = self._desk.quotas.stored(conn)
        return [
            {**_shown(limits), "project_id": project, "tenant_id": project}
            for project, limits in sorted(found.items())
            if ctx.sees(project)
        ]

    def get(self, ctx: Context, project_id: str) -> dict[str, Any]:
        """Limits in force."""
        _own(ctx, project_id)
        with self._desk.database.read() as conn:
            return _shown(self._desk.quotas.limits(conn, project_id))

    def defaults(self) -> dict[str, Any]:
        """Limits of projects that have none of their own."""
        return _shown(self._desk.quotas.defaults)

    def set(self, project_id: str, body: Any) -> dict[str, Any]:
        """Change the limits ``body`` names (null: the default); returns those in force."""
        limits = parse(body)
        kept = {name: limit for name, limit in limits.items() if limit is not None}
        quotas = self._desk.quotas

        def work(conn: Any) -> dict[str, int]:
            stored = quotas.stored(conn).get(project_id, {})
            if len(kept) < len(limits):  # back to the default: what stays is stored anew
                quotas.reset(conn, project_id)
                quotas.set(conn, project_id, {name: v for name, v in stored.items() if name not in limits})
            quotas.set(conn, project_id, kept)
            return quotas.limits(conn, project_id)

        return _shown(self._desk.database.write(work))

    def reset(self, project_id: str) -> None:
        """Back to the defaults."""
        self._desk.database.write(lambda conn: self._desk.quotas.reset(conn, project_id))


def parse(body: Any) -> dict[str, int | None]:
    """The limits in a request, by their own names. Raises ``errors.BadRequest`` naming the field and the rule."""
    given = body.get("quota") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise errors.BadRequest('Missing argument: "quota"')
    unknown = [name for name in given if name not in SPELLINGS]
    if unknown:
        raise errors.BadRequest(f"Unknown attribute for argument quota: {checks.shown(', '.join(unknown))}")
    found: dict[str, int | None] = {}
    for name, value in given.items():
        try:
            limit = None if value is None else _LIMIT.convert(value)
        except ValueError as reason:
            why = getattr(reason, "octavia", str(reason))
            text = f"Invalid input for field/attribute {name}. Value: '{checks.shown(value)}'. {why}"
            raise errors.InvalidInput(text) from None
        if found.setdefault(SPELLINGS[name], limit) != limit:
            raise errors.BadRequest(f"{name} is given twice with different values")
    return found


def _shown(limits: Mapping[str, int]) -> dict[str, Any]:
    return {spelling: limits.get(name) for spelling, name in SPELLINGS.items()}


def _own(ctx: Context, project_id: str) -> None:
    if not ctx.sees(project_id):
        raise errors.Forbidden("Policy does not allow this request to be performed.")
