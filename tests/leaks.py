"""What a run of the suite leaves on the machine: a run that leaves something fails.

A process is known by a variable in its environment that every process of the run inherits. Namespaces and nft
tables bear no such mark: they are compared with those from before, by the names we give, and only if no other
run of the suite is under way on this machine (each holds a lock).
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator

MARK = "SVCFABRIC_TEST_RUN"
NAMESPACES = ("sf-", "bed", "lbb")
TABLES = "sf_"
LOCK = pathlib.Path(tempfile.gettempdir()) / "svcfabric-tests.lock"
GRACE = 10.0  # seconds something may take to go


class Watch:
    """Made before the tests; ``leaks`` is asked after them."""

    def __init__(self) -> None:
        self.run = os.environ[MARK] = uuid.uuid4().hex
        self._lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        self._before = set(_kernel_objects())

    def leaks(self) -> list[str]:
        """What is left, in words; waits a little for it to go."""
        deadline = time.monotonic() + GRACE
        while (found := self._now()) and time.monotonic() < deadline:
            time.sleep(0.25)
        return found

    def _now(self) -> list[str]:
        return [*_processes(self.run), *(set(_kernel_objects()) - self._before if self._alone() else ())]

    def _alone(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        return True


def _processes(run: str) -> Iterator[str]:
    mark = f"{MARK}={run}".encode()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in (os.getpid(), os.getppid()):
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield f"process {entry.name}: {(entry / 'cmdline').read_text().replace(chr(0), ' ')[:120]}"
            except OSError:
                continue  # it has ended


def _kernel_objects() -> Iterator[str]:
    run = pathlib.Path("/run/netns")
    for path in run.iterdir() if run.is_dir() else ():
        if path.name.startswith(NAMESPACES):
            yield f"namespace {path.name}"
    told = pathlib.Path("/run/svcfabric")
    for path in told.iterdir() if told.is_dir() else ():
        yield f"directory {path}"
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    for line in tables.splitlines():
        if line.split()[-1].startswith(TABLES):
            yield f"nft {line}"
