"""The product as users meet it: stock clients against running processes.

``--openrc FILE`` runs the commands against another cloud instead (its administrator's and, if FILE.alice,
FILE.bob, FILE.rita exist, its users' ``OS_*`` variables), to compare.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import uuid
from collections.abc import Callable, Iterator

import pytest

from svcfabric.api.auth.http_basic import hash_line
from tests import cluster, keystone
from tests.e2e import clients

AUTHS = ("http_basic", "keystone")
USERS = {"admin": ("admin", ("admin", "member", "reader")), **keystone.USERS}
Login = Callable[[str], clients.OpenStack]


@pytest.fixture
def name() -> str:
    """A name nobody else uses."""
    return f"e2e-{uuid.uuid4().hex[:8]}"


def pytest_generate_tests(metafunc):
    """Against a product of our own, every test runs with each way to know callers."""
    if "login" in metafunc.fixturenames and not metafunc.config.getoption("--openrc"):
        metafunc.parametrize("login", AUTHS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def login(request) -> Iterator[Login]:
    """``login("alice")``: the client as one of the users (``tests.keystone.USERS``, ``admin``)."""
    openrc = request.config.getoption("--openrc")
    with contextlib.ExitStack() as stack:
        if openrc:
            environment = _files(pathlib.Path(openrc))
        elif request.param == "http_basic":
            environment = stack.enter_context(_http_basic())
        else:
            environment = stack.enter_context(_keystone())
        made: dict[str, clients.OpenStack] = {}

        def login(user: str) -> clients.OpenStack:
            if user not in made:
                made[user] = clients.OpenStack(clients.venv(), environment(user))
                stack.callback(made[user].close)
            return made[user]

        yield login


Environment = Callable[[str], dict[str, str]]


def _files(openrc: pathlib.Path) -> Environment:
    def environment(user: str) -> dict[str, str]:
        path = openrc if user == "admin" else openrc.with_name(f"{openrc.name}.{user}")
        if not path.exists():
            pytest.skip(f"no {path}")
        return dict(re.findall(r"(OS_\w+)=(\S+)", path.read_text()))

    return environment


@contextlib.contextmanager
def _http_basic() -> Iterator[Environment]:
    """A standalone product whose users are in a password file."""
    with cluster.servers.directory("passwords") as root:
        lines = [hash_line(user, f"pw-{user}", project, roles, rounds=4) for user, (project, roles) in USERS.items()]
        (root / "passwords").write_text("\n".join(lines) + "\n")
        with cluster.standalone(auth="http_basic", api={"password_file": root / "passwords"}) as product:
            yield lambda user: {
                "OS_AUTH_TYPE": "http_basic",
                "OS_ENDPOINT": product.url,
                "OS_USERNAME": user,
                "OS_PASSWORD": f"pw-{user}",
            }


@contextlib.contextmanager
def _keystone() -> Iterator[Environment]:
    """A product that asks a real Keystone, which has it in its catalog."""
    with (
        keystone.keystone() as identity,
        cluster.standalone(auth="keystone", more=identity.service_section()) as product,
    ):
        identity.register({"network": product.url, "load-balancer": f"{product.url}/load-balancer"})
        yield lambda user: identity.as_user(user).environment()


@pytest.fixture
def projects(request, login) -> bool:
    """Whether there is a Keystone that knows the projects (some commands look theirs up)."""
    return "http_basic" not in request.node.callspec.params.values() if hasattr(request.node, "callspec") else True


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


@pytest.fixture
def net(cloud, name):
    """A tenant network with one subnet."""
    made = cloud("network", "create", name)
    cloud("subnet", "create", f"{name}-sub", "--network", name, "--subnet-range", "10.61.0.0/24")
    return made
