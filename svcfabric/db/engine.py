"""The database as the product uses it: autocommit reads, snapshots, retried write transactions."""

from __future__ import annotations

import contextlib
import datetime
import logging
import random
import select
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from svcfabric import errors

LOG = logging.getLogger(__name__)
T = TypeVar("T")

ATTEMPTS = 12  # of a write transaction that lost a deadlock or a race for a unique value
_READ, _SNAPSHOT, _WRITE = "AUTOCOMMIT", "REPEATABLE READ", "READ COMMITTED"
# SQLite has but one level. A write transaction that starts as a reader can lose its snapshot
# (SQLITE_BUSY_SNAPSHOT): it locks at once.
_SQLITE_BEGIN = {_SNAPSHOT: "BEGIN", _WRITE: "BEGIN IMMEDIATE"}


class Retry(Exception):
    """Raised by a use case that lost a race it can win next time (an address another request took)."""


class Database:
    """An engine with the three ways to use it. ``url`` is SQLAlchemy's (sqlite, postgresql, mysql).

    Of each way ``pool_size`` connections are kept open, ``max_overflow`` more at most are opened; whoever finds all
    in use waits ``pool_timeout`` seconds and then gets ``errors.ServiceUnavailable``.
    """

    def __init__(self, url: str, *, pool_size: int = 10, max_overflow: int = 20, pool_timeout: float = 10) -> None:
        more = {"max_overflow": max_overflow, "pool_timeout": pool_timeout}
        self.engine = _create(url, _WRITE, pool_size=pool_size, **more)
        # Pools of their own: connections that keep their isolation spare the two round trips a switch costs.
        self._reader = _create(url, _READ, pool_size=pool_size, **more)
        self._snapshots = _create(url, _SNAPSHOT, pool_size=1, **more)

    @property
    def dialect(self) -> str:
        """``sqlite``, ``postgresql`` or ``mysql`` (MariaDB too)."""
        return "mysql" if self.engine.dialect.name in ("mysql", "mariadb") else self.engine.dialect.name

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for reading; each statement sees what is committed then, with no transaction to end."""
        with _available(), self._reader.connect() as conn:
            yield conn

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection for reading whose statements all see what was committed when the first of them began."""
        with _available(), self._snapshots.begin() as conn:
            yield conn

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run ``work(connection)`` in one transaction; again from the start when it lost a race.

        Deadlocks, serialization failures, locked SQLite files and ``Retry`` are tried again; an
        ``IntegrityError`` that ``work`` lets through is too, since a use case names the constraints that
        mean a client's mistake itself. Raises ``errors.ServiceUnavailable`` when the database is away, or when
        others won every race.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with _available(), self.engine.begin() as conn:
                    return work(conn)
            except (Retry, DBAPIError) as exc:
                if not _transient(exc) or (attempt == ATTEMPTS and isinstance(exc, IntegrityError)):
                    raise
                if attempt == ATTEMPTS:
                    raise errors.ServiceUnavailable("Too many others are changing the same; try again.") from exc
                LOG.debug("transaction tried again (%d): %s", attempt, exc)
                time.sleep(random.uniform(0.001, 0.004 * 2 ** min(attempt, 6)))
        raise AssertionError("unreachable")

    def dispose(self) -> None:
        """Close pooled connections."""
        for engine in (self.engine, self._reader, self._snapshots):
            engine.dispose()


def _create(url: str, isolation: str, **pool: Any) -> sa.Engine:
    parsed = sa.make_url(url)
    autocommit = isolation == _READ
    pool |= {"poolclass": QueuePool, "pool_use_lifo": True, "pool_reset_on_return": None if autocommit else "rollback"}
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, **pool)
        sa.event.listen(engine, "connect", _sqlite_connect)
        if begin := _SQLITE_BEGIN.get(isolation):
            sa.event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(begin))
        return engine
    arguments: dict[str, Any] = {}
    if parsed.get_backend_name() in ("mysql", "mariadb"):
        parsed = parsed.update_query_dict({"charset": "utf8mb4"})
        if parsed.get_driver_name() == "mysqldb":
            arguments["conv"] = _mysql_conversions()
    engine = sa.create_engine(
        parsed,
        connect_args=arguments,
        isolation_level=isolation,
        skip_autocommit_rollback=autocommit,
        pool_recycle=3000,
        **pool,
    )
    sa.event.listen(engine, "checkout", _still_connected)
    return engine


def _still_connected(dbapi: Any, _record: Any, _proxy: Any) -> None:
    """Have the pool replace a connection whose server is gone: a restart of the database then fails no request.

    The kernel knows that the other side hung up; asking it (1 us) spares asking the server before each use.
    """
    kernel = select.poll()
    kernel.register(dbapi.fileno(), select.POLLRDHUP)
    if kernel.poll(0):
        raise DisconnectionError("the database closed the connection")


def _mysql_conversions() -> dict[Any, Any]:
    """The driver's own, but for times, which it takes apart in Python: half the cost of a long list."""
    from MySQLdb import converters  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from MySQLdb.constants import FIELD_TYPE  # type: ignore[import-not-found,import-untyped,unused-ignore]

    fast = datetime.datetime.fromisoformat
    return {**converters.conversions, FIELD_TYPE.DATETIME: fast, FIELD_TYPE.TIMESTAMP: fast}


def _sqlite_connect(dbapi: Any, _record: Any) -> None:
    dbapi.isolation_level = None  # SQLAlchemy's begin event starts transactions, not the driver
    cursor = dbapi.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "case_sensitive_like=ON",
        "busy_timeout=30000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextlib.contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as exc:
        LOG.error("all connections to the database are in use: %s", exc)
        raise errors.ServiceUnavailable("Too many requests are under way; try again.") from exc
    except OperationalError as exc:
        if exc.connection_invalidated or _cannot_connect(exc):
            LOG.error("database does not answer: %s", exc.orig)
            raise errors.ServiceUnavailable("The database does not answer; try again.") from exc
        raise


def _cannot_connect(exc: OperationalError) -> bool:
    text = str(exc.orig).lower()
    return any(word in text for word in ("connect to", "connection refused", "connection failed", "gone away"))


def _transient(exc: Exception) -> bool:
    if isinstance(exc, (Retry, IntegrityError)):
        return True
    orig = getattr(exc, "orig", None)
    if isinstance(orig, sqlite3.OperationalError):
        return "locked" in str(orig) or "busy" in str(orig)
    code = getattr(orig, "sqlstate", None) or getattr(orig, "pgcode", None)
    if code in ("40001", "40P01"):
        return True
    args: tuple[Any, ...] = getattr(orig, "args", ())
    # MariaDB: deadlock, lock wait, record changed, a savepoint that went with the transaction a deadlock ended
    return len(args) > 0 and args[0] in (1213, 1205, 1020, 1305)
