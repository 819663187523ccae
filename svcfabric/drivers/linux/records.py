"""What a driver must remember of its instances: one small JSON file each, all in memory once read."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

from svcfabric.drivers.linux import files
from svcfabric.drivers.linux.fault import HostFault

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Records:
    """A dictionary of JSON objects by instance id that survives restarts. Safe to use from several threads."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._lock = threading.Lock()
        self._loaded: dict[str, dict[str, Any]] | None = None

    def get(self, instance_id: str) -> dict[str, Any] | None:
        """What was put last, or None. Not to be changed by the caller."""
        with self._lock:
            return self._all().get(instance_id)

    def put(self, instance_id: str, value: dict[str, Any]) -> None:
        """Remember; writes only when it differs. Raises ``HostFault`` for an id that cannot name a file."""
        if not _ID.fullmatch(instance_id):
            raise HostFault(f"instance id {instance_id!r} cannot name a file", retry=False)
        with self._lock:
            if self._all().get(instance_id) != value:
                files.swap(self._file(instance_id), json.dumps(value, sort_keys=True))
                self._all()[instance_id] = value

    def drop(self, instance_id: str) -> None:
        """Forget; what was never put is no error."""
        with self._lock:
            if self._all().pop(instance_id, None) is not None:
                self._file(instance_id).unlink(missing_ok=True)

    def items(self) -> list[tuple[str, dict[str, Any]]]:
        """All of them, as of now."""
        with self._lock:
            return list(self._all().items())

    def _file(self, instance_id: str) -> Path:
        return self._directory / f"{instance_id}.json"

    def _all(self) -> dict[str, dict[str, Any]]:
        if self._loaded is None:
            self._loaded = {}
            for file in self._directory.glob("*.json"):
                try:
                    value = json.loads(file.read_text())
                except (OSError, ValueError):
                    continue  # cut short by a crash: the agent applies the instance again and rewrites it
                if isinstance(value, dict):
                    self._loaded[file.stem] = value
        return self._loaded
