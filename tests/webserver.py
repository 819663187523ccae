"""A small web server for the far side of a load balancer: ``python webserver.py NAME [ADDRESS:]PORT...``.

Answers every request with 200 and its name, in the body and as ``X-Server``; keeps connections alive as the
client asks. ``GET /health`` answers 503 once a file ``--down FILE`` exists. Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal


class Answer(asyncio.Protocol):
    """One connection."""

    def __init__(self, name: str, down: str) -> None:
        body = name.encode()
        head = b"HTTP/1.1 %s\r\nX-Server: %s\r\nContent-Length: %d\r\n%s\r\n%s"
        self._keep = head % (b"200 OK", body, len(body), b"", body)
        self._close = head % (b"200 OK", body, len(body), b"Connection: close\r\n", body)
        self._sick = head % (b"503 Service Unavailable", body, len(body), b"Connection: close\r\n", body)
        self._down = down
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._transport and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, self._buffer = self._buffer[:end].lower(), self._buffer[end + 4 :]
            close = b"connection: close" in head or head.split(b"\r\n", 1)[0].endswith(b"http/1.0")
            if self._down and head.startswith(b"get /health") and os.path.exists(self._down):
                self._transport.write(self._sick)
                close = True
            else:
                self._transport.write(self._close if close else self._keep)
            if close:
                self._transport.close()
                self._transport = None


async def serve(name: str, where: list[str], down: str) -> None:
    """Serve until TERM."""
    loop = asyncio.get_running_loop()
    for place in where:
        address, _, port = place.rpartition(":")
        await loop.create_server(lambda: Answer(name, down), address or "0.0.0.0", int(port), backlog=512)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    print("serving", flush=True)
    await stop.wait()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Answers HTTP requests with its name.")
    parser.add_argument("name")
    parser.add_argument("where", nargs="+", metavar="[ADDRESS:]PORT")
    parser.add_argument("--down", default="", help="while this file exists, GET /health answers 503")
    options = parser.parse_args()
    asyncio.run(serve(options.name, options.where, options.down))


if __name__ == "__main__":
    main()
