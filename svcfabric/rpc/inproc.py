"""oslo.messaging driver ``inproc://[/name]``: everyone in one process, delivery without polling or copying threads.

A message is handed to the receiver's executor in the sender's thread. It is turned into JSON and back, so
that what works here works over a broker, and neither side can change the other's values. Transports with
the same ``name`` reach each other; what nobody listens to yet waits (bounded, oldest dropped).
"""

from __future__ import annotations

import collections
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

import orjson
import oslo_messaging
from oslo_messaging._drivers import base  # where drivers, those of others too, get their base classes

WAITING = 10_000  # messages kept per queue while nobody listens

Address = tuple[str, str, str]  # exchange, topic, server ("" for whoever serves the topic)
Replies = queue.SimpleQueue[tuple[Any, BaseException | None]]


class Message(base.RpcIncomingMessage):
    """A message as the receiver's server sees it."""

    def __init__(self, context: Any, body: Any, replies: Replies | None, requeue: Callable[[], None]) -> None:
        super().__init__(context, body)
        self._replies, self._requeue = replies, requeue

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        if self._replies is not None:
            self._replies.put((_copy(reply), failure[1] if failure else None))

    def requeue(self) -> None:
        self._requeue()

    def heartbeat(self) -> None:
        """The caller is in this process and knows that we live."""


class Exchange:
    """Who listens to what, and what waits for a listener."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: dict[Address, list[Listener]] = {}
        self._waiting: dict[Address, collections.deque[Message]] = {}

    def send(self, address: Address, message: Message, *, fanout: bool = False) -> None:
        """Give the message to one listener of the address in turn, or to all of its topic."""
        with self._lock:
            if fanout:
                chosen = {id(one): one for a, many in self._listeners.items() if a[:2] == address[:2] for one in many}
                for listener in chosen.values():
                    listener.deliver(message)
                return
            listeners = self._listeners.get(address)
            if listeners:
                listeners.append(listeners.pop(0))
                listeners[-1].deliver(message)
            else:
                self._waiting.setdefault(address, collections.deque(maxlen=WAITING)).append(message)

    def attach(self, listener: Listener) -> None:
        """Let a listener have what waits and what comes."""
        with self._lock:
            for address in listener.addresses:
                self._listeners.setdefault(address, []).append(listener)
                for message in self._waiting.pop(address, ()):
                    listener.deliver(message)

    def detach(self, listener: Listener) -> None:
        """After this, nothing more is delivered to the listener."""
        with self._lock:
            for address in listener.addresses:
                remaining = [each for each in self._listeners.get(address, ()) if each is not listener]
                self._listeners[address] = remaining


class Listener(base.Listener):
    """A server's ear at an exchange."""

    def __init__(self, exchange: Exchange, addresses: list[Address], batch_size: int, batch_timeout: float) -> None:
        super().__init__(batch_size, batch_timeout)
        self._exchange = exchange
        self.addresses = addresses

    def start(self, on_incoming_callback: Callable[[list[Message]], None]) -> None:
        super().start(on_incoming_callback)
        self._exchange.attach(self)

    def deliver(self, message: Message) -> None:
        """Hand a message to the server's executor."""
        self.on_incoming_callback([message])

    def stop(self) -> None:
        self._exchange.detach(self)
        super().stop()

    def cleanup(self) -> None:
        """Nothing is held."""


class InprocDriver(base.BaseDriver):
    """Made by oslo.messaging for ``inproc://`` URLs (entry point in group ``oslo.messaging.drivers``)."""

    _exchanges: weakref.WeakValueDictionary[str, Exchange] = weakref.WeakValueDictionary()
    _lock = threading.Lock()

    def __init__(self, conf: Any, url: Any, default_exchange: str = "", allowed_remote_exmods: Any = None) -> None:
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        with self._lock:
            self._exchange = self._exchanges.setdefault(url.virtual_host or "", Exchange())

    def require_features(self, requeue: bool = False) -> None:
        """All are supported."""

    def send(
        self,
        target: Any,
        ctxt: Any,
        message: Any,
        wait_for_reply: bool | None = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,
        retry: int | None = None,
        transport_options: Any = None,
    ) -> Any:
        """Deliver; for a call, wait for the reply and return it, or raise what the receiver raised."""
        replies: Replies | None = queue.SimpleQueue() if wait_for_reply else None
        address = (self._name(target), target.topic, target.server or "")
        self._put(address, _copy(ctxt), _copy(message), replies, fanout=bool(target.fanout))
        if replies is None:
            return None
        try:
            reply, failure = replies.get(timeout=timeout)
        except queue.Empty:
            raise oslo_messaging.MessagingTimeout(f"no reply on topic {target.topic} in {timeout} s") from None
        if failure is not None:
            raise failure
        return reply

    def send_notification(self, target: Any, ctxt: Any, message: Any, version: Any, retry: Any = None) -> None:
        """Deliver a notification."""
        self.send(target, ctxt, message)

    def listen(self, target: Any, batch_size: int, batch_timeout: float) -> Listener:
        """A listener for the topic, and for the topic at this server."""
        name = self._name(target)
        addresses = [(name, target.topic, target.server or ""), (name, target.topic, "")]
        return Listener(self._exchange, addresses, batch_size, batch_timeout)

    def listen_for_notifications(
        self, targets_and_priorities: Any, pool: Any, batch_size: int, batch_timeout: float
    ) -> Listener:
        """A listener for notifications; pools are not told apart."""
        addresses = [(self._name(t), f"{t.topic}.{priority}", "") for t, priority in targets_and_priorities]
        return Listener(self._exchange, addresses, batch_size, batch_timeout)

    def cleanup(self) -> None:
        """The exchange goes with its last transport."""

    def _name(self, target: Any) -> str:
        return str(target.exchange or self._default_exchange or "")

    def _put(self, address: Address, context: Any, body: Any, replies: Replies | None, *, fanout: bool) -> None:
        message = Message(context, body, replies, lambda: self._put(address, context, body, replies, fanout=fanout))
        self._exchange.send(address, message, fanout=fanout)


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
