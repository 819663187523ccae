"""The five operations of a declared resource, from request to answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import falcon

from svcfabric import errors
from svcfabric.api import paging, payload
from svcfabric.api.body import BodyRules
from svcfabric.api.dialect import dumps
from svcfabric.api.find import Finder
from svcfabric.api.gate import Gate
from svcfabric.api.limits import Limits
from svcfabric.api.notices import SILENCE, Silence
from svcfabric.api.policy import Policy
from svcfabric.api.query import QueryRules, asked
from svcfabric.api.resource import Dialect, ListQuery, Resource
from svcfabric.api.urls import Urls
from svcfabric.api.view import View
from svcfabric.api.words import Words
from svcfabric.context import Context

IF_MATCH = "revision_number="


class Operations:
    """Serves one resource of one API. Methods are Falcon responders; the path's ``id`` and ``parent_id`` come in."""

    def __init__(
        self,
        resource: Resource,
        dialect: Dialect,
        policy: Policy,
        limits: Limits,
        urls: Urls,
        find: Finder,
        notices: Silence = SILENCE,
    ) -> None:
        self.resource = resource
        self.dialect = dialect
        self.words = Words(dialect)
        self.gate = Gate(resource, dialect, policy)
        self.view = View(resource, dialect, policy)
        self._limits = limits
        self._find = find
        self._notices = notices
        self._urls = urls
        self._bodies = BodyRules(resource, dialect, limits.max_bulk)
        self._queries = QueryRules(resource, dialect, limits.page(dialect))

    def list(self, req: falcon.Request, resp: falcon.Response, parent_id: str | None = None) -> None:
        """``GET`` of the collection."""
        ctx: Context = req.context.caller
        self.gate.read(ctx, "list")
        query = self._queries.parse(req.params)
        self._refuse_withheld(ctx, query)
        rows = self.resource.handler.list(ctx, query, parent_id)
        collection = self.resource.collection
        answer: dict[str, Any] = {collection: self.view.rows(ctx, rows, asked(req.params))}
        if query.limit:
            found = paging.links(self.dialect, self._urls.of(req, self.dialect), req.params, query, rows)
            if found is not None:
                answer[f"{collection}_links"] = found
        elif self.dialect is not Dialect.NEUTRON:
            answer[f"{collection}_links"] = []
        resp.data = dumps(self.dialect, answer)

    def get(self, req: falcon.Request, resp: falcon.Response, id: str, parent_id: str | None = None) -> None:
        """``GET`` of one."""
        ctx: Context = req.context.caller
        self.gate.read(ctx, "get")
        row = self._find(ctx, self.resource.handler, id, parent_id)
        self._answer(resp, self.view.row(ctx, row, asked(req.params)))

    def create(self, req: falcon.Request, resp: falcon.Response, parent_id: str | None = None) -> None:
        """``POST``: one, or a list all or none."""
        ctx: Context = req.context.caller
        resource = self.resource
        given = payload.read(req, self.words, self._limits)
        bodies, named, bulk = self._bodies.created(ctx, given)
        for body, names in zip(bodies, named, strict=True):
            self.gate.write(ctx, "create", body if "project_id" in body else _own(ctx), names)
        self._notices.creating(ctx, given)
        made = resource.handler.create(ctx, bodies, parent_id)
        rows = self.view.rows(ctx, made) if bulk else [self.view.row(ctx, made[0])]
        self._notices.created(ctx, rows)
        resp.status = falcon.HTTP_201
        if bulk:
            resp.data = dumps(self.dialect, {resource.collection: rows})
        else:
            self._answer(resp, rows[0])

    def update(self, req: falcon.Request, resp: falcon.Response, id: str, parent_id: str | None = None) -> None:
        """``PUT``: change what the body names. What the caller cannot see is 404 before it is 403."""
        ctx: Context = req.context.caller
        given = payload.read(req, self.words, self._limits)
        body = self._bodies.changed(ctx, given)
        if_match = self.if_match(req)
        current = self._find(ctx, self.resource.handler, id, parent_id)
        self._may(ctx, "update", current, body)
        self._notices.changing(ctx, id, given)
        row = self.view.row(ctx, self.resource.handler.update(ctx, id, body, parent_id, if_match))
        self._notices.changed(ctx, row)
        self._answer(resp, row)

    def delete(self, req: falcon.Request, resp: falcon.Response, id: str, parent_id: str | None = None) -> None:
        """``DELETE``: 204 with no body."""
        ctx: Context = req.context.caller
        if req.content_length:
            raise falcon.HTTPBadRequest(description="Request body is not supported in DELETE.")
        if_match = self.if_match(req)
        current = self._find(ctx, self.resource.handler, id, parent_id)
        self._may(ctx, "delete", current)
        self._notices.deleting(ctx, id)
        self.resource.handler.delete(ctx, id, parent_id, if_match)
        self._notices.deleted(ctx, id, current)
        resp.status = falcon.HTTP_204

    def if_match(self, req: falcon.Request) -> int | None:
        """The revision the client insists on. Raises ``errors.BadRequest`` for any other form of the header."""
        header = req.env.get("HTTP_IF_MATCH")
        if header is None or header.strip() == "*":
            return None
        text = header.strip().strip('"')
        if text.count(IF_MATCH) > 1:
            raise self.words.bad_if_match("Multiple revision_number etags are not supported.")
        number = text.removeprefix(IF_MATCH)
        digits = number.removeprefix("-")  # no revision's, but clients compute one less than the first
        if number == text or not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            raise self.words.bad_if_match("Revision number etag must be in the format of revision_number=<int>.")
        return int(number)

    def _may(self, ctx: Context, operation: str, current: dict[str, Any], names: Collection[str] = ()) -> None:
        try:
            self.gate.write(ctx, operation, current if "project_id" in current else _own(ctx), names)
        except errors.Forbidden:
            if self.resource.concealed and not ctx.sees(current["project_id"]):
                kind = self.resource.name.replace("_", " ").title()
                raise errors.NotFound.of(kind, current["id"]) from None
            raise

    def _refuse_withheld(self, ctx: Context, query: ListQuery) -> None:
        if query.filters and (names := self.view.withheld(ctx, query.filters)):
            raise self.words.bad_filter(names)
        if names := self.view.withheld(ctx, [name for name, _ in query.sorts]):
            raise self.words.bad_sort_key(names)

    def _answer(self, resp: falcon.Response, row: dict[str, Any]) -> None:
        resp.data = dumps(self.dialect, {self.resource.name: row})


def _own(ctx: Context) -> dict[str, Any]:
    return {"project_id": ctx.project_id}
