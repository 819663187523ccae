"""Events to whoever reads the message bus: oslo.messaging's notifications, as Neutron and Octavia send them.

Off unless ``[oslo_messaging_notifications] driver`` names a driver (``messagingv2``). What is published is put into
a queue and sent by a thread: nobody waits for a broker, and nobody fails because it is away. It then keeps
``[notifications] queue_size`` events; what comes beyond these is lost, and counted in the log.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import logging
import math
import socket
import threading
import time
from typing import Any

import orjson
import oslo_messaging
import oslo_messaging.opts
from oslo_config import cfg

from svcfabric.context import Context
from svcfabric.rpc.transport import register_rabbit

LOG = logging.getLogger(__name__)

GROUP = "oslo_messaging_notifications"
LOSSES = 60.0  # seconds between two lines in the log about events that are lost


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """What waits to be sent. ``payload``: JSON text."""

    ctx: Context
    service: str
    type: str
    payload: bytes
    at: datetime.datetime


class Caller(dict[str, Any]):
    """Who asked, as it goes out with an event (``_context_...``): Ceilometer reads both words for a project.

    oslo.messaging sends contexts that know how to leave secrets out; there are none in these.
    """

    @classmethod
    def of(cls, ctx: Context, at: datetime.datetime) -> Caller:
        """A context in the words of services old and new; ``at``: when it was asked, UTC."""
        project, user, name = ctx.project_id or None, ctx.user_id or None, ctx.project_name or None
        return cls(
            project_id=project,
            tenant_id=project,
            project=project,
            tenant=project,
            project_name=name,
            tenant_name=name,
            user_id=user,
            user=user,
            roles=sorted(ctx.roles),
            is_admin=ctx.is_admin,
            request_id=ctx.request_id,
            timestamp=str(at),
        )

    def redacted_copy(self) -> Caller:
        """What oslo.messaging asks for."""
        return self


class Notifier:
    """Sends events on a thread of its own.

    Raises ``cfg.Error`` for a configuration that leads nowhere.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        options = conf.notifications
        host = options.host or socket.gethostname()
        url = _url(conf)
        self._transports = {
            service: _transport(conf, url, exchange)
            for service, exchange in (("network", options.exchange), ("load-balancer", options.load_balancer_exchange))
        }
        # -1 means for ever, but not to the first connection
        retry = conf[GROUP].retry if conf[GROUP].retry >= 0 else math.inf
        publishers = {"network": f"network.{host}", "load-balancer": f"octavia.{host}"}
        self._notifiers = {
            service: oslo_messaging.Notifier(transport, publisher_id=publishers[service], retry=retry)
            for service, transport in self._transports.items()
        }
        self._size: int = options.queue_size
        self._changed = threading.Condition()
        self._waiting: collections.deque[Event] = collections.deque()
        self._sending = False
        self._stopping = False
        self._lost, self._told = 0, 0.0
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Send what waits, for ``timeout`` seconds at most, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if left := len(self._waiting) + self._sending:
            LOG.error("%d notifications were not sent: the message broker did not take them in time", left)

    def publish(self, ctx: Context, service: str, event_type: str, payload: bytes) -> None:
        """Queue an event; ``api.notices.Publish``."""
        event = Event(ctx, service, event_type, payload, datetime.datetime.now(datetime.UTC).replace(tzinfo=None))
        with self._changed:
            if len(self._waiting) < self._size:
                self._waiting.append(event)
                self._changed.notify_all()
                return
            self._lost += 1
            lost, now = self._lost, time.monotonic()
            if now - self._told < LOSSES and lost > 1:
                return
            self._told = now
        LOG.error("%d notifications lost so far: %d wait for the message broker already", lost, self._size)

    def wait_sent(self, timeout: float) -> bool:
        """Wait until nothing waits; False when something still does after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._sending, timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._sending = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                event, self._sending = self._waiting.popleft(), True
            try:
                context = Caller.of(event.ctx, event.at)
                self._notifiers[event.service].info(context, event.type, orjson.loads(event.payload))
            except Exception:
                LOG.exception("notification %s could not be sent", event.type)


def enabled(conf: cfg.ConfigOpts) -> bool:
    """Whether the configuration wants events to be sent."""
    _register(conf)
    return any(driver not in ("", "noop") for driver in conf[GROUP].driver)


def _register(conf: cfg.ConfigOpts) -> None:
    for group, opts in oslo_messaging.opts.list_opts():
        if group in (None, GROUP):
            conf.register_opts(opts, group=group)
    register_rabbit(conf)


def _url(conf: cfg.ConfigOpts) -> str:
    _register(conf)
    url: str = conf[GROUP].transport_url or conf.messaging.transport_url
    away = any(driver.startswith("messaging") for driver in conf[GROUP].driver)
    if away and not conf[GROUP].transport_url and url.startswith("inproc:"):
        raise cfg.Error(f"[{GROUP}] driver is set, but there is no broker to send to: set transport_url there")
    return url


def _transport(conf: cfg.ConfigOpts, url: str, exchange: str) -> Any:
    """A transport whose messages go to that exchange, which oslo.messaging reads when it makes one."""
    conf.set_override("control_exchange", exchange)
    try:
        return oslo_messaging.get_notification_transport(conf, url)
    except (oslo_messaging.InvalidTransportURL, oslo_messaging.DriverLoadFailure) as exc:
        raise cfg.Error(f"[{GROUP}] transport_url: {exc}") from exc
    finally:
        conf.clear_override("control_exchange")
