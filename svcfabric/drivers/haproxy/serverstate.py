"""Carry the servers' health over a reload: what ``show servers state`` said, made to fit the new specification.

HAProxy reads the file when it starts. Health is the only thing taken from it: weights and admin states are always
those of the new configuration (HAProxy itself would let an older runtime command win over it).
"""

from __future__ import annotations

from svcfabric.drivers.haproxy.render import active_monitor, disabled, server_name, server_numbers
from svcfabric.spi.lbaas import HealthMonitor, LoadBalancerSpec, Member

EMPTY = "1\n"
_BACKEND, _SERVER_ID, _SERVER, _STATE, _ADMIN, _WEIGHT, _INITIAL_WEIGHT, _HEALTH = 1, 2, 3, 5, 6, 7, 8, 12
_STOPPED, _RUNNING = "0", "2"


def carried(dump: str, old: LoadBalancerSpec, new: LoadBalancerSpec) -> str:
    """The state file for a process that is started with ``new`` in place of one that ran ``old``.

    Members that are new, were out or go out, or have another address or no monitor start afresh (up, first check at
    once); with a changed monitor they stay up or down, with no count of good or bad checks.
    """
    before = {server_name(pool, member): (pool, member) for pool in old.pools for member in pool.members}
    after = {server_name(pool, member): (pool, member) for pool in new.pools for member in pool.members}
    numbers = {pool.id: server_numbers(pool) for pool in new.pools}
    lines = dump.splitlines()
    kept = lines[:2]
    for line in lines[2:]:
        words = line.split(" ")
        ref = f"{words[_BACKEND]}/{words[_SERVER]}" if len(words) > _HEALTH else ""
        if ref not in before or ref not in after or words[_ADMIN] != "0" or words[_STATE] not in (_STOPPED, _RUNNING):
            continue
        (old_pool, was), (pool, member) = before[ref], after[ref]
        was_monitor, monitor = active_monitor(old_pool), active_monitor(pool)
        if disabled(pool, member) or was_monitor is None or monitor is None or _where(was) != _where(member):
            continue
        words[_WEIGHT] = words[_INITIAL_WEIGHT] = str(member.weight)
        words[_SERVER_ID] = str(numbers[pool.id][member.id])
        if was_monitor != monitor:
            words[_HEALTH] = _full(monitor) if words[_STATE] == _RUNNING else "0"
        kept.append(" ".join(words))
    return "\n".join(kept) + "\n" if kept else EMPTY


def comparable(dump: str) -> set[tuple[str, ...]]:
    """What of ``show servers state`` the configuration decides: two processes that serve the same have it equal."""
    found = set()
    for line in dump.splitlines()[2:]:
        words = line.split(" ")
        if len(words) > _HEALTH:
            out = "out" if int(words[_ADMIN]) & 0x01 else "in"
            found.add((*words[_BACKEND : _SERVER + 2], out, words[_WEIGHT], words[18], words[21], words[22]))
    return found


def _where(member: Member) -> tuple[str, int, str, int]:
    return member.address, member.protocol_port, member.monitor_address, member.monitor_port


def _full(monitor: HealthMonitor) -> str:
    return str(monitor.max_retries + monitor.max_retries_down - 1)
