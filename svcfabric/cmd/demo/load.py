"""Requests from a client's namespace, every one counted."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import itertools
import threading
import time
from collections.abc import Iterator

from svcfabric.cmd.demo.ledger import Ledger, Request
from svcfabric.drivers.linux import netns

TIMEOUT = 5.0  # seconds a request may take


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """An address as seen from a namespace. ``name`` is for people."""

    name: str
    namespace: str
    address: str
    port: int


class Connection:
    """One client's connection to a target, to be used by a thread inside the target's namespace.

    ``keep``: one connection for all requests, as browsers do; else a new one each time.
    """

    def __init__(self, target: Target, *, keep: bool) -> None:
        self._target = target
        self._keep = keep
        self._http = http.client.HTTPConnection(target.address, target.port, timeout=TIMEOUT)

    def get(self) -> Request:
        """Send one request and wait for the whole answer. Never raises, never repeats."""
        began = time.monotonic()
        server = error = ""
        try:
            self._http.request("GET", "/", headers={} if self._keep else {"Connection": "close"})
            answer = self._http.getresponse()
            body = answer.read()
            server = body.decode("ascii", "replace").strip() if answer.status == 200 else ""
            error = "" if answer.status == 200 else f"status {answer.status}"
        except (OSError, http.client.HTTPException) as exc:
            error = type(exc).__name__
        if error or not self._keep:
            self._http.close()
        return Request(self._target.name, began, time.monotonic(), server, error)

    def close(self) -> None:
        """End the connection."""
        self._http.close()


def until_answered(target: Target, timeout: float = 15.0, step: float = 0.002) -> tuple[float, int]:
    """Ask until the first 200. Returns its monotonic time and how many attempts had failed.

    Raises ``TimeoutError`` with the last failure.
    """

    def ask() -> tuple[float, int]:
        deadline = time.monotonic() + timeout
        for attempts in itertools.count():
            answer = Connection(dataclasses.replace(target), keep=False).get()
            if not answer.error:
                return answer.done, attempts
            if time.monotonic() > deadline:
                raise TimeoutError(f"{target.name} ({target.address}:{target.port}) does not answer: {answer.error}")
            time.sleep(step)
        raise AssertionError("endless")

    return netns.run_in(target.namespace, ask)


def some(target: Target, count: int, ledger: Ledger) -> None:
    """Send ``count`` requests one after the other, every second on a connection of its own."""

    def ask() -> None:
        kept, fresh = Connection(target, keep=True), Connection(target, keep=False)
        for number in range(count):
            ledger.add((kept if number % 2 else fresh).get())
        kept.close()

    netns.run_in(target.namespace, ask)


@contextlib.contextmanager
def running(targets: list[Target], ledger: Ledger, pause: float = 0.005) -> Iterator[None]:
    """Keep requests coming to all targets: per target one kept connection, and one connection per request.

    ``pause``: seconds each waits after an answer.
    """
    stop = threading.Event()

    def keep_asking(target: Target, keep: bool) -> None:
        connection = Connection(target, keep=keep)
        while not stop.is_set():
            ledger.add(connection.get())
            stop.wait(pause)
        connection.close()

    threads = [
        threading.Thread(target=netns.run_in, args=(target.namespace, keep_asking, target, keep), daemon=True)
        for target in targets
        for keep in (True, False)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(TIMEOUT + 1)
