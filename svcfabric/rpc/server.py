"""The receiving side: an endpoint (an object with the methods below) served on a transport."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import oslo_messaging

from svcfabric.rpc import AGENT_TOPIC, CONTROLLER_TOPIC, EXCHANGE
from svcfabric.rpc.transport import Transport

LOG = logging.getLogger(__name__)
Wire = Mapping[str, Any]

RETRY = 3.0  # seconds until the next try to listen at a broker that refuses us


class AgentEndpoint(Protocol):
    """What an agent takes. Called from one thread, in the order sent; must return quickly."""

    def apply(self, envelopes: Sequence[Wire]) -> None:
        """Make these whole specs real."""

    def remove(self, instances: Sequence[Wire]) -> None:
        """Take these instances away."""


class ControllerEndpoint(Protocol):
    """What a controller takes. Called from several threads."""

    def heartbeat(self, agent: Wire) -> None:
        """An agent lives."""

    def report(self, host: str, reports: Sequence[Wire]) -> None:
        """Outcomes of applies and removals."""

    def observe(self, host: str, observations: Sequence[Wire]) -> None:
        """Operating statuses and counters that changed."""

    def resync(self, host: str, view: Mapping[str, int]) -> Mapping[str, Any]:
        """The answer to an agent's view."""


class Server:
    """A served endpoint. ``start`` and ``stop`` once each."""

    def __init__(self, transport: Transport, topic: str, server: str, endpoint: object, threads: int) -> None:
        self._transport, self._endpoint, self._threads = transport, endpoint, threads
        self._target = oslo_messaging.Target(topic=topic, server=server, exchange=EXCHANGE)
        self._name = f"{topic} {server}"
        self._server: Any = None
        self._stopping = threading.Event()
        self._listening = threading.Event()

    def start(self, wait: float = 5.0) -> bool:
        """Begin to serve; True when listening within ``wait`` seconds.

        When the broker is away this goes on trying behind the caller's back: the order in which broker and
        processes start does not matter.
        """
        threading.Thread(target=self._start, name=f"listen {self._name}", daemon=True).start()
        if not self._listening.wait(wait):
            LOG.warning("%s: no broker yet; will listen as soon as there is one", self._name)
        return self._listening.is_set()

    def stop(self, wait: float = 10.0) -> None:
        """Take no more messages and let those being worked on finish, for ``wait`` seconds at most."""
        self._stopping.set()
        if self._listening.is_set():
            # On a thread, because it can hang on a connection to a broker that is gone.
            stopper = threading.Thread(target=self._stop, name=f"stop {self._name}", daemon=True)
            stopper.start()
            stopper.join(wait)

    def _start(self) -> None:
        while not self._stopping.is_set():
            self._server = oslo_messaging.get_rpc_server(
                self._transport.oslo,
                self._target,
                [self._endpoint],
                access_policy=oslo_messaging.DefaultRPCAccessPolicy,
            )
            try:
                self._server.start(override_pool_size=self._threads)
            except Exception as exc:  # a broker that refuses us (password, rights) may be put right
                LOG.error("%s: cannot listen: %s", self._name, str(exc) or type(exc).__name__)
                self._stopping.wait(RETRY)
                continue
            self._listening.set()
            if self._stopping.is_set():
                self._stop()
            return

    def _stop(self) -> None:
        self._server.stop()
        self._server.wait()


class _Agent:
    """Takes the messages apart; no method of the endpoint's own can be called by name."""

    def __init__(self, endpoint: AgentEndpoint) -> None:
        self._endpoint = endpoint

    def apply(self, _context: Any, envelopes: Sequence[Wire]) -> None:
        self._endpoint.apply(envelopes)

    def remove(self, _context: Any, instances: Sequence[Wire]) -> None:
        self._endpoint.remove(instances)


class _Controller:
    def __init__(self, endpoint: ControllerEndpoint) -> None:
        self._endpoint = endpoint

    def heartbeat(self, _context: Any, agent: Wire) -> None:
        self._endpoint.heartbeat(agent)

    def report(self, _context: Any, host: str, reports: Sequence[Wire]) -> None:
        self._endpoint.report(host, reports)

    def observe(self, _context: Any, host: str, observations: Sequence[Wire]) -> None:
        self._endpoint.observe(host, observations)

    def resync(self, _context: Any, host: str, view: Mapping[str, int]) -> Mapping[str, Any]:
        try:
            return self._endpoint.resync(host, view)
        except Exception as exc:  # told to the caller in the same form over every transport
            LOG.exception("resync of %s failed", host)
            return {"failure": f"{type(exc).__name__}: {exc}"}


def serve_agent(transport: Transport, host: str, endpoint: AgentEndpoint) -> Server:
    """A server for what is sent to the agent on ``host``; not started."""
    return Server(transport, AGENT_TOPIC, host, _Agent(endpoint), threads=1)


def serve_controller(transport: Transport, endpoint: ControllerEndpoint, *, name: str = "", threads: int = 8) -> Server:
    """A server for what agents send; not started.

    ``name`` (default: the machine's) is borne by a queue that outlives the process, so it should be the same
    after a restart; controllers may share it.
    """
    return Server(transport, CONTROLLER_TOPIC, name or socket.gethostname(), _Controller(endpoint), threads=threads)
