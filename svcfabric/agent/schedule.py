"""What is to be done next: pure bookkeeping, no threads, no clock of its own (times are passed in, seconds).

Per instance only the newest task counts. It is ready, running, waiting (for a retry or for another
instance), or settled. One task per instance runs at a time; a newer one waits for it and replaces all
between. Rules for a task that comes in:

- older than the newest known: dropped;
- same generation and content: if settled or waiting, its last outcome is told again (the first telling may
  have been lost); nothing is done again;
- a removal beats an apply of the same generation, until it is done. After that an apply of that generation
  is taken: an instance can come back to a host unchanged.
"""

from __future__ import annotations

import collections
import dataclasses
import heapq
import itertools
import random
from collections.abc import Callable

from svcfabric.agent.tasks import Task, Wire, outcome
from svcfabric.spi.driver import Report

EAGER = 10  # tries of a removal before it backs off like everything
REMEMBERED = 10_000  # finished removals, so that late applies do not bring instances back


def backoff(attempt: int, least: float, most: float, uniform: Callable[[float, float], float]) -> float:
    """Seconds before attempt number ``attempt`` + 1: doubling from ``least``, at most ``most``, +-20 %."""
    return min(most, least * 2.0 ** min(attempt - 1, 32) * uniform(0.8, 1.2))


@dataclasses.dataclass(slots=True)
class _Item:
    newest: Task
    running: Task | None = None
    began: int = 0  # value of the success counter when the running task was taken
    ready: bool = False
    due: float | None = None
    attempts: int = 0
    waits_for: str = ""
    last: Wire | None = None  # outcome of the newest task; None until there is one
    repair: Task | None = None


