"""One agent per state directory: held by a lock on a file, which the kernel lets go when the process ends."""

from __future__ import annotations

import fcntl
import os

from svcfabric.errors import Conflict


def take(state_dir: str) -> int:
    """Make the directory, lock it; the file descriptor that holds the lock. ``Conflict`` when another agent has it."""
    os.makedirs(state_dir, exist_ok=True)
    handle = os.open(os.path.join(state_dir, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Conflict(f"Another agent uses {state_dir}; give each its own state_dir.") from None
    return handle


def look(state_dir: str) -> None:
    """Raise what ``take`` would raise; nothing is held afterwards."""
    os.close(take(state_dir))
