"""Load balancers as the fabric sees them: instances that want one host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from svcfabric.fabric import agents, instances
from svcfabric.fabric.interfaces import Insertions, Network
from svcfabric.services.lbaas import spec
from svcfabric.services.lbaas.models import listeners, loadbalancers
from svcfabric.services.lbaas.service import vip
from svcfabric.services.lbaas.service.desk import KIND
from svcfabric.spi.spec import Spec


class LoadBalancerKind:
    """``fabric.kinds.Kind`` of load balancers."""

    name, alike = KIND, True

    def __init__(self, network: Network, insertions: Insertions | None) -> None:
        self._network, self._insertions = network, insertions

    def load(self, conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, Spec]:
        """Specs of those load balancers: the same on every host."""
        loaded: Mapping[str, Spec] = spec.load(conn, self._network, ids)
        return dict(loaded)

    def place(self, conn: sa.Connection, instance_id: str, host: str) -> list[str]:
        """Put it and its port on ``host``, unless it is on one or being deleted; returns ids to kick."""
        if not instances.lock(conn, instance_id) or instances.hosts(conn, instance_id):
            return []
        port_id = conn.execute(_port(instance_id)).scalar()
        return [] if port_id is None else self.put(conn, instance_id, port_id, host)

    def put(self, conn: sa.Connection, instance_id: str, port_id: str, host: str, *, observed: int = 0) -> list[str]:
        """Put it and its port on ``host``, where it is not; returns ids to kick."""
        instances.place(conn, instance_id, host, observed=observed)
        return [*self._network.bind_port(conn, port_id, host, instance_id=instance_id), instance_id]

    def move(self, conn: sa.Connection, instance_id: str, driver: str, down_time: float) -> list[str]:
        """Put it on a live host other than the one it is on, if there is one; returns ids to kick.

        The caller has begun a new generation, and what came before counts as known to the new host, so that
        nothing that worked shows as just being created.
        """
        current = instances.hosts(conn, instance_id)
        host = agents.choose(conn, KIND, driver, down_time=down_time, without=current)
        port_id = conn.execute(_port(instance_id)).scalar()
        if host is None or port_id is None:
            return []
        for old in current:
            instances.unplace(conn, instance_id, old)
        return self.put(conn, instance_id, port_id, host, observed=instances.generation(conn, instance_id) - 1)

    def removed(self, conn: sa.Connection, instance_id: str) -> list[str]:
        """The host has confirmed: free the address, drop the rows; returns ids to kick."""
        row = conn.execute(
            sa.select(loadbalancers.c.vip_port_id, loadbalancers.c.vip_port_owned).where(
                loadbalancers.c.id == instance_id
            )
        ).first()
        if row is None:
            return []
        if self._insertions:
            self._insertions.detach(conn, instance_id)
        drop(conn, instance_id)
        return vip.give_back(conn, self._network, instance_id, row.vip_port_id, row.vip_port_owned)


def drop(conn: sa.Connection, loadbalancer_id: str) -> None:
    """Delete a load balancer's rows; its children's go with it."""
    # before the pools, which listeners refer to without taking them along
    conn.execute(listeners.delete().where(listeners.c.loadbalancer_id == loadbalancer_id))
    conn.execute(loadbalancers.delete().where(loadbalancers.c.id == loadbalancer_id))


def _port(loadbalancer_id: str) -> sa.Select[Any]:
    return sa.select(loadbalancers.c.vip_port_id).where(loadbalancers.c.id == loadbalancer_id)