class Schedule:
    """The newest task per instance and when it is due. Not thread-safe."""

    def __init__(
        self,
        *,
        retry_min: float = 0.5,
        retry_max: float = 60.0,
        wait_min: float = 2.0,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._retry_min, self._retry_max, self._wait_min, self._uniform = retry_min, retry_max, wait_min, uniform
        self._items: dict[str, _Item] = {}
        self._ready: collections.deque[str] = collections.deque()
        self._active: set[str] = set()  # ready or running
        self._due: list[tuple[float, int, str]] = []
        self._tie = itertools.count()
        self._removed: collections.OrderedDict[str, Wire] = collections.OrderedDict()
        self._waiters: dict[str, set[str]] = {}
        self._successes = itertools.count(1)
        self._succeeded: dict[str, int] = {}

    def submit(self, task: Task) -> Wire | None:
        """Take a task in; returns an outcome to tell again when it is known already."""
        item = self._items.get(task.id)
        if item is None:
            return self._submit_unknown(task)
        newest = item.newest
        if task.generation < newest.generation:
            return None
        if task.generation == newest.generation:
            if newest.removes and not task.removes:
                return None
            if newest.removes == task.removes and (task.removes or _same(newest, task)):
                return None if task.quiet else item.last
        item.newest, item.attempts, item.last, item.repair = task, 0, None, None
        self._park(task.id, item, "")
        self._make_ready(task.id, item)
        return None

    def repair(self, task: Task) -> bool:
        """Do again what was done before, because reality differs; refused while the instance is being worked on.

        ``task`` is the last that succeeded, which may be older than the newest (that one was refused).
        """
        item = self._items.get(task.id)
        if item is None or item.running or item.ready or item.newest.removes:
            return False
        item.repair = task
        self._make_ready(task.id, item)
        return True

    def take(self, now: float) -> Task | None:
        """The next task to run, or None when nothing is due."""
        while self._due and self._due[0][0] <= now:
            due, _, instance_id = heapq.heappop(self._due)
            item = self._items.get(instance_id)
            if item is not None and item.due == due:
                self._make_ready(instance_id, item)
        while self._ready:
            instance_id = self._ready.popleft()
            item = self._items.get(instance_id)
            if item is None or not item.ready:
                continue
            item.ready = False
            self._park(instance_id, item, "")
            item.running, item.repair = item.repair or item.newest, None
            item.began = next(self._successes)
            return item.running
        return None

    def finish(self, task: Task, report: Report, now: float) -> Wire | None:
        """Note the outcome of a task that was taken; returns what is to be told, or None."""
        item = self._items[task.id]
        item.running = None
        self._active.discard(task.id)
        told = item.last
        if report.ok:
            self._succeeded[task.id] = next(self._successes)
            self._wake(task.id)
        if task is not item.newest and (task.removes or not _same(task, item.newest)):
            return self._finish_older(item, task, report, now)
        if report.ok and task.removes:
            return self._gone(task, report)
        if not report.ok and report.waits_for:
            self._wait(item, report.waits_for, now)
            return None
        item.last = outcome(task, report)
        if report.ok:
            item.attempts = 0
        elif task.removes:
            item.attempts += 1
            self._retry_removal(item, now)
        elif report.retry:
            item.attempts += 1
            self._retry(item, self._retry_min, now)
        return None if task.quiet or item.last == told else item.last

    def next_due(self) -> float | None:
        """When ``take`` will next have something, if nothing comes in: 0.0 for at once, None for never."""
        if self._ready:
            return 0.0
        while self._due:
            due, _, instance_id = self._due[0]
            item = self._items.get(instance_id)
            if item is not None and item.due == due:
                return due
            heapq.heappop(self._due)
        return None

    def knows(self, instance_id: str) -> bool:
        """Whether something was asked for this instance since the start and it has not been removed."""
        return instance_id in self._items

    def pending(self) -> int:
        """How many instances are ready or running; those that wait for a retry do not count."""
        return len(self._active)

    def _submit_unknown(self, task: Task) -> Wire | None:
        done = self._removed.get(task.id)
        if done is not None and task.generation < done["generation"]:
            return None
        if done is not None and task.removes and task.generation == done["generation"]:
            return None if task.quiet else done
        self._removed.pop(task.id, None)
        item = self._items[task.id] = _Item(task)
        self._make_ready(task.id, item)
        return None

    def _finish_older(self, item: _Item, task: Task, report: Report, now: float) -> Wire | None:
        # Either superseded while it ran, or a repair of what ran before a change that was refused.
        unanswered = item.last is None
        if unanswered:
            self._make_ready(item.newest.id, item)
        elif item.attempts and item.due is None:
            self._retry(item, self._retry_min, now)
        older = task.generation < item.newest.generation and not task.removes and not item.newest.removes
        return outcome(task, report) if report.ok and unanswered and older else None

    def _gone(self, task: Task, report: Report) -> Wire | None:
        del self._items[task.id]
        self._succeeded.pop(task.id, None)
        done = self._removed[task.id] = outcome(task, report)
        if len(self._removed) > REMEMBERED:
            self._removed.popitem(last=False)
        return None if task.quiet else done

    def _wait(self, item: _Item, other: str, now: float) -> None:
        item.last = None
        if self._succeeded.get(other, 0) > item.began:  # it was done while we ran
            self._make_ready(item.newest.id, item)
            return
        item.attempts += 1
        self._park(item.newest.id, item, other)
        self._retry(item, self._wait_min, now)

    def _wake(self, instance_id: str) -> None:
        for waiter in self._waiters.pop(instance_id, ()):
            item = self._items.get(waiter)
            if item is not None and item.waits_for == instance_id:
                item.waits_for = ""
                self._make_ready(waiter, item)

    def _park(self, instance_id: str, item: _Item, other: str) -> None:
        if item.waits_for and item.waits_for != other:
            self._waiters.get(item.waits_for, set()).discard(instance_id)
        item.waits_for = other
        if other:
            self._waiters.setdefault(other, set()).add(instance_id)

    def _retry_removal(self, item: _Item, now: float) -> None:
        # It mostly waits for what it is used by, which is being removed, too: the first tries follow quickly.
        if item.attempts < EAGER:
            self._retry(item, self._retry_min / 5, now, most=self._retry_min * 2)
        else:
            self._retry(item, self._retry_min, now)

    def _retry(self, item: _Item, least: float, now: float, most: float | None = None) -> None:
        item.due = now + backoff(item.attempts, least, most or self._retry_max, self._uniform)
        heapq.heappush(self._due, (item.due, next(self._tie), item.newest.id))

    def _make_ready(self, instance_id: str, item: _Item) -> None:
        item.due = None
        self._active.add(instance_id)
        if not item.ready and item.running is None:
            item.ready = True
            self._ready.append(instance_id)


def _same(one: Task, other: Task) -> bool:
    return one.generation == other.generation and one.key == other.key and one.spec == other.spec
