"""Load over HTTP that counts every request: ``python -m tests.load URL [--rate R] [--connections N] ...``.

Runs until ``--seconds`` are over or TERM or INT arrives, then prints one JSON object (see ``Counts``). Standard
library only, so that any interpreter can run it inside a namespace; ``Load`` starts it there and reads the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit


@dataclasses.dataclass
class Counts:
    """What became of the requests. ``failed`` = ``resets`` + ``refused`` + ``timeouts`` + ``bad_status``."""

    sent: int = 0
    ok: int = 0
    failed: int = 0
    resets: int = 0  # the connection ended before the whole answer was there
    refused: int = 0  # no connection
    timeouts: int = 0
    bad_status: int = 0  # an answer that is not 2xx
    connections: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    statuses: dict[str, int] = dataclasses.field(default_factory=dict)
    servers: dict[str, int] = dataclasses.field(default_factory=dict)  # by X-Server header
    errors: list[str] = dataclasses.field(default_factory=list)  # the first twenty, with the second they came at


class _Failure(Exception):
    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[tuple[bytes, bool]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._answer and not self._answer.done():
            text = f"connection ended ({exc or 'closed'}) after {len(self._buffer)} bytes of the answer"
            self._answer.set_exception(_Failure("resets", text))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answer is None or self._answer.done():
            return
        head = self._buffer[:end].lower()
        length = _field(head, b"content-length")
        if len(self._buffer) >= end + 4 + int(length or 0):
            self._answer.set_result((self._buffer[: end + 2], _field(head, b"connection") == b"close"))

    async def ask(self, request: bytes, timeout: float) -> tuple[bytes, bool]:
        """The answer's head and whether the server will close."""
        assert self.transport is not None
        self._buffer = b""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            async with asyncio.timeout(timeout):
                return await self._answer
        except TimeoutError:
            raise _Failure("timeouts", f"no answer in {timeout} s") from None

    def close(self) -> None:
        if self.transport:
            self.transport.close()
            self.transport = None


def _field(head: bytes, name: bytes) -> bytes:
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    stop = head.find(b"\r\n", start)
    return head[start : stop if stop >= 0 else len(head)].strip()


class Generator:
    """Sends at ``rate`` requests a second in all (0: as fast as answers come) over ``connections`` connections.

    ``close``: this share of the connections asks ``Connection: close`` and opens a new one per request.
    """

    def __init__(self, url: str, *, rate: float, connections: int, close: float, timeout: float) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._path = parts.path or "/"
        self._rate, self._connections, self._close, self._timeout = rate, connections, close, timeout
        self.counts = Counts()
        self._latencies: list[float] = []
        self._started = 0.0
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let requests under way finish, send no more."""
        self._stop.set()

    async def run(self, seconds: float | None) -> Counts:
        """Send until ``seconds`` have passed or ``stop``; the counts."""
        self._started = time.monotonic()
        closing = round(self._connections * self._close)
        tasks = [asyncio.create_task(self._worker(i, close=i < closing)) for i in range(self._connections)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        self._stop.set()
        await asyncio.gather(*tasks)
        counts = self.counts
        counts.seconds = round(time.monotonic() - self._started, 3)
        ordered = sorted(self._latencies)
        if ordered:
            counts.p50_ms, counts.p99_ms, counts.max_ms = (
                round(ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1e3, 2) for q in (0.5, 0.99, 1.0)
            )
        return counts

    async def _worker(self, number: int, *, close: bool) -> None:
        host = self._address[0].encode()
        mode = b"close" if close else b"keep-alive"
        request = b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n" % (self._path.encode(), host, mode)
        gap = self._connections / self._rate if self._rate else 0.0
        due = time.monotonic() + gap * number / self._connections
        connection: _Connection | None = None
        while not self._stop.is_set():
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
                if self._stop.is_set():
                    break
            due = max(due + gap, time.monotonic() - 1.0)  # catch up a second's worth, no more
            connection = await self._one(connection, request)
        if connection:
            connection.close()

    async def _one(self, connection: _Connection | None, request: bytes) -> _Connection | None:
        counts, start = self.counts, time.monotonic()
        counts.sent += 1
        try:
            if connection is None or connection.transport is None:
                connection = await self._connect()
            head, closing = await connection.ask(request, self._timeout)
        except _Failure as failure:
            setattr(counts, failure.kind, getattr(counts, failure.kind) + 1)
            self._note(str(failure))
            if connection:
                connection.close()
            return None
        self._latencies.append(time.monotonic() - start)
        status = head[9:12].decode()
        counts.statuses[status] = counts.statuses.get(status, 0) + 1
        if status.startswith("2"):
            counts.ok += 1
        else:
            counts.bad_status += 1
            self._note(head.decode("latin-1").splitlines()[0])
        server = _field(head.lower(), b"x-server").decode()
        if server:
            counts.servers[server] = counts.servers.get(server, 0) + 1
        if closing:
            connection.close()
            return None
        return connection

    async def _connect(self) -> _Connection:
        try:
            async with asyncio.timeout(self._timeout):
                _, made = await asyncio.get_running_loop().create_connection(_Connection, *self._address)
        except (OSError, TimeoutError) as exc:
            raise _Failure("refused", f"no connection: {exc or 'timeout'}") from None
        self.counts.connections += 1
        return made

    def _note(self, text: str) -> None:
        self.counts.failed += 1
        if len(self.counts.errors) < 20:
            self.counts.errors.append(f"{time.monotonic() - self._started:.3f}: {text}")


class Load:
    """A generator in a process of its own, inside ``prefix`` (e.g. ``["ip", "netns", "exec", NAME]``)."""

    def __init__(
        self,
        url: str,
        *,
        rate: float = 0,
        connections: int = 8,
        close: float = 0.5,
        timeout: float = 10,
        prefix: Sequence[str] = (),
    ) -> None:
        options = {"rate": rate, "connections": connections, "close": close, "timeout": timeout}
        flags = [f"--{key}={value}" for key, value in options.items()]
        self._process = subprocess.Popen(
            [*prefix, sys.executable, str(pathlib.Path(__file__).resolve()), url, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # "started"

    def stop(self) -> Counts:
        """Stop sending; the counts."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        out, _ = self._process.communicate(timeout=60)
        return Counts(**json.loads(out))

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


async def _main(options: argparse.Namespace) -> Counts:
    generator = Generator(
        options.url,
        rate=options.rate,
        connections=options.connections,
        close=options.close,
        timeout=options.timeout,
    )
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, generator.stop)
    print("started", flush=True)
    return await generator.run(options.seconds)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Sends HTTP requests and counts what becomes of each.")
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=0, help="requests a second in all; 0: as fast as they go")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--close", type=float, default=0.5, help="share of connections that ask for close")
    parser.add_argument("--timeout", type=float, default=10)
    parser.add_argument("--seconds", type=float)
    print(json.dumps(dataclasses.asdict(asyncio.run(_main(parser.parse_args())))), flush=True)


if __name__ == "__main__":
    main()
