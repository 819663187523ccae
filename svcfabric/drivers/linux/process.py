"""Daemons in the foreground that outlive the agent and are adopted by the next one.

A daemon is its process id *and* its start time, recorded in ``workdir/NAME.pid``: a process id alone may
belong to another process by now. Its output goes to ``workdir/NAME.log``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from svcfabric.drivers.linux import files, netns
from svcfabric.drivers.linux.fault import HostFault


class Process:
    """A daemon that was started or adopted. ``pid`` is its process id, ``log`` its output's file."""

    def __init__(self, workdir: str | Path, name: str, pid: int, started: int) -> None:
        self.workdir = Path(workdir)
        self.name = name
        self.pid = pid
        self.started = started
        self.log = self.workdir / f"{name}.log"

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not). Reaps it if it was ours and has ended."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return _start_time(self.pid) == self.started

    def signal(self, number: int) -> bool:
        """Send a signal to this very process; False if it is gone."""
        with self._pidfd() as fd:
            if fd is None:
                return False
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, number)
                return True
            return False

    def wait(self, timeout: float) -> bool:
        """Wait for the end, at most ``timeout`` seconds; False if it still runs."""
        with self._pidfd() as fd:
            if fd is not None and not select.select([fd], [], [], timeout)[0]:
                return False
        self.alive()
        return True

    def stop(self, timeout: float = 5.0) -> None:
        """TERM, after ``timeout`` seconds KILL; forgets the record. Stopping what is gone succeeds."""
        if self.signal(signal.SIGTERM) and not self.wait(timeout):
            self.signal(signal.SIGKILL)
            self.wait(timeout)
        forget(self.workdir, self.name)

    @contextlib.contextmanager
    def _pidfd(self) -> Iterator[int | None]:
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            # checked after opening: from here on the descriptor cannot mean another process
            yield fd if _start_time(self.pid) == self.started else None
        finally:
            os.close(fd)


def start(
    name: str,
    argv: Sequence[str],
    namespace: str | None,
    workdir: str | Path,
    *,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start a daemon inside the namespace, in a session of its own, and record it.

    ``argv`` must keep it in the foreground. Raises ``HostFault`` when the program cannot be run at all;
    one that ends at once is seen by ``alive``. A record of an earlier daemon of that name is replaced.
    """
    directory = Path(workdir)
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / f"{name}.log", "ab") as log:

        def spawn() -> int:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env=None if env is None else dict(env),
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )
            child.returncode = 0  # reaping is ours (``alive``): Popen must neither wait nor warn
            return child.pid

        try:
            pid = netns.run_in(namespace, spawn)
        except (FileNotFoundError, PermissionError) as exc:
            raise HostFault(f"cannot run {argv[0]}", detail=str(exc), code="host.no_program") from exc
    return record(directory, name, pid)


def record(workdir: str | Path, name: str, pid: int) -> Process:
    """Note that the process ``pid`` is the daemon of that name, in place of an earlier one."""
    started = _start_time(pid) or 0
    files.swap(_record(Path(workdir), name), json.dumps({"pid": pid, "started": started, "boot": _boot_id()}), 0o644)
    return Process(workdir, name, pid, started)


def adopt(workdir: str | Path, name: str) -> Process | None:
    """The recorded daemon of that name if that very process still runs, else None."""
    text = files.read(_record(Path(workdir), name))
    if text is None:
        return None
    try:
        record = json.loads(text)
        process = Process(workdir, name, int(record["pid"]), int(record["started"]))
        same_boot = record["boot"] == _boot_id()
    except (ValueError, KeyError, TypeError):
        return None
    return process if same_boot and process.alive() else None


def forget(workdir: str | Path, name: str) -> None:
    """Drop the record; the process, if any, is left alone."""
    _record(Path(workdir), name).unlink(missing_ok=True)


def children_of(pid: int) -> list[int]:
    """Direct children of a process (a daemon's workers)."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def until(condition: Callable[[], object], timeout: float, step: float = 0.005) -> bool:
    """Poll ``condition()`` until it is true, at most ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def _record(workdir: Path, name: str) -> Path:
    return workdir / f"{name}.pid"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> int | None:
    """Clock ticks since boot at which the process started; None if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name may hold anything, spaces and brackets too
    return None if fields[0] in "ZX" else int(fields[19])
