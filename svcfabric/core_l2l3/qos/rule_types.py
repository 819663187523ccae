"""Which types of rules are enforced here, and by what."""

from __future__ import annotations

from collections.abc import Sequence

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.api.short_list import page
from svcfabric.context import Context
from svcfabric.core_l2l3.core import forbidden
from svcfabric.core_l2l3.qos.rule_kinds import KINDS


class RuleTypes:
    """``api.resource.Handler`` of rule types. ``driver``: the one that realises ports here."""

    def __init__(self, driver: str) -> None:
        self._driver = driver

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Rule types are the product's."""
        raise errors.BadRequest("A rule type cannot be created")

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """A type with the drivers that enforce it: none for what only can be written down. For administrators."""
        if not ctx.is_admin:
            raise forbidden("get_rule_type")
        if ident not in KINDS:
            raise errors.NotFound(f"QoS rule type {ident} could not be found.", neutron_type="QosRuleTypeNotFound")
        kind = KINDS[ident]
        driver = {"name": self._driver, "supported_parameters": kind.parameters()}
        return {"type": ident, "drivers": [driver] if kind.enforced else []}

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The types enforced; all that the API knows when ``all_rules`` is asked for."""
        every = True in query.filters.get("all_rules", ())
        wanted = query.filters.get("type")
        names = [
            name for name, kind in KINDS.items() if (every or kind.enforced) and (wanted is None or name in wanted)
        ]
        plain = ListQuery(sorts=query.sorts, limit=query.limit, marker=query.marker, reverse=query.reverse)
        return [{"type": row["id"]} for row in page([{"id": name, "type": name} for name in names], plain)]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Rule types are the product's."""
        raise errors.BadRequest("A rule type cannot be changed")

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Rule types are the product's."""
        raise errors.BadRequest("A rule type cannot be deleted")
