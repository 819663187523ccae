"""The agent, tied together. It starts without server or broker, and stops without touching what runs."""

from __future__ import annotations

import collections
import datetime
import importlib.metadata
import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from svcfabric.agent import lock
from svcfabric.agent.identity import Identity
from svcfabric.agent.loop import Loop
from svcfabric.agent.observer import Observer
from svcfabric.agent.purge import purge
from svcfabric.agent.reporter import Reporter
from svcfabric.agent.resync import Resync
from svcfabric.agent.store import Store
from svcfabric.agent.tasks import Key
from svcfabric.errors import ServiceUnavailable
from svcfabric.rpc.client import ControllerClient
from svcfabric.rpc.server import serve_agent
from svcfabric.rpc.transport import Transport
from svcfabric.spi.driver import Driver, Report

LOG = logging.getLogger(__name__)

AGENT_TYPE = "svcfabric-agent"
ADOPTION_MAX = 600.0  # seconds; an adoption that takes longer is not spoken of


class Agent:
    """One per host. ``drivers``: by (kind, driver name), in the order in which their instances need each other.

    Raises ``errors.Conflict`` when another agent uses the same state directory.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        transport: Transport,
        drivers: Mapping[Key, Driver],
        identity: Identity | None = None,
    ) -> None:
        self.identity = identity or Identity.of(conf)
        self._drivers = drivers
        self._started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._lock_file = lock.take(self.identity.state_dir)
        self.store = Store(os.path.join(self.identity.state_dir, "specs.sqlite"))
        self._client = client = ControllerClient(transport)
        host, options = self.identity.host, conf.agent
        self.reporter = Reporter(lambda reports: client.report(host, reports))
        self.loop = Loop(
            drivers,
            self.store,
            self.reporter.add,
            workers=options.workers,
            retry_min=options.retry_min,
            retry_max=options.retry_max,
        )
        self.observer = Observer(
            drivers,
            self.store,
            self.loop,
            lambda changes: client.observe(host, changes),
            interval=options.observe_interval,
            counters_interval=options.counters_interval,
        )
        self.resync = Resync(
            lambda view: client.resync(host, view),
            self.loop,
            self.store,
            self.observer.found,
            interval=options.resync_interval,
            grace=options.orphan_grace,
            done=self.observer.resend,
        )
        self._server = serve_agent(transport, host, self.loop)
        self._heartbeat_interval = options.heartbeat_interval
        self._stopping = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        transport.on_recovery(self._recovered)

    def start(self) -> None:
        """Adopt what is stored, then listen, compare and watch. Returns while adoption may still be under way."""
        self.loop.start()
        self.reporter.start()
        stored = self.store.all()
        # A driver that finds everything in place changes nothing; what died with the agent or before is made again.
        self.loop.submit([each.task() for each in stored if each.key in self._drivers])
        LOG.info("agent on %s (tag %s) adopts %d instances", self.identity.host, self.identity.tag, len(stored))
        threading.Thread(target=self._tell_adopted, args=(len(stored),), name="adoption", daemon=True).start()
        self._heart.start()
        self._server.start()
        self.resync.start()
        self.observer.start()

    def stop(self) -> None:
        """Finish what is under way and end; what runs on the host goes on running."""
        self._stopping.set()
        self._server.stop()
        self.observer.stop()
        self.resync.stop()
        self.loop.stop()
        self.reporter.stop()
        self._close()

    def purge(self) -> list[Report]:
        """Remove everything this agent made on the host; returns what could not be removed.

        For an agent that has not been started, instead of starting it.
        """
        failures = purge(self._drivers, self.store)
        self._close()
        return failures

    def heartbeat(self) -> dict[str, Any]:
        """What controllers are told every few seconds."""
        counts = collections.Counter(stored.key[0] for stored in self.store.all())
        return {
            "host": self.identity.host,
            "agent_type": AGENT_TYPE,
            "version": importlib.metadata.version("svcfabric"),
            "availability_zone": self.identity.availability_zone,
            "local_ip": self.identity.local_ip,
            "physical_networks": sorted(self.identity.physical_networks),
            "drivers": [
                {"kind": kind, "driver": name, "features": sorted(driver.features)}
                for (kind, name), driver in self._drivers.items()
            ],
            "resources": dict(counts),
            "started_at": self._started_at,
        }

    def _tell_adopted(self, count: int) -> None:
        began = time.monotonic()
        if count and self.loop.wait_idle(ADOPTION_MAX):
            LOG.info("%d instances adopted in %.2f s", count, time.monotonic() - began)

    def _beat(self) -> None:
        while not self._stopping.is_set():
            try:
                self._client.heartbeat(self.heartbeat())
            except ServiceUnavailable as exc:
                LOG.debug("no heartbeat: %s", exc)
            except Exception:
                LOG.exception("heartbeat failed")
            self._stopping.wait(self._heartbeat_interval)

    def _recovered(self) -> None:
        if not self._stopping.is_set():
            self.reporter.recovered()
            self.observer.resend()
            self.resync.trigger()

    def _close(self) -> None:
        self.store.close()
        os.close(self._lock_file)
