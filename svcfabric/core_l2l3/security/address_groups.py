"""The use cases of address groups: named lists of CIDRs that rules refer to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.checks import shown
from svcfabric.api.resource import ActionRequest, ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core, check_revision
from svcfabric.core_l2l3.rbac import sharing
from svcfabric.core_l2l3.security.models import address_groups, default_security_group_rules, security_group_rules
from svcfabric.core_l2l3.security.readers import ADDRESS_GROUPS
from svcfabric.core_l2l3.security.schemas import to_network
from svcfabric.db.base import new_id, now
from svcfabric.fabric import instances

MAX_ADDRESSES = 10_000  # of one group: a host takes them all at once


class AddressGroups:
    """``api.resource.Handler`` of address groups."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none."""
        rows = [_new(body) for body in bodies]

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            self._core.check_quota(conn, "address_group", rows)
            conn.execute(address_groups.insert(), rows)
            return [ADDRESS_GROUPS.row(row, shared=False) for row in rows]

        return self._core.write(work)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One group."""
        with self._core.database.read() as conn:
            return ADDRESS_GROUPS.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The caller's groups."""
        with self._core.database.read() as conn:
            return ADDRESS_GROUPS.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what it is called."""
        return self._change(ctx, ident, lambda row: ADDRESS_GROUPS.changes(row, body), if_match)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a group that no rule refers to."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = ADDRESS_GROUPS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            for table in (security_group_rules, default_security_group_rules):
                used = sa.select(table.c.id).where(table.c.remote_address_group_id == ident)
                if conn.execute(used.limit(1)).first():
                    raise errors.InUse(
                        f"Address group {ident} is in use: a security group rule refers to it.",
                        neutron_type="AddressGroupInUse",
                    )
            sharing.forget(conn, ident)
            conn.execute(address_groups.delete().where(address_groups.c.id == ident))

        self._core.write(work)

    def add(self, request: ActionRequest) -> Row:
        """More CIDRs, none of which may be in it yet."""
        more = _addresses(request.body)

        def change(row: Row) -> dict[str, Any]:
            known = [address for address in more if address in set(row["addresses"])]
            if known:
                raise errors.BadRequest(
                    f"Addresses {shown(known)} already exist in the address group {row['id']}.",
                    neutron_type="AddressesAlreadyExist",
                )
            return {"addresses": _bounded([*row["addresses"], *more])}

        return {"address_group": self._change(request.ctx, request.params["id"], change)}

    def remove(self, request: ActionRequest) -> Row:
        """Fewer CIDRs, all of which must be in it."""
        fewer = set(_addresses(request.body))

        def change(row: Row) -> dict[str, Any]:
            unknown = sorted(fewer - set(row["addresses"]))
            if unknown:
                raise errors.NotFound(
                    f"Addresses {shown(unknown)} not found in the address group {row['id']}.",
                    neutron_type="AddressesNotFound",
                )
            return {"addresses": [address for address in row["addresses"] if address not in fewer]}

        return {"address_group": self._change(request.ctx, request.params["id"], change)}

    def _change(
        self, ctx: Context, ident: str, change: Callable[[Row], dict[str, Any]], if_match: int | None = None
    ) -> Row:
        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = ADDRESS_GROUPS.lock(conn, ctx, ident)
            check_revision(row, if_match)
            values = change(row)
            if not values:
                return row
            values |= {"revision_number": row["revision_number"] + 1, "updated_at": now()}
            conn.execute(address_groups.update().where(address_groups.c.id == ident).values(**values))
            if "addresses" in values:
                instances.touch_many(conn, [ident])
                changed.add(ident)
            return row | values

        return self._core.write(work)


def _new(body: Row) -> dict[str, Any]:
    stamp = now()
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body["name"],
        "description": body["description"],
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": [],
        "addresses": _bounded(body["addresses"]),
    }


def _bounded(addresses: list[str]) -> list[str]:
    if len(addresses) > MAX_ADDRESSES:
        raise errors.BadRequest(f"An address group holds at most {MAX_ADDRESSES} addresses.")
    return addresses


def _addresses(body: Any) -> list[str]:
    given = body.get("addresses") if isinstance(body, dict) else None
    if not isinstance(given, list) or set(body) != {"addresses"}:
        raise errors.BadRequest("The body must be an object with the key 'addresses', a list of CIDRs")
    try:
        return list(dict.fromkeys(to_network(address) for address in given))
    except ValueError as reason:
        raise errors.InvalidInput(f"Invalid input for addresses. Reason: {reason}.") from None
