"""One load balancer on this host: its directory, its namespace, its processes; from spec to running HAProxy.

The directory holds ``haproxy.cfg``, always a fresh render of the newest spec that was applied, and ``applied.json``:
that spec and the number of the process that runs it. The latter is taken away while runtime commands are under way:
if it is missing, or names another process, an agent died half way, and only a reload makes sure.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from svcfabric.drivers.haproxy import runtime, serverstate, status
from svcfabric.drivers.haproxy.changes import Changes, changes
from svcfabric.drivers.haproxy.counters import Ledger
from svcfabric.drivers.haproxy.processes import Processes
from svcfabric.drivers.haproxy.render import Limits, Paths, render
from svcfabric.drivers.linux import files, leg, link, names, netns, route, sysctl
from svcfabric.drivers.linux.fault import NoNamespace
from svcfabric.drivers.linux.host import Host
from svcfabric.errors import InvalidInput
from svcfabric.spi import codec
from svcfabric.spi.driver import Observation
from svcfabric.spi.l2l3 import Leg
from svcfabric.spi.lbaas import LoadBalancerSpec
from svcfabric.spi.spec import Envelope

KIND = "loadbalancer"
_SYSCTLS = {
    # many short connections to few members: more source ports, taken again without waiting a minute
    "net/ipv4/ip_local_port_range": "10240 65535",
    "net/ipv4/tcp_tw_reuse": "1",
}
_HOUSEKEEPING = 30.0
_APPLIED = "applied.json"


class Instance:
    """Not for several threads at once; ``driver`` holds a lock per instance."""

    def __init__(self, ident: str, directory: Path, host: Host, limits: Limits, processes: Processes) -> None:
        self.id = ident
        self.directory = directory
        self._host = host
        self._limits = limits
        self._namespace = host.namespace("lb", ident)
        self._processes = processes
        self._ledger = Ledger(directory / "counters.json")
        self._draining: dict[int, runtime.Session] = {}
        self._applied: LoadBalancerSpec | None = None
        self._number = -1
        self._text = ""  # what ``_applied`` renders to
        self._plugged: Leg | None = None
        self._unplugged = False
        self._kept_house = 0.0
        self._load()

    def apply(self, spec: LoadBalancerSpec, text: str) -> None:
        """Make it what ``spec``, rendered as ``text``, says. Raises ``HostFault``; what ran before then still runs."""
        if not status.serves(spec):
            self._switch_off(spec, text)
            return
        if self._plugged != spec.vip or not netns.exists(self._namespace):
            self._plug(spec.vip)
        serving = self._processes.serving()
        dump = self._servers() if serving else None
        if serving is None or dump is None:
            # nothing to take over from: HAProxy died, hangs, lost its namespace, or never ran
            self._processes.stop_serving()
            self._ledger.close(self._draining)
            self._processes.start(text, serverstate.EMPTY)
        elif self._applied != spec or self._number != serving[0] or self._file() != text:
            self._change(spec, text, dump, serving[0])
        else:
            return
        self._end(spec, text)

    def remove(self) -> None:
        """Take everything away; what is missing already is no error."""
        for session in self._draining.values():
            session.close()
        self._processes.stop()
        for port_id in leg.legs(self._host, self._namespace):
            leg.remove_leg(self._host, port_id)
        netns.delete(self._namespace)
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def observe(self) -> Observation:
        """How it does: one question to HAProxy."""
        spec = self._applied
        if spec is None:
            return Observation(instance_id=self.id, kind=KIND, drifted=True)
        rows: list[runtime.Row] | None = None
        serving = self._processes.serving() if status.serves(spec) else None
        if serving:
            with contextlib.suppress(runtime.NotAnswering):
                rows = runtime.show_statistics(self._processes.socket)
                self._ledger.record(serving[0], rows)
                self._dismiss(status.unknown_servers(spec, rows))
        self._follow_draining(serving[0] if serving else 0)
        self._keep_house()
        return Observation(
            instance_id=self.id,
            kind=KIND,
            statuses=status.statuses(spec, rows),
            counters=self._ledger.totals([each.id for each in spec.listeners]),
            drifted=status.serves(spec) and (rows is None or status.missing(spec, rows) or self._unplugged),
        )

    def _change(self, spec: LoadBalancerSpec, text: str, dump: str, number: int) -> None:
        known = self._applied if self._number == number else None
        if known and self._text == self._file():
            way = changes(known, spec, self._limits)
        else:
            way = Changes(reload=("what it runs is not known, or was rendered in another way",))
        if not way.reload:
            self._begin()
            try:
                for command in way.commands:
                    # every new word meets HAProxy's own parser here, the same that will read the file one day
                    runtime.do(self._processes.socket, command)
            except runtime.CommandRefused as exc:
                way = dataclasses.replace(way, reload=(exc.detail,))
        if way.reload:
            self._reload(text, serverstate.carried(dump, self._applied or spec, spec), number)
            return
        for ref in way.leaving:
            with contextlib.suppress(runtime.CommandRefused):  # it has connections: ``observe`` tries again
                runtime.do(self._processes.socket, f"del server {ref}")

    def _reload(self, text: str, state: str, number: int) -> None:
        # kept open, it lets us count what the old process still carries after the new one has taken its place
        session = runtime.Session(self._processes.socket)
        try:
            new = self._processes.start(text, state)
        except BaseException:
            session.close()
            raise
        self._draining[number] = session
        self._follow_draining(new)
        self._processes.sweep()
        self._ledger.save()

    def _begin(self) -> None:
        (self.directory / _APPLIED).unlink(missing_ok=True)
        self._number = -1

    def _end(self, spec: LoadBalancerSpec, text: str) -> None:
        serving = self._processes.serving()
        self._applied, self._number, self._text = spec, serving[0] if serving else 0, text
        files.swap(self.directory / "haproxy.cfg", text)
        wire = codec.encode(Envelope(spec=spec, generation=0, driver="haproxy"))
        files.swap(self.directory / _APPLIED, json.dumps({"number": self._number, "envelope": wire}))

    def _file(self) -> str | None:
        return files.read(self.directory / "haproxy.cfg")

    def _load(self) -> None:
        stored = files.read(self.directory / _APPLIED)
        with contextlib.suppress(ValueError, KeyError, InvalidInput):  # of another version: as if it were missing
            state = json.loads(stored or "{}")
            spec = codec.decode(state["envelope"]).spec
            if isinstance(spec, LoadBalancerSpec):
                self._applied, self._number = spec, int(state["number"])
                self._text = render(spec, Paths(), self._limits)

    def _plug(self, vip: Leg) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if netns.create(self._namespace):
            sysctl.write(self._namespace, _SYSCTLS, missing_ok=True)
        if self._applied and self._applied.vip.port_id != vip.port_id:
            leg.remove_leg(self._host, self._applied.vip.port_id)
        device = leg.ensure_leg(self._host, self._namespace, vip)
        if vip.admin_state_up:
            gateways = {each.gateway: None for each in vip.addresses if each.gateway}
            route.set_routes(self._namespace, (), list(gateways), device=device)
        self._plugged, self._unplugged = vip, False

    def _switch_off(self, spec: LoadBalancerSpec, text: str) -> None:
        for session in self._draining.values():
            session.close()
        self._draining.clear()
        self._processes.stop()
        self._ledger.close(())
        self._plug(dataclasses.replace(spec.vip, admin_state_up=False))
        self._end(spec, text)

    def _look_at_plug(self) -> None:
        """Notice that somebody took the VIP's leg away: it is made again with the next ``apply``."""
        vip = self._applied.vip if self._applied else None
        with contextlib.suppress(NoNamespace):
            there = vip and netns.run_in(self._namespace, link.index_here, names.leg(vip.port_id))
            if not there:
                self._plugged = None
            self._unplugged = not there

    def _servers(self) -> str | None:
        try:
            return runtime.ask(self._processes.socket, "show servers state")
        except runtime.NotAnswering:
            return None

    def _dismiss(self, leaving: Iterable[runtime.Row]) -> None:
        """Delete servers that have left once their connections have ended, or have had their time."""
        for row in leaving:
            ref = f"{row['pxname']}/{row['svname']}"
            if not row["status"].startswith("MAINT"):
                runtime.ask(self._processes.socket, f"set server {ref} state maint")
            elif int(row["lastchg"] or 0) > self._limits.drain_seconds:
                runtime.ask(self._processes.socket, f"shutdown sessions server {ref}")
            runtime.ask(self._processes.socket, f"del server {ref}")

    def _follow_draining(self, serving: int) -> None:
        """Count what processes that drain still carry; let go of those that have nothing left to do.

        ``serving``: the number of the process that serves, 0 for none.
        """
        for number, session in list(self._draining.items()):
            try:
                self._ledger.record(number, runtime.statistics(session.ask("show stat")))
                info = session.ask("show info")
                if "\nJobs: 1\n" not in info:  # the one job is this session
                    continue
            except runtime.NotAnswering:
                pass
            session.close()
            del self._draining[number]
        self._ledger.close([*self._draining, serving])

    def _keep_house(self) -> None:
        if time.monotonic() - self._kept_house > _HOUSEKEEPING:
            self._kept_house = time.monotonic()
            self._look_at_plug()
            self._processes.sweep()
            self._ledger.save()
