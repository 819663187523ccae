"""What the agent works on, and what it tells of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from svcfabric.spi.driver import Report
from svcfabric.spi.spec import Envelope, Spec

Key = tuple[str, str]  # kind, driver
Wire = dict[str, Any]
DETAIL = 4000  # characters of a daemon's own words that are passed on


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: make ``spec`` real, or (``spec`` None) take the instance away.

    ``quiet``: nobody asked for it, so nobody is told (orphans).
    """

    id: str
    key: Key
    generation: int
    spec: Spec | None = None
    quiet: bool = False

    @property
    def removes(self) -> bool:
        return self.spec is None


def apply_task(envelope: Envelope) -> Task:
    """The work an envelope asks for."""
    spec = envelope.spec
    return Task(spec.id, (spec.kind, envelope.driver), envelope.generation, spec)


def remove_task(wire: Mapping[str, Any]) -> Task:
    """The work a removal on the wire asks for. Raises ``ValueError`` when something is missing."""
    try:
        return Task(str(wire["id"]), (str(wire["kind"]), str(wire["driver"])), int(wire["generation"]))
    except (KeyError, TypeError) as exc:
        raise ValueError(f"malformed removal: {exc}") from exc


def outcome(task: Task, report: Report) -> Wire:
    """What controllers are told of a finished task."""
    return {
        "id": task.id,
        "generation": task.generation,
        "ok": report.ok,
        "code": "" if report.ok else report.code or "driver.failed",
        "error": "" if report.ok else report.error or "The change could not be applied.",
        "detail": "" if report.ok else report.detail[:DETAIL],
        "removed": task.removes and report.ok,
    }


def refusal(wire: Mapping[str, Any], reason: str) -> Wire | None:
    """What controllers are told of an envelope nobody can read, or None when it does not even say what it is for."""
    spec = wire.get("spec")
    instance_id = wire.get("id") or (spec.get("id") if isinstance(spec, Mapping) else None)
    generation = wire.get("generation")
    if not isinstance(instance_id, str) or not isinstance(generation, int):
        return None
    return {
        "id": instance_id,
        "generation": generation,
        "ok": False,
        "code": "agent.refused",
        "error": "The host cannot realise this.",
        "detail": reason,
        "removed": False,
    }
