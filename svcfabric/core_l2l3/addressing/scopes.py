"""The use cases of address scopes: sets of subnet pools whose addresses are unique."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.addressing.models import address_scopes, subnetpools
from svcfabric.core_l2l3.addressing.readers import ADDRESS_SCOPES
from svcfabric.core_l2l3.addressing.shareables import SCOPE
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.core_l2l3.rbac import sharing
from svcfabric.db.base import new_id


class AddressScopes:
    """``api.resource.Handler`` of address scopes."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none."""

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            self._core.check_quota(conn, "address_scope", bodies)
            rows = [_new(body) for body in bodies]
            conn.execute(address_scopes.insert(), rows)
            sharing.made(conn, SCOPE, rows)
            return [ADDRESS_SCOPES.row(row) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One scope the caller may see: his, or shared with him."""
        with self._core.database.read() as conn:
            return ADDRESS_SCOPES.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Scopes the caller may see."""
        with self._core.database.read() as conn:
            return ADDRESS_SCOPES.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Rename a scope, or share it with everybody, which cannot be taken back."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = ADDRESS_SCOPES.lock(conn, ctx, ident)
            if row.pop("shared_with_all") and body.get("shared") is False:
                raise errors.BadRequest(
                    f"Unable to update address scope {ident} : Shared address scope can't be unshared.",
                    neutron_type="AddressScopeUpdateError",
                )
            values = ADDRESS_SCOPES.changes(row, body)
            if values:
                conn.execute(address_scopes.update().where(address_scopes.c.id == ident).values(**values))
            reshared = sharing.set_shared(conn, SCOPE, row, body)
            return ADDRESS_SCOPES.get(conn, ctx, ident) if reshared else row | values

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a scope that no subnet pool is in."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            ADDRESS_SCOPES.lock(conn, ctx, ident)
            used = sa.select(subnetpools.c.id).where(subnetpools.c.address_scope_id == ident)
            if conn.execute(used.limit(1)).first():
                raise errors.InUse(
                    f"Unable to complete operation on address scope {ident}. There are one or more subnet pools in use "
                    "on the address scope.",
                    neutron_type="AddressScopeInUse",
                )
            sharing.forget(conn, ident)
            conn.execute(address_scopes.delete().where(address_scopes.c.id == ident))

        self._core.write(work)


def _new(body: Row) -> dict[str, Any]:
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body.get("name", ""),
        "shared": body.get("shared", False),
        "ip_version": body["ip_version"],
    }
