"""Instances and placements: what was asked, what hosts have answered, and the status computed from both."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.db.base import now
from svcfabric.fabric.models import instances, placements

BATCH = 2000  # ids in one statement: databases take so many parameters and no more


def create(
    conn: sa.Connection, instance_id: str, *, kind: str, project_id: str, driver: str, wants_host: bool = False
) -> None:
    """Record a new instance at generation 1, placed nowhere yet."""
    create_many(
        conn,
        [{"id": instance_id, "kind": kind, "project_id": project_id, "driver": driver, "wants_host": wants_host}],
    )


def create_many(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """As ``create``, for several: rows of id, kind, project_id, driver and optionally wants_host, generation."""
    stamp = now()
    conn.execute(
        instances.insert(),
        [{"generation": 1, "deleted": False, "wants_host": False, "changed_at": stamp, **row} for row in rows],
    )


def ensure(conn: sa.Connection, instance_id: str, *, kind: str, project_id: str, driver: str) -> bool:
    """Lock an instance, making it first when it is not there; True when it was made.

    A tombstone comes back to life with a new generation: what is wanted again need not wait until every host
    has confirmed that it went. When two make it at once, the later one's transaction is run again.
    One that was here before and is gone without a trace begins beyond all generations it had: hosts remember
    the last of them, and take what is older for a message that was late.
    """
    found = conn.execute(
        sa.select(instances.c.deleted).where(instances.c.id == instance_id).with_for_update()
    ).scalar_one_or_none()
    if found is None:
        # milliseconds: no instance changes that often for long
        row = {"id": instance_id, "kind": kind, "project_id": project_id, "driver": driver}
        create_many(conn, [{**row, "generation": time.time_ns() // 1_000_000}])
    elif found:
        conn.execute(
            instances.update()
            .where(instances.c.id == instance_id)
            .values(deleted=False, driver=driver, generation=instances.c.generation + 1, changed_at=now())
        )
    return found is None


def touch(conn: sa.Connection, instance_id: str) -> int:
    """Bump the generation (call it first in the transaction: it also locks the instance) and return it.

    Raises ``errors.NotFound`` when there is none or it is being deleted.
    """
    done = conn.execute(
        instances.update()
        .where(instances.c.id == instance_id, instances.c.deleted.is_(False))
        .values(generation=instances.c.generation + 1, changed_at=now())
    )
    if not done.rowcount:
        raise errors.NotFound.of("Instance", instance_id)
    return int(conn.execute(sa.select(instances.c.generation).where(instances.c.id == instance_id)).scalar_one())


def touch_many(conn: sa.Connection, ids: Sequence[str]) -> None:
    """Bump the generation of several instances, however many; those that are gone are skipped."""
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), BATCH):
        conn.execute(
            instances.update()
            .where(instances.c.id.in_(ordered[start : start + BATCH]), instances.c.deleted.is_(False))
            .values(generation=instances.c.generation + 1, changed_at=now())
        )


def lock(conn: sa.Connection, instance_id: str) -> bool:
    """Serialize with others that lock or touch the instance, without changing its generation.

    False when there is none or it is being deleted.
    """
    deleted = conn.execute(sa.select(instances.c.deleted).where(instances.c.id == instance_id).with_for_update())
    return deleted.scalar() is False


def generation(conn: sa.Connection, instance_id: str) -> int:
    """The instance's generation; 0 when there is none."""
    return int(conn.execute(sa.select(instances.c.generation).where(instances.c.id == instance_id)).scalar() or 0)


def place(conn: sa.Connection, instance_id: str, host: str, role: str = "owner", *, observed: int = 0) -> bool:
    """Put an instance on a host; False when it is there already in that role.

    ``observed``: the generation up to which nothing counts as new to the host (an instance that moves).
    """
    row = conn.execute(
        sa.select(placements.c.role, placements.c.removing).where(
            placements.c.instance_id == instance_id, placements.c.host == host
        )
    ).first()
    if row is None:
        conn.execute(
            placements.insert().values(instance_id=instance_id, host=host, role=role, observed_generation=observed)
        )
        return True
    if row.role == role and not row.removing:
        return False
    conn.execute(
        placements.update()
        .where(placements.c.instance_id == instance_id, placements.c.host == host)
        .values(role=role, removing=False, observed_generation=observed, error_code="", error="", error_detail="")
    )
    if row.removing:
        # The removal may be under way on the host, which then drops an apply of the same generation.
        touch_many(conn, [instance_id])
    return True


def unplace(conn: sa.Connection, instance_id: str, host: str) -> None:
    """Take an instance off one host; the placement goes when the host confirms."""
    conn.execute(
        placements.update()
        .where(placements.c.instance_id == instance_id, placements.c.host == host)
        .values(removing=True)
    )


def unplace_elsewhere(conn: sa.Connection, ids: Sequence[str], host: str) -> None:
    """Take instances off every host but this one ("" for every one), as ``unplace`` does."""
    for start in range(0, len(ids), BATCH):
        mine = placements.c.instance_id.in_(list(ids[start : start + BATCH]))
        conn.execute(placements.update().where(mine, placements.c.host != host).values(removing=True))


