"""A pool's members, all at once: one lock, one generation, only what differs is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.api.resource import Row
from svcfabric.context import Context
from svcfabric.db.base import now
from svcfabric.services.lbaas import faults, rules
from svcfabric.services.lbaas.models import members
from svcfabric.services.lbaas.service.children import forget
from svcfabric.services.lbaas.service.desk import Desk, Kicks
from svcfabric.services.lbaas.service.members import MUTABLE, check_subnets, insert, pool_of, row_of

_UNTOUCHED = ("name", "tags")  # left as they are where the request does not name them
Endpoint = tuple[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """From the members there are to those wanted. ``changed``: new values by member id."""

    new: list[Row]
    changed: dict[str, dict[str, Any]]
    gone: list[str]


def difference(
    existing: Mapping[Endpoint, Mapping[str, Any]],
    wanted: Sequence[Row],
    named: Sequence[frozenset[str]],
    additive_only: bool,
) -> Difference:
    """Compare by address and port. ``named``: what each wanted member's request said. Pure.

    Raises ``errors.BadRequest`` for a member that is there and named twice, or moved to another subnet.
    """
    new: list[Row] = []
    changed: dict[str, dict[str, Any]] = {}
    met: set[Endpoint] = set()
    for body, said in zip(wanted, named, strict=True):
        endpoint = (rules.canonical(body["address"]), body["protocol_port"])
        current = existing.get(endpoint)
        if current is None:
            new.append(body)
            continue
        if endpoint in met:
            raise faults.invalid("Member must be updated only once in the same request.")
        met.add(endpoint)
        if "subnet_id" in said and body["subnet_id"] != current["subnet_id"]:
            raise faults.invalid(f"subnet_id of member {current['id']} cannot be changed.")
        values = {
            name: body[name]
            for name in MUTABLE
            if (name in said or name not in _UNTOUCHED) and body[name] != current[name]
        }
        if values:
            changed[current["id"]] = values
    gone = [] if additive_only else [row["id"] for endpoint, row in existing.items() if endpoint not in met]
    return Difference(new, changed, gone)


def replace(
    desk: Desk,
    ctx: Context,
    pool_id: str,
    wanted: Sequence[Row],
    named: Sequence[frozenset[str]],
    *,
    additive_only: bool = False,
) -> None:
    """Make the pool's members those wanted (``additive_only``: keep the others). No difference, no generation."""

    def work(conn: sa.Connection, kicks: Kicks) -> None:
        pool = pool_of(conn, ctx, pool_id)
        if desk.leaving(conn, pool.loadbalancer_id):
            raise faults.immutable(faults.LOADBALANCER, pool.loadbalancer_id)
        rows = conn.execute(sa.select(members).where(members.c.pool_id == pool_id)).mappings()
        existing = {(row["canonical_address"], row["protocol_port"]): dict(row) for row in rows}
        found = difference(existing, wanted, named, additive_only)
        if not (found.new or found.changed or found.gone):
            return
        generation = desk.change(conn, pool.loadbalancer_id, kicks)
        if found.gone:
            conn.execute(members.delete().where(members.c.id.in_(found.gone)))
            forget(conn, found.gone)
        check_subnets(conn, ctx, desk, found.new)
        desk.charge(conn, pool.project_id, {"member": len(found.new)})
        if found.new:
            insert(conn, [row_of(body, pool, generation) for body in found.new])
        _update(conn, found.changed, generation)

    desk.write(work)


def _update(conn: sa.Connection, changed: Mapping[str, Mapping[str, Any]], generation: int) -> None:
    """One statement per set of changed columns, so that a new weight for all members is one."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for ident, values in changed.items():
        row = {"b_id": ident, **{f"b_{name}": value for name, value in values.items()}}
        groups.setdefault(tuple(sorted(values)), []).append(row)
    for names, rows in groups.items():
        stmt = (
            members.update()
            .where(members.c.id == sa.bindparam("b_id"))
            .values(
                **{name: sa.bindparam(f"b_{name}") for name in names}, changed_generation=generation, updated_at=now()
            )
        )
        conn.execute(stmt, rows)
