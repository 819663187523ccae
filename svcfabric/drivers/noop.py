"""A driver for any kind that touches nothing: it records what it is told. For tests and simulated hosts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any

from svcfabric.spi.driver import DriverOptions, Observation, Plan, Report


class NoopDriver:
    """Holds specs in memory. Of ``options.settings`` it knows ``delay``: seconds each call takes."""

    features: frozenset[str] = frozenset({"*"})

    def __init__(self, kind: str, options: DriverOptions) -> None:
        self.kind = kind
        self.options = options
        #: what is "there": the last spec applied with success, by instance id
        self.applied: dict[str, Any] = {}
        #: every call in order: ("apply" or "remove", instance id)
        self.calls: list[tuple[str, str]] = []
        #: answers to give instead of success, by instance id, until taken out again
        self.answers: dict[str, Report] = {}
        #: extra fields of observations, by instance id
        self.observed: dict[str, Observation] = {}
        self._delay = float(options.settings.get("delay", "0"))
        self._lock = threading.Lock()

    def plan(self, spec: Any, current: Any | None) -> Plan:
        """One step, "record"."""
        return Plan(steps=() if spec == current else (f"record {self.kind} {spec.id}",))

    def apply(self, spec: Any) -> Report:
        """Record the spec, or answer what ``answers`` says and keep the last one."""
        return self._answer("apply", spec.id, spec)

    def remove(self, instance_id: str) -> Report:
        """Forget the spec, or answer what ``answers`` says."""
        return self._answer("remove", instance_id, None)

    def observe(self) -> Iterable[Observation]:
        """What was applied, with the statuses and counters given in ``observed``."""
        with self._lock:
            ids = list(self.applied)
        return [self.observed.get(each, Observation(instance_id=each, kind=self.kind)) for each in ids]

    def fail(self, instance_id: str, error: str = "told to fail", *, retry: bool = True) -> None:
        """Refuse the instance from now on."""
        self.answers[instance_id] = Report(
            instance_id=instance_id, ok=False, code="noop.told", error=error, detail=error, retry=retry
        )

    def wait(self, instance_id: str, waits_for: str) -> None:
        """Let the instance wait for another from now on."""
        self.answers[instance_id] = Report(instance_id=instance_id, ok=False, waits_for=waits_for)

    def succeed(self, instance_id: str) -> None:
        """Take back ``fail`` or ``wait``."""
        self.answers.pop(instance_id, None)

    def _answer(self, verb: str, instance_id: str, spec: Any) -> Report:
        if self._delay:
            time.sleep(self._delay)
        with self._lock:
            self.calls.append((verb, instance_id))
            answer = self.answers.get(instance_id)
            if answer is not None:
                return answer
            if spec is None:
                self.applied.pop(instance_id, None)
            else:
                self.applied[instance_id] = spec
        return Report(instance_id=instance_id)


def network(options: DriverOptions) -> NoopDriver:
    """Entry point ``network.noop``."""
    return NoopDriver("network", options)


def port(options: DriverOptions) -> NoopDriver:
    """Entry point ``port.noop``."""
    return NoopDriver("port", options)


def router(options: DriverOptions) -> NoopDriver:
    """Entry point ``router.noop``."""
    return NoopDriver("router", options)


def floatingip(options: DriverOptions) -> NoopDriver:
    """Entry point ``floatingip.noop``."""
    return NoopDriver("floatingip", options)


def security_group(options: DriverOptions) -> NoopDriver:
    """Entry point ``security_group.noop``."""
    return NoopDriver("security_group", options)


def security_group_member(options: DriverOptions) -> NoopDriver:
    """Entry point ``security_group_member.noop``."""
    return NoopDriver("security_group_member", options)


def address_group(options: DriverOptions) -> NoopDriver:
    """Entry point ``address_group.noop``."""
    return NoopDriver("address_group", options)


def dhcp(options: DriverOptions) -> NoopDriver:
    """Entry point ``dhcp.noop``."""
    return NoopDriver("dhcp", options)


def loadbalancer(options: DriverOptions) -> NoopDriver:
    """Entry point ``loadbalancer.noop``."""
    return NoopDriver("loadbalancer", options)
