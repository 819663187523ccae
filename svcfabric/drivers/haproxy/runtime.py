"""HAProxy's runtime API: lines over a unix socket, and what its answers say."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from svcfabric.drivers.linux.fault import HostFault

Row: TypeAlias = Mapping[str, str]
TIMEOUT = 2.0  # a healthy HAProxy answers in well under a millisecond
_PATH_MAX = 100
# all that HAProxy says when it has done what was asked
_GOOD = {"", "New server registered.", "Server deleted."}
_STAT = "show stat"


class NotAnswering(HostFault):
    """There is no HAProxy behind the socket, or it does not answer in time."""

    code = "haproxy.not_answering"


class CommandRefused(HostFault):
    """A runtime command was not carried out; ``detail`` has HAProxy's words."""

    code = "haproxy.command_refused"


class Session:
    """One connection to a process that stays open, also while the process is stopping."""

    def __init__(self, path: Path) -> None:
        self._socket = _connect(path)
        self._exchange("prompt")

    def ask(self, command: str) -> str:
        """The answer to one command. Raises ``NotAnswering`` when the process is gone."""
        return self._exchange(command)

    def close(self) -> None:
        """Hang up; a stopping process that has nothing else to do ends."""
        self._socket.close()

    def _exchange(self, command: str) -> str:
        answer = b""
        with _translated():
            self._socket.sendall(f"{command}\n".encode())
            while not answer.endswith(b"\n> ") and answer != b"> ":
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionResetError("end of file")
                answer += data
        return answer.removesuffix(b"> ").decode(errors="replace")


def ask(path: Path, command: str) -> str:
    """The answer to one command on a connection of its own (0.04 ms). Raises ``NotAnswering``."""
    with _translated(), contextlib.closing(_connect(path)) as connection:
        connection.sendall(f"{command}\n".encode())
        parts = []
        while data := connection.recv(1 << 16):
            parts.append(data)
    return b"".join(parts).decode(errors="replace")


def do(path: Path, command: str) -> None:
    """Carry out a command, or several in one line. Raises ``CommandRefused`` with what HAProxy said."""
    answer = ask(path, command)
    refusals = [line for line in answer.splitlines() if line.strip() not in _GOOD]
    if refusals:
        raise CommandRefused(
            "The load balancer did not take the change.", detail=f"{command}: {' '.join(refusals)}", retry=True
        )


def statistics(answer: str) -> list[Row]:
    """The rows of ``show stat``, each by column name."""
    lines = answer.splitlines()
    head = next((line for line in lines if line.startswith("# ")), "# ")[2:].split(",")
    # names are UUIDs and the like, nothing is ever quoted up to the columns in use
    return [dict(zip(head, line.split(","), strict=False)) for line in lines if line and line[0] != "#"]


def show_statistics(path: Path) -> list[Row]:
    """All rows of the process behind the socket."""
    return statistics(ask(path, _STAT))


def process_id(path: Path) -> int:
    """Which process answers behind the socket."""
    for line in ask(path, "show info").splitlines():
        if line.startswith("Pid: "):
            return int(line[5:])
    raise NotAnswering("The load balancer does not answer.", detail="show info without Pid")


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT)
    with _translated(), _short(path) as name:
        try:
            connection.connect(name)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for the socket that fits into the 108 bytes of a socket address."""
    if len(os.fsencode(path)) <= _PATH_MAX:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise NotAnswering("The load balancer does not answer.", detail=f"{type(exc).__name__}: {exc}") from exc
