"""A database that goes away and comes back: refused by name meanwhile, no failed use after."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from svcfabric import errors
from svcfabric.db.engine import Database
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
    database.write(lambda conn: conn.execute(ONE))
    server.kill()
    for _ in range(2):
        with pytest.raises(errors.ServiceUnavailable, match="database does not answer"):
            database.write(lambda conn: conn.execute(ONE))
        with pytest.raises(errors.ServiceUnavailable, match="database does not answer"), database.read() as conn:
            conn.execute(ONE)
    server.start()
    assert database.write(lambda conn: conn.execute(ONE).scalar()) == 1
    database.dispose()
    server.drop(name)
