"""Operating status, from what HAProxy measures: members first, then pools, listeners and the load balancer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from svcfabric.drivers.haproxy.render import active_monitor, disabled
from svcfabric.drivers.haproxy.runtime import Row
from svcfabric.spi.lbaas import Listener, LoadBalancerSpec, Member, Pool

ONLINE, OFFLINE, DEGRADED, ERROR, DRAINING, NO_MONITOR = (
    "ONLINE",
    "OFFLINE",
    "DEGRADED",
    "ERROR",
    "DRAINING",
    "NO_MONITOR",
)


def statuses(spec: LoadBalancerSpec, rows: Iterable[Row] | None) -> dict[str, str]:
    """Operating status by id of everything in the spec. ``rows``: of ``show stat``; None when nothing answers."""
    reported = {(row["pxname"], row["svname"]): row for row in rows or ()}
    found: dict[str, str] = {}
    used = {listener.default_pool_id for listener in spec.listeners}
    for pool in spec.pools:
        _pool(found, pool, reported)
        if pool.id not in used:  # its members may be up, it serves nobody
            found[pool.id] = OFFLINE
    for listener in spec.listeners:
        found[listener.id] = _listener(listener, reported.get((f"listener-{listener.id}", "FRONTEND")), spec)
    found[spec.id] = _load_balancer(spec, found, answers=rows is not None)
    return found


def unknown_servers(spec: LoadBalancerSpec, rows: Iterable[Row]) -> list[Row]:
    """The rows of servers that are no members: on their way out, or put there by somebody else."""
    known = {(f"pool-{pool.id}", f"member-{member.id}") for pool in spec.pools for member in pool.members}
    return [
        row
        for row in rows
        if row["svname"] not in ("FRONTEND", "BACKEND") and (row["pxname"], row["svname"]) not in known
    ]


def missing(spec: LoadBalancerSpec, rows: Iterable[Row]) -> bool:
    """Whether HAProxy lacks anything of the spec."""
    there = {(row["pxname"], row["svname"]) for row in rows}
    wanted = {(f"listener-{each.id}", "FRONTEND") for each in spec.listeners if each.admin_state_up}
    for pool in spec.pools:
        wanted.add((f"pool-{pool.id}", "BACKEND"))
        wanted.update((f"pool-{pool.id}", f"member-{member.id}") for member in pool.members)
    return not wanted <= there


def _pool(found: dict[str, str], pool: Pool, reported: Mapping[tuple[str, str], Row]) -> None:
    backend = reported.get((f"pool-{pool.id}", "BACKEND"))
    for member in pool.members:
        found[member.id] = _member(pool, member, reported.get((f"pool-{pool.id}", f"member-{member.id}")))
    if backend is None or not pool.admin_state_up:
        found[pool.id] = OFFLINE
    elif backend["status"] == "DOWN":
        found[pool.id] = ERROR
    else:
        found[pool.id] = DEGRADED if any(found[each.id] == ERROR for each in pool.members) else ONLINE
    if pool.healthmonitor:
        found[pool.healthmonitor.id] = ONLINE if backend is not None and active_monitor(pool) else OFFLINE


def _member(pool: Pool, member: Member, row: Row | None) -> str:
    if row is None or disabled(pool, member) or row["status"].startswith("MAINT"):
        return OFFLINE
    if row["status"].startswith(("DOWN", "NOLB")):
        return ERROR
    if member.weight == 0:
        return DRAINING
    return ONLINE if active_monitor(pool) else NO_MONITOR


def _listener(listener: Listener, row: Row | None, spec: LoadBalancerSpec) -> str:
    if not listener.admin_state_up or not serves(spec):
        return OFFLINE
    if row is None:
        return ERROR
    return DEGRADED if row["status"] == "FULL" else ONLINE


def _load_balancer(spec: LoadBalancerSpec, found: Mapping[str, str], *, answers: bool) -> str:
    if not serves(spec):
        return OFFLINE
    parts = [found[each.id] for each in spec.listeners if each.admin_state_up]
    parts += [found[each.default_pool_id] for each in spec.listeners if each.admin_state_up and each.default_pool_id]
    if not answers or ERROR in parts:
        return ERROR
    return DEGRADED if DEGRADED in parts else ONLINE


def serves(spec: LoadBalancerSpec) -> bool:
    """Whether there is to be traffic at all: the load balancer and its VIP's port are both up."""
    return spec.admin_state_up and spec.vip.admin_state_up
