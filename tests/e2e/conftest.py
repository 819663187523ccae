"""The product as users meet it: stock clients against running processes.

``--openrc FILE`` runs the commands against another cloud instead (its administrator's and, if FILE.alice,
FILE.bob, FILE.rita exist, its users' ``OS_*`` variables), to compare.
"""

from __future__ import annotations

import pathlib
import re
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import clients

AUTHS = ("http_basic", "keystone")
Login = Callable[[str], clients.OpenStack]


@pytest.fixture
def name() -> str:
    """A name nobody else uses."""
    return f"e2e-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def login(request) -> Iterator[Login]:
    """``login("alice")``: the client as one of the users (``tests.keystone.USERS``, ``admin``)."""
    yield from _from_files(pathlib.Path(request.config.getoption("--openrc")))


def _from_files(openrc: pathlib.Path) -> Iterator[Login]:
    made: dict[str, clients.OpenStack] = {}

    def login(user: str) -> clients.OpenStack:
        path = openrc if user == "admin" else openrc.with_name(f"{openrc.name}.{user}")
        if not path.exists():
            pytest.skip(f"no {path}")
        if user not in made:
            made[user] = clients.OpenStack(clients.venv(), dict(re.findall(r"(OS_\w+)=(\S+)", path.read_text())))
        return made[user]

    yield login
    for client in made.values():
        client.close()


@pytest.fixture(scope="session")
def admin(login) -> clients.OpenStack:
    """The administrator."""
    return login("admin")


@pytest.fixture(scope="session")
def cloud(login) -> clients.OpenStack:
    """A member of project one."""
    return login("alice")


@pytest.fixture(scope="session")
def reader(login) -> clients.OpenStack:
    """A reader of project one."""
    return login("rita")


@pytest.fixture(scope="session")
def other(login) -> clients.OpenStack:
    """A member of project two."""
    return login("bob")


@pytest.fixture(scope="session")
def external(admin) -> Iterator[dict[str, str]]:
    """An external network with a subnet: id, name, subnet_id, prefix (its first three bytes)."""
    name = f"e2e-ext-{uuid.uuid4().hex[:8]}"
    made = admin("network", "create", name, "--external", "--provider-network-type", "flat",
                 "--provider-physical-network", "public")  # fmt: skip
    subnet = admin("subnet", "create", name, "--network", name, "--subnet-range", "172.31.61.0/24", "--no-dhcp")
    yield {"id": made["id"], "name": name, "subnet_id": subnet["id"], "prefix": "172.31.61"}
    admin.run("network", "delete", made["id"])
