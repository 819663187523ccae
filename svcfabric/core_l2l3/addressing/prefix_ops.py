"""Adding prefixes to a subnet pool, taking some out, and taking the subnets of a network in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.context import Context
from svcfabric.core_l2l3.addressing import allocate, pool_rules, prefixes, scope_rules
from svcfabric.core_l2l3.addressing.models import subnetpools
from svcfabric.core_l2l3.addressing.readers import SUBNETPOOLS
from svcfabric.core_l2l3.addressing.schemas.pool import PREFIXES
from svcfabric.core_l2l3.addressing.subnetpools import store
from svcfabric.core_l2l3.core import Changed, Core, forbidden
from svcfabric.core_l2l3.l3 import scoped
from svcfabric.core_l2l3.models import networks, subnets
from svcfabric.core_l2l3.readers import NETWORKS
from svcfabric.db.base import now


class PrefixOps:
    """The actions of subnet pools."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def add(self, ctx: Context, ident: str, body: Any) -> dict[str, list[str]]:
        """Add prefixes to a pool; returns all it has then."""
        added = _prefixes(body)

        def work(conn: sa.Connection, changed: Changed) -> dict[str, list[str]]:
            row = SUBNETPOOLS.lock(conn, ctx, ident)
            return {"prefixes": store(conn, ctx, row, {"prefixes": [*row["prefixes"], *added]})["prefixes"]}

        return self._core.write(work)

    def remove(self, ctx: Context, ident: str, body: Any) -> dict[str, list[str]]:
        """Take prefixes out of a pool that no subnet is of; returns what is left."""
        gone = _prefixes(body)

        def work(conn: sa.Connection, changed: Changed) -> dict[str, list[str]]:
            row = SUBNETPOOLS.lock(conn, ctx, ident)
            if pool_rules.family(gone) != row["ip_version"] or not prefixes.overlapping(gone, row["prefixes"]):
                return {"prefixes": row["prefixes"]}
            taken = [cidr for cidr, _ in allocate.opened_pool(conn, row).taken]
            if prefixes.overlapping(gone, taken):
                raise pool_rules.bad_update("One or more the prefixes to be removed is in use by a subnet")
            scope_rules.check_owner(conn, ctx, row)
            left = prefixes.without(row["prefixes"], gone)
            values = {"prefixes": left, "revision_number": row["revision_number"] + 1, "updated_at": now()}
            conn.execute(subnetpools.update().where(subnetpools.c.id == ident).values(**values))
            return {"prefixes": left}

        return self._core.write(work)

    def onboard(self, ctx: Context, ident: str, body: Any) -> list[dict[str, str]]:
        """Take the subnets of a network (of the pool's family) into a pool, and their prefixes with them."""
        network_id = _network_id(body)

        def work(conn: sa.Connection, changed: Changed) -> list[dict[str, str]]:
            pool = SUBNETPOOLS.lock(conn, ctx, ident)
            network = NETWORKS.lock(conn, ctx, network_id)
            if not ctx.sees(network["project_id"]):
                raise forbidden("onboard_network_subnets")
            mine = sa.select(subnets.c.id, subnets.c.cidr).where(
                subnets.c.network_id == network_id, subnets.c.ip_version == pool["ip_version"]
            )
            found = conn.execute(mine.order_by(subnets.c.created_at, subnets.c.id)).all()
            if not found:
                return []
            taken = [cidr for cidr, _ in allocate.opened_pool(conn, pool).taken]
            for row in found:
                if prefixes.overlapping([row.cidr], taken):
                    raise scope_rules.bad_update(
                        f"Onboarding subnet {row.id}: {row.cidr} conflicts with allocated prefixes in subnet pool "
                        f"{ident}"
                    )
            store(conn, ctx, pool, {"prefixes": [*pool["prefixes"], *(row.cidr for row in found)]})
            values = {"subnetpool_id": ident, "revision_number": subnets.c.revision_number + 1, "updated_at": now()}
            conn.execute(subnets.update().where(subnets.c.id.in_([row.id for row in found])).values(**values))
            scope_rules.set_scope(conn, [network_id], pool["ip_version"], pool["address_scope_id"])
            scoped.tell(conn, changed, [network_id])
            stamp = {"revision_number": networks.c.revision_number + 1, "updated_at": now()}
            conn.execute(networks.update().where(networks.c.id == network_id).values(**stamp))
            return [{"id": row.id, "cidr": row.cidr} for row in found]

        return self._core.write(work)


def _prefixes(body: Any) -> list[str]:
    given = body.get("prefixes") if isinstance(body, dict) else None
    if not given or not isinstance(given, list) or set(body) != {"prefixes"}:
        raise errors.BadRequest('Request body contains invalid data: it must be {"prefixes": [...]} and nothing else.')
    try:
        found: list[str] = PREFIXES.convert(given)
    except ValueError as reason:
        raise errors.InvalidInput(f"Invalid input for prefixes. Reason: {reason}.") from None
    pool_rules.family(found)
    return found


def _network_id(body: Any) -> str:
    given = body.get("network_id") if isinstance(body, dict) else None
    if isinstance(body, dict) and (unknown := sorted(body.keys() - {"network_id"})):
        raise errors.BadRequest(f"Unrecognized attribute(s) '{checks.shown(', '.join(unknown))}'")
    if given is None:
        raise errors.InvalidInput("Invalid input for operation: network_id must be specified.")
    try:
        ident: str = checks.uuid().convert(given)
    except ValueError as reason:
        raise errors.InvalidInput(f"Invalid input for network_id. Reason: {reason}.") from None
    return ident
