"""The driver: what the agent calls, for many load balancers from several threads."""

from __future__ import annotations

import contextlib
import difflib
import grp
import logging
import os
import pwd
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.haproxy import status, validity
from svcfabric.drivers.haproxy.changes import changes
from svcfabric.drivers.haproxy.instance import KIND, Instance
from svcfabric.drivers.haproxy.processes import Processes
from svcfabric.drivers.haproxy.render import Limits, Paths, maxconn_of_host, render
from svcfabric.drivers.linux import netns
from svcfabric.drivers.linux.fault import HostFault, guarded
from svcfabric.drivers.linux.host import Host
from svcfabric.errors import InvalidInput
from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report
from svcfabric.spi.lbaas import LoadBalancerSpec

LOG = logging.getLogger(__name__)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class HaproxyDriver:
    """Load balancers by HAProxy, one process each.

    Of ``options.settings`` it knows ``binary`` (haproxy), ``maxconn`` (9500 connections per load balancer, less if the
    descriptor limit is low), ``drain_seconds`` (1800: how long connections outlive a reload or a removed member),
    ``draining_max`` (32 old processes per load balancer, 4 MB each; of more the oldest is cut), ``http_reuse`` (safe),
    ``user`` (haproxy or nobody).
    """

    kind = KIND
    features = frozenset(
        {
            *(f"listener:{each}" for each in validity.LISTENER_MODES),
            *(f"pool:{each}" for each in validity.POOL_MODES),
            *(f"algorithm:{each}" for each in validity.ALGORITHMS),
            *(f"persistence:{each}" for each in validity.PERSISTENCE),
            *(f"monitor:{each}" for each in validity.MONITORS),
            *(f"insert_header:{each}" for each in validity.INSERT_HEADERS),
            "allowed_cidrs",
            "backup",
        }
    )

    def __init__(self, options: DriverOptions) -> None:
        settings = options.settings
        user = settings.get("user", _unprivileged())
        self._host = Host(options)
        self._root = Path(options.state_dir)
        self._binary = shutil.which(settings.get("binary", "haproxy")) or "haproxy"
        self._draining_max = int(settings.get("draining_max", "32"))
        self._limits = Limits(
            maxconn=maxconn_of_host(int(settings.get("maxconn", "9500"))),
            drain_seconds=int(settings.get("drain_seconds", "1800")),
            http_reuse=settings.get("http_reuse", "safe"),
            user=user,
            group=_group_of(user),
        )
        self._instances: dict[str, Instance] = {}
        self._locks: dict[str, threading.RLock] = {}
        self._guard = threading.Lock()
        self._last: dict[str, Observation] = {}

    def plan(self, spec: LoadBalancerSpec, current: LoadBalancerSpec | None) -> Plan:
        """Commands or a reload, the difference of the configurations, and whom it disturbs. Raises ``InvalidInput``.

        Runtime commands disturb nobody; after a reload new connections meet the new configuration while open ones end
        in their time; switching off or moving the VIP cuts connections.
        """
        before = render(current, Paths(), self._limits) if current else ""
        after = render(spec, Paths(), self._limits)
        diff = "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), "current", "new", lineterm=""))
        if current is None or not status.serves(current):
            return Plan(steps=("start haproxy",) if status.serves(spec) else (), diff=diff)
        if not status.serves(spec):
            return Plan(steps=("stop haproxy",), diff=diff, impact="cuts flows")
        way = changes(current, spec, self._limits)
        if way.reload:
            addresses = {each.address for each in spec.vip.addresses}
            moved = any(each.address not in addresses for each in current.vip.addresses)
            return Plan(steps=("reload haproxy",), diff=diff, impact="cuts flows" if moved else "new flows")
        return Plan(steps=(*way.commands, *(f"del server {ref}" for ref in way.leaving)), diff=diff)

    @guarded
    def apply(self, spec: LoadBalancerSpec) -> Report:
        """Runtime commands where they do, else a hitless reload. A refused spec leaves the last good one running."""
        try:
            text = render(spec, Paths(), self._limits)
        except InvalidInput as exc:
            return Report(instance_id=spec.id, ok=False, code=exc.code, error=exc.message, retry=False)
        with self._instance(spec.id) as instance:
            instance.apply(spec, text)
        return Report(instance_id=spec.id)

    @guarded
    def remove(self, instance_id: str) -> Report:
        """End its processes, take its namespace, leg and directory away."""
        if not _ID.fullmatch(instance_id):
            raise HostFault(f"{instance_id!r} is no load balancer's id", retry=False)
        with self._instance(instance_id) as instance:
            instance.remove()
            with self._guard:
                del self._instances[instance_id]
            self._last.pop(instance_id, None)
        return Report(instance_id=instance_id)

    def observe(self) -> Iterator[Observation]:
        """Every load balancer that has a directory or a namespace here. One that is being changed is not waited for:
        its last observation is given again."""
        for ident in sorted({*self._directories(), *self._host.namespaces("lb")}):
            lock = self._lock(ident)
            if not lock.acquire(blocking=False):
                yield self._last.get(ident, Observation(instance_id=ident, kind=KIND))
                continue
            try:
                if not (self._root / ident).exists() and not netns.exists(self._host.namespace("lb", ident)):
                    continue  # removed since
                self._last[ident] = self._made(ident).observe()
            except (HostFault, NetlinkError, OSError) as exc:  # one that is broken hides no other
                LOG.warning("load balancer %s cannot be observed: %s", ident, exc)
                self._last[ident] = Observation(instance_id=ident, kind=KIND, drifted=True)
            finally:
                lock.release()
            yield self._last[ident]

    @contextlib.contextmanager
    def _instance(self, ident: str) -> Iterator[Instance]:
        with self._lock(ident):
            yield self._made(ident)

    def _lock(self, ident: str) -> threading.RLock:
        with self._guard:
            return self._locks.setdefault(ident, threading.RLock())

    def _made(self, ident: str) -> Instance:
        with self._guard:
            if ident not in self._instances:
                directory = self._root / ident
                namespace = self._host.namespace("lb", ident)
                processes = Processes(directory, namespace, self._binary, draining_max=self._draining_max)
                self._instances[ident] = Instance(ident, directory, self._host, self._limits, processes)
            return self._instances[ident]

    def _directories(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return [name for name in os.listdir(self._root) if _ID.fullmatch(name)]
        return []


def _unprivileged() -> str:
    """Whom HAProxy is to run as: nobody in particular, and only root can change that."""
    if os.geteuid() != 0:
        return ""
    names = {each.pw_name for each in pwd.getpwall()}
    return "haproxy" if "haproxy" in names else "nobody"


def _group_of(user: str) -> str:
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name if user else ""
