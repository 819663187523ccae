"""How requests that are no plain create, read, update or delete are declared here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from svcfabric.api.resource import Action, ActionRequest, Event, Handler

RULE = "os_load-balancer_api"
Run = Callable[[ActionRequest], Any]


def action(
    method: str,
    path: str,
    rule: str,
    run: Run,
    owner: Handler | None = None,
    *,
    default: str = "",
    status: int = 200,
    event: Event | None = None,
    doc: str = "",
) -> Action:
    """An action; ``rule`` without the API's stem, by default a reader's to ``GET`` and a member's to do otherwise."""
    return Action(
        method=method,
        path=path,
        run=run,
        rule=f"{RULE}:{rule}",
        rule_default=default or ("reader" if method == "GET" else "member"),
        owner=owner,
        status=status,
        event=event,
        doc=doc,
    )


def flag(request: ActionRequest, name: str) -> bool:
    """A yes or no in the query string; absent is no."""
    return request.query.get(name, "").strip().lower() in ("1", "t", "true", "on", "y", "yes")
