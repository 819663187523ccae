"""One network's dnsmasq. It is restarted for what its configuration says only, never for a port."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from pathlib import Path

from svcfabric.drivers.linux import files, process
from svcfabric.drivers.linux.fault import HostFault

NAME = "dnsmasq"
CONFIG = "dnsmasq.conf"
LEASES = "leases"
_START = 5.0  # seconds
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

    def run(self, text: str, *, v4: bool, v6: bool) -> None:
        """Have one run with this configuration; ``v4``, ``v6``: what it will answer. Raises ``HostFault``."""
        running = process.adopt(self.directory, NAME)
        config = self.directory / CONFIG
        if running is not None:
            if files.read(config) == text:
                return
            self._check(text)
            running.stop()
        self.directory.mkdir(parents=True, exist_ok=True)
        files.swap(config, text)
        with contextlib.suppress(FileNotFoundError):
            (self.directory / f"{NAME}.log").unlink()
        argv = [self._binary, "--keep-in-foreground", f"--conf-file={config}", "--pid-file="]
        new = process.start(NAME, argv, self._namespace, self.directory)
        process.until(lambda: not new.alive() or _listens(new.pid, v4=v4, v6=v6), _START, 0.002)
        if not new.alive():
            words = (files.read(new.log) or "").strip()
            process.forget(self.directory, NAME)
            raise HostFault("The network's DHCP server did not start.", detail=words, code="dnsmasq.start")

    def reread(self) -> None:
        """Have it forget what it read of hosts and options, and read again."""
        running = process.adopt(self.directory, NAME)
        if running is not None:
            running.signal(signal.SIGHUP)

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


def _listens(pid: int, *, v4: bool, v6: bool) -> bool:
    """Whether the sockets are there in the namespace of a process."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return (not v4 or _V4 in Path(f"/proc/{pid}/net/udp").read_text()) and (
            not v6 or _V6 in Path(f"/proc/{pid}/net/udp6").read_text()
        )
    return False
