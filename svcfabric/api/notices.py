"""What is told of each change: events as billing and inventory services read them off the message bus.

One mechanism for every declared resource. A change of the network API (or the native one) is announced before it
is made (``network.create.start``) and when it has been (``network.create.end``), as Neutron does it; a change of
the load-balancer API when it has been made (``octavia.loadbalancer.create.end``), as Octavia does it. How events
leave is not known here: ``Publish`` is handed in, and without one ``SILENCE`` stands in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from svcfabric.api.dialect import dumps
from svcfabric.api.resource import Dialect, Resource, Row
from svcfabric.context import Context

NETWORK, LOAD_BALANCER = "network", "load-balancer"


class Publish(Protocol):
    """Hands an event over. Returns at once and never fails, whether or not it will ever be delivered."""

    def __call__(self, ctx: Context, service: str, event_type: str, payload: bytes) -> None:
        """``service``: whose event it is (NETWORK, LOAD_BALANCER). ``payload``: JSON text of an object."""


def service_of(dialect: Dialect) -> str:
    """The service whose events an API's changes are."""
    return LOAD_BALANCER if dialect is Dialect.OCTAVIA else NETWORK


class Silence:
    """Tells nothing."""

    def creating(self, ctx: Context, given: Any) -> None:
        """A create is about to be carried out; ``given``: the request's body."""

    def created(self, ctx: Context, rows: Sequence[Row]) -> None:
        """These were created; rows as the caller is shown them."""

    def changing(self, ctx: Context, ident: str, given: Any) -> None:
        """An update is about to be carried out; ``given``: the request's body."""

    def changed(self, ctx: Context, row: Row) -> None:
        """This is what an update made of it; the row as the caller is shown it."""

    def deleting(self, ctx: Context, ident: str) -> None:
        """It is about to be deleted."""

    def deleted(self, ctx: Context, ident: str, row: Row) -> None:
        """It is gone; ``row``: what it was, whole."""

    def exists(self, ctx: Context, row: Row) -> None:
        """It is there; ``row``: what it is, whole. What an audit tells of everything now and then."""

    def tagging(self, ctx: Context, what: str, ident: str, tags: Sequence[str] | None) -> None:
        """Tags change; ``what``: create.start, update.end, delete_all.start, ...; ``tags``: those named, if any."""


SILENCE = Silence()


class Notices(Silence):
    """The events of one resource of the network or the native API."""

    def __init__(self, resource: Resource, dialect: Dialect, publish: Publish) -> None:
        self._name, self._collection = resource.name, resource.collection
        self._dialect, self._publish, self._service = dialect, publish, service_of(dialect)
        self._hidden = frozenset(a.name for a in resource.attributes if not a.visible)
        self._has_project = resource.attribute("project_id") is not None

    def creating(self, ctx: Context, given: Any) -> None:
        self._tell(ctx, "create.start", self._shown(given))

    def created(self, ctx: Context, rows: Sequence[Row]) -> None:
        # One event each, for a bulk create too: whoever reads them finds the identity in the same place.
        for row in rows:
            self._tell(ctx, "create.end", {self._name: row})

    def changing(self, ctx: Context, ident: str, given: Any) -> None:
        self._tell(ctx, "update.start", {**self._shown(given), "id": ident})

    def changed(self, ctx: Context, row: Row) -> None:
        self._tell(ctx, "update.end", {self._name: row})

    def deleting(self, ctx: Context, ident: str) -> None:
        self._tell(ctx, "delete.start", {f"{self._name}_id": ident})

    def deleted(self, ctx: Context, ident: str, row: Row) -> None:
        self._tell(ctx, "delete.end", {self._name: self._whole(row), f"{self._name}_id": ident})

    def exists(self, ctx: Context, row: Row) -> None:
        self._tell(ctx, "exists", {self._name: self._whole(row)})

    def tagging(self, ctx: Context, what: str, ident: str, tags: Sequence[str] | None) -> None:
        payload: Row = {"obj_resource": self._collection, "obj_resource_id": ident}
        if tags is not None:
            payload["tags"] = list(tags)
        self._publish(ctx, self._service, f"tag.{what}", dumps(self._dialect, payload))

    def _tell(self, ctx: Context, what: str, payload: Mapping[str, Any]) -> None:
        self._publish(ctx, self._service, f"{self._name}.{what}", dumps(self._dialect, payload))

    def _whole(self, row: Row) -> Row:
        shown = {name: value for name, value in row.items() if name not in self._hidden}
        return {**shown, "tenant_id": row["project_id"]} if self._has_project else shown

    def _shown(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A request's body without what no answer shows, either."""
        if not self._hidden:
            return dict(given)

        def shown(value: Any) -> Any:
            if isinstance(value, list):
                return [shown(each) for each in value]
            if not isinstance(value, dict):
                return value
            kept = {name: each for name, each in value.items() if name not in self._hidden}
            return {name: shown(each) if name == self._name else each for name, each in kept.items()}

        return {name: shown(value) for name, value in given.items()}


class FlatNotices(Silence):
    """The events of one resource of the load-balancer API: what was done, the object's attributes side by side."""

    def __init__(self, resource: Resource, publish: Publish) -> None:
        self._name, self._publish = resource.name, publish
        self._hidden = frozenset(a.name for a in resource.attributes if not a.visible)

    def created(self, ctx: Context, rows: Sequence[Row]) -> None:
        for row in rows:
            self._tell(ctx, "create.end", row)

    def changed(self, ctx: Context, row: Row) -> None:
        self._tell(ctx, "update.end", row)

    def deleted(self, ctx: Context, ident: str, row: Row) -> None:
        self._tell(ctx, "delete.end", row)

    def exists(self, ctx: Context, row: Row) -> None:
        self._tell(ctx, "exists", row)

    def _tell(self, ctx: Context, what: str, row: Row) -> None:
        shown = {name: value for name, value in row.items() if name not in self._hidden}
        self._publish(
            ctx, LOAD_BALANCER, f"octavia.{self._name}.{what}", dumps(Dialect.OCTAVIA, flat(self._name, shown))
        )


def flat(name: str, row: Row) -> Row:
    """A row as the load-balancer service's events have it: its identity called by its kind, both words for project."""
    told = {key: value for key, value in row.items() if key != "id"}
    return {**told, f"{name}_id": row["id"], "tenant_id": row["project_id"]}


def notices_of(resource: Resource, dialect: Dialect, publish: Publish | None) -> Silence:
    """The events of one resource; ``SILENCE`` without anybody to tell, and for one that announces nothing."""
    if publish is None or not resource.announced:
        return SILENCE
    return FlatNotices(resource, publish) if dialect is Dialect.OCTAVIA else Notices(resource, dialect, publish)
