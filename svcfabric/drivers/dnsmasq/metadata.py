"""The driver's side of metadata: one process for the host, handed the sockets it listens at in every network."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import socket
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from svcfabric.drivers.dnsmasq import neighbour
from svcfabric.drivers.dnsmasq.daemon import place
from svcfabric.drivers.dnsmasq.render import METADATA_V4, METADATA_V6
from svcfabric.drivers.linux import dhcp_hosts, files, link, netns, process
from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.host import Host

NAME = "metadata"
PORT = 80
_START = 5.0  # seconds


def checked_url(url: str) -> str:
    """A backend's URL. Raises ``ValueError`` when it is none."""
    parts = urllib.parse.urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError(f"metadata_url {url!r}: an http:// or https:// URL without query")
    return url


class Metadata:
    """Safe to use from several threads.

    Of the settings it knows ``metadata_url`` (the backend, e.g. http://controller:8775; "" for none) and
    ``metadata_secret``.
    """

    def __init__(self, host: Host, directory: Path, settings: Mapping[str, str]) -> None:
        user, group = dhcp_hosts.daemon_user()
        config = {
            "url": checked_url(settings.get("metadata_url", "")),
            "secret": settings.get("metadata_secret", ""),
            "user": user,
            "group": group,
            "version": importlib.metadata.version("svcfabric"),  # another one's process makes way
        }
        self._config = json.dumps(config, sort_keys=True)
        self._host = host
        self._directory = directory
        self._control = dhcp_hosts.root(host) / "metadata.sock"
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def serving(self, network_id: str, namespace: str, ifname: str) -> Iterator[None]:
        """Have the process answer in that namespace for the network; nothing happens when it does.

        Within the block questions wait already, so that whoever got a lease from what it starts is not refused;
        the process, which may have to be started, is handed them at its end.
        """
        key = place(namespace, ifname)
        sockets: list[socket.socket] = []
        with self._lock:
            known = self._known()
            if known.get(network_id) != key:
                if network_id in known:  # its sockets, which have no interface any more, still hold the addresses
                    self._ask({"do": "stop", "network": network_id})
                sockets = netns.run_in(namespace, _sockets, ifname)
        try:
            yield
            with self._lock:
                if self._ensure().get(network_id) != key:
                    sockets = sockets or netns.run_in(namespace, _sockets, ifname)
                    wish = {"do": "listen", "network": network_id, "key": key}
                    self._ask(wish, [each.fileno() for each in sockets])
        finally:
            for each in sockets:
                each.close()

    def stop(self, network_id: str) -> None:
        """Answer no more for the network; without any, the process ends."""
        with self._lock:
            if process.adopt(self._directory, NAME) is None:
                return
            with contextlib.suppress(HostFault):
                if self._ask({"do": "stop", "network": network_id}):
                    return
            self._end()

    def served(self) -> frozenset[str]:
        """The networks the process answers for; none when it is not there."""
        with self._lock:
            return frozenset(self._known())

    def _known(self) -> dict[str, str]:
        """{network: key} of what the process serves, if there is one."""
        if process.adopt(self._directory, NAME) is not None:
            with contextlib.suppress(HostFault):
                return self._ask({"do": "list"})
        return {}

    def _ensure(self) -> dict[str, str]:
        """The process, with the configuration there is now; {network: key} of what it serves."""
        running = process.adopt(self._directory, NAME)
        config = self._directory / "metadata.json"
        if running is not None and files.read(config) == self._config:
            with contextlib.suppress(HostFault):
                return self._ask({"do": "list"})
        if running is not None:
            self._end()
        files.swap(config, self._config)
        with contextlib.suppress(FileNotFoundError):
            (self._directory / f"{NAME}.log").unlink()
        argv = [sys.executable, "-m", "svcfabric.drivers.dnsmasq.proxy", str(self._control)]
        started = process.start(NAME, [*argv, str(dhcp_hosts.root(self._host)), str(config)], None, self._directory)
        known: list[dict[str, str]] = []

        def answers() -> bool:
            with contextlib.suppress(HostFault):
                known.append(self._ask({"do": "list"}))
            return bool(known) or not started.alive()

        process.until(answers, _START, 0.01)
        if not known:
            words = (files.read(started.log) or "").strip()
            started.stop(0.5)
            raise HostFault("Metadata cannot be served.", detail=words, code="metadata.start")
        return known[0]

    def _end(self) -> None:
        if running := process.adopt(self._directory, NAME):
            running.stop()
        process.forget(self._directory, NAME)
        self._control.unlink(missing_ok=True)

    def _ask(self, message: Mapping[str, str], fds: list[int] | None = None) -> dict[str, str]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
                sock.settimeout(2.0)
                sock.connect(str(self._control))
                socket.send_fds(sock, [json.dumps(message).encode()], fds or [])
                answer: dict[str, str] = json.loads(sock.recv(1 << 20))
                return answer
        except (OSError, ValueError) as exc:
            raise HostFault("Metadata's process does not answer.", detail=str(exc), code="metadata.silent") from exc


def _sockets(ifname: str) -> list[socket.socket]:
    """Listening at both addresses in this thread's namespace; and what asks for neighbours there."""
    made: list[socket.socket] = []
    addresses: list[tuple[socket.AddressFamily, tuple[Any, ...]]] = [
        (socket.AF_INET, (METADATA_V4, PORT)),
        (socket.AF_INET6, (METADATA_V6, PORT, 0, link.index_here(ifname))),
    ]
    try:
        for family, address in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            made.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(128)
        made.append(neighbour.opened_here())
    except OSError:
        for each in made:
            each.close()
        raise
    return made
