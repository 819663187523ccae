"""Floating IP pools: the IPv4 subnets of external networks, as clients choose a floating address from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Attribute, ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.readers import SUBNETS

_OF_SUBNET = {"subnet_id": "id", "subnet_name": "name", "network_id": "network_id", "cidr": "cidr"}

ATTRIBUTES = (
    Attribute(name="subnet_id", check=checks.uuid(), sortable=True, doc="The subnet addresses are of."),
    Attribute(name="subnet_name", check=checks.string(), sortable=True, doc="Its name."),
    Attribute(name="network_id", check=checks.uuid(), sortable=True, doc="Its external network."),
    Attribute(name="cidr", check=checks.cidr(4), sortable=True, doc="Its prefix."),
    Attribute(name="project_id", check=checks.string(), filterable=False, doc="The caller's project."),
)


class FloatingIPPools:
    """``api.resource.Handler`` of ``floatingip_pools``: read only, one query."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """Pools have no identity of their own."""
        raise errors.NotFound.of("Floating IP Pool", ident)

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """They follow from the subnets."""
        raise errors.BadRequest("floatingip_pool cannot be created")

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The pools of external networks the caller may see."""
        filters = {_OF_SUBNET[name]: values for name, values in query.filters.items()}
        asked = dataclasses.replace(
            query,
            filters={**filters, "router:external": (True,), "ip_version": (4,)},
            sorts=tuple((_OF_SUBNET[name], direction) for name, direction in query.sorts),
            fields=frozenset(),
        )
        with self._core.database.read() as conn:
            rows = SUBNETS.list(conn, ctx, asked)
        return [{name: row[of] for name, of in _OF_SUBNET.items()} | {"project_id": ctx.project_id} for row in rows]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """They follow from the subnets."""
        raise errors.BadRequest("floatingip_pool cannot be updated")

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """They follow from the subnets."""
        raise errors.BadRequest("floatingip_pool cannot be deleted")
