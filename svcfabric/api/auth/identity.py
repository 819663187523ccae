"""The caller's ``Context`` and the refusal of a caller nobody recognises."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import orjson

from svcfabric.context import Context, new_request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
Factory = Callable[[WsgiApp], WsgiApp]

CONTEXT = "svcfabric.context"
REQUEST_ID = "openstack.request_id"
GLOBAL_REQUEST_ID = "openstack.global_request_id"
_IMPLIED = {"admin": "manager", "manager": "member", "member": "reader"}


@functools.lru_cache(maxsize=4096)
def with_implied(roles: frozenset[str]) -> frozenset[str]:
    """Roles and those they imply: admin > manager > member > reader (as a default Keystone has it)."""
    found = set(roles)
    for role, implied in _IMPLIED.items():  # highest first
        if role in found:
            found.add(implied)
    return frozenset(found)


def identity(
    environ: WSGIEnvironment,
    *,
    project_id: str,
    user_id: str,
    roles: frozenset[str],
    project_name: str = "",
) -> Context:
    """The context of this request. ``roles`` may be unexpanded."""
    expanded = with_implied(roles)
    return Context(
        project_id=project_id,
        user_id=user_id,
        project_name=project_name,
        roles=expanded,
        is_admin="admin" in expanded,
        request_id=environ.get(REQUEST_ID) or new_request_id(),
    )


def refuse(start_response: StartResponse, challenge: str) -> list[bytes]:
    """The 401 clients know from Keystone's middleware; ``challenge`` is the ``WWW-Authenticate`` header."""
    message = "The request you have made requires authentication."
    body = orjson.dumps({"error": {"message": message, "code": 401, "title": "Unauthorized"}})
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("WWW-Authenticate", challenge),
    ]
    start_response("401 Unauthorized", headers)
    return [body]
