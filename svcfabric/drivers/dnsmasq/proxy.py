"""Metadata for the ports of a host: who asks is known by network and source address, the question is forwarded.

``python -m svcfabric.drivers.dnsmasq.proxy CONTROL CALLERS CONFIG``: one process per host, without privileges once
it has begun, standard library only. Through the socket CONTROL the driver hands it listening sockets out of
networks' namespaces; below the directory CALLERS is who has which address (``drivers.linux.dhcp_hosts``); the file
CONFIG says where the backend is (``url``, ``secret``) and whom to run as (``user``, ``group``).

The backend gets what Nova's metadata service wants: X-Forwarded-For, X-Instance-ID, X-Tenant-ID (X-Project-ID)
and X-Instance-ID-Signature, the instance id's HMAC-SHA256 with the secret.
"""

from __future__ import annotations

import contextlib
import dataclasses
import encodings.idna  # noqa: F401 # names of backends need it, when this process may no longer read its file
import functools
import grp
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pwd
import resource
import selectors
import socket
import sys
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

from svcfabric.drivers.dnsmasq import neighbour

PER_NETWORK = 32  # connections at once; a network cannot use up the others'
BODY_MAX = 65536
CLIENT_TIMEOUT, BACKEND_TIMEOUT = 10.0, 60.0  # seconds
_CHUNK = 65536
_HOP = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# What says who asks is ours to say. Backends take _ for -.
_OURS = ("x-forwarded", "x-instance-id", "x-tenant-id", "x-project-id", "x-metadata-provider", "x-neutron")


@dataclasses.dataclass(frozen=True, slots=True)
class Backend:
    """Where questions go; ``url`` "" for nowhere."""

    url: str = ""
    secret: str = ""

    def connect(self) -> tuple[http.client.HTTPConnection, str]:
        """A connection, not made yet, and what its paths begin with."""
        parts = urllib.parse.urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=BACKEND_TIMEOUT), parts.path.rstrip("/")


@dataclasses.dataclass
class Network:
    """A network's sockets. ``key`` tells its namespace and interface from earlier ones."""

    name: str
    key: str
    listeners: list[socket.socket]
    netlink: socket.socket
    slots: threading.BoundedSemaphore = dataclasses.field(
        default_factory=lambda: threading.BoundedSemaphore(PER_NETWORK)
    )
    asking: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def mac_of(self, address: str, index: int) -> str | None:
        """The MAC of a neighbour."""
        with self.asking, contextlib.suppress(OSError):
            return neighbour.mac_of(self.netlink, address, index)
        return None

    def close(self) -> None:
        """Listen no more; what is being answered is."""
        for each in (*self.listeners, self.netlink):
            each.close()


class Callers:
    """Who has which address, asked of the files each time: they change with the ports."""

    def __init__(self, directory: int) -> None:
        self._directory = directory  # opened before the privileges went

    def find(self, network: Network, peer: tuple[Any, ...]) -> dict[str, str] | None:
        """The port that asks from a socket's peer address, or None."""
        address = str(peer[0]).partition("%")[0].lower()
        key = network.mac_of(address, peer[3]) if address.startswith("fe80:") else address
        if not key or "/" in key:
            return None
        try:
            path = f"{network.name}/callers/{key}"
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._directory), "rb") as file:
                found: dict[str, str] = json.load(file)
        except (OSError, ValueError):
            return None
        return found


