"""The use cases of a policy's rules: below the policy, and by the rule's id alone.

A policy has nine rules at most, so lists are filtered and sorted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.api.short_list import page
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Changed, Core, forbidden
from svcfabric.core_l2l3.qos import attach, holders, policies
from svcfabric.core_l2l3.qos.conflicts import refuse_conflicts
from svcfabric.core_l2l3.qos.models import qos_rules
from svcfabric.core_l2l3.qos.reader import POLICIES
from svcfabric.core_l2l3.qos.rule_kinds import Rule, RuleKind
from svcfabric.core_l2l3.qos.spec import limits
from svcfabric.db.base import new_id


class Rules:
    """``api.resource.Handler`` of the rules of one type below a policy (``parent``)."""

    def __init__(self, core: Core, kind: RuleKind) -> None:
        self._core, self._kind = core, kind

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Add rules to a policy; what has the policy obeys them from then on."""
        return self._core.write(lambda conn, changed: self._created(conn, changed, ctx, bodies, str(parent)))

    def _created(
        self, conn: sa.Connection, changed: Changed, ctx: Context, bodies: Sequence[Row], policy_id: str
    ) -> list[Row]:
        policy = _locked(conn, ctx, policy_id, f"create_policy_{self._kind.type}_rule")
        rules = list(policy["rules"])
        new = [
            {"id": new_id(), "qos_policy_id": policy_id, "type": self._kind.type, **self._said(body)} for body in bodies
        ]
        for rule in new:
            refuse_conflicts(policy_id, rules, rule)
            rules.append(rule)
        _store(conn, changed, policy, rules)
        rows = [{name: rule[name] for name in ("id", "qos_policy_id", "type")} for rule in new]
        conn.execute(qos_rules.insert(), rows)
        return [self._shown(rule) for rule in new]

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One rule of a policy the caller sees."""
        with self._core.database.read() as conn:
            return self._shown(self._found(POLICIES.get(conn, ctx, str(parent)), ident))

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The rules of this type of a policy the caller sees."""
        with self._core.database.read() as conn:
            policy = POLICIES.get(conn, ctx, str(parent))
        return page([self._shown(rule) for rule in policy["rules"] if rule["type"] == self._kind.type], query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a rule; what has the policy obeys it from then on."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            policy = _locked(conn, ctx, str(parent), f"update_policy_{self._kind.type}_rule")
            old = self._found(policy, ident)
            rule = {**old, **body}
            if rule != old:
                refuse_conflicts(policy["id"], policy["rules"], rule)
                _store(conn, changed, policy, [rule if one["id"] == ident else one for one in policy["rules"]])
            return self._shown(rule)

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Take a rule out of its policy; nothing obeys it any more."""

        def work(conn: sa.Connection, changed: Changed) -> None:
            policy = _locked(conn, ctx, str(parent), f"delete_policy_{self._kind.type}_rule")
            self._found(policy, ident)
            _store(conn, changed, policy, [rule for rule in policy["rules"] if rule["id"] != ident])
            conn.execute(qos_rules.delete().where(qos_rules.c.id == ident))

        self._core.write(work)

    def policy_of(self, ident: str) -> str:
        """The policy a rule of this type is in. Raises ``errors.NotFound``."""
        stmt = sa.select(qos_rules.c.qos_policy_id).where(qos_rules.c.id == ident, qos_rules.c.type == self._kind.type)
        with self._core.database.read() as conn:
            policy_id = conn.execute(stmt).scalar()
        if policy_id is None:
            raise _no_rule("", ident)
        return str(policy_id)

    def _said(self, body: Row) -> Row:
        return {name: body[name] for name in self._kind.names}

    def _shown(self, rule: Rule) -> Row:
        return {name: rule[name] for name in ("id", *self._kind.names)}

    def _found(self, policy: Row, ident: str) -> Rule:
        for rule in policy["rules"]:
            if rule["id"] == ident and rule["type"] == self._kind.type:
                found: Rule = rule
                return found
        raise _no_rule(policy["id"], ident)


class RulesByAlias:
    """``api.resource.Handler`` of the same rules, found without naming the policy."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Rules are made below their policy."""
        raise errors.BadRequest("A rule is created below its policy")

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One rule of a policy the caller sees."""
        policy_id = self._rules.policy_of(ident)
        try:
            return self._rules.get(ctx, ident, policy_id)
        except errors.NotFound:
            raise _no_rule("", ident) from None  # nor may he know of its policy

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """Rules are listed below their policy."""
        raise errors.BadRequest("Rules are listed below their policy")

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a rule."""
        return self._rules.update(ctx, ident, body, self._rules.policy_of(ident))

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Take a rule out of its policy."""
        self._rules.delete(ctx, ident, self._rules.policy_of(ident))


def _locked(conn: sa.Connection, ctx: Context, policy_id: str, rule: str) -> Row:
    """The policy, kept from being used or changed by others; what is shared with the caller is not his to change."""
    policy = POLICIES.lock(conn, ctx, policy_id)
    if not ctx.sees(policy["project_id"]):
        raise forbidden(rule)
    return policy


def _store(conn: sa.Connection, changed: Changed, policy: Row, rules: Sequence[Mapping[str, Any]]) -> None:
    """Store a policy's rules. Hosts learn of them when they say something else; what is new must be enforceable."""
    known = {rule["id"] for rule in policy["rules"]}
    if any(rule["id"] not in known for rule in rules):
        holder = holders.first(conn, policy["id"])
        if holder:
            attach.refuse_unenforced(rules, holder)
    policies.store(conn, policy["id"], {"rules": list(rules)})
    if limits(rules) != limits(policy["rules"]):
        holders.touch_all(conn, changed, policy["id"])


def _no_rule(policy_id: str, ident: str) -> errors.NotFound:
    where = f" for policy {policy_id}" if policy_id else ""
    return errors.NotFound(f"QoS rule {ident}{where} could not be found.", neutron_type="QosRuleNotFound")
