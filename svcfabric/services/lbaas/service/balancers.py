"""Load balancers: made with their address, placed on a host, deleted in every state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import ListQuery, Row
from svcfabric.context import Context
from svcfabric.db.base import new_id, now
from svcfabric.fabric import agents, instances
from svcfabric.fabric.interfaces import Attachment
from svcfabric.services.lbaas import faults
from svcfabric.services.lbaas.models import listeners, loadbalancers, pools
from svcfabric.services.lbaas.service import tree, vip
from svcfabric.services.lbaas.service.children import balancer_of
from svcfabric.services.lbaas.service.desk import KIND, Desk, Kicks, Provider, Rows
from svcfabric.services.lbaas.service.kind import LoadBalancerKind
from svcfabric.services.lbaas.service.views import LOADBALANCERS

_OWN = ("name", "description", "admin_state_up", "tags")


class Balancers:
    """The use cases of load balancers (``api.resource.Handler``)."""

    def __init__(self, desk: Desk, kind: LoadBalancerKind) -> None:
        self._desk, self._kind = desk, kind

    def get(self, ctx: Context, ident: str, parent: str | None = None) -> Row:
        """One load balancer; PENDING_DELETE until the host has removed it."""
        with self._desk.database.read() as conn:
            return LOADBALANCERS.one(conn, ctx, ident)

    def list(self, ctx: Context, query: ListQuery, parent: str | None = None) -> Rows:
        """A page of load balancers."""
        with self._desk.database.read() as conn:
            return LOADBALANCERS.page(conn, ctx, query)

    def create(self, ctx: Context, bodies: Sequence[Row], parent: str | None = None) -> Rows:
        """Make load balancers, each alone or as a whole tree, in one transaction and one generation."""
        return self._desk.write(lambda conn, kicks: [self._create(conn, ctx, body, kicks) for body in bodies])

    def _create(self, conn: sa.Connection, ctx: Context, body: Row, kicks: Kicks) -> Row:
        desk, ident, project_id = self._desk, new_id(), body["project_id"]
        provider = self._provider(body)
        planned = tree.plan(body["listeners"], body["pools"])
        desk.charge(conn, project_id, {"loadbalancer": 1, **planned.counts()})
        taken = vip.take(conn, ctx, desk.network, ident, body)
        instances.create(conn, ident, kind=KIND, project_id=project_id, driver=provider.driver, wants_host=True)
        row = {
            **{name: body[name] for name in _OWN},
            **taken.columns(),
            "id": ident,
            "project_id": project_id,
            "provider": provider.name,
            "revision_number": 0,
            "created_at": now(),
            "updated_at": None,
        }
        conn.execute(loadbalancers.insert(), [row])
        kicks.append(ident)
        if desk.insertions:
            desk.insertions.attach(conn, _endpoint(ident, project_id, taken))
        host = agents.choose(conn, KIND, provider.driver, down_time=desk.down_time)
        if host:
            kicks += self._kind.put(conn, ident, taken.port_id, host)
        tree.insert(conn, ctx, desk, planned, row)
        shown = LOADBALANCERS.some(conn, loadbalancers.c.id == ident)[0]
        return tree.expanded(conn, shown) if planned else shown

    def _provider(self, body: Row) -> Provider:
        """The provider asked for, when all else the tenant asked for can be had here."""
        name = body["provider"] or self._desk.default_provider
        if name not in self._desk.providers:
            raise errors.BadRequest(f"Provider '{name}' is not enabled.")
        if body["flavor_id"]:
            raise faults.invalid("Invalid flavor_id.")
        if body["availability_zone"]:
            raise faults.invalid("Invalid availability zone.")
        _no_qos_no_groups(body, name)
        if body["additional_vips"]:
            raise faults.unsupported(name, "additional_vips")
        return self._desk.providers[name]

    def update(
        self, ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None
    ) -> Row:
        """Change what ``body`` names."""

        def work(conn: sa.Connection, kicks: Kicks) -> Row:
            balancer = balancer_of(conn, ctx, ident)
            _no_qos_no_groups(body, balancer.provider)
            self._desk.change(conn, ident, kicks)
            values = {name: body[name] for name in _OWN if name in body}
            stmt = loadbalancers.update().where(loadbalancers.c.id == ident)
            conn.execute(stmt.values(**values, updated_at=now(), revision_number=loadbalancers.c.revision_number + 1))
            return LOADBALANCERS.some(conn, loadbalancers.c.id == ident)[0]

        return self._desk.write(work)

    def delete(self, ctx: Context, ident: str, parent: str | None = None, if_match: int | None = None) -> None:
        """Delete one that has no children; see ``remove``."""
        self.remove(ctx, ident, cascade=False)

    def remove(self, ctx: Context, ident: str, *, cascade: bool) -> None:
        """Delete it, in every state, with its children if ``cascade``. It is shown until its host confirms."""

        def work(conn: sa.Connection, kicks: Kicks) -> None:
            balancer_of(conn, ctx, ident)
            if self._desk.leaving(conn, ident):
                kicks.append(ident)  # asked again: tell the host again
                return
            if not cascade and _has_children(conn, ident):
                raise faults.invalid(f"Cannot delete Load Balancer {ident} - it has children")
            instances.tombstone(conn, [ident])
            kicks.append(ident)
            if not instances.exists(conn, ident):  # it was nowhere: nobody will confirm
                kicks += self._kind.removed(conn, ident)

        self._desk.write(work)

    def failover(self, ctx: Context, ident: str) -> None:
        """Move it to another live host, or make the host it is on carry it out again."""

        def work(conn: sa.Connection, kicks: Kicks) -> None:
            balancer = balancer_of(conn, ctx, ident)
            self._desk.change(conn, ident, kicks)
            driver = self._desk.providers[balancer.provider].driver
            kicks += self._kind.move(conn, ident, driver, self._desk.down_time)

        self._desk.write(work)


def _no_qos_no_groups(body: Row, provider: str) -> None:
    if body.get("vip_qos_policy_id"):
        raise faults.invalid("VIP QoS policy is not allowed in this deployment.")
    if body.get("vip_sg_ids"):
        raise faults.unsupported(provider, "vip_sg_ids")


def _has_children(conn: sa.Connection, ident: str) -> bool:
    return any(
        conn.execute(sa.select(table.c.id).where(table.c.loadbalancer_id == ident).limit(1)).first()
        for table in (listeners, pools)
    )


def _endpoint(ident: str, project_id: str, taken: Any) -> Attachment:
    return Attachment(
        instance_id=ident,
        project_id=project_id,
        attach_type="network",
        attach_id=taken.network_id,
        mode="endpoint",
        subnet_id=taken.subnet_id,
        port_id=taken.port_id,
    )
