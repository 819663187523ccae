"""The schema that migrations make is the one the tables declare."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import svcfabric
from svcfabric.db import migrate
from svcfabric.db.base import metadata
from svcfabric.db.engine import Database
from tests.core_world import MINE

_TOP = Path(svcfabric.__file__).parent
LOCATIONS = sorted(f for top in ("fabric", "core_l2l3") for f in (_TOP / top).rglob("migrations/versions"))
# The parts' branches, which go before the core's.
PARTS = [location.parts[-3] for location in LOCATIONS if location.parts[-4] == "core_l2l3"]
TABLES = {table.name for table in MINE}


@pytest.fixture
def database(database_url):
    made = Database(database_url)
    yield made
    made.dispose()


def _differences(database):
    def mine(thing, name, kind, _reflected, _other):
        return name in TABLES if kind == "table" else True

    with database.engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"include_object": mine, "target_metadata": metadata})
        return compare_metadata(context, metadata)


def test_upgraded_schema_is_the_declared_one(database):
    migrate.upgrade(database, LOCATIONS)
    assert _differences(database) == []


def test_upgrade_twice_changes_nothing(database):
    migrate.upgrade(database, LOCATIONS)
    migrate.upgrade(database, LOCATIONS)
    assert "core_l2l3_0002" in migrate.current(database, LOCATIONS)


def test_downgrade_leaves_nothing(database):
    migrate.upgrade(database, LOCATIONS)
    for label in (*PARTS, "core_l2l3", "fabric"):
        migrate.downgrade(database, LOCATIONS, f"{label}@base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
