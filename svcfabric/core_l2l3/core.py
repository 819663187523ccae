"""What every use case of the core is handed: settings, the database, quotas, and who is told of changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from svcfabric import errors
from svcfabric.api.resource import Row
from svcfabric.context import Context
from svcfabric.core_l2l3 import models
from svcfabric.db.engine import Database
from svcfabric.fabric.quota import Quotas

T = TypeVar("T")

ROUTER_INTERFACE = "network:router_interface"
ROUTER_GATEWAY = "network:router_gateway"
FLOATING_IP = "network:floatingip"
DHCP = "network:dhcp"

# Quota by resource when the configuration names none.
QUOTAS = {"network": 100, "subnet": 100, "port": 500, "router": 10, "floatingip": 50}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The core's options (sections ``network``, ``controller``). Times in seconds, ``mtu`` in bytes."""

    driver: str = "linux"
    vni_min: int = 1
    vni_max: int = 16777215
    mtu: int = 1500
    vxlan_overhead: int = 50
    base_mac: str = "fa:16:3e:00:00:00"
    flat_networks: frozenset[str] = frozenset({"public"})
    down_time: float = 20.0
    dns_domain: str = "openstacklocal"
    dhcp_lease_duration: int = 86400
    metadata: bool = True

    @classmethod
    def of(cls, conf: Any) -> Settings:
        """The settings a configuration holds; an option it does not have keeps its default."""
        found = {
            "driver": _option(conf, "network", "driver"),
            "vni_min": _option(conf, "network", "vni_min"),
            "vni_max": _option(conf, "network", "vni_max"),
            "mtu": _option(conf, "network", "global_physnet_mtu"),
            "vxlan_overhead": _option(conf, "network", "vxlan_overhead"),
            "base_mac": _option(conf, "network", "base_mac"),
            "dns_domain": _option(conf, "network", "dns_domain"),
            "dhcp_lease_duration": _option(conf, "network", "dhcp_lease_duration"),
            "metadata": _option(conf, "network", "metadata"),
            "down_time": _option(conf, "controller", "agent_down_time"),
        }
        flat = _option(conf, "network", "flat_networks")
        if flat is not None:
            found["flat_networks"] = frozenset(flat)
        return cls(**{name: value for name, value in found.items() if value is not None})

    def mtu_of(self, network_type: str) -> int:
        """The largest MTU a network of that type can have."""
        return self.mtu - self.vxlan_overhead if network_type == "vxlan" else self.mtu


class Changed:
    """The instances a transaction has changed, in the order they should be sent."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def add(self, *ids: str) -> None:
        """Note changed instances."""
        self._ids.update(dict.fromkeys(ids))

    def update(self, ids: Iterable[str]) -> None:
        """Note changed instances."""
        self.add(*ids)

    @property
    def ids(self) -> list[str]:
        """What has been noted."""
        return list(self._ids)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The ground use cases stand on. ``kick`` is told after a commit which instances it changed."""

    database: Database
    kick: Callable[[Iterable[str]], None]
    settings: Settings
    quotas: Quotas

    def write(self, work: Callable[[sa.Connection, Changed], T]) -> T:
        """Run ``work`` in one transaction (again when it loses a race), then send what it changed."""
        made: list[Changed] = []

        def attempt(conn: sa.Connection) -> T:
            made[:] = [Changed()]
            return work(conn, made[0])

        result = self.database.write(attempt)
        ids = made[0].ids
        if ids:
            self.kick(ids)
        return result

    def check_quota(self, conn: sa.Connection, resource: str, bodies: Sequence[Row]) -> None:
        """Raise ``errors.OverQuota`` when a project would pass its limit with these new rows."""
        adding: dict[str, int] = {}
        for body in bodies:
            adding[body["project_id"]] = adding.get(body["project_id"], 0) + 1
        for project_id in sorted(adding):
            self.quotas.check(conn, project_id, resource, adding[project_id])


def quotas_of(conf: Any) -> Quotas:
    """The quotas of the core's resources, their use counted in its tables."""
    limits = {name: _option(conf, "quotas", name) for name in QUOTAS}
    quotas = Quotas({name: QUOTAS[name] if limit is None else limit for name, limit in limits.items()})
    for name in QUOTAS:
        quotas.countable(name, getattr(models, f"{name}s"))
    return quotas


def declare_quota(core: Core, conf: Any, resource: str, default: int, table: sa.Table) -> None:
    """A resource of a part of the core; its limit is the option of that name in ``[quotas]``, or ``default``."""
    limit = _option(conf, "quotas", resource)
    core.quotas.declare(resource, default if limit is None else limit, table)


def check_revision(row: Row, if_match: int | None) -> None:
    """Raise ``errors.PreconditionFailed`` when the client insists on another revision."""
    if if_match is not None and row["revision_number"] != if_match:
        raise errors.PreconditionFailed(f"Constrained to {if_match}, but current revision is {row['revision_number']}")


def privileged(ctx: Context) -> bool:
    """Whether the caller acts for the cloud: an administrator or another service."""
    return ctx.is_admin or "service" in ctx.roles


def forbidden(rule: str) -> errors.Forbidden:
    """The caller may see it, but not do that; ``rule`` names the permission missing."""
    return errors.Forbidden(f"rule:{rule} is disallowed by policy")


def _option(conf: Any, section: str, name: str) -> Any:
    group = getattr(conf, section, None)
    return getattr(group, name, None) if group is not None else None
