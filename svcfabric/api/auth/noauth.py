"""No authentication: callers are whom their headers claim, an administrator without. For trusted callers only."""

from __future__ import annotations

from typing import Any

from svcfabric.api.auth.identity import CONTEXT, Factory, WsgiApp, identity

PROJECT = "admin"


def factory(default_project: str = PROJECT) -> Factory:
    """Middleware that reads ``X-Project-Id`` (or ``X-Tenant-Id``), ``X-User-Id`` and ``X-Roles`` (comma list)."""

    def wrap(app: WsgiApp) -> WsgiApp:
        def serve(environ: dict[str, Any], start_response: Any) -> Any:
            project = environ.get("HTTP_X_PROJECT_ID") or environ.get("HTTP_X_TENANT_ID") or default_project
            claimed = environ.get("HTTP_X_ROLES")
            roles = "admin" if claimed is None else claimed
            environ[CONTEXT] = identity(
                environ,
                project_id=project[:255],
                user_id=environ.get("HTTP_X_USER_ID", "")[:255],
                roles=frozenset(role.strip().lower() for role in roles.split(",") if role.strip()),
                project_name=environ.get("HTTP_X_PROJECT_NAME", "")[:255],
            )
            return app(environ, start_response)

        return serve

    return wrap
