"""From one spec to the next on a running process: runtime commands where HAProxy has them, else a reload. Pure."""

from __future__ import annotations

import dataclasses
import difflib

from svcfabric.drivers.haproxy.render import (
    Limits,
    Paths,
    active_monitor,
    cookie_key,
    disabled,
    render,
    server_name,
    server_numbers,
    server_options,
)
from svcfabric.spi.lbaas import LoadBalancerSpec, Pool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to do. ``reload``: why only a reload will do (then ``commands`` is empty), one line of the file each.

    ``commands``: lines for the runtime API, each of which must succeed. ``leaving``: servers put in maintenance that
    are to be deleted once their last connection has ended.
    """

    commands: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()


def changes(old: LoadBalancerSpec, new: LoadBalancerSpec, limits: Limits) -> Changes:
    """The way from ``old`` to ``new``, both of which render.

    Everything but server lines and connection limits is compared as rendered text, so nothing that reaches the
    file can be forgotten here. Additions come before removals.
    """
    before, after = (render(_skeleton(each), Paths(), limits) for each in (old, new))
    if before != after:
        return Changes(reload=_differences(before, after))
    pools = {pool.id: pool for pool in old.pools}
    parts = [_members(pools[pool.id], pool) for pool in new.pools]
    if reasons := tuple(reason for part in parts for reason in part.reload):
        return Changes(reload=reasons)
    commands = [command for part in parts for command in part.commands]
    limits_before = {each.id: each.connection_limit for each in old.listeners}
    for listener in new.listeners:
        if listener.admin_state_up and listener.connection_limit != limits_before[listener.id]:
            most = listener.connection_limit if listener.connection_limit > 0 else limits.maxconn
            commands.append(f"set maxconn frontend listener-{listener.id} {most}")
    return Changes(commands=tuple(commands), leaving=tuple(ref for part in parts for ref in part.leaving))


def _skeleton(spec: LoadBalancerSpec) -> LoadBalancerSpec:
    """The spec without what runtime commands can change."""
    return dataclasses.replace(
        spec,
        listeners=tuple(dataclasses.replace(each, connection_limit=-1) for each in spec.listeners),
        pools=tuple(dataclasses.replace(each, members=()) for each in spec.pools),
    )


def _members(old: Pool, new: Pool) -> Changes:
    added: list[str] = []
    changed: list[str] = []
    reasons: list[str] = []
    old_numbers, new_numbers = server_numbers(old), server_numbers(new)
    before = {member.id: member for member in old.members}
    alike = active_monitor(old) == active_monitor(new) and old.admin_state_up == new.admin_state_up
    for member in new.members:
        was = before.pop(member.id, None)
        if was == member and alike and old_numbers[member.id] == new_numbers[member.id]:
            continue
        ref = server_name(new, member)
        if was is None:
            added.append(_add(new, ref, server_options(new, member, new_numbers[member.id]), disabled(new, member)))
            continue
        # any other option than the weight needs the server made anew, which its connections would have to wait for
        options = server_options(new, member, new_numbers[member.id], weight=1)
        if server_options(old, was, old_numbers[was.id], weight=1) != options:
            reasons.append(f"server {ref} {options}")
        if was.weight != member.weight:
            changed.append(f"set server {ref} weight {member.weight}")
        if disabled(old, was) != disabled(new, member):
            changed.append(f"set server {ref} state {'maint' if disabled(new, member) else 'ready'}")
    if reasons:
        return Changes(reload=tuple(reasons))
    leaving = [server_name(old, member) for member in before.values()]
    maintenance = [f"set server {ref} state maint" for ref in leaving]
    return Changes(commands=(*added, *changed, *maintenance), leaving=tuple(leaving))


def _add(pool: Pool, ref: str, options: str, out: bool) -> str:
    """One line: a server that was added is never left half made by a lost connection to the socket."""
    steps = [f"add server {ref} {options}"]
    if key := cookie_key(pool):
        # gives the new server its cookie, before the first request reaches it
        steps.append(f"set dynamic-cookie-key backend pool-{pool.id} {key}")
    if " check " in options:
        steps.append(f"enable health {ref}")
    if not out:
        steps.append(f"enable server {ref}")
    return "; ".join(steps)


def _differences(before: str, after: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return tuple(line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---")))