def tombstone(conn: sa.Connection, ids: Sequence[str]) -> None:
    """Mark instances deleted: every host removes them, then their rows go. Accepted in every state.

    Those that are nowhere are dropped at once (a feature that keeps rows until then asks ``exists``).
    """
    if not ids:
        return
    chosen = instances.c.id.in_(list(ids))
    # First the lock, then the look: who is just placing one of them has done so, or finds it gone.
    conn.execute(sa.select(instances.c.id).where(chosen).order_by(instances.c.id).with_for_update())
    placed = sa.select(placements.c.instance_id).where(placements.c.instance_id.in_(list(ids)))
    conn.execute(instances.delete().where(chosen, instances.c.id.not_in(placed)))
    conn.execute(
        instances.update().where(chosen).values(deleted=True, generation=instances.c.generation + 1, changed_at=now())
    )
    conn.execute(placements.update().where(placements.c.instance_id.in_(list(ids))).values(removing=True))


def exists(conn: sa.Connection, instance_id: str) -> bool:
    """Whether the instance has a row still, a tombstone too."""
    return conn.execute(sa.select(instances.c.id).where(instances.c.id == instance_id)).first() is not None


def hosts(conn: sa.Connection, instance_id: str, role: str | None = "owner") -> list[str]:
    """Where an instance is placed (in that role), those being removed left out."""
    stmt = sa.select(placements.c.host).where(placements.c.instance_id == instance_id, placements.c.removing.is_(False))
    if role:
        stmt = stmt.where(placements.c.role == role)
    return list(conn.execute(stmt.order_by(placements.c.host)).scalars())


def status(
    instance_id: sa.ColumnElement[Any],
    created: sa.ColumnElement[Any] | int = 1,
    changed: sa.ColumnElement[Any] | None = None,
) -> sa.ColumnElement[str]:
    """``provisioning_status`` as an SQL expression, for a row of a table that names its instance.

    ``created``: the instance's generation in which the row's object came to be; ``changed``: in which it
    was last changed (default: the instance's own generation, for the object that is the instance). An
    object is PENDING_CREATE until all its owners have answered for ``created``, PENDING_UPDATE until they
    have for ``changed``, ERROR when an owner refused that generation, else ACTIVE.
    """
    inst, place_ = instances.alias(), placements.alias()
    wanted = inst.c.generation if changed is None else changed
    behind = sa.case(
        (inst.c.deleted.is_(True), "PENDING_DELETE"),
        (
            sa.func.max(sa.case((sa.and_(place_.c.error != "", place_.c.observed_generation >= wanted), 1), else_=0))
            > 0,
            "ERROR",
        ),
        (sa.func.coalesce(sa.func.min(place_.c.observed_generation), 0) < created, "PENDING_CREATE"),
        (sa.func.coalesce(sa.func.min(place_.c.observed_generation), 0) < wanted, "PENDING_UPDATE"),
        else_="ACTIVE",
    )
    return (
        sa.select(behind)
        .select_from(
            inst.outerjoin(
                place_,
                sa.and_(place_.c.instance_id == inst.c.id, place_.c.role == "owner", place_.c.removing.is_(False)),
            )
        )
        .where(inst.c.id == instance_id)
        .group_by(inst.c.id, inst.c.deleted, inst.c.generation)
        .scalar_subquery()
    )


_MINE = sa.and_(
    placements.c.instance_id == sa.bindparam("instance"),
    placements.c.host == sa.bindparam("at"),
    placements.c.observed_generation <= sa.bindparam("answered"),
)
_ANSWERED = (
    placements.update()
    .where(_MINE)
    .values(
        {
            placements.c.observed_generation: sa.bindparam("answered"),
            placements.c.error_code: sa.bindparam("why"),
            placements.c.error: sa.bindparam("words"),
            placements.c.error_detail: sa.bindparam("detail"),
        }
    )
)
_REMOVED = placements.delete().where(_MINE, placements.c.removing.is_(True))


def record(conn: sa.Connection, host: str, reports: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Take a host's reports in; returns (kind, id) of tombstones whose last host has now confirmed.

    A report older than what is stored changes nothing, the confirmation of a removal neither: the instance may
    have come back to the host since. Report keys: id, generation, ok, code, error, detail, removed.
    """
    answered = [_answer(host, report) for report in reports if not report.get("removed")]
    removed = [_key(host, report) for report in reports if report.get("removed")]
    if answered:
        conn.execute(_ANSWERED, answered)
    if not removed:
        return []
    conn.execute(_REMOVED, removed)
    return _finished(conn, [each["instance"] for each in removed])


def _key(host: str, report: Mapping[str, Any]) -> dict[str, Any]:
    return {"instance": report["id"], "at": host, "answered": report["generation"]}


def _answer(host: str, report: Mapping[str, Any]) -> dict[str, Any]:
    if report.get("ok", True):
        return {**_key(host, report), "why": "", "words": "", "detail": ""}
    return {
        **_key(host, report),
        "why": str(report.get("code") or "driver")[:64],
        "words": str(report.get("error") or "The change could not be applied."),
        "detail": str(report.get("detail") or ""),
    }


def _finished(conn: sa.Connection, ids: Sequence[str]) -> list[tuple[str, str]]:
    left = sa.select(placements.c.instance_id).where(placements.c.instance_id == instances.c.id)
    over = sa.and_(instances.c.deleted.is_(True), ~sa.exists(left))
    found = conn.execute(sa.select(instances.c.kind, instances.c.id).where(instances.c.id.in_(ids), over)).all()
    # Asked once more by the statement that deletes: it may have come back to life this very moment.
    return [
        (kind, ident)
        for kind, ident in found
        if conn.execute(instances.delete().where(instances.c.id == ident, over)).rowcount
    ]
