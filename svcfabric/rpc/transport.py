"""One way to send that never holds a caller up: a cast or a call succeeds soon or raises ``Unreachable`` soon.

What oslo.messaging does when a broker is away is bounded here, since callers (a request, a sweep) have
another way to get their message through later:

- a cast tries once more over a fresh connection, then fails;
- over a network, casts run on a few threads of the transport's own and the caller waits ``CAST_TIMEOUT`` at
  most (a broker that is frozen or behind a dead link takes a connection and says nothing);
- after a failure, sends fail at once for ``[messaging] hold_off`` seconds, then one at a time tries again;
- when sending works again, everyone who asked (``on_recovery``) is told.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import amqp.exceptions
import kombu.exceptions
import oslo_messaging
import oslo_messaging.opts
from oslo_config import cfg

from svcfabric.rpc import EXCHANGE, NoReader, Unreachable

LOG = logging.getLogger(__name__)

CAST_TIMEOUT = 3.0
SENDERS = 4

# Back within seconds of the broker (defaults: up to 30 s), a dead peer found in 10 s (default: 60 s).
RABBIT_DEFAULTS = {
    "heartbeat_timeout_threshold": 10,
    "heartbeat_rate": 3,
    "kombu_reconnect_delay": 0.2,
    "rabbit_retry_interval": 1,
    "rabbit_retry_backoff": 1,
    "rabbit_interval_max": 2,
    "kombu_missing_consumer_retry_timeout": 10,
}

_FAILURES = (
    oslo_messaging.MessagingException,
    kombu.exceptions.KombuError,
    amqp.exceptions.AMQPError,
    concurrent.futures.TimeoutError,
    OSError,
)


class Transport:
    """The way to the other processes. ``url`` is oslo.messaging's; options are read from ``conf``."""

    def __init__(self, url: str, conf: cfg.ConfigOpts) -> None:
        register_rabbit(conf)
        self.oslo = oslo_messaging.get_rpc_transport(conf, url)
        self._url = oslo_messaging.TransportURL.parse(conf, url)
        self._clients: dict[str, Any] = {}
        self._call_timeout: float = conf.messaging.call_timeout
        self._hold_off: float = conf.messaging.hold_off
        self.batch_size: int = conf.messaging.batch_size
        self._lock = threading.Lock()
        self._trying = threading.Lock()
        self._failed_at: float | None = None
        self._replies_work = False
        self._recovered: list[Callable[[], None]] = []
        self._senders = None
        if self._url.transport != "inproc":
            self._senders = concurrent.futures.ThreadPoolExecutor(SENDERS, thread_name_prefix="cast")

    @property
    def up(self) -> bool:
        """Whether the last send got through."""
        return self._failed_at is None

    def on_recovery(self, callback: Callable[[], None]) -> None:
        """Call ``callback()`` (quick, in a sender's thread) each time a send gets through after one did not."""
        self._recovered.append(callback)

    def cast(self, topic: str, server: str | None, method: str, **arguments: Any) -> None:
        """Send without an answer, to one server or (None) to any that serves the topic. Raises ``Unreachable``."""
        client = self._client(topic).prepare(server=server, retry=1)
        with self._outcome(f"{method} to {topic} {server or ''}"):
            if self._senders is None:
                client.cast({}, method, **arguments)
                return
            future = self._senders.submit(client.cast, {}, method, **arguments)
            try:
                future.result(CAST_TIMEOUT)
            finally:
                future.cancel()  # one that has not begun must not arrive when the caller has given up

    def call(
        self, topic: str, server: str | None, method: str, *, timeout: float | None = None, **arguments: Any
    ) -> Any:
        """Send and wait for the answer. Raises ``Unreachable`` when there is none in time."""
        client = self._client(topic).prepare(server=server, retry=1, timeout=timeout or self._call_timeout)
        with self._outcome(f"{method} to {topic} {server or ''}"):
            self._probe()
            answer = client.call({}, method, **arguments)
            self._replies_work = True
            return answer

    def close(self) -> None:
        """Give up connections. Servers on the transport are to be stopped before."""
        if self._senders is not None:
            self._senders.shutdown(wait=False, cancel_futures=True)
        self.oslo.cleanup()

    def _client(self, topic: str) -> Any:
        client = self._clients.get(topic)
        if client is None:
            target = oslo_messaging.Target(topic=topic, exchange=EXCHANGE)
            # The broker says when a message has no queue to go to, instead of dropping it.
            options = oslo_messaging.TransportOptions(at_least_once=True)
            client = oslo_messaging.get_rpc_client(self.oslo, target, transport_options=options)
            self._clients[topic] = client
        return client

    @contextlib.contextmanager
    def _outcome(self, what: str) -> Iterator[None]:
        failed_at = self._failed_at
        if failed_at is None:
            with self._judged(what):
                yield
            return
        if time.monotonic() - failed_at < self._hold_off or not self._trying.acquire(blocking=False):
            raise Unreachable(f"The message broker does not answer; not sent: {what}.")
        try:
            with self._judged(what):
                yield
        finally:
            self._trying.release()

    @contextlib.contextmanager
    def _judged(self, what: str) -> Iterator[None]:
        try:
            yield
        except oslo_messaging.MessagingTimeout as exc:  # the broker took the question; the reader is away
            raise Unreachable(f"Nobody answered in time: {what}.") from exc
        except oslo_messaging.MessageUndeliverable as exc:
            self._worked()
            raise NoReader(f"Nobody has been there to read this since the broker started: {what}.") from exc
        except _FAILURES as exc:
            self._failed(exc)
            raise Unreachable(f"The message broker does not answer; not sent: {what}.") from exc
        self._worked()

    def _failed(self, exc: BaseException) -> None:
        with self._lock:
            if self._failed_at is None:
                LOG.warning("the message broker does not answer: %s", str(exc) or type(exc).__name__)
            self._failed_at = time.monotonic()

    def _worked(self) -> None:
        if self._failed_at is None:
            return
        with self._lock:
            if self._failed_at is None:
                return
            self._failed_at = None
        LOG.warning("the message broker answers again")
        for callback in list(self._recovered):
            callback()

    def _probe(self) -> None:
        """Before the first call: oslo.messaging makes its reply queue without a time limit."""
        if self._replies_work or self._senders is None:
            return
        for host in self._url.hosts:
            with contextlib.suppress(OSError), socket.create_connection((host.hostname, host.port or 5672), timeout=2):
                return
        raise ConnectionRefusedError("none of the brokers takes a connection")


def register_rabbit(conf: cfg.ConfigOpts) -> None:
    """Register the options of RabbitMQ, with our defaults, with a configuration."""
    for group, opts in oslo_messaging.opts.list_opts():
        if group == "oslo_messaging_rabbit":
            conf.register_opts(opts, group=group)
            for name, value in RABBIT_DEFAULTS.items():
                conf.set_default(name, value, group=group)
    # oslo.messaging registers these with the global configuration only, and reads them from the one it is given.
    for group in ("oslo_messaging_metrics", "oslo_messaging_tracing"):
        with contextlib.suppress(ImportError):
            module = importlib.import_module(f"oslo_messaging._{group.removeprefix('oslo_messaging_')}.client")
            conf.register_opts(getattr(module, group), group=group)
