"""The usage audit: now and then, an event for each thing that exists, for whoever bills by the hour.

Several controllers share it by a lease in the database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator

from svcfabric.api.notices import Publish, Silence, notices_of
from svcfabric.api.resource import Api, ListQuery, Resource, Row
from svcfabric.context import Context
from svcfabric.db.base import new_id
from svcfabric.db.engine import Database
from svcfabric.fabric.sweep import lease

LOG = logging.getLogger(__name__)

PAGE = 500  # rows read with one query, and events that wait at once


class UsageAudit:
    """Tells every ``interval`` seconds of all that exists, while this controller holds the lease.

    ``resources``: names of those told of. ``settled``: waits until the events so far have been sent; False when they
    could not be. Raises ``ValueError`` for a resource nobody offers.
    """

    def __init__(
        self,
        database: Database,
        apis: Iterable[Api],
        publish: Publish,
        settled: Callable[[float], bool],
        *,
        interval: float,
        resources: Iterable[str],
    ) -> None:
        self._database, self._settled, self._interval = database, settled, interval
        offered = {
            resource.name: (resource, notices_of(resource, api.dialect, publish))
            for api in apis
            for resource in api.resources
            if resource.announced and "{" not in resource.path
        }
        if missing := [name for name in resources if name not in offered]:
            raise ValueError(f"[notifications] audit_resources: there is no {', '.join(missing)}")
        self._told = [offered[name] for name in resources]
        self._me = new_id()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, on a thread: the first audit comes when an interval has passed."""
        self._thread = threading.Thread(target=self._run, name="usage audit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the page under way."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=10)

    def once(self) -> int:
        """One audit; returns how many events it was. It ends early when they cannot be sent."""
        count = 0
        for resource, notices in self._told:
            for page in _pages(resource):
                _tell(notices, page)
                count += len(page)
                if self._stop.is_set() or not self._settled(60.0):
                    LOG.error("usage audit given up after %d events: they are not being sent", count)
                    return count
        return count

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                if self._database.write(lambda conn: lease(conn, "usage audit", self._me, 1.5 * self._interval)):
                    LOG.info("usage audit: %d events", self.once())
            except Exception:
                LOG.warning("usage audit failed; the next one tries again", exc_info=True)


def _pages(resource: Resource) -> Iterator[list[Row]]:
    ctx = Context(roles=frozenset({"admin", "member", "reader"}), is_admin=True)
    marker = None
    while True:
        query = ListQuery(sorts=resource.default_sort, limit=PAGE, marker=marker)
        page = resource.handler.list(ctx, query)
        if page:
            yield page
        if len(page) < PAGE:
            return
        marker = page[-1]["id"]


def _tell(notices: Silence, rows: Iterable[Row]) -> None:
    for row in rows:
        # in the name of whose it is: that is whom Ceilometer has pay for it
        notices.exists(Context(project_id=row["project_id"], roles=frozenset({"admin"}), is_admin=True), row)
