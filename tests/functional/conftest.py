"""What functional tests stand on: real databases and brokers, the test session's own.

Each pytest process (a worker of a parallel run too) starts the servers it needs when it first needs them, in
directories and on sockets of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests import databases, servers

DATABASES = ("sqlite", "postgresql", "mysql")
TRANSPORTS = ("inproc", "rabbit")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[databases.PostgreSQL]:
    """A PostgreSQL server for the session."""
    with databases.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[databases.MariaDB]:
    """A MariaDB server for the session."""
    with databases.mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[servers.RabbitMQ]:
    """A RabbitMQ node for the session."""
    with servers.rabbitmq() as node:
        yield node


@pytest.fixture(params=DATABASES)
def database_url(request, tmp_path) -> Iterator[str]:
    """SQLAlchemy URL of an empty database, on each kind of server in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/svcfabric.db"
        return
    server: databases.Server = request.getfixturevalue({"mysql": "mariadb"}.get(request.param, request.param))
    name = f"t{uuid.uuid4().hex[:12]}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture(params=TRANSPORTS)
def transport_url(request) -> str:
    """oslo.messaging URL of a transport nobody else is on, over each kind in turn."""
    if request.param == "inproc":
        return f"inproc://{uuid.uuid4().hex}"
    return request.getfixturevalue("rabbitmq").url