def headers_for(given: Mapping[str, str], caller: Mapping[str, str], address: str, secret: str) -> dict[str, str]:
    """What the backend is told: the client's headers, but of who asks only what we know. Pure."""
    kept = {
        name: value
        for name, value in given.items()
        if name.lower() not in _HOP and not name.lower().replace("_", "-").startswith(_OURS)
    }
    device, project = caller["device"], caller["project"]
    signature = hmac.new(secret.encode(), device.encode(), hashlib.sha256).hexdigest()
    return {
        **kept,
        "X-Forwarded-For": address,
        "X-Instance-ID": device,
        "X-Tenant-ID": project,
        "X-Project-ID": project,
        "X-Instance-ID-Signature": signature,
        "Connection": "close",
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Shared:
    """What all connections share."""

    backend: Backend
    callers: Callers


class Question(http.server.BaseHTTPRequestHandler):
    """One connection: one question."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "metadata", ""
    timeout = CLIENT_TIMEOUT

    def __init__(self, connection: socket.socket, peer: tuple[Any, ...], network: Network, shared: Shared) -> None:
        self._network, self._shared = network, shared
        super().__init__(connection, peer, None)  # type: ignore[arg-type] # it asks nothing of its server

    def forward(self) -> None:
        """Answer what the backend answers to whoever this is, or why not."""
        shared = self._shared
        self.close_connection = True
        caller = shared.callers.find(self._network, self.client_address)
        length = self.headers.get("Content-Length", "0")
        if caller is None:
            self._refuse(404, "No port of this network has your address.")
        elif not shared.backend.url:
            self._refuse(503, "This host has no metadata service configured.")
        elif "Transfer-Encoding" in self.headers or not length.isdecimal():
            self._refuse(411, "The length of the body must be given.")
        elif int(length) > BODY_MAX:
            self._refuse(413, f"A body may have at most {BODY_MAX} bytes.")
        elif not self.path.startswith("/"):
            self._refuse(400, "The path must begin with a slash.")
        else:
            self._ask(shared.backend, caller, self.rfile.read(int(length)) if int(length) else None)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = forward

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged of a question."""

    def _ask(self, backend: Backend, caller: Mapping[str, str], body: bytes | None) -> None:
        address = str(self.client_address[0]).partition("%")[0]
        connection, prefix = backend.connect()
        with contextlib.closing(connection):
            try:
                told = headers_for(dict(self.headers.items()), caller, address, backend.secret)
                connection.request(self.command, prefix + self.path, body, told)
                answer = connection.getresponse()
            except (http.client.InvalidURL, ValueError):
                self._refuse(400, "The request is malformed.")
            except TimeoutError:
                self._refuse(504, "The metadata service does not answer in time.")
            except (OSError, http.client.HTTPException):
                self._refuse(503, "The metadata service cannot be reached.")
            else:
                self._pass_on(answer)

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        if (length := answer.getheader("Content-Length")) is not None:
            self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        while data := answer.read1(_CHUNK):
            self.wfile.write(data)

    def _refuse(self, status: int, words: str) -> None:
        data = f"{words}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Proxy:
    """The loop: control messages, and connections from every network."""

    def __init__(self, control: socket.socket, shared: Shared) -> None:
        self._networks: dict[str, Network] = {}
        self._shared = shared
        self._ready = selectors.DefaultSelector()
        control.setblocking(False)
        self._ready.register(control, selectors.EVENT_READ, self._driver)

    def run(self) -> None:
        """Until the process is ended."""
        while True:
            for key, _ in self._ready.select():
                with contextlib.suppress(OSError, ValueError, KeyError):
                    key.data(key.fileobj)

    def _driver(self, control: socket.socket) -> None:
        connection, _ = control.accept()
        with connection:
            connection.settimeout(2.0)
            data, fds, _, _ = socket.recv_fds(connection, 65536, 8)
            connection.send(json.dumps(self._carry_out(json.loads(data), fds)).encode())

    def _carry_out(self, message: Mapping[str, str], fds: list[int]) -> Any:
        name = message.get("network", "")
        if message["do"] in ("listen", "stop"):
            self._stop(name)
        if message["do"] == "listen":
            *listeners, netlink = [socket.socket(fileno=fd) for fd in fds]
            network = self._networks[name] = Network(name, message["key"], listeners, netlink)
            for each in listeners:
                each.setblocking(False)
                self._ready.register(each, selectors.EVENT_READ, functools.partial(self._client, network))
        return {network.name: network.key for network in self._networks.values()}

    def _stop(self, name: str) -> None:
        network = self._networks.pop(name, None)
        if network is not None:
            for each in network.listeners:
                self._ready.unregister(each)
            network.close()

    def _client(self, network: Network, listener: socket.socket) -> None:
        connection, peer = listener.accept()
        if not network.slots.acquire(blocking=False):
            connection.close()  # it has as many as it may
            return
        try:
            threading.Thread(target=self._answer, args=(connection, peer, network), daemon=True).start()
        except RuntimeError:  # there are no more threads to be had
            network.slots.release()
            connection.close()

    def _answer(self, connection: socket.socket, peer: tuple[Any, ...], network: Network) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                Question(connection, peer, network, self._shared)
        finally:
            network.slots.release()


def drop_privileges(user: str, group: str) -> None:
    """Be that user from now on; one who is not root stays who he is."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(grp.getgrnam(group).gr_gid)
        os.setuid(pwd.getpwnam(user).pw_uid)


def main(argv: list[str]) -> None:
    """Runs until it is ended."""
    control_path, callers, config_path = argv
    with open(config_path) as file:
        config = json.load(file)
    directory = os.open(callers, os.O_RDONLY | os.O_DIRECTORY)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(control_path)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.bind(control_path)
    control.listen(16)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    drop_privileges(config["user"], config["group"])
    Proxy(control, Shared(Backend(config["url"], config["secret"]), Callers(directory))).run()


if __name__ == "__main__":
    main(sys.argv[1:])
