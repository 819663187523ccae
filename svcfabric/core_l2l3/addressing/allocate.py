"""Prefixes of new subnets, taken from subnet pools."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3.addressing import pool_rules
from svcfabric.core_l2l3.addressing.readers import SUBNETPOOLS
from svcfabric.core_l2l3.models import subnets


@dataclasses.dataclass(slots=True)
class Opened:
    """A locked pool: nobody else takes from it until the transaction ends. ``taken``: (prefix, project)."""

    pool: Row
    taken: list[tuple[str, str]]

    def filled(self, body: Row) -> Row:
        """A subnet's body with its prefix and pool. Raises ``errors.BadRequest``/``Conflict`` when it gets none."""
        pool = self.pool
        if body["ip_version"] != pool["ip_version"]:
            raise errors.BadRequest(
                f"Bad subnets request: Cannot allocate IPv{body['ip_version']} subnet from "
                f"IPv{pool['ip_version']} subnet pool.",
                neutron_type="BadRequest",
            )
        cidr = _asked(body, pool)
        length: int = body["prefixlen"] if "prefixlen" in body else pool["default_prefixlen"]
        if cidr:
            length = ipaddress.ip_network(cidr).prefixlen
        pool_rules.check_length(pool, length)
        found = pool_rules.choose(pool, [taken for taken, _ in self.taken], cidr, length)
        mine = [taken for taken, project in self.taken if project == body["project_id"]]
        pool_rules.check_quota(pool, mine, found)
        self.taken.append((found, body["project_id"]))
        return body | {"cidr": found, "subnetpool_id": pool["id"]}


def _asked(body: Mapping[str, Any], pool: Mapping[str, Any]) -> str | None:
    """The prefix a client insists on, by name or by its gateway's address; None for any."""
    if body.get("cidr") is not None:
        return str(body["cidr"])
    gateway = body.get("gateway_ip")
    if gateway is None:
        return None
    length = body.get("prefixlen", pool["default_prefixlen"])
    try:
        return str(ipaddress.ip_network(f"{gateway}/{length}", strict=False))
    except ValueError:
        raise errors.InvalidInput(f"Invalid input for prefixlen. Reason: '{length}' is too long.") from None


def opened(conn: sa.Connection, ctx: Context, bodies: Sequence[Row], sources: Sequence[str]) -> dict[int, Opened]:
    """The pools of these new subnets, by place; locked in one order, before the networks.

    ``sources``: as ``subnet_rules.source`` tells. Raises ``errors.NotFound`` for a pool the caller may not use.
    """
    ids: dict[int, str] = {}
    for place, (body, source) in enumerate(zip(bodies, sources, strict=True)):
        if source == "pool":
            ids[place] = body["subnetpool_id"]
        elif source == "default":
            ids[place] = _default(conn, ctx, body["ip_version"])
    found = {ident: opened_pool(conn, SUBNETPOOLS.lock(conn, ctx, ident)) for ident in sorted(set(ids.values()))}
    return {place: found[ident] for place, ident in ids.items()}


def opened_pool(conn: sa.Connection, pool: Row) -> Opened:
    """A locked pool with what is taken from it."""
    stmt = sa.select(subnets.c.cidr, subnets.c.project_id).where(subnets.c.subnetpool_id == pool["id"])
    return Opened(pool=pool, taken=[(row.cidr, row.project_id) for row in conn.execute(stmt).all()])


def defaults(conn: sa.Connection, ctx: Context, version: int | None = None) -> list[Row]:
    """The default pools the caller may use, IPv4 first."""
    filters: dict[str, tuple[Any, ...]] = {"is_default": (True,)}
    if version is not None:
        filters["ip_version"] = (version,)
    return SUBNETPOOLS.list(conn, ctx, ListQuery(filters=filters, sorts=(("ip_version", "asc"),)))


def _default(conn: sa.Connection, ctx: Context, version: int) -> str:
    found = defaults(conn, ctx, version)
    if not found:
        raise errors.BadRequest(
            f"Bad subnets request: No default subnetpool found for IPv{version}.", neutron_type="BadRequest"
        )
    return str(found[0]["id"])
