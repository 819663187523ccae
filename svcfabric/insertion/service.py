"""Insertions: recorded for services, shown to tenants; and service instances of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.db.base import new_id, now
from svcfabric.db.engine import Database
from svcfabric.fabric import instances as fabric_instances
from svcfabric.fabric import listing
from svcfabric.fabric.interfaces import Attachment
from svcfabric.fabric.models import instances, placements
from svcfabric.insertion import rules
from svcfabric.insertion.models import insertions

Rows = list[Row]
# What services are inserted at is no service itself.
ATTACH_KINDS = ("network", "port", "router", "floatingip")
_COLUMNS: Mapping[str, sa.ColumnElement[Any]] = {
    str(name): column for name, column in insertions.c.items() if name != "claim"
}
_INSERTION = sa.select(*(column.label(name) for name, column in _COLUMNS.items()))


class Record:
    """``fabric.interfaces.Insertions``: services tell what their own API's words amount to."""

    def attach(self, conn: sa.Connection, attachment: Attachment) -> str:
        """Record an insertion; its id. ``errors.Conflict`` with the reason when it may not be."""
        rules.check(attachment)
        ident, claim = new_id(), rules.claim(attachment)
        values = {
            "id": ident,
            "project_id": attachment.project_id,
            "instance_id": attachment.instance_id,
            "attach_type": attachment.attach_type,
            "attach_id": attachment.attach_id,
            "mode": attachment.mode,
            "direction": attachment.direction,
            "position": rules.POSITIONS[attachment.mode],
            "failure_policy": attachment.failure_policy,
            "subnet_id": attachment.subnet_id or None,
            "port_id": attachment.port_id or None,
            "claim": claim,
            "revision_number": 0,
            "created_at": now(),
        }
        refused = rules.conflict(attachment, _rivals(conn, attachment, claim))
        if refused:
            raise errors.Conflict(refused)
        try:
            conn.execute(insertions.insert(), [values])
        except IntegrityError:
            point = f"{attachment.attach_type} {attachment.attach_id}"
            raise errors.Conflict(f"Another service is being inserted at {point} at this moment.") from None
        return ident

    def detach(self, conn: sa.Connection, instance_id: str) -> None:
        """Drop every insertion of an instance."""
        conn.execute(insertions.delete().where(insertions.c.instance_id == instance_id))


def _rivals(conn: sa.Connection, attachment: Attachment, claim: str | None) -> list[Mapping[str, Any]]:
    same = sa.and_(
        insertions.c.instance_id == attachment.instance_id,
        insertions.c.attach_type == attachment.attach_type,
        insertions.c.attach_id == attachment.attach_id,
    )
    rival = same if claim is None else sa.or_(same, insertions.c.claim == claim)
    return [dict(row) for row in conn.execute(sa.select(insertions).where(rival)).mappings()]


class _ReadOnly:
    """The operations that only services perform."""

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> Rows:
        """Not offered."""
        raise errors.Forbidden("Insertions are made by the services' own APIs.")

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Not offered."""
        raise errors.Forbidden("Insertions are changed by the services' own APIs.")

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Not offered."""
        raise errors.Forbidden("Insertions are deleted by the services' own APIs.")


class ReadInsertions(_ReadOnly):
    """Insertions as tenants see them (``api.resource.Handler``)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One insertion."""
        with self._database.read() as conn:
            found = conn.execute(_chosen(ctx).where(insertions.c.id == ident)).mappings().first()
        if found is None:
            raise errors.NotFound.of("Insertion", ident)
        return dict(found)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> Rows:
        """A page of insertions."""
        with self._database.read() as conn:
            return listing.rows_of(conn, _chosen(ctx), _COLUMNS, query, ident=insertions.c.id)


class ReadInstances(_ReadOnly):
    """Service instances of every kind, with what each host has answered (``api.resource.Handler``)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One service instance."""
        with self._database.read() as conn:
            found = conn.execute(_services(ctx).where(instances.c.id == ident)).mappings().first()
            if found is None:
                raise errors.NotFound.of("Service instance", ident)
            return self._complete(conn, ctx, [dict(found)])[0]

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> Rows:
        """A page of service instances: three queries."""
        with self._database.read() as conn:
            rows = listing.rows_of(conn, _services(ctx), _INSTANCE, query, ident=instances.c.id)
            return self._complete(conn, ctx, rows)

    def _complete(self, conn: sa.Connection, ctx: Context, rows: Rows) -> Rows:
        ids = [row["id"] for row in rows]
        if not ids:
            return rows
        observed = _by(conn.execute(_PLACEMENTS.where(placements.c.instance_id.in_(ids))), ctx)
        attached: dict[str, Rows] = {}
        stmt = _INSERTION.where(insertions.c.instance_id.in_(ids)).order_by(insertions.c.created_at, insertions.c.id)
        for each in conn.execute(stmt).mappings():
            attached.setdefault(each["instance_id"], []).append(dict(each))
        for row in rows:
            row |= {"observed": observed.get(row["id"], []), "attachments": attached.get(row["id"], [])}
        return rows


_INSTANCE: Mapping[str, sa.ColumnElement[Any]] = {
    "id": instances.c.id,
    "kind": instances.c.kind,
    "driver": instances.c.driver,
    "project_id": instances.c.project_id,
    "generation": instances.c.generation,
    "changed_at": instances.c.changed_at,
    "provisioning_status": fabric_instances.status(instances.c.id),
}
_OBSERVED = ("host", "role", "observed_generation", "removing", "error", "error_code", "error_detail")
_PLACEMENTS = sa.select(
    placements.c.instance_id.label("instance_id"), *(placements.c[name].label(name) for name in _OBSERVED)
).order_by(placements.c.host)


def _by(found: Any, ctx: Context) -> dict[str, Rows]:
    """Placements by instance. The hosts' names and the daemons' own words are for administrators."""
    grouped: dict[str, Rows] = {}
    for each in found.mappings():
        shown = {name: value for name, value in each.items() if name != "instance_id"}
        if not ctx.is_admin:
            del shown["host"], shown["error_detail"]
        grouped.setdefault(each["instance_id"], []).append(shown)
    return grouped


def _chosen(ctx: Context) -> sa.Select[Any]:
    return _INSERTION if ctx.is_admin else _INSERTION.where(insertions.c.project_id == ctx.project_id)


def _services(ctx: Context) -> sa.Select[Any]:
    stmt = sa.select(*(column.label(name) for name, column in _INSTANCE.items())).select_from(instances)
    stmt = stmt.where(instances.c.kind.not_in(ATTACH_KINDS))
    return stmt if ctx.is_admin else stmt.where(instances.c.project_id == ctx.project_id)
