"""The use cases of routers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import gateways, port_store, router_place, router_rules
from svcfabric.core_l2l3.core import Changed, Core, check_revision
from svcfabric.core_l2l3.models import ports, routers
from svcfabric.core_l2l3.qos import attach
from svcfabric.core_l2l3.readers import ROUTERS
from svcfabric.core_l2l3.schemas.router import MAX_ROUTES, NOT_BUILT
from svcfabric.core_l2l3.topology import load_networks, load_subnets, subnet_ids
from svcfabric.core_l2l3.zones.places import check_hints
from svcfabric.db.base import new_id, now
from svcfabric.fabric import instances

Values = dict[str, Any]
_PLAIN = ("name", "description", "admin_state_up", "tags", "ha")
_UNSEEN = frozenset({"name", "description", "tags", "ha"})  # by its host
NAMED = 5  # ports a refusal names


class Routers:
    """``api.resource.Handler`` of routers."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> list[Row]:
        """Create all or none; each gets a host at once when an agent is alive."""
        for body in bodies:
            gateways.check_rights(ctx, body.get("external_gateway_info"), "create")
            _refuse_unbuilt(body)

        return self._core.write(lambda conn, changed: self.create_in(conn, changed, ctx, bodies))

    def create_in(self, conn: sa.Connection, changed: Changed, ctx: Context, bodies: Sequence[Row]) -> list[Row]:
        """Create them in the caller's transaction."""
        self._core.check_quota(conn, "router", bodies)
        return [self._create(conn, changed, ctx, body) for body in bodies]

    def _create(self, conn: sa.Connection, changed: Changed, ctx: Context, body: Row) -> Row:
        router = _new(body)
        check_hints(conn, "router", router["availability_zone_hints"])
        conn.execute(routers.insert().values(**router))
        instances.create(
            conn,
            router["id"],
            kind="router",
            project_id=router["project_id"],
            driver=self._core.settings.driver,
            wants_host=True,
        )
        values = gateways.change(conn, self._core, changed, ctx, router, body.get("external_gateway_info"))
        if not values:
            router_place.start(conn, self._core, router["id"], router["availability_zone_hints"])
        changed.add(router["id"])
        return ROUTERS.get(conn, ctx, router["id"])

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One router of the caller's."""
        with self._core.database.read() as conn:
            return ROUTERS.get(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> list[Row]:
        """The caller's routers."""
        with self._core.database.read() as conn:
            return ROUTERS.list(conn, ctx, query)

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change a router; its host learns of state, routes and gateway."""
        gateways.check_rights(ctx, body.get("external_gateway_info"), "update")
        _refuse_unbuilt(body)

        def work(conn: sa.Connection, changed: Changed) -> Row:
            # before the router: whoever changes a policy's rules has the policy first, too
            attach.hold(conn, [(body.get("external_gateway_info") or {}).get("qos_policy_id")])
            router = locked(conn, ctx, ident)
            check_revision(router, if_match)
            values = {name: body[name] for name in _PLAIN if name in body and body[name] != router[name]}
            routes: Sequence[Mapping[str, str]] = body["routes"] if "routes" in body else router["routes"]
            if "external_gateway_info" in body:
                info = body["external_gateway_info"]
                values |= gateways.change(conn, self._core, changed, ctx, router | {"routes": routes}, info)
            if "routes" in body or (routes and "gw_network_id" in values):  # a new gateway's subnets may not hold them
                values |= _routes(conn, router | values, routes)
            store(conn, changed, router, values, realised=not values.keys() <= _UNSEEN)
            return ROUTERS.get(conn, ctx, ident)

        return self._core.write(work)

    def change_routes(self, ctx: Context, ident: str, routes: Sequence[Mapping[str, str]], *, add: bool) -> Row:
        """Add routes to those a router has, or take some out, in one step."""

        def work(conn: sa.Connection, changed: Changed) -> Row:
            router = locked(conn, ctx, ident)
            known = router["routes"]
            wanted = router_rules.joined(known, routes) if add else router_rules.without(known, routes)
            store(conn, changed, router, _routes(conn, router, wanted), realised=True)
            return ROUTERS.get(conn, ctx, ident)

        return self._core.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete a router and its gateway, unless it has interfaces left."""

        self._core.write(lambda conn, changed: self.delete_in(conn, changed, ctx, ident, if_match))

    def delete_in(
        self, conn: sa.Connection, changed: Changed, ctx: Context, ident: str, if_match: int | None = None
    ) -> None:
        """Delete it in the caller's transaction."""
        router = locked(conn, ctx, ident)
        check_revision(router, if_match)
        attached = port_store.load(conn, ports.c.router_id == ident)
        left = [port["id"] for port in attached if port["id"] != router["gw_port_id"]]
        if left:
            raise errors.InUse(
                f"Router {ident} has ports still attached: {', '.join(left[:NAMED])}.", neutron_type="RouterInUse"
            )
        if attached:
            gateways.change(conn, self._core, changed, ctx, router | {"routes": []}, None)
        conn.execute(routers.delete().where(routers.c.id == ident))
        instances.tombstone(conn, [ident])
        changed.add(ident)


def _refuse_unbuilt(body: Row) -> None:
    for name, reason in NOT_BUILT.items():
        if body.get(name):
            raise errors.NotSupported(f"Bad router request: {name} cannot be true: {reason}.")


def locked(conn: sa.Connection, ctx: Context, ident: str) -> Values:
    """A router's row by column name; whoever changes the router waits. Raises ``errors.NotFound``."""
    instances.lock(conn, ident)
    mine = sa.select(routers).where(routers.c.id == ident)
    if not ctx.is_admin:
        mine = mine.where(routers.c.project_id == ctx.project_id)
    row = conn.execute(mine).first()
    if row is None:
        raise ROUTERS.not_found(ident)
    return dict(row._mapping)


def store(conn: sa.Connection, changed: Changed, router: Values, values: Values, *, realised: bool) -> None:
    """Store a router's changed columns; ``realised``: its host must learn of it."""
    if realised:
        instances.touch_many(conn, [router["id"]])
        changed.add(router["id"])
    if values or realised:
        stamp = {"revision_number": router["revision_number"] + 1, "updated_at": now()}
        conn.execute(routers.update().where(routers.c.id == router["id"]).values(**values, **stamp))


def _new(body: Row) -> Values:
    stamp = now()
    return {
        "id": new_id(),
        "project_id": body["project_id"],
        "name": body.get("name", ""),
        "description": body.get("description", ""),
        "admin_state_up": body.get("admin_state_up", True),
        "revision_number": 0,
        "created_at": stamp,
        "updated_at": stamp,
        "tags": body.get("tags") or [],
        "gw_port_id": None,
        "gw_network_id": None,
        "enable_snat": True,
        "routes": [],
        "ha": body.get("ha", True),
        "availability_zone_hints": body.get("availability_zone_hints", []),
    }


def _routes(conn: sa.Connection, router: Values, wanted: Sequence[Mapping[str, str]]) -> Values:
    """The routes column, checked against what the router is attached to."""
    if len(wanted) > MAX_ROUTES:
        raise router_rules.refused(f"the number of routes exceeds the maximum {MAX_ROUTES}")
    if wanted:
        attached = port_store.load(conn, ports.c.router_id == router["id"])
        subnets = load_subnets(conn, subnet_ids(attached))
        own = [ip["ip_address"] for port in attached for ip in port["fixed_ips"]]
        cidrs = [subnet.cidr for subnet in subnets.values()]
        if router["gw_network_id"]:
            gateway = load_networks(conn, [router["gw_network_id"]])
            cidrs += [subnet.cidr for network in gateway.values() for subnet in network.subnets]
        router_rules.check_routes(wanted, cidrs, own)
    return {"routes": list(wanted)}
