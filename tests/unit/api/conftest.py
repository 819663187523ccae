from __future__ import annotations

from typing import Any

import pytest

from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from svcfabric.api.discovery import Versions
from svcfabric.api.limits import Limits
from tests.unit.api.asking import Caller
from tests.unit.api.toy import Cloud


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def app(cloud: Cloud) -> Any:
    return create_app(
        cloud.apis(),
        authenticate=noauth.factory(),
        limits=Limits(max_body=64 * 1024, max_depth=16, max_bulk=5, load_balancer_page=3),
        versions=Versions(load_balancer=27),
    )


@pytest.fixture
def member(app: Any) -> Caller:
    return Caller(app, "p1", "member")


@pytest.fixture
def other(app: Any) -> Caller:
    return Caller(app, "p2", "member")


@pytest.fixture
def reader(app: Any) -> Caller:
    return Caller(app, "p1", "reader")


@pytest.fixture
def admin(app: Any) -> Caller:
    return Caller(app, "root", "admin")
