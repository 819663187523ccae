"""A resource is a declaration: one table of attributes from which everything the API does follows.

Validation with the client's exact error words, defaults, visibility by role, field selection, filters,
sorting, paging, bulk create, policy rules, the extension list and the OpenAPI document all come from the
values defined here. A feature adds a ``Handler``: the use cases, free of HTTP.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from svcfabric.context import Context

Row = dict[str, Any]


class Unset(enum.Enum):
    """Markers for "no value"."""

    REQUIRED = "required"  # the client must give it on create
    ABSENT = "absent"  # not given: the handler sees no key


REQUIRED = Unset.REQUIRED
ABSENT = Unset.ABSENT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A value rule: ``convert`` returns the stored form or raises ``ValueError`` with the reason.

    ``schema`` is its JSON Schema, for the OpenAPI document. ``parse`` turns a query-string value into the
    stored form for filters (defaults to ``convert``).
    """

    convert: Callable[[Any], Any]
    schema: Mapping[str, Any]
    parse: Callable[[str], Any] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of a resource.

    ``default``: value for a create that does not name it; REQUIRED; ABSENT (key not handed down); or a
    zero-argument callable. ``reset``: what ``null`` in an update means (load-balancer API: the default), or a
    zero-argument callable that makes it; ABSENT means ``null`` goes through ``check`` like any value.
    A filter value ``""`` reaches the handler as None (is null), for plain text as both ``""`` and None.
    ``admin_write``/``admin_read``: default policy of ``create_X:attr``/``update_X:attr`` and ``get_X:attr``
    is admin only. ``extension``: alias that introduces it; the API must list it.
    """

    name: str
    check: Check
    default: Any = ABSENT
    reset: Any = ABSENT
    post: bool = False
    put: bool = False
    visible: bool = True
    filterable: bool = True
    sortable: bool = False
    admin_write: bool = False
    admin_read: bool = False
    extension: str = ""
    doc: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """A list request, parsed and checked. Values within one filter are alternatives; filters all hold.

    ``changed_since``: rows changed then or later, in naive UTC.
    ``marker`` is the id of the last row of the previous page; ``reverse`` walks towards the first page
    (rows are still returned in sort order). ``limit`` None means all. ``fields`` empty means all; otherwise it
    holds what the client asked for and ``id``. ``sorts`` is the resource's ``default_sort`` if the client names none.
    """

    filters: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    not_tags_any: tuple[str, ...] = ()
    changed_since: datetime.datetime | None = None
    sorts: tuple[tuple[str, str], ...] = ()
    limit: int | None = None
    marker: str | None = None
    reverse: bool = False
    fields: frozenset[str] = frozenset()


class Handler(Protocol):
    """The use cases of one resource. ``parent`` is the enclosing object's id for a nested collection.

    Every method sees only what the caller may see (another project's thing is ``errors.NotFound``) and
    raises ``svcfabric.errors``. Rows hold every declared attribute by its API name, and nothing internal: what
    is in a row is shown, unless its declaration hides it. The plumbing copies rows, it never changes them. Times
    are naive ``datetime`` values in UTC. Policy is enforced before ``create``, ``update`` and ``delete`` are
    called, on what ``get`` returned; which rows of others a reader sees is decided here.
    """

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none, in one transaction. Bodies are checked and have their defaults."""

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One row."""

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Rows in the query's order, at most ``limit``."""

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what ``body`` names; ``if_match``: only at that revision (``errors.PreconditionFailed``)."""

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete it, or say why not (``errors.InUse``)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """What an action is handed. ``body`` is the parsed JSON body (None without one).

    ``found``: the owner's row, {} for an action without an owner.
    """

    ctx: Context
    params: Mapping[str, str]  # path parameters
    query: Mapping[str, str]
    body: Any
    found: Row = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is told when an action has succeeded (see ``notices``): its type, and its payload, made of the request
    and the answer.
    """

    type: str
    payload: Callable[[ActionRequest, Any], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A request that is no plain create/read/update/delete.

    ``path`` is relative to the API's prefix, in Falcon's form (``/routers/{id}/add_router_interface``).
    ``run`` returns the JSON answer or None for an empty one. ``rule`` is the policy rule's name;
    ``rule_default``: a key of ``policy.DEFAULTS`` (``reader``, ``member``, ``admin``). When ``owner`` is set
    the rule is enforced on ``owner.get(ctx, params["id"])`` (``parent_id`` if the path has no id), so that
    foreign things are 404 first.
    """

    method: str
    path: str
    run: Callable[[ActionRequest], Any]
    rule: str
    rule_default: str = "member"
    owner: Handler | None = None
    status: int = 200
    schema: Mapping[str, Any] | None = None
    event: Event | None = None
    doc: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A collection and its items.

    ``path``: collection path below the API's prefix; with ``{parent_id}`` when nested
    (``/pools/{parent_id}/members``). ``rules`` overrides the default policy per operation
    (create, get, list, update, delete): a key of ``policy.DEFAULTS``.
    ``operations``: those served; others answer 405. ``bulk``: a POST may carry ``collection: [...]``.
    ``announced``: its changes are told (see ``notices``). ``tag_path``: as ``path``, where the tags below an item are
    elsewhere.
    ``extension``: alias that introduces it; the API must list it. ``concealed``: who asks for a change of what is only
    shared with him is told that it is not there, not that he may not.
    """

    name: str
    collection: str
    path: str
    attributes: tuple[Attribute, ...]
    handler: Handler
    rule_name: str = ""  # policy name stem; default ``name``
    operations: frozenset[str] = frozenset({"create", "get", "list", "update", "delete"})
    rules: Mapping[str, str] = dataclasses.field(default_factory=dict)
    bulk: bool = True
    announced: bool = True
    tags: bool = True
    tag_path: str = ""
    default_sort: tuple[tuple[str, str], ...] = (("id", "asc"),)
    extension: str = ""
    concealed: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """The declaration of an attribute by its API name."""
        return next((a for a in self.attributes if a.name == name), None)


class Dialect(enum.Enum):
    """How errors, links and versions are written."""

    NEUTRON = "neutron"
    OCTAVIA = "octavia"
    NATIVE = "native"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One entry of ``/extensions``."""

    alias: str
    name: str
    description: str
    updated: str = "2026-01-01T00:00:00-00:00"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API: where it is mounted, its dialect and what it serves. The first prefix is the canonical one."""

    title: str
    prefixes: tuple[str, ...]
    dialect: Dialect
    resources: tuple[Resource, ...] = ()
    actions: tuple[Action, ...] = ()
    extensions: tuple[Extension, ...] = ()
