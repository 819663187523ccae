"""The schema that migrations make is the one the tables declare."""

import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import svcfabric
from svcfabric.core_l2l3.models import networks, ports
from svcfabric.core_l2l3.rbac.models import rbac_policies
from svcfabric.db import migrate
from svcfabric.db.base import Json, metadata
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


def _insert(conn, name, **values):
    """A row of a table as it was, given only what the tables of today need not know."""
    stamp = datetime.datetime(2026, 1, 1)
    common = {
        "name": "",
        "description": "",
        "admin_state_up": True,
        "revision_number": 0,
        "created_at": stamp,
        "tags": [],
    }
    row = common | values
    kinds = {bool: sa.Boolean(), list: Json(), dict: Json(), datetime.datetime: sa.DateTime()}
    columns = [sa.column(key, kinds.get(type(value))) for key, value in row.items()]
    conn.execute(sa.table(name, *columns).insert().values(**row))


def test_what_was_shared_is_so_by_policies_afterwards(database):
    migrate.upgrade(database, LOCATIONS, "core_l2l3_0002")
    wire = {"physical_network": "", "mtu": 1450, "subnet_ids": [], "network_type": "vxlan"}
    with database.engine.begin() as conn:
        for number, flags in enumerate(((False, False), (True, False), (False, True)), 1):
            shared, external = flags
            ids = {"id": f"n{number}", "project_id": "one", "segmentation_id": number}
            _insert(conn, "networks", **ids, **wire, shared=shared, external=external)
        port = {"fixed_ips": [], "device_id": "", "device_owner": "", "host": "", "leg": False, "vnic_type": "normal"}
        for number, project in enumerate(("one", "two"), 1):
            ids = {"id": f"p{number}", "project_id": project, "network_id": "n2", "mac_address": str(number)}
            _insert(conn, "ports", **ids, **port, profile={})
    migrate.upgrade(database, LOCATIONS)
    with database.engine.connect() as conn:
        policies = sa.select(rbac_policies.c.object_id, rbac_policies.c.action, rbac_policies.c.target_project)
        assert {tuple(row) for row in conn.execute(policies)} == {
            ("n2", "access_as_shared", "*"),
            ("n3", "access_as_external", "*"),
        }
        everyone = sa.select(networks.c.id, networks.c.availability_zone_hints).where(networks.c.everyone.is_(True))
        assert sorted(map(tuple, conn.execute(everyone))) == [("n2", []), ("n3", [])]
        owners = sa.select(ports.c.id, ports.c.network_project_id).order_by(ports.c.id)
        assert list(map(tuple, conn.execute(owners))) == [("p1", ""), ("p2", "one")]


def test_downgrade_leaves_nothing(database):
    migrate.upgrade(database, LOCATIONS)
    for label in (*PARTS, "core_l2l3", "fabric"):
        migrate.downgrade(database, LOCATIONS, f"{label}@base")
    assert set(sa.inspect(database.engine).get_table_names()) <= {"alembic_version"}
