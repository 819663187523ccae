"""Every request that was sent, and what became of it. Values only."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """``sent`` and ``done`` are monotonic seconds; ``server`` says who answered; ``error`` is "" when it was 200."""

    target: str
    sent: float
    done: float
    server: str = ""
    error: str = ""


class Ledger:
    """The requests of a run, in the order of their ends. Many threads may add."""

    def __init__(self, requests: Iterable[Request] = ()) -> None:
        self._requests = list(requests)

    def add(self, request: Request) -> None:
        """Note a request that has ended."""
        self._requests.append(request)  # atomic

    def sent_in(self, since: float, until: float = float("inf")) -> Ledger:
        """Those sent in [since, until)."""
        return Ledger(each for each in list(self._requests) if since <= each.sent < until)

    def during(self, since: float, until: float) -> Ledger:
        """Those sent in [since, until), and those that were under way then."""
        return Ledger(each for each in list(self._requests) if since < each.done and each.sent < until)

    @property
    def sent(self) -> int:
        """How many there are."""
        return len(self._requests)

    @property
    def failed(self) -> int:
        """How many were not answered with 200."""
        return sum(1 for each in self._requests if each.error)

    @property
    def ok(self) -> int:
        """How many were."""
        return self.sent - self.failed

    @property
    def errors(self) -> dict[str, int]:
        """How often each kind of failure came."""
        return dict(collections.Counter(each.error for each in self._requests if each.error))

    @property
    def spread(self) -> dict[str, int]:
        """Answers by server, in the order of names."""
        return dict(sorted(collections.Counter(each.server for each in self._requests if not each.error).items()))

    def first_from(self, server: str) -> float | None:
        """When the first answer of that server arrived."""
        return min((each.done for each in self._requests if each.server == server and not each.error), default=None)
