"""What of a row the caller gets to see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from svcfabric.api.policy import Policy
from svcfabric.api.resource import Dialect, Resource, Row
from svcfabric.api.rules import rule_of
from svcfabric.context import Context

_FOREIGN: Row = {"project_id": None}


class View:
    """Rows as answers: ``tenant_id`` beside ``project_id``, hidden attributes left out, ``fields`` picked.

    Rows are copied, never changed. Without hidden attributes nothing is looked up per row.
    """

    def __init__(self, resource: Resource, dialect: Dialect, policy: Policy) -> None:
        self._policy = policy
        self._has_project = any(a.name == "project_id" for a in resource.attributes)
        invisible = {a.name for a in resource.attributes if not a.visible}
        self._invisible = frozenset(invisible | {"tenant_id"} if "project_id" in invisible else invisible)
        stem = rule_of(dialect, resource, "get")
        # get_X:tags is about the tags below an item; whoever sees the item sees its tags in it
        self._rules = {a.name: f"{stem}:{a.name}" for a in resource.attributes if a.name != "tags"}
        self._generation = -1
        self._ruled: dict[str, str] = {}
        self._by_row = False

    def rows(self, ctx: Context, rows: Sequence[Row], asked: Collection[str] = ()) -> list[dict[str, Any]]:
        """Many rows; ``asked``: the client's ``fields``, empty for all."""
        self._refresh()
        hidden = self._hidden(ctx, {"project_id": ctx.project_id})
        if self._by_row or (self._ruled and hidden != self._hidden(ctx, _FOREIGN)):
            return [self._one(row, self._hidden(ctx, row), asked) for row in rows]
        if not hidden and not asked and self._has_project:
            return [{**row, "tenant_id": row["project_id"]} for row in rows]
        return [self._one(row, hidden, asked) for row in rows]

    def row(self, ctx: Context, row: Row, asked: Collection[str] = ()) -> dict[str, Any]:
        """One row."""
        self._refresh()
        return self._one(row, self._hidden(ctx, row), asked)

    def withheld(self, ctx: Context, names: Collection[str]) -> list[str]:
        """Which of these attributes a rule keeps from the caller, in his own project's rows or in others'.

        He must not find out their values by filtering or sorting either.
        """
        self._refresh()
        ruled = [name for name in names if name in self._ruled]
        if not ruled:
            return []
        hidden = self._hidden(ctx, {"project_id": ctx.project_id}) | self._hidden(ctx, _FOREIGN)
        return [name for name in ruled if name in hidden]

    def _one(self, row: Row, hidden: frozenset[str], asked: Collection[str]) -> dict[str, Any]:
        shown = {**row, "tenant_id": row["project_id"]} if self._has_project else {**row}
        for name in hidden:
            shown.pop(name, None)
        return {name: shown[name] for name in asked if name in shown} if asked else shown

    def _hidden(self, ctx: Context, target: Row) -> frozenset[str]:
        if not self._ruled:
            return self._invisible
        allows = self._policy.allows
        names = [name for name, rule in self._ruled.items() if not allows(ctx, rule, target)]
        if "project_id" in names:
            names.append("tenant_id")
        return self._invisible.union(names) if names else self._invisible

    def _refresh(self) -> None:
        policy = self._policy
        if self._generation != policy.generation:
            self._ruled = {name: rule for name, rule in self._rules.items() if policy.defined(rule)}
            self._by_row = any(policy.looks_at_row(rule) for rule in self._ruled.values())
            self._generation = policy.generation
