"""A project's own network at one request: subnets of the default pools, a router to the default external network."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.context import Context
from svcfabric.core_l2l3.addressing import allocate, default_network
from svcfabric.core_l2l3.addressing.models import auto_topologies
from svcfabric.core_l2l3.core import Changed, Core, forbidden
from svcfabric.core_l2l3.models import networks, routers, subnets
from svcfabric.core_l2l3.networks import Networks
from svcfabric.core_l2l3.router_interfaces import RouterInterfaces
from svcfabric.core_l2l3.routers import Routers
from svcfabric.core_l2l3.subnets import Subnets

DRY_RUN = "dry-run"
Shown = dict[str, Any]


class AutoTopologies:
    """``GET`` makes what is missing, in one transaction; ``DELETE`` takes all of it down."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._networks, self._subnets = Networks(core), Subnets(core)
        self._routers, self._interfaces = Routers(core), RouterInterfaces(core)

    def get(self, ctx: Context, project: str, fields: str = "") -> Shown:
        """The project's network. ``fields`` "dry-run": whether there could be one.

        Raises ``errors.Conflict`` naming what the deployment lacks.
        """
        ctx = _acting(ctx, project)
        if fields == DRY_RUN:
            with self._core.database.read() as conn:
                _needed(conn, ctx)
            return _shown(f"{DRY_RUN}=pass", ctx.project_id)
        if fields:
            raise errors.BadRequest("Bad auto_allocate request: Unrecognized field.", neutron_type="BadRequest")
        with self._core.database.read() as conn:
            found = _known(conn, ctx.project_id)
        made = found.network_id if found else self._core.write(lambda conn, changed: self._make(conn, changed, ctx))
        return _shown(made, ctx.project_id)

    def _make(self, conn: sa.Connection, changed: Changed, ctx: Context) -> str:
        if found := _known(conn, ctx.project_id):
            return str(found.network_id)
        external, pools = _needed(conn, ctx)
        own = {"project_id": ctx.project_id}
        network = self._networks.create_in(conn, ctx, [{"name": "auto_allocated_network", **own}], careful=True)[0]
        bodies = [
            {
                "name": f"auto_allocated_subnet_v{version}",
                "network_id": network["id"],
                "ip_version": version,
                "subnetpool_id": pool_id,
                **own,
            }
            for version, pool_id in pools
        ]
        try:
            made = self._subnets.create_in(conn, changed, ctx, bodies, ["pool"] * len(bodies), [None] * len(bodies))
        except errors.OverQuota:
            raise
        except (errors.BadRequest, errors.Conflict) as exc:
            raise _failed(f"Unable to provide project private network: {exc.message.rstrip('.')}") from exc
        info = {"network_id": external}
        router = {"name": "auto_allocated_router", "external_gateway_info": info, **own}
        router_id = self._routers.create_in(conn, changed, ctx, [router])[0]["id"]
        for subnet in made:
            self._interfaces.add_in(conn, changed, ctx, router_id, {"subnet_id": subnet["id"]})
        row = {"project_id": ctx.project_id, "network_id": network["id"], "router_id": router_id}
        conn.execute(auto_topologies.insert().values(**row))
        return str(network["id"])

    def delete(self, ctx: Context, project: str) -> None:
        """Take the project's topology down. Raises ``errors.InUse`` when ports of others are left on it."""
        ctx = _acting(ctx, project)

        def work(conn: sa.Connection, changed: Changed) -> None:
            found = _known(conn, ctx.project_id)
            if found is None:
                return
            conn.execute(auto_topologies.delete().where(auto_topologies.c.project_id == ctx.project_id))
            if found.router:
                for subnet_id in found.subnets:
                    try:
                        self._interfaces.remove_in(conn, changed, ctx, found.router_id, {"subnet_id": subnet_id})
                    except errors.NotFound:  # the tenant has taken it off himself
                        continue
                self._routers.delete_in(conn, changed, ctx, found.router_id)
            if found.network:
                self._networks.delete_in(conn, changed, ctx, found.network_id)

        self._core.write(work)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A topology as it was made; ``network`` and ``router`` say whether they are still there."""

    network_id: str
    router_id: str
    network: bool
    router: bool
    subnets: tuple[str, ...]


def _known(conn: sa.Connection, project: str) -> _Known | None:
    row = conn.execute(sa.select(auto_topologies).where(auto_topologies.c.project_id == project)).first()
    if row is None:
        return None
    network = conn.execute(sa.select(networks.c.id).where(networks.c.id == row.network_id)).first()
    router = conn.execute(sa.select(routers.c.id).where(routers.c.id == row.router_id)).first()
    mine = conn.execute(sa.select(subnets.c.id).where(subnets.c.network_id == row.network_id)).scalars()
    return _Known(
        network_id=row.network_id,
        router_id=row.router_id,
        network=network is not None,
        router=router is not None,
        subnets=tuple(mine),
    )


def _acting(ctx: Context, project: str) -> Context:
    """The caller as the project it is about, without an administrator's rights."""
    project = ctx.project_id if project.lower() in ("none", "null") else project
    if not ctx.is_admin and project != ctx.project_id:
        raise forbidden("get_auto_allocated_topology")
    return dataclasses.replace(ctx, project_id=project, is_admin=False)


def _needed(conn: sa.Connection, ctx: Context) -> tuple[str, list[tuple[int, str]]]:
    """The default external network, and the default pools by family."""
    external = default_network.find(conn)
    if external is None:
        raise _failed("No default router:external network")
    pools = [(pool["ip_version"], pool["id"]) for pool in allocate.defaults(conn, ctx)]
    if not pools:
        raise _failed("No default subnetpools defined")
    return external, pools


def _failed(reason: str) -> errors.Conflict:
    return errors.Conflict(f"Deployment error: {reason}.", neutron_type="AutoAllocationFailure")


def _shown(ident: str, project: str) -> Shown:
    return {"auto_allocated_topology": {"id": ident, "project_id": project, "tenant_id": project}}
