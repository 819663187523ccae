"""Conntrack helpers of routers: ports whose connections the kernel reads, so that what they announce gets through."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import REQUIRED, Attribute, ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.l3 import offers
from svcfabric.core_l2l3.l3.forward_schema import protocol
from svcfabric.core_l2l3.l3.models import conntrack_helpers
from svcfabric.core_l2l3.reader import Reader
from svcfabric.core_l2l3.readers import ROUTERS
from svcfabric.core_l2l3.routers import Values, locked, store
from svcfabric.db.base import new_id

_TABLE = conntrack_helpers.c
_COLUMNS = ("id", "project_id", "protocol", "port", "helper", "router_id")
HELPERS = Reader("Conntrack Helper", conntrack_helpers, {name: _TABLE[name] for name in _COLUMNS})


def _field(name: str, check: checks.Check, doc: str) -> Attribute:
    return Attribute(name=name, check=check, default=REQUIRED, post=True, put=True, sortable=True, doc=doc)


ATTRIBUTES = (
    Attribute(name="id", check=checks.uuid(), sortable=True, doc="Identity, made by the service."),
    Attribute(
        name="project_id",
        check=checks.string(255),
        post=True,
        visible=False,
        filterable=False,
        doc="Owning project: the router's.",
    ),
    _field("protocol", protocol(), "The protocol whose port it is: tcp or udp."),
    _field("port", checks.integer(1, 65535), "The port servers listen at."),
    _field("helper", checks.string(64, 1), "The kernel's helper: ftp, tftp, sip, ..."),
)


class ConntrackHelpers:
    """``api.resource.Handler`` of a router's conntrack helpers; ``parent`` is the router.

    ``allowed``: {helper: protocols} that the operator allows.
    """

    def __init__(self, core: Core, allowed: Mapping[str, Sequence[str]]) -> None:
        self._core, self._allowed = core, allowed

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none."""

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            router = locked(conn, ctx, str(parent))
            rows = [
                {name: body[name] for name in ("protocol", "port", "helper")}
                | {"id": new_id(), "router_id": router["id"], "project_id": router["project_id"]}
                for body in bodies
            ]
            for row in rows:
                self._check(conn, row)
                _refuse_second(conn, row)
                conn.execute(conntrack_helpers.insert().values(**row))
            _tell(conn, changed, router)
            return [_shown(row) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One of the router's."""
        with self._core.database.read() as conn:
            return _shown(_one(conn, ctx, ident, parent))

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """All of the router's."""
        mine = dataclasses.replace(query, filters={**query.filters, "router_id": (parent,)})
        with self._core.database.read() as conn:
            ROUTERS.get(conn, ctx, str(parent))
            return [_shown(row) for row in HELPERS.list(conn, ctx, mine)]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change it; connections there are keep the helper they began with."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            router = locked(conn, ctx, str(parent))
            row = _one(conn, ctx, ident, parent)
            wanted = row | body
            if wanted != row:
                self._check(conn, wanted)
                _refuse_second(conn, wanted)
                conn.execute(conntrack_helpers.update().where(_TABLE.id == ident).values(**body))
                _tell(conn, changed, router)
            return _shown(wanted)

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete it."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            router = locked(conn, ctx, str(parent))
            _one(conn, ctx, ident, parent)
            conn.execute(conntrack_helpers.delete().where(_TABLE.id == ident))
            _tell(conn, changed, router)

        self._core.write(work)

    def _check(self, conn: sa.Connection, row: Mapping[str, Any]) -> None:
        """Allowed here, for that protocol, and known to the kernel of a host that could have the router."""
        helper, wanted = row["helper"], row["protocol"]
        protocols = self._allowed.get(helper, ())
        if not protocols:
            raise errors.BadRequest(
                f"Conntrack Helper {helper} is not allowed.", neutron_type="ConntrackHelperNotAllowed"
            )
        if wanted not in protocols:
            raise errors.BadRequest(
                f"Conntrack Helper {helper} does not support: {wanted}. Supported protocols are: "
                f"{', '.join(protocols)}",
                neutron_type="InvalidProtocolForHelper",
            )
        told = offers.helpers(conn, self._core.settings)
        if told is not None and (helper, wanted) not in told:
            raise errors.BadRequest(
                f"Conntrack Helper {helper} is not allowed: the kernel of no host here has it for {wanted}.",
                neutron_type="ConntrackHelperNotAllowed",
            )


def allowed_of(options: Sequence[str]) -> dict[str, list[str]]:
    """The operator's list, ``helper:protocol`` each, as {helper: protocols}. Raises ``ValueError``."""
    found: dict[str, list[str]] = {}
    for option in options:
        helper, _, wanted = option.partition(":")
        if not helper or wanted not in ("tcp", "udp"):
            raise ValueError(f"[network] conntrack_helpers: {option!r} is not helper:tcp or helper:udp")
        found.setdefault(helper, []).append(wanted)
    return found


def _shown(row: Row) -> Row:
    row.pop("router_id", None)
    return row


def _one(conn: sa.Connection, ctx: Context, ident: str, parent: str | None) -> Row:
    row = HELPERS.get(conn, ctx, ident)
    if row["router_id"] != parent:
        raise HELPERS.not_found(ident)
    return row


def _refuse_second(conn: sa.Connection, row: Mapping[str, Any]) -> None:
    """A connection has one helper, so one port has."""
    same = (_TABLE.router_id == row["router_id"], _TABLE.protocol == row["protocol"], _TABLE.port == row["port"])
    other = conn.execute(sa.select(_TABLE.helper).where(*same, _TABLE.id != row["id"])).scalar()
    if other:
        raise errors.BadRequest(
            f"Bad conntrack_helper request: {row['protocol']} port {row['port']} of the router has the conntrack "
            f"helper {other} already.",
            neutron_type="BadRequest",
        )


def _tell(conn: sa.Connection, changed: Changed, router: Values) -> None:
    """Keep the helpers on the router's row, too; its host learns of them."""
    names = ("protocol", "port", "helper")
    stmt = sa.select(*(_TABLE[name] for name in names)).where(_TABLE.router_id == router["id"])
    rows = conn.execute(stmt.order_by(_TABLE.protocol, _TABLE.port)).all()
    kept = [dict(zip(names, row, strict=True)) for row in rows]
    store(conn, changed, router, {"conntrack_helpers": kept or None}, realised=True)
