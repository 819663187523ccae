"""The schema that migrations make is the one the tables declare."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import svcfabric.core_l2l3.models as core_models
import svcfabric.fabric.models as fabric_models
from svcfabric.db import migrate
from svcfabric.db.base import metadata
from svcfabric.db.engine import Database

FEATURES = (fabric_models, core_models)
LOCATIONS = [Path(models.__file__).parent / "migrations" / "versions" for models in FEATURES]
TABLES = {t.name for models in FEATURES for t in vars(models).values() if isinstance(t, sa.Table)}


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
    for label in ("core_l2l3", "fabric"):
        migrate.downgrade(database, LOCATIONS, f"{label}@base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
