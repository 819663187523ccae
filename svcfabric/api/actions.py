"""Serves declared actions: requests that are no plain create, read, update or delete."""

from __future__ import annotations

from typing import Any

import falcon

from svcfabric.api import payload
from svcfabric.api.dialect import dumps
from svcfabric.api.find import Finder
from svcfabric.api.limits import Limits
from svcfabric.api.notices import Publish, service_of
from svcfabric.api.policy import Policy
from svcfabric.api.query import many
from svcfabric.api.resource import Action, ActionRequest, Dialect
from svcfabric.api.words import Words
from svcfabric.context import Context


class ServedAction:
    """One action as a Falcon responder. With an owner: 404 first, then policy on the owner, then ``run``."""

    def __init__(
        self,
        action: Action,
        dialect: Dialect,
        policy: Policy,
        limits: Limits,
        find: Finder,
        publish: Publish | None = None,
    ) -> None:
        self.action = action
        self.dialect = dialect
        self._words = Words(dialect)
        self._policy = policy
        self._limits = limits
        self._find = find
        self._publish = publish
        self._status = falcon.code_to_http_status(action.status)

    def __call__(self, req: falcon.Request, resp: falcon.Response, **params: str) -> None:
        action = self.action
        ctx: Context = req.context.caller
        body = None if req.method == "GET" else payload.read(req, self._words, self._limits)
        target: dict[str, Any] = {"project_id": ctx.project_id}
        found: dict[str, Any] = {}
        if action.owner is not None:
            ident = (params["id"], params.get("parent_id")) if "id" in params else (params["parent_id"], None)
            found = self._find(ctx, action.owner, *ident)
            if req.method != "GET" and "project_id" in found:  # what the caller may see it may read below, too
                target = found
        if not self._policy.allows(ctx, action.rule, target):
            raise self._words.forbidden([action.rule])
        query = {name: many(req.params, name)[-1] for name in req.params}
        request = ActionRequest(ctx=ctx, params=params, query=query, body=body, found=found)
        answer = action.run(request)
        if action.event is not None and self._publish is not None:
            told = dumps(self.dialect, action.event.payload(request, answer))
            self._publish(ctx, service_of(self.dialect), action.event.type, told)
        resp.status = self._status
        if answer is not None:
            resp.data = dumps(self.dialect, answer)
