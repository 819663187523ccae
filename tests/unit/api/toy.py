"""A small cloud in memory for the plumbing's tests: widgets (network API), gadgets with parts (load-balancer
API), things (native API). No mocks: a handler that really keeps, filters, sorts and pages rows."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import (
    REQUIRED,
    Action,
    ActionRequest,
    Api,
    Attribute,
    Dialect,
    Extension,
    ListQuery,
    Resource,
    Row,
)
from svcfabric.api.standard import standard_attributes
from svcfabric.context import Context

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, 678)


class Store:
    """A ``Handler`` over a dictionary."""

    def __init__(self, kind: str, *, public: str = "", parent: Store | None = None) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}
        self.public = public  # attribute that makes a row visible to all
        self.parent = parent
        self.parents: dict[str, str] = {}
        self.calls: list[tuple[str, Any]] = []
        self.refuse: Exception | None = None

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        self.calls.append(("create", list(bodies)))
        if self.refuse:
            raise self.refuse
        if parent is not None and self.parent is not None:
            self.parent.get(ctx, parent)
        made = []
        for body in bodies:
            if body.get("name") == "refused":
                raise errors.Conflict("A widget cannot be called refused.")
            row = {"status": "OK", "revision_number": 0, "created_at": NOW, "updated_at": None, "tags": [], **body}
            row["id"] = str(uuid.uuid4())
            made.append(row)
        for row in made:
            self.rows[row["id"]] = row
            if parent is not None:
                self.parents[row["id"]] = parent
        return made

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        row = self.rows.get(ident)
        if row is None or not self._sees(ctx, row) or (parent is not None and self.parents.get(ident) != parent):
            raise errors.NotFound.of(self.kind, ident)
        return row

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        self.calls.append(("list", query))
        rows = [r for r in self.rows.values() if self._sees(ctx, r) and self._matches(r, query)]
        if parent is not None:
            rows = [r for r in rows if self.parents.get(r["id"]) == parent]
        for key, direction in reversed((*query.sorts, ("id", "asc"))):
            rows.sort(key=lambda r: (r[key] is not None, r[key]), reverse=direction == "desc")
        return _page(rows, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        self.calls.append(("update", (body, if_match)))
        if self.refuse:
            raise self.refuse
        row = self.get(ctx, ident, parent)
        self._revision(row, if_match)
        row = {**row, **body, "revision_number": row["revision_number"] + 1, "updated_at": NOW}
        self.rows[ident] = row
        return row

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        row = self.get(ctx, ident, parent)
        self._revision(row, if_match)
        if row["name"] == "busy":
            raise errors.InUse(f"{self.kind} {ident} is in use.")
        del self.rows[ident]

    def _revision(self, row: Row, if_match: int | None) -> None:
        if if_match is not None and if_match != row["revision_number"]:
            raise errors.PreconditionFailed(
                f"Constrained to {if_match}, but current revision is {row['revision_number']}"
            )

    def _sees(self, ctx: Context, row: Row) -> bool:
        return ctx.sees(row["project_id"]) or bool(self.public and row[self.public])

    def _matches(self, row: Row, query: ListQuery) -> bool:
        tags = set(row["tags"])
        return (
            all(row[name] in values for name, values in query.filters.items())
            and tags.issuperset(query.tags)
            and (not query.tags_any or bool(tags.intersection(query.tags_any)))
            and not (query.not_tags and tags.issuperset(query.not_tags))
            and not tags.intersection(query.not_tags_any)
        )


def _page(rows: list[Row], query: ListQuery) -> list[Row]:
    if query.marker is not None:
        at = next((i for i, r in enumerate(rows) if r["id"] == query.marker), None)
        if at is None:
            raise errors.BadRequest(f"marker {query.marker} is nobody's id")
        rows = rows[:at] if query.reverse else rows[at + 1 :]
    if query.limit is None:
        return rows
    return rows[-query.limit :] if query.reverse else rows[: query.limit]


WIDGET = (
    *standard_attributes(Dialect.NEUTRON),
    Attribute(name="admin_state_up", check=checks.boolean(), default=True, post=True, put=True),
    Attribute(name="shared", check=checks.boolean(), default=False, post=True, put=True, admin_write=True),
    Attribute(
        name="provider:kind", check=checks.string(32), default=None, post=True, admin_write=True, admin_read=True
    ),
    Attribute(name="owner_id", check=checks.uuid(nullable=True), default=None, post=True, put=True),
    Attribute(name="mtu", check=checks.integer(68, 9000), default=1500, post=True, put=True, sortable=True),
    Attribute(name="secret", check=checks.string(), default="s3", post=True, visible=False, filterable=False),
    Attribute(name="size", check=checks.integer(1), default=REQUIRED, post=True, sortable=True),
    Attribute(
        name="routes",
        check=checks.list_of(
            checks.mapping({"to": checks.cidr(kind="CIDR"), "via": checks.ip_address()}, ["to", "via"])
        ),
        default=list,
        post=True,
        put=True,
        filterable=False,
    ),
    Attribute(name="status", check=checks.string()),
)

GADGET = (
    *standard_attributes(Dialect.OCTAVIA),
    Attribute(name="admin_state_up", check=checks.strict_boolean(), default=True, reset=True, post=True, put=True),
    Attribute(name="connection_limit", check=checks.integer(-1), default=-1, reset=-1, post=True, put=True),
    Attribute(name="protocol", check=checks.enum(["HTTP", "TCP"]), default=REQUIRED, post=True),
)

PART = (
    *standard_attributes(Dialect.OCTAVIA, description=False),
    Attribute(name="weight", check=checks.integer(0, 256), default=1, reset=1, post=True, put=True),
)


class Cloud:
    """The stores and the APIs over them."""

    def __init__(self) -> None:
        self.widgets = Store("Widget", public="shared")
        self.gadgets = Store("gadget")
        self.parts = Store("part", parent=self.gadgets)
        self.things = Store("Thing")
        self.actions: list[ActionRequest] = []

    def act(self, request: ActionRequest) -> Any:
        """What the toy actions do."""
        self.actions.append(request)
        return {"did": dict(request.params), "body": request.body} if request.query.get("answer") != "no" else None

    def apis(self) -> tuple[Api, ...]:
        """Network, load-balancer and native API."""
        return (self.network(), self.balancer(), self.native())

    def network(self) -> Api:
        return Api(
            title="Network",
            prefixes=("/v2.0",),
            dialect=Dialect.NEUTRON,
            resources=(
                Resource(name="widget", collection="widgets", path="/widgets", attributes=WIDGET, handler=self.widgets),
            ),
            actions=(
                Action(
                    method="PUT",
                    path="/widgets/{id}/spin",
                    run=self.act,
                    rule="spin_widget",
                    owner=self.widgets,
                    doc="Spin it.",
                ),
                Action(
                    method="GET",
                    path="/widgets/{id}/stats",
                    run=self.act,
                    rule="get_widget_stats",
                    rule_default="reader",
                    owner=self.widgets,
                ),
                Action(method="POST", path="/purge", run=self.act, rule="purge", rule_default="admin", status=202),
            ),
            extensions=(Extension(alias="toys", name="Toys", description="Things to play with"),),
        )

    def balancer(self) -> Api:
        return Api(
            title="Load balancer",
            prefixes=("/load-balancer/v2/lbaas", "/load-balancer/v2.0/lbaas", "/v2.0/lbaas"),
            dialect=Dialect.OCTAVIA,
            resources=(
                Resource(
                    name="gadget",
                    collection="gadgets",
                    path="/gadgets",
                    attributes=GADGET,
                    handler=self.gadgets,
                    bulk=False,
                    default_sort=(("created_at", "asc"), ("id", "asc")),
                ),
                Resource(
                    name="part",
                    collection="parts",
                    path="/gadgets/{parent_id}/parts",
                    attributes=PART,
                    handler=self.parts,
                    bulk=False,
                ),
            ),
            actions=(
                Action(
                    method="PUT",
                    path="/gadgets/{id}/parts",
                    run=self.act,
                    rule="os_load-balancer_api:part:batch",
                    owner=self.gadgets,
                    status=202,
                    doc="Replace them all.",
                ),
            ),
        )

    def native(self) -> Api:
        return Api(
            title="Native",
            prefixes=("/v1",),
            dialect=Dialect.NATIVE,
            resources=(
                Resource(
                    name="thing",
                    collection="things",
                    path="/things",
                    attributes=standard_attributes(Dialect.NATIVE),
                    handler=self.things,
                    operations=frozenset({"create", "get", "list"}),
                    rules={"create": "admin"},
                ),
            ),
        )
