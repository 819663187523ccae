"""Sharing policies as rows: made, moved, taken back, and what they say repeated on the shared object.

A resource that can be shared declares a ``Shareable`` (``Part.shareables``). Its use cases call ``made`` after
inserting rows, ``set_shared`` when a body names ``shared``, and ``forget`` when they delete.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.core_l2l3.rbac.access import EVERYONE, SHARED
from svcfabric.core_l2l3.rbac.models import rbac_policies
from svcfabric.db.base import new_id, now

# Projects that use an object under an action: (connection, object id, action) -> project ids.
Users = Callable[[sa.Connection, str, str], Iterable[str]]
# Policies' targets of one object, by action.
Targets = Mapping[str, set[str]]


def _settle(kind: Shareable, conn: sa.Connection, object_id: str, targets: Targets) -> None:
    values = {"shared": EVERYONE in targets.get(SHARED, ())} if "shared" in kind.table.c else {}
    conn.execute(kind.table.update().where(kind.table.c.id == object_id).values(**values, **bumped(kind.table)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shareable:
    """A kind of object that policies share. Its table may have the column ``shared``: with everybody.

    ``label``: its name in refusals, as its ``Reader`` has it. ``users``: which projects use an object, so that a
    policy they need stays; ``owner_needs``: the owner counts as one of them. ``settle``: repeats on the object's row
    what its policies (targets by action) say. ``check``: refuses a target (object, target); ``keep``: refuses to take
    one away (object, action, the targets left).
    """

    object_type: str
    label: str
    table: sa.Table
    users: Users
    actions: tuple[str, ...] = (SHARED,)
    settle: Callable[[Shareable, sa.Connection, str, Targets], None] = _settle
    owner_needs: bool = False
    check: Callable[[sa.Connection, str, str], None] = lambda _conn, _object_id, _target: None
    keep: Callable[[sa.Connection, str, str, set[str]], None] = lambda _conn, _object_id, _action, _left: None


def bumped(table: sa.Table) -> dict[str, Any]:
    """The columns of a row's next revision."""
    return {"revision_number": table.c.revision_number + 1, "updated_at": now()}


def made(conn: sa.Connection, kind: Shareable, rows: Sequence[Mapping[str, Any]]) -> None:
    """After inserting rows (by column name): the policies of those that were made ``shared``."""
    insert(conn, kind, [(row["id"], row["project_id"], SHARED, EVERYONE) for row in rows if row["shared"]])


def set_shared(conn: sa.Connection, kind: Shareable, row: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Before an update that may name ``shared``: make or take back the policy for everybody; whether anything changed.

    ``row``: the locked object's ``id`` and ``project_id``. The object's row (``shared``, revision) is changed here.
    Raises ``errors.InUse`` when another project needs the policy.
    """
    if "shared" not in body:
        return False
    return set_everyone(conn, kind, SHARED, row, bool(body["shared"]))


def set_everyone(conn: sa.Connection, kind: Shareable, action: str, row: Mapping[str, Any], wanted: bool) -> bool:
    """Make or take back the policy for everybody; whether anything changed. ``row``: as for ``set_shared``."""
    before = targets_of(conn, row["id"])
    mine = before.get(action, set())
    if (EVERYONE in mine) == wanted:
        return False
    if wanted:
        insert(conn, kind, [(row["id"], row["project_id"], action, EVERYONE)])
        after = mine | {EVERYONE}
    else:
        after = mine - {EVERYONE}
        refuse_lost(conn, kind, action, row, mine, after)
        conn.execute(
            rbac_policies.delete().where(
                rbac_policies.c.object_id == row["id"],
                rbac_policies.c.action == action,
                rbac_policies.c.target_project == EVERYONE,
            )
        )
    kind.settle(kind, conn, row["id"], {**before, action: after})
    return True


def forget(conn: sa.Connection, object_id: str) -> None:
    """The object is deleted, and its policies with it."""
    conn.execute(rbac_policies.delete().where(rbac_policies.c.object_id == object_id))


def insert(conn: sa.Connection, kind: Shareable, policies: Sequence[tuple[str, str, str, str]]) -> list[dict[str, str]]:
    """Store policies, each (object id, owner, action, target); returns their rows."""
    rows = [
        {
            "id": new_id(),
            "project_id": owner,
            "object_type": kind.object_type,
            "object_id": object_id,
            "action": action,
            "target_project": target,
        }
        for object_id, owner, action, target in policies
    ]
    if rows:
        conn.execute(rbac_policies.insert(), rows)
    return rows


def targets_of(conn: sa.Connection, object_id: str) -> dict[str, set[str]]:
    """Whom an object's policies let at it, by action."""
    stmt = sa.select(rbac_policies.c.action, rbac_policies.c.target_project)
    found: dict[str, set[str]] = {}
    for action, target in conn.execute(stmt.where(rbac_policies.c.object_id == object_id)):
        found.setdefault(action, set()).add(target)
    return found


def refuse_lost(
    conn: sa.Connection,
    kind: Shareable,
    action: str,
    row: Mapping[str, Any],
    before: set[str],
    after: set[str],
) -> None:
    """Raise ``errors.InUse`` when a project that uses the object would lose it by this change of targets."""
    if EVERYONE in after:
        return
    spared = {""} if kind.owner_needs else {row["project_id"], ""}
    lost = [
        user
        for user in sorted(set(kind.users(conn, row["id"], action)) - after - spared)
        if EVERYONE in before or user in before
    ]
    if lost:
        raise errors.InUse(
            f"RBAC policy on object {row['id']} cannot be removed because other objects depend on it. "
            f"Details: project_id={lost[0]}",
            neutron_type="RbacPolicyInUse",
        )
