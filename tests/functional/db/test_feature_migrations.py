"""Migrations of load balancers and insertion make exactly the tables that are declared."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import svcfabric.insertion.models as insertion_models
import svcfabric.services.lbaas.models as lbaas_models
from svcfabric.db import migrate
from svcfabric.db.base import metadata
from svcfabric.db.engine import Database

FOLDERS = [
    Path(module.__file__ or "").parent / "migrations" / "versions" for module in (insertion_models, lbaas_models)
]
MINE = ("lbaas_", "insertions")


def mine(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or (name or "").startswith(MINE)


@pytest.fixture
def database(database_url):
    made = Database(database_url)
    yield made
    made.dispose()


def test_up_down_and_up_again(database):
    for _ in range(2):
        migrate.upgrade(database, FOLDERS)
        assert "lbaas_0001" in migrate.current(database, FOLDERS)
        with database.engine.connect() as conn:
            opts = {"compare_type": True, "include_name": mine}
            context = MigrationContext.configure(conn, opts=opts)
            found = [each for each in compare_metadata(context, metadata) if any(word in str(each) for word in MINE)]
        assert found == []
        migrate.downgrade(database, FOLDERS)


def test_each_feature_is_a_branch_of_its_own(database):
    migrate.upgrade(database, FOLDERS, "lbaas@head")
    assert "insertion" not in migrate.current(database, FOLDERS)
    migrate.upgrade(database, FOLDERS)
    migrate.downgrade(database, FOLDERS, "insertion@base")
    assert "lbaas_0001" in migrate.current(database, FOLDERS)


def test_what_a_schema_lacks(database):
    assert migrate.missing(database, FOLDERS) == ["insertion_0001", "lbaas_0001"]
    migrate.upgrade(database, FOLDERS, "lbaas@head")
    assert migrate.missing(database, FOLDERS) == ["insertion_0001"]
    migrate.upgrade(database, FOLDERS)
    assert migrate.missing(database, FOLDERS) == []
    assert migrate.missing(database, FOLDERS[:1]) == [], "a schema with more than we know of is a later version's"


def test_a_schema_has_what_its_branches_come_after(database, tmp_path):
    (tmp_path / "0001_later.py").write_text(
        'revision = "later_0001"\ndown_revision = None\nbranch_labels = ("later",)\ndepends_on = "lbaas_0001"\n'
        "def upgrade() -> None: ...\ndef downgrade() -> None: ...\n"
    )
    folders = [*FOLDERS, tmp_path]
    assert migrate.missing(database, folders) == ["insertion_0001", "later_0001", "lbaas_0001"]
    migrate.upgrade(database, folders)
    assert migrate.missing(database, folders) == []
    migrate.downgrade(database, folders)
