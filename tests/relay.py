"""A way for namespaces to a server on this machine's loopback: a TCP relay that listens inside them.

A connection that ends on one side ends on the other, so that a server's death is seen through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence

from svcfabric.drivers.linux import netns


class Relay:
    """Listens on 127.0.0.1:``port`` in each namespace; connections go to that port here."""

    def __init__(self, port: int, namespaces: Sequence[str]) -> None:
        self.port = port
        self._sockets = [netns.run_in(name, socket.create_server, ("127.0.0.1", port)) for name in namespaces]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for sock in self._sockets:
            self._loop.run_until_complete(asyncio.start_server(self._serve, sock=sock))
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()
        for sock in self._sockets:
            sock.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, here = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.transport.abort()
            return
        pumps = [asyncio.create_task(_pump(reader, here)), asyncio.create_task(_pump(there, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (writer, here):
                with contextlib.suppress(OSError):
                    each.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
