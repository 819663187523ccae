"""What is on the host and nobody knows: pure bookkeeping of how long it has been so."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class _Suspect:
    since: float
    views: int


class Orphans:
    """An orphan is found on the host, or in the store, and is in none of two consecutive complete views of the
    server, ``grace`` seconds or more apart. A partial view starts the count anew.

    A server that knows nothing at all of a host that has something is not believed: it may have been pointed
    at the wrong database. An operator who means it purges the host.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._suspects: dict[str, _Suspect] = {}
        self._warned = False

    def judge(self, here: Collection[str], known: Collection[str], complete: bool, now: float) -> list[str]:
        """Ids to remove now. ``here``: found or stored; ``known``: the server's; ``now``: seconds."""
        if not complete or self._doubtful(here, known):
            self._suspects.clear()
            return []
        known = set(known)
        suspects = {}
        for each in here:
            if each not in known:
                before = self._suspects.get(each)
                suspects[each] = _Suspect(before.since, before.views + 1) if before else _Suspect(now, 1)
        self._suspects = suspects
        return sorted(each for each, it in suspects.items() if it.views >= 2 and now - it.since >= self._grace)

    def _doubtful(self, here: Collection[str], known: Collection[str]) -> bool:
        doubtful = bool(here) and not known
        if doubtful and not self._warned:
            LOG.warning("the server knows of nothing here, but there are %d instances; leaving them alone", len(here))
        self._warned = doubtful
        return doubtful
