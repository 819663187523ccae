"""The tags below an item of the network API: ``/networks/{id}/tags`` and ``/networks/{id}/tags/{tag}``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import falcon

from svcfabric import errors
from svcfabric.api import checks, payload
from svcfabric.api.dialect import dumps
from svcfabric.api.limits import Limits
from svcfabric.api.notices import SILENCE, Silence
from svcfabric.api.policy import Policy
from svcfabric.api.resource import Check, Dialect, Resource, Row
from svcfabric.api.rules import tags_rule_of
from svcfabric.api.standard import MAX_TAGS
from svcfabric.api.words import Words
from svcfabric.context import Context

TRIES = 8
_TAG = checks.string(255, 1)
_TAGS = checks.list_of(_TAG, unique=True)


class Tags:
    """Responders for one resource's tags. Changes go through ``handler.update`` at the revision that was read, so
    that two clients adding tags at once both succeed.
    """

    def __init__(self, resource: Resource, policy: Policy, limits: Limits, notices: Silence = SILENCE) -> None:
        self._resource = resource
        self._policy = policy
        self._limits = limits
        self._notices = notices
        self._words = Words(Dialect.NEUTRON)
        self._rules = {name: tags_rule_of(resource, name) for name in ("get", "create", "update", "delete")}

    def show(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """``GET .../tags``."""
        row = self._found(req.context.caller, "get", id)
        resp.data = dumps(Dialect.NEUTRON, {"tags": row["tags"]})

    def replace(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """``PUT .../tags``: exactly these."""
        wanted = self._given(req)
        tags = self._change(req.context.caller, "update", id, lambda _tags: wanted, ("update", wanted))
        resp.data = dumps(Dialect.NEUTRON, {"tags": tags})

    def add(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """``POST .../tags``: these too."""
        more = self._given(req)
        tags = self._change(req.context.caller, "create", id, lambda tags: _with(tags, more), ("create", more))
        resp.status = falcon.HTTP_201
        resp.data = dumps(Dialect.NEUTRON, {"tags": tags})

    def clear(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """``DELETE .../tags``."""
        self._change(req.context.caller, "delete", id, lambda _tags: [], ("delete_all", None))
        resp.status = falcon.HTTP_204

    def has(self, req: falcon.Request, resp: falcon.Response, id: str, tag: str) -> None:
        """``GET .../tags/{tag}``: 204 or 404."""
        if tag not in self._found(req.context.caller, "get", id)["tags"]:
            raise _no_tag(tag)
        resp.status = falcon.HTTP_204

    def put(self, req: falcon.Request, resp: falcon.Response, id: str, tag: str) -> None:
        """``PUT .../tags/{tag}``: this too."""
        checked = self._checked(_TAG, tag)
        self._change(req.context.caller, "update", id, lambda tags: _with(tags, [checked]), ("create", [checked]))
        resp.status = falcon.HTTP_201

    def remove(self, req: falcon.Request, resp: falcon.Response, id: str, tag: str) -> None:
        """``DELETE .../tags/{tag}``."""

        def without(tags: list[str]) -> list[str]:
            if tag not in tags:
                raise _no_tag(tag)
            return [one for one in tags if one != tag]

        self._change(req.context.caller, "delete", id, without, ("delete", [tag]))
        resp.status = falcon.HTTP_204

    def _found(self, ctx: Context, operation: str, ident: str) -> Row:
        row = self._resource.handler.get(ctx, ident)
        target = {"project_id": ctx.project_id} if operation == "get" else row
        if not self._policy.allows(ctx, self._rules[operation], target):
            raise self._words.forbidden([self._rules[operation]])
        return row

    def _change(
        self,
        ctx: Context,
        operation: str,
        ident: str,
        change: Callable[[list[str]], list[str]],
        told: tuple[str, list[str] | None],
    ) -> list[str]:
        """``told``: what events say is done, and to which tags."""
        what, named = told
        for attempt in range(TRIES):
            row = self._found(ctx, operation, ident)
            tags = change(list(row["tags"]))
            if len(tags) > MAX_TAGS:
                name = self._resource.collection
                raise errors.BadRequest(
                    f"Bad {name} request: The number of tags exceed the per-resource limit of {MAX_TAGS}.",
                    neutron_type="BadRequest",
                )
            if attempt == 0:
                self._notices.tagging(ctx, f"{what}.start", ident, named)
            try:
                if tags != row["tags"]:
                    self._resource.handler.update(ctx, ident, {"tags": tags}, None, row.get("revision_number"))
                self._notices.tagging(ctx, f"{what}.end", ident, named)
                return tags
            except errors.PreconditionFailed:
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _given(self, req: falcon.Request) -> list[str]:
        body = payload.read(req, self._words, self._limits)
        if not isinstance(body, dict) or set(body) != {"tags"}:
            raise errors.InvalidInput("Invalid input for operation: Invalid tags body.")
        found: list[str] = self._checked(_TAGS, body["tags"])
        return found

    def _checked(self, check: Check, value: Any) -> Any:
        try:
            return check.convert(value)
        except ValueError as reason:
            raise errors.InvalidInput(f"Invalid input for operation: tags: {reason}.") from None


def _with(tags: list[str], more: list[str]) -> list[str]:
    return [*tags, *(tag for tag in more if tag not in tags)]


def _no_tag(tag: str) -> errors.NotFound:
    return errors.NotFound(f"Tag {checks.shown(tag)} could not be found.", neutron_type="TagNotFound")
