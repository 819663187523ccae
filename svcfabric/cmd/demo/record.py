"""What a demo has made, on disk from the moment it is made, so that even a killed one can be cleaned up."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from svcfabric.cmd.client import Document
from svcfabric.drivers.linux import files

PREFIX = "svcfabric-demo-"
FILE = "demo.json"
LOCK = "lock"  # held while the demo is at work
PRODUCT = "up"  # the process record of the product it started


@dataclasses.dataclass
class Record:
    """One demo. ``directory`` is all its own: records, logs, and the product's state if it started one.

    ``undo``: requests that take back what was made, newest last. ``processes``: names of process records.
    ``product``: whether this demo started the product. ``agent``: which agent is this host's (see ``here``).
    """

    directory: Path
    run: str
    url: str = ""
    product: bool = False
    agent: dict[str, Any] = dataclasses.field(default_factory=dict)
    undo: list[tuple[str, str, Document | None]] = dataclasses.field(default_factory=list)
    namespaces: list[str] = dataclasses.field(default_factory=list)
    processes: list[str] = dataclasses.field(default_factory=list)

    def save(self) -> None:
        """Write it down."""
        text = json.dumps({**dataclasses.asdict(self), "directory": str(self.directory)}, indent=1)
        files.swap(self.directory / FILE, text, 0o600)

    def made(self, method: str, path: str, body: Document | None = None) -> None:
        """Note how to take back what was just made."""
        self.undo.append((method, path, body))
        self.save()

    def namespace(self, name: str) -> str:
        """The namespace of a server or client of this demo, noted before it is made."""
        full = f"sf-demo-{self.run}-{name}"
        if full not in self.namespaces:
            self.namespaces.append(full)
            self.save()
        return full


def new(work_dir: str | None) -> Record:
    """A record in a new directory below ``work_dir`` (default: the system's temporary one)."""
    if work_dir:
        Path(work_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=work_dir)).resolve()
    directory.chmod(0o755)  # daemons that drop root must get at their own files
    record = Record(directory=directory, run=secrets.token_hex(3))
    _lock(directory)  # and keep it until this process ends
    record.save()
    return record


def _lock(directory: Path) -> int | None:
    """A descriptor that holds the demo's lock; None when another process has it."""
    fd = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def left(work_dir: str | None) -> Iterator[Record]:
    """Demos below ``work_dir`` that were kept, or whose process has died; each is this process's from then on."""
    for path in sorted(Path(work_dir or tempfile.gettempdir()).glob(f"{PREFIX}*/{FILE}")):
        if _lock(path.parent) is not None:
            yield load(path)


def load(path: Path) -> Record:
    """The record in a file."""
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    data["directory"] = Path(data["directory"])
    data["undo"] = [tuple(each) for each in data["undo"]]
    return Record(**data)
