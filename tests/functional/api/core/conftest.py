from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from svcfabric.db.base import metadata
from svcfabric.db.engine import Database
from tests import core_world
from tests.core_world import Caller, World


@pytest.fixture(scope="session", params=["sqlite", "postgresql", "mysql"])
def core_database(request, tmp_path_factory) -> Iterator[Database]:
    """A database with the core's tables, on each kind of server in turn."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('core')}/svcfabric.db"
    else:
        url = request.getfixturevalue({"mysql": "mariadb"}.get(request.param, request.param)).create()
    database = Database(url)
    metadata.create_all(database.engine, tables=core_world.MINE)
    yield database
    database.dispose()


@pytest.fixture
def world(core_database) -> Iterator[World]:
    """The core with nothing in it."""
    core_world.wipe(core_database)
    yield World(core_database)


@pytest.fixture
def tenant(world: World) -> Caller:
    return world.caller()


@pytest.fixture
def stranger(world: World) -> Caller:
    return world.caller()


@pytest.fixture
def admin(world: World) -> Caller:
    return world.caller("platform", "admin")


@pytest.fixture
def public(admin: Caller) -> Any:
    """An external flat network with a subnet."""
    made = admin.network(
        name="public",
        **{"router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"},
    )
    made["subnet"] = admin.subnet(made, "172.24.4.0/24", enable_dhcp=False)
    return made


@pytest.fixture
def private(tenant: Caller) -> Any:
    """A tenant's network with a subnet, without DHCP, which ``test_dhcp`` is about."""
    made = tenant.network(name="private")
    made["subnet"] = tenant.subnet(made, "10.0.0.0/24", enable_dhcp=False)
    return made
