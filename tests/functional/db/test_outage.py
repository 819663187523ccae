"""A database that goes away and comes back: refused by name meanwhile, no failed use after."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from svcfabric import errors
from svcfabric.cmd import wiring
from svcfabric.db.engine import Database, Retry
from tests import databases

ONE = sa.text("SELECT 1")


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request) -> Iterator[databases.Server]:
    found: databases.Server = request.getfixturevalue(request.param)
    yield found
    if not found.alive():
        found.start()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_restarted_database_fails_no_use(server: databases.Server, how: str) -> None:
    name = f"t{uuid.uuid4().hex[:12]}"
    database = Database(server.create(name))
    with database.read() as one, database.read() as other:  # two pooled connections for reading, one for writing
        assert one.execute(ONE).scalar() == other.execute(ONE).scalar() == 1
    database.write(lambda conn: conn.execute(ONE))
    getattr(server, how)()
    server.start()
    with database.read() as one, database.read() as other:
        assert one.execute(ONE).scalar() == other.execute(ONE).scalar() == 1
    database.write(lambda conn: conn.execute(ONE))
    database.dispose()
    server.drop(name)


def test_a_database_that_is_away_is_said_to_be(server: databases.Server) -> None:
    name = f"t{uuid.uuid4().hex[:12]}"
    database = Database(server.create(name))
    why_not = wiring.health(database)
    database.write(lambda conn: conn.execute(ONE))
    assert why_not() == ""
    server.kill()
    for _ in range(2):
        assert "database does not answer" in why_not()
        with pytest.raises(errors.ServiceUnavailable, match="database does not answer"):
            database.write(lambda conn: conn.execute(ONE))
        with pytest.raises(errors.ServiceUnavailable, match="database does not answer"), database.read() as conn:
            conn.execute(ONE)
        with pytest.raises(errors.ServiceUnavailable, match="database does not answer"), database.snapshot() as conn:
            conn.execute(ONE)
    server.start()
    assert database.write(lambda conn: conn.execute(ONE).scalar()) == 1
    assert why_not() == ""
    database.dispose()
    server.drop(name)


def test_who_finds_every_connection_in_use_is_told_so_in_time(database_url: str) -> None:
    database = Database(database_url, pool_size=1, max_overflow=1, pool_timeout=0.2)
    with database.read() as one, database.read() as other:
        assert one.execute(ONE).scalar() == other.execute(ONE).scalar() == 1
        with pytest.raises(errors.ServiceUnavailable, match="Too many requests"), database.read():
            pass
    with database.read() as one:
        assert one.execute(ONE).scalar() == 1
    database.dispose()


def test_who_loses_every_race_is_told_so(database_url: str) -> None:
    database = Database(database_url)

    def lost(conn: sa.Connection) -> None:
        conn.execute(ONE)
        raise Retry("somebody else was quicker")

    with pytest.raises(errors.ServiceUnavailable, match="Too many others"):
        database.write(lost)
    database.dispose()
