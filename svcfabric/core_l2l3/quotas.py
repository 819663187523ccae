"""Quotas as clients see and set them."""

from __future__ import annotations

from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Core, forbidden

LIMIT = checks.integer(-1, 2**31 - 1)
Limits = dict[str, int]


class QuotaSets:
    """Limits and use by project."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._quotas = core.quotas

    def list(self) -> list[dict[str, Any]]:
        """Projects with limits of their own."""
        with self._core.database.read() as conn:
            stored = self._quotas.stored(conn)
        return [
            {"project_id": project_id, "tenant_id": project_id, **self._quotas.defaults, **limits}
            for project_id, limits in sorted(stored.items())
        ]

    def show(self, ctx: Context, project_id: str) -> Limits:
        """The limits in force for a project."""
        _own(ctx, project_id)
        with self._core.database.read() as conn:
            return self._quotas.limits(conn, project_id)

    def default(self, ctx: Context, project_id: str) -> Limits:
        """What a project without limits of its own has."""
        _own(ctx, project_id)
        return dict(self._quotas.defaults)

    def details(self, ctx: Context, project_id: str) -> dict[str, dict[str, int]]:
        """Limit and use of each resource."""
        _own(ctx, project_id)
        with self._core.database.read() as conn:
            limits = self._quotas.limits(conn, project_id)
            used = self._quotas.usage(conn, project_id)
        return {name: {"limit": limit, "used": used[name], "reserved": 0} for name, limit in limits.items()}

    def update(self, project_id: str, body: Any) -> Limits:
        """Set limits; below what is in use only by force. ``body``: {"quota": {resource: limit, "force": bool}}."""
        given = body.get("quota") if isinstance(body, dict) else None
        if not isinstance(given, dict):
            raise errors.BadRequest("Unable to find 'quota' in request body")
        limits, force = self._checked(given)

        def work(conn: Any, changed: Any) -> Limits:
            used = {} if force else self._quotas.usage(conn, project_id)
            for name, limit in limits.items():
                if 0 <= limit < used.get(name, 0):
                    raise errors.BadRequest(
                        f"Quota limit {limit} for {name} must be greater than or equal to already used {used[name]}"
                    )
            self._quotas.set(conn, project_id, limits)
            return self._quotas.limits(conn, project_id)

        return self._core.write(work)

    def _checked(self, given: dict[str, Any]) -> tuple[Limits, bool]:
        known = self._quotas.defaults.keys()
        flags = {"force", "check_limit", "project_id", "tenant_id"}
        unknown = sorted(given.keys() - known - flags)
        if unknown:
            names = ", ".join(checks.shown(name) for name in unknown)
            raise errors.BadRequest(f"Unrecognized attribute(s) '{names}'")
        limits: Limits = {}
        for name in given.keys() & known:
            try:
                limits[name] = LIMIT.convert(given[name])
            except ValueError as reason:
                raise errors.InvalidInput(f"Invalid input for {name}. Reason: {reason}.") from None
        return limits, given.get("force") is True

    def delete(self, project_id: str) -> None:
        """Back to the defaults."""
        self._core.write(lambda conn, changed: self._quotas.reset(conn, project_id))


def _own(ctx: Context, project_id: str) -> None:
    if not ctx.is_admin and ctx.project_id != project_id:
        raise forbidden("get_quota")
