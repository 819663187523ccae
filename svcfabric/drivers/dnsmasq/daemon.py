"""One network's dnsmasq. It is restarted for what its configuration says only, never for a port."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from svcfabric.drivers.linux import files, link, netns, process
from svcfabric.drivers.linux.fault import HostFault

NAME = "dnsmasq"
CONFIG = "dnsmasq.conf"
LEASES = "leases"
_START = 5.0  # seconds
_HOME = "home"  # the place it was started for
_V4, _V6 = ":0043", ":0223"  # ports 67 and 547 as the kernel lists them


class Refused(HostFault):
    """dnsmasq does not take a configuration; ``detail`` has its words. What ran before still runs."""

    code = "dnsmasq.config_refused"


class Daemon:
    """dnsmasq in ``namespace`` with its files in ``directory``. Not for several threads at once."""

    def __init__(self, directory: Path, namespace: str, binary: str) -> None:
        self.directory = directory
        self._namespace = namespace
        self._binary = shutil.which(binary, path=None) or shutil.which(binary, path="/usr/sbin:/sbin") or binary

    def run(self, text: str, ifname: str, *, v4: bool, v6: bool) -> None:
        """Have one run with this configuration; ``v4``, ``v6``: what it will answer. Raises ``HostFault``."""
        running = process.adopt(self.directory, NAME)
        config, home = self.directory / CONFIG, self.directory / _HOME
        now = place(self._namespace, ifname)
        if running is not None:
            same = files.read(config) == text
            if same and files.read(home) == now:
                return
            if not same:
                self._check(text)
            running.stop()
        self.directory.mkdir(parents=True, exist_ok=True)
        files.swap(config, text)
        files.swap(home, now)
        self._start(lambda pid: _listens(pid, v4=v4, v6=v6))

    def _start(self, ready: Callable[[int], bool]) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.directory / f"{NAME}.log").unlink()
        argv = [self._binary, "--keep-in-foreground", f"--conf-file={self.directory / CONFIG}", "--pid-file="]
        new = process.start(NAME, argv, self._namespace, self.directory)
        process.until(lambda: not new.alive() or ready(new.pid), _START, 0.002)
        if not new.alive():
            words = (files.read(new.log) or "").strip()
            process.forget(self.directory, NAME)
            raise HostFault("The network's DHCP server did not start.", detail=words, code="dnsmasq.start")

    def reread(self) -> None:
        """Have it forget what it read of hosts and options, and read again."""
        running = process.adopt(self.directory, NAME)
        if running is not None:
            running.signal(signal.SIGHUP)

    def restart(self) -> None:
        """End it and have another do the same."""
        running = process.adopt(self.directory, NAME)
        if running is not None:
            running.stop()
            self._start(lambda _pid: True)

    def alive(self) -> bool:
        """Whether it runs."""
        return process.adopt(self.directory, NAME) is not None

    def stop(self) -> None:
        """End it."""
        running = process.adopt(self.directory, NAME)
        if running is not None:
            running.stop()
        process.forget(self.directory, NAME)

    def _check(self, text: str) -> None:
        beside = self.directory / f"{CONFIG}.new"
        files.swap(beside, text)
        done = subprocess.run(
            [self._binary, "--test", f"--conf-file={beside}"], capture_output=True, text=True, timeout=10, check=False
        )
        beside.unlink()
        if done.returncode != 0:
            raise Refused("The DHCP server does not take its configuration.", detail=done.stderr.strip(), retry=False)


def place(namespace: str, ifname: str) -> str:
    """Tells a namespace and an interface in it from any of the same names that went before."""
    with netns.opened(namespace) as fd:
        return f"{os.fstat(fd).st_ino}:{netns.run_in_fd(fd, link.index_here, ifname)}"


def _listens(pid: int, *, v4: bool, v6: bool) -> bool:
    """Whether the sockets are there in the namespace of a process."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return (not v4 or _V4 in Path(f"/proc/{pid}/net/udp").read_text()) and (
            not v6 or _V6 in Path(f"/proc/{pid}/net/udp6").read_text()
        )
    return False
