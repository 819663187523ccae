"""Files that change all at once: written beside, renamed over."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def swap(path: str | Path, data: str | bytes, mode: int = 0o600, *, fsync: bool = False) -> None:
    """Replace the file's whole content atomically; makes its directory. ``fsync``: survive a power cut."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    fd, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(data.encode() if isinstance(data, str) else data)
            if fsync:
                file.flush()
                os.fsync(fd)
        os.rename(beside, target)
    except BaseException:
        os.unlink(beside)
        raise


def read(path: str | Path) -> str | None:
    """The file's text, or None if there is no such file."""
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        return None
