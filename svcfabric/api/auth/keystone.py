"""Tokens of a Keystone, validated by keystonemiddleware, with a small cache in front.

What a token stands for is remembered under the token's hash for a minute at most and never beyond its expiry. A
token revoked meanwhile is served until then; keystonemiddleware's own cache (``token_cache_time``) behind it has
the same property with a longer time, and costs a good deal per request even when it hits. A token that is good for
some requests only (an application credential with access rules) is not remembered: each request is looked at.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import threading
import time
from collections.abc import Mapping
from typing import Any

from svcfabric.api.auth.identity import CONTEXT, REQUEST_ID, Factory, WsgiApp, identity
from svcfabric.context import Context, new_request_id

REMEMBER = 60.0  # seconds
MAX_REMEMBERED = 20_000


def factory(conf: Any = None, options: Mapping[str, Any] | None = None, *, remember: float = REMEMBER) -> Factory:
    """Middleware that takes ``X-Auth-Token``.

    ``conf``: an oslo.config object with ``[keystone_authtoken]``. ``options``: that section's options directly
    (``auth_type``, ``auth_url``, ``username``, ...), for use without a file. ``remember``: seconds, 0 for never.
    """
    from keystonemiddleware import auth_token

    settings = dict(options or {})
    if conf is not None:
        settings["oslo_config_config"] = conf

    def wrap(app: WsgiApp) -> WsgiApp:
        front = _Front(app, remember)
        front.validate = auth_token.AuthProtocol(front.accepted, settings)
        return front

    return wrap


class _Front:
    """The cache; ``validate`` is keystonemiddleware, which calls ``accepted`` for a good token."""

    validate: WsgiApp

    def __init__(self, app: WsgiApp, remember: float) -> None:
        self._app = app
        self._remember = remember
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[Context, float]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        token = environ.get("HTTP_X_AUTH_TOKEN")
        if token is None or not self._remember or "HTTP_X_SERVICE_TOKEN" in environ:
            return self.validate(environ, start_response)
        key = hashlib.sha256(token.encode("latin-1", "replace")).digest()
        known = self._known.get(key)
        if known is not None and time.time() < known[1]:
            request_id = environ.get(REQUEST_ID) or new_request_id()
            environ[CONTEXT] = dataclasses.replace(known[0], request_id=request_id)
            return self._app(environ, start_response)
        environ["svcfabric.token_key"] = key
        return self.validate(environ, start_response)

    def accepted(self, environ: dict[str, Any], start_response: Any) -> Any:
        """What keystonemiddleware calls: the identity is in ``X-`` headers now, and it took out forged ones."""
        roles = environ.get("HTTP_X_ROLES", "")
        ctx = identity(
            environ,
            project_id=environ.get("HTTP_X_PROJECT_ID", ""),
            user_id=environ.get("HTTP_X_USER_ID", ""),
            roles=frozenset(role.strip().lower() for role in roles.split(",") if role.strip()),
            project_name=environ.get("HTTP_X_PROJECT_NAME", ""),
        )
        environ[CONTEXT] = ctx
        key = environ.pop("svcfabric.token_key", None)
        token = (environ.get("keystone.token_info") or {}).get("token") or {}
        if key is not None and not _depends_on_request(token):
            self._store(key, ctx, min(time.time() + self._remember, _expiry(token)))
        return self._app(environ, start_response)

    def _store(self, key: bytes, ctx: Context, until: float) -> None:
        with self._lock:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = (ctx, until)


def _depends_on_request(token: Mapping[str, Any]) -> bool:
    """Whether more than the token itself decides if a request is let through: its path, or who sends it."""
    rules = (token.get("application_credential") or {}).get("access_rules")
    return rules is not None or bool(token.get("bind"))


def _expiry(token: Mapping[str, Any]) -> float:
    """When the token ends, seconds since 1970; 0 when it does not say."""
    try:
        return datetime.datetime.fromisoformat(token["expires_at"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return 0.0
