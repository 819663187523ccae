"""Policy for one resource: may the caller do this operation, naming these attributes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from svcfabric.api.policy import Policy
from svcfabric.api.resource import Dialect, Resource
from svcfabric.api.rules import rule_of
from svcfabric.api.words import Words
from svcfabric.context import Context


class Gate:
    """Enforces a resource's rules. Every refusal is ``errors.Forbidden`` in the dialect's words."""

    def __init__(self, resource: Resource, dialect: Dialect, policy: Policy) -> None:
        self._policy = policy
        self._words = Words(dialect)
        self._names = [a.name for a in resource.attributes]
        self._rules = {operation: rule_of(dialect, resource, operation) for operation in resource.operations}
        self._generation = -1
        self._ruled: dict[str, dict[str, str]] = {}

    def read(self, ctx: Context, operation: str) -> None:
        """May the caller read at all? Which rows it sees is the handler's affair: what is shared with a project
        that does not own it is read by the same rule.
        """
        rule = self._rules[operation]
        if not self._policy.allows(ctx, rule, {"project_id": ctx.project_id}):
            raise self._words.forbidden([rule])

    def write(self, ctx: Context, operation: str, target: Mapping[str, Any], attributes: Collection[str] = ()) -> None:
        """May the caller change ``target``, and name those attributes?"""
        rule, policy = self._rules[operation], self._policy
        if self._generation != policy.generation:
            self._refresh()
        ruled = self._ruled[operation]
        rules = [rule, *(ruled[name] for name in attributes if name in ruled)] if ruled else [rule]
        if not all(policy.allows(ctx, one, target) for one in rules):
            raise self._words.forbidden(rules)

    def _refresh(self) -> None:
        self._ruled = {
            operation: {name: f"{rule}:{name}" for name in self._names if self._policy.defined(f"{rule}:{name}")}
            for operation, rule in self._rules.items()
        }
        self._generation = self._policy.generation
