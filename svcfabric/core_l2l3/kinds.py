"""The core's kinds of instance, as the fabric knows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from svcfabric.core_l2l3 import router_place, spec
from svcfabric.core_l2l3.core import Changed, Core
from svcfabric.fabric.kinds import Kind
from svcfabric.spi.spec import Spec

Load = Callable[[sa.Connection, Sequence[str], str], dict[str, Spec]]


class PlainKind:
    """A kind that goes where something else takes it: nothing to place, nothing kept once it is gone."""

    def __init__(self, name: str, load: Load, *, alike: bool = False) -> None:
        self.name, self.alike = name, alike
        self._load = load

    def load(self, conn: sa.Connection, ids: Sequence[str], host: str) -> dict[str, Spec]:
        """Specs as ``host`` sees them."""
        return self._load(conn, ids, host)

    def place(self, conn: sa.Connection, instance_id: str, host: str) -> list[str]:
        """These follow a binding or a router; they never wait for a host of their own."""
        return []

    def removed(self, conn: sa.Connection, instance_id: str) -> None:
        """The rows went when the tenant deleted them."""


class RouterKind(PlainKind):
    """Routers: one host each, and their ports and floating IPs with them."""

    def __init__(self, core: Core) -> None:
        super().__init__("router", lambda conn, ids, _host: spec.load_routers(conn, ids), alike=True)
        self._core = core

    def place(self, conn: sa.Connection, instance_id: str, host: str) -> list[str]:
        """Put a router without a host on one: on ``host``, or another if that lacks the gateway's wire."""
        changed = Changed()
        router_place.settle(conn, self._core, changed, instance_id, host)
        return changed.ids

    def evacuate(self, conn: sa.Connection, instance_id: str, host: str) -> list[str]:
        """Move a router off a dead host, its ports and floating IPs with it; [] when no other can have it."""
        changed = Changed()
        router_place.evacuate(conn, self._core, changed, instance_id, host)
        return changed.ids


def kinds_of(core: Core) -> tuple[Kind, ...]:
    """Every kind the core offers."""
    return (
        PlainKind("network", spec.load_networks),
        PlainKind("port", lambda conn, ids, host: spec.load_ports(conn, ids, host, core.settings.dns_domain)),
        RouterKind(core),
        PlainKind("floatingip", lambda conn, ids, _host: spec.load_floatingips(conn, ids), alike=True),
    )
