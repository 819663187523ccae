from __future__ import annotations

from collections.abc import Iterator

import pytest

from svcfabric.fabric.interfaces import SubnetView
from tests.service_world import Caller, World


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    """One host that is alive; SQLite."""
    made = World(f"sqlite:///{tmp_path}/svcfabric.db")
    made.agent()
    yield made
    made.close()


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
def subnet(world: World, tenant: Caller) -> SubnetView:
    """A subnet of the tenant's."""
    return world.network.add("10.7.0.0/24", tenant.project)
