"""The use cases of sharing policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core, forbidden
from svcfabric.core_l2l3.rbac import access, sharing
from svcfabric.core_l2l3.rbac.access import EVERYONE, EXTERNAL
from svcfabric.core_l2l3.rbac.models import rbac_policies
from svcfabric.core_l2l3.rbac.sharing import Shareable
from svcfabric.core_l2l3.reader import Reader

READER = Reader(
    "Rbac Policy",
    rbac_policies,
    {
        "id": rbac_policies.c.id,
        "project_id": rbac_policies.c.project_id,
        "object_type": rbac_policies.c.object_type,
        "object_id": rbac_policies.c.object_id,
        "target_tenant": rbac_policies.c.target_project,
        "action": rbac_policies.c.action,
    },
)


class RbacPolicies:
    """``api.resource.Handler`` of sharing policies. ``kinds``: what can be shared, by object type."""

    def __init__(self, core: Core, kinds: Mapping[str, Shareable]) -> None:
        self._core = core
        self._kinds = kinds

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none, each for an object of the caller's."""
        for body in bodies:
            _check_action(self._kinds[body["object_type"]], body["action"])
            _check_target(ctx, body["target_tenant"], "create")

        def work(conn: sa.Connection, changed: Changed) -> list[Row]:
            self._core.check_quota(conn, "rbac_policy", bodies)
            return [self._create(conn, ctx, body) for body in bodies]

        return self._core.write(work)

    def _create(self, conn: sa.Connection, ctx: Context, body: Row) -> Row:
        kind = self._kinds[body["object_type"]]
        action, target = body["action"], body["target_tenant"]
        shared = _locked(conn, kind, body["object_id"])
        _check_owner(conn, ctx, kind, shared, body["object_id"])
        kind.check(conn, body["object_id"], target)
        before = sharing.targets_of(conn, body["object_id"])
        if target in before.get(action, ()):
            raise _duplicate()
        (row,) = sharing.insert(conn, kind, [(body["object_id"], body["project_id"], action, target)])
        kind.settle(kind, conn, body["object_id"], {**before, action: before.get(action, set()) | {target}})
        return READER.row(row)

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One policy of the caller's."""
        with self._core.database.read() as conn:
            return READER.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The caller's policies: those he made, not those that share with him."""
        with self._core.database.read() as conn:
            return READER.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Let another project at the object in place of the one before."""
        target = body.get("target_tenant")
        if target is not None:
            _check_target(ctx, target, "update")

        def work(conn: sa.Connection, changed: Changed) -> Row:
            row = READER.get(conn, ctx, ident)
            if target is None or target == row["target_tenant"]:
                return row
            self._replace(conn, ctx, row, target)
            conn.execute(rbac_policies.update().where(rbac_policies.c.id == ident).values(target_project=target))
            return row | {"target_tenant": target}

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Take a policy back, unless its target uses the object by no other."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            row = READER.get(conn, ctx, ident)
            if _owner(conn, self._kinds[row["object_type"]], row["object_id"]) is not None:  # it may have gone first
                self._replace(conn, ctx, row, None)
            conn.execute(rbac_policies.delete().where(rbac_policies.c.id == ident))

        self._core.write(work)

    def _replace(self, conn: sa.Connection, ctx: Context, row: Row, target: str | None) -> None:
        """Check that the policy's target can change (None: go), and say so on the object's row."""
        kind, action, object_id = self._kinds[row["object_type"]], row["action"], row["object_id"]
        shared = _locked(conn, kind, object_id)
        if target is not None:
            _check_owner(conn, ctx, kind, shared, object_id)
            kind.check(conn, object_id, target)
        targets = sharing.targets_of(conn, object_id)
        before = targets.get(action, set())
        if row["target_tenant"] not in before:
            raise READER.not_found(row["id"])  # gone, or moved, while it waited for the lock
        if target in before:
            raise _duplicate()
        left = before - {row["target_tenant"]}
        after = left | ({target} if target else set())
        kind.keep(conn, object_id, action, after)
        # As clients expect, one that is needed to share stays, even if the one in its place would do.
        enough = after if action == EXTERNAL or target == EVERYONE else left
        sharing.refuse_lost(conn, kind, action, {"id": object_id, "project_id": shared}, before, enough)
        kind.settle(kind, conn, object_id, {**targets, action: after})


def _duplicate() -> errors.Conflict:
    return errors.Conflict("An RBAC policy already exists with those values.", neutron_type="DuplicateRbacPolicy")


def _locked(conn: sa.Connection, kind: Shareable, object_id: str) -> str:
    """The owner of a shared object, which stays as it is until the transaction ends. ``errors.NotFound`` without it."""
    owner = _owner(conn, kind, object_id)
    if owner is None:
        raise errors.NotFound.of(kind.label, object_id)
    return owner


def _owner(conn: sa.Connection, kind: Shareable, object_id: str) -> str | None:
    stmt = sa.select(kind.table.c.project_id).where(kind.table.c.id == object_id)
    found: str | None = conn.execute(stmt.with_for_update()).scalar_one_or_none()
    return found


def _check_owner(conn: sa.Connection, ctx: Context, kind: Shareable, owner: str, object_id: str) -> None:
    """Only what one owns can be shared; what one does not see does not exist."""
    if ctx.sees(owner):
        return
    targets = sharing.targets_of(conn, object_id)
    if not any(one & {ctx.project_id, EVERYONE} for one in targets.values()):
        raise errors.NotFound.of(kind.label, object_id)
    raise errors.InvalidInput(
        "Invalid input for operation: Only admins can manipulate policies on objects they do not own."
    )


def _check_action(kind: Shareable, action: str) -> None:
    if action not in kind.actions:
        raise errors.InvalidInput(
            f"Invalid input for operation: Invalid action '{action}' for object type '{kind.object_type}'. Valid "
            f"actions: {', '.join(kind.actions)}."
        )


def _check_target(ctx: Context, target: str, operation: str) -> None:
    if target == access.EVERYONE and not ctx.is_admin:
        raise forbidden(f"{operation}_rbac_policy:target_tenant")
