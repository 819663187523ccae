"""The HAProxy processes of one load balancer: the one that serves, and earlier ones that let their connections end.

Each has a number; its log and configuration are ``haproxy-NUMBER.{log,cfg}`` in the load balancer's directory, its
record ``haproxy-NUMBER.pid`` while it serves and ``draining-NUMBER.pid`` after. A new agent needs no other record.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from svcfabric.drivers.haproxy import runtime
from svcfabric.drivers.haproxy.render import Paths
from svcfabric.drivers.linux import files, netns, process
from svcfabric.drivers.linux.fault import HostFault

_RECORD = re.compile(r"(haproxy|draining)-([0-9]+)\.pid")
_START_TIMEOUT = 15.0
_LOG_MAX = 256 * 1024
_WORDS_MAX = 4000


class ConfigurationRefused(HostFault):
    """HAProxy did not start with a configuration; ``detail`` has its words. What ran before still runs."""

    code = "haproxy.config_refused"


class Processes:
    """All processes of one load balancer. Not for several threads at once."""

    def __init__(self, directory: Path, namespace: str, binary: str, *, draining_max: int) -> None:
        self.directory = directory
        self.paths = Paths()
        self._namespace = namespace
        self._binary = binary
        self._draining_max = draining_max
        self._serving: tuple[int, process.Process] | None = None

    @property
    def socket(self) -> Path:
        """The serving process' socket for runtime commands."""
        return self.directory / self.paths.socket

    def serving(self) -> tuple[int, process.Process] | None:
        """Number and process of the one that serves, in the namespace that is there now; None if there is none."""
        if self._serving is None or not self._serving[1].alive():
            self._record_stranger()
            alive = self._alive("haproxy")
            self._serving = alive[-1] if alive else None
        if self._serving and not self._at_home(self._serving[1]):
            return None
        return self._serving

    def start(self, text: str, state: str) -> int:
        """Start a process with this configuration and state file and wait until it serves; its number.

        It takes the listening sockets over from the one that serves, which then lets its connections end. HAProxy
        itself is the check: refused, it never touches the running one. Raises ``ConfigurationRefused``.
        """
        before = self.serving()
        number = self._next_number()
        (self.directory / self.paths.jail).mkdir(mode=0o555, exist_ok=True)
        files.swap(self.directory / self.paths.state, state)
        files.swap(self.directory / f"haproxy-{number}.cfg", text)
        argv = [self._binary, "-db", "-f", f"haproxy-{number}.cfg"]
        if before:
            # all that may be listening still: an agent may have died while one took over from another
            argv += ["-x", self.paths.socket, "-sf", *(str(each.pid) for _, each in self._alive("haproxy"))]
        else:
            self.socket.unlink(missing_ok=True)
        new = process.start(f"haproxy-{number}", argv, self._namespace, self.directory)
        try:
            self._wait(new)
        except HostFault:
            new.stop(0.5)
            self._clear(number)
            raise
        for older, _ in self._alive("haproxy")[:-1]:
            os.rename(self.directory / f"haproxy-{older}.pid", self.directory / f"draining-{older}.pid")
        self._serving = number, new
        return number

    def stop(self) -> None:
        """End them all at once, connections included."""
        self._record_stranger()
        for number, each in self._alive():
            each.stop()
            self._clear(number)
        self._serving = None
        self.socket.unlink(missing_ok=True)

    def stop_serving(self) -> None:
        """End the one that should serve, and all that live in a namespace that is gone."""
        for _, each in self._alive("haproxy"):
            each.stop(0.5)
        for _, each in self._alive("draining"):
            if not self._at_home(each):
                each.stop(0.5)
        self._serving = None

    def sweep(self) -> list[int]:
        """Clear up after those that have ended and bound those that drain; the numbers of the living."""
        draining = self._alive("draining")
        for _, each in draining[: -self._draining_max]:
            each.stop(0.5)
        living = [number for number, _ in (*draining[-self._draining_max :], *self._alive("haproxy"))]
        for number, _ in self._records():
            if number not in living:
                self._clear(number)
        for number in living:
            log = self.directory / f"haproxy-{number}.log"
            with contextlib.suppress(FileNotFoundError):
                if log.stat().st_size > _LOG_MAX:
                    os.truncate(log, 0)
        return living

    def _record_stranger(self) -> None:
        """Adopt who answers at the socket without a record: an agent died right after it had started it."""
        with contextlib.suppress(runtime.NotAnswering):
            pid = runtime.process_id(self.socket)
            if all(each.pid != pid for _, each in self._alive()):
                noted = {number for number, _ in self._records()}
                number = max(self._configured() - noted, default=self._next_number())
                process.record(self.directory, f"haproxy-{number}", pid)

    def _next_number(self) -> int:
        return max([0, *self._configured(), *(number for number, _ in self._records())]) + 1

    def _configured(self) -> set[int]:
        """The numbers there are configurations for: each is written before its process is started."""
        return {int(each.stem.partition("-")[2]) for each in self.directory.glob("haproxy-*.cfg")}

    def _wait(self, new: process.Process) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            with contextlib.suppress(runtime.NotAnswering):
                if runtime.process_id(self.socket) == new.pid:
                    return
            if not new.alive():
                raise _refusal(files.read(new.log) or "")
            if time.monotonic() > deadline:
                raise HostFault("The load balancer did not start in time.", code="haproxy.slow_start")
            time.sleep(0.002)

    def _alive(self, *roles: str) -> list[tuple[int, process.Process]]:
        """The living of these roles (``haproxy``: serves, ``draining``; none given: all), oldest first."""
        found = (
            (number, process.adopt(self.directory, f"{role}-{number}"))
            for number, role in self._records()
            if not roles or role in roles
        )
        return [(number, each) for number, each in found if each is not None]

    def _records(self) -> list[tuple[int, str]]:
        with contextlib.suppress(FileNotFoundError):
            names = os.listdir(self.directory)
            return sorted((int(match[2]), match[1]) for name in names if (match := _RECORD.fullmatch(name)))
        return []

    def _clear(self, number: int) -> None:
        for name in (f"draining-{number}.pid", *(f"haproxy-{number}.{suffix}" for suffix in ("cfg", "log", "pid"))):
            (self.directory / name).unlink(missing_ok=True)

    def _at_home(self, one: process.Process) -> bool:
        try:
            return os.stat(f"/proc/{one.pid}/ns/net").st_ino == netns.path(self._namespace).stat().st_ino
        except FileNotFoundError:
            return False


def _refusal(log: str) -> HostFault:
    words = "\n".join(line for line in log.splitlines() if not line.startswith("[NOTICE]"))[-_WORDS_MAX:]
    if "cannot bind" in words:
        return HostFault(
            "The load balancer could not listen at its address.", detail=words, code="haproxy.bind_refused"
        )
    return ConfigurationRefused(
        "The load balancer's configuration was refused; what ran before runs on.", detail=words, retry=False
    )
