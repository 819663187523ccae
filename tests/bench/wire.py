"""A lean HTTP client for measuring: one kept-alive connection per thread, JSON in and out."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


class Failed(Exception):
    """An answer that is no success."""


class Wire:
    """A server's API at ``url``. Each thread has a connection of its own."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._prefix = parts.path.rstrip("/")
        shared = {"Host": parts.netloc, "Accept": "application/json", **headers}
        self._headers = "".join(f"{key}: {value}\r\n" for key, value in shared.items())
        self._local = threading.local()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """(status, body) of one request; a connection the server closed meanwhile is opened again, once."""
        data = b"" if body is None else json.dumps(body).encode()
        kind = "Content-Type: application/json\r\n" if data else ""
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._headers}{kind}Content-Length: {len(data)}\r\n\r\n"
        for again in (True, False):
            try:
                return self._exchange(head.encode() + data)
            except (ConnectionError, EOFError):
                self.close()
                if not again:
                    raise
        raise AssertionError("unreachable")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The parsed answer; ``Failed`` for any error status."""
        status, answer = self.ask(method, path, body)
        if status >= 300:
            raise Failed(f"{method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer) if answer else None

    def close(self) -> None:
        """Close this thread's connection."""
        sock = getattr(self._local, "socket", None)
        if sock is not None:
            sock.close()
            self._local.socket = None

    def _exchange(self, request: bytes) -> tuple[int, bytes]:
        sock = getattr(self._local, "socket", None)
        if sock is None:
            sock = self._local.socket = socket.create_connection(self._address, timeout=300)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += _some(sock)
        head, rest = data[:end].lower(), data[end + 4 :]
        if b"\r\ntransfer-encoding: chunked" in head:
            body = _chunked(sock, rest)
        else:
            body = _exactly(sock, rest, _length(head))
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head[9:12]), body


def _length(head: bytes) -> int:
    at = head.find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(262144)
    if not data:
        raise EOFError("connection closed")
    return data


def _exactly(sock: socket.socket, have: bytes, length: int) -> bytes:
    parts, got = [have], len(have)
    while got < length:
        parts.append(_some(sock))
        got += len(parts[-1])
    return b"".join(parts)


def _chunked(sock: socket.socket, data: bytes) -> bytes:
    body = []
    while True:
        while (end := data.find(b"\r\n")) < 0:
            data += _some(sock)
        size = int(data[:end].split(b";")[0], 16)
        data = _exactly(sock, data[end + 2 :], size + 2)
        body.append(data[:size])
        data = data[size + 2 :]
        if size == 0:
            return b"".join(body)


@dataclasses.dataclass(frozen=True)
class Figure:
    """One operation measured: ``ops`` per second over the wall, latencies in ms."""

    n: int
    errors: int
    ops: float
    p50: float
    p99: float
    first_error: str = ""


def measure(clients: int, items: Sequence[T], work: Callable[[T], Any]) -> tuple[Figure, list[Any]]:
    """Do ``work(item)`` for every item on ``clients`` threads; figures and results (None for what failed)."""
    queue = iter(enumerate(items))
    lock = threading.Lock()
    results: list[Any] = [None] * len(items)
    latencies: list[float] = []
    errors: list[str] = []
    gate = threading.Barrier(clients + 1)

    def worker() -> None:
        gate.wait()
        while True:
            with lock:
                place, item = next(queue, (-1, None))
            if place < 0:
                return
            began = time.perf_counter()
            try:
                results[place] = work(item)  # type: ignore[arg-type]
            except (Failed, OSError, EOFError, TimeoutError) as exc:
                errors.append(str(exc))
            latencies.append(time.perf_counter() - began)

    threads = [threading.Thread(target=worker) for _ in range(clients)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    ordered = sorted(latencies) or [0.0]

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3, 2)

    done = len(items) - len(errors)
    figure = Figure(len(items), len(errors), round(done / wall, 2), at(0.5), at(0.99), errors[0] if errors else "")
    return figure, results
