"""Threads that carry out what the schedule says, through the drivers, and note and report the outcome."""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from svcfabric.agent.schedule import Schedule
from svcfabric.agent.store import Store
from svcfabric.agent.tasks import Key, Task, Wire, apply_task, refusal, remove_task
from svcfabric.spi import codec
from svcfabric.spi.driver import Driver, Report
from svcfabric.spi.spec import Envelope

LOG = logging.getLogger(__name__)


class Loop:
    """One instance at a time per instance, ``workers`` instances at once.

    ``report`` is given each outcome worth telling; it must return at once. The loop is also the endpoint
    served to controllers (``rpc.server.AgentEndpoint``).
    """

    def __init__(
        self,
        drivers: Mapping[Key, Driver],
        store: Store,
        report: Callable[[Wire], None],
        *,
        workers: int = 6,
        retry_min: float = 0.5,
        retry_max: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._drivers, self._store, self._report, self._clock = drivers, store, report, clock
        self._schedule = Schedule(retry_min=retry_min, retry_max=retry_max, uniform=uniform)
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"apply-{n}", daemon=True) for n in range(workers)]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Let what runs finish (``timeout`` seconds at most in all), begin nothing new. The host stays as it is."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def apply(self, envelopes: Sequence[Mapping[str, Any]]) -> None:
        """Take in envelopes off the wire; one that cannot be understood or served is reported as refused."""
        tasks = []
        for wire in envelopes:
            try:
                tasks.append(self._served(apply_task(codec.decode(wire))))
            except ValueError as exc:
                self._refuse(wire, str(exc))
        self.submit(tasks)

    def remove(self, instances: Sequence[Mapping[str, Any]]) -> None:
        """Take in removals off the wire."""
        tasks = []
        for wire in instances:
            try:
                tasks.append(self._served(remove_task(wire)))
            except ValueError as exc:
                self._refuse(wire, str(exc))
        self.submit(tasks)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Take in work."""
        with self._changed:
            told = [self._schedule.submit(task) for task in tasks]
            self._changed.notify(len(tasks))
        for report in told:
            if report is not None:
                self._report(report)

    def repair(self, instance_id: str) -> bool:
        """Apply again what was last applied; False when the instance is being worked on, or unknown."""
        stored = self._store.get(instance_id)
        if stored is None or stored.removing is not None:
            return False
        with self._changed:
            accepted = self._schedule.repair(stored.task())
            self._changed.notify()
        return accepted

    def knows(self, instance_id: str) -> bool:
        """Whether this instance was asked for since the start and has not been removed."""
        with self._changed:
            return self._schedule.knows(instance_id)

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing is ready or running (retries that are not due do not count)."""
        with self._changed:
            return self._changed.wait_for(lambda: self._schedule.pending() == 0, timeout)

    def _served(self, task: Task) -> Task:
        if task.key not in self._drivers:
            kind, driver = task.key
            raise ValueError(f"no driver {driver!r} for {kind} on this host")
        return task

    def _refuse(self, wire: Mapping[str, Any], reason: str) -> None:
        LOG.error("refused: %s", reason)
        report = refusal(wire, reason)
        if report is not None:
            self._report(report)

    def _work(self) -> None:
        while True:
            with self._changed:
                task = self._next()
                if task is None:
                    return
            report = self._run(task)
            with self._changed:
                told = self._schedule.finish(task, report, self._clock())
                # Whoever waits for work, and whoever waits for the end of it.
                self._changed.notify_all()
            if told is not None:
                self._report(told)

    def _next(self) -> Task | None:
        while not self._stopping:
            task = self._schedule.take(self._clock())
            if task is not None:
                return task
            due = self._schedule.next_due()
            self._changed.wait(None if due is None else max(0.0, due - self._clock()))
        return None

    def _run(self, task: Task) -> Report:
        try:
            report = self._remove(task) if task.removes else self._apply(task)
        except Exception as exc:
            LOG.exception("driver of %s failed at %s", task.key, task.id)
            words = "".join(traceback.format_exception_only(exc)).strip()
            return Report(
                instance_id=task.id,
                ok=False,
                code="driver.crashed",
                error="The driver failed unexpectedly.",
                detail=words,
            )
        if not report.ok and not report.waits_for:
            # what is removed often has to wait for what it is used by, which is being removed too
            level = logging.INFO if task.removes else logging.WARNING
            words = ": ".join(filter(None, [report.error.rstrip("."), report.detail]))
            LOG.log(level, "%s %s generation %d: %s", task.key[0], task.id, task.generation, words)
        return report

    def _apply(self, task: Task) -> Report:
        stored = self._store.get(task.id)
        if stored is not None and stored.key != task.key:  # another driver takes over
            left = self._drivers[stored.key].remove(task.id) if stored.key in self._drivers else None
            if left is not None and not left.ok:
                return left
        report = self._drivers[task.key].apply(task.spec)
        if report.ok and task.spec is not None:
            envelope = Envelope(spec=task.spec, generation=task.generation, driver=task.key[1])
            if stored is None or stored.envelope != envelope or stored.removing is not None:
                self._store.put(envelope)
        return report

    def _remove(self, task: Task) -> Report:
        stored = self._store.get(task.id)
        key = stored.key if stored is not None and stored.key in self._drivers else task.key
        self._store.removing(task.id, task.generation)
        report = self._drivers[key].remove(task.id)
        if report.ok:
            self._store.delete(task.id)
        return report
