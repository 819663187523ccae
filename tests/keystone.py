"""A real Keystone for the tests: stock packages in an environment of their own, SQLite, gunicorn.

The bootstrapped state (schema, keys, projects, users, roles) is made once per clone and copied for each start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping

import requests

from tests.servers import directory, end, free_port, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("keystone==30.0.0", "gunicorn==27.0.1", "setuptools<81")
PASSWORD = "keystone-of-the-tests"
ROLES = ("admin", "manager", "member", "reader", "service")
LEGACY_ROLES = tuple(
    f"load-balancer_{name}" for name in ("observer", "global_observer", "member", "quota_admin", "admin")
)
# user -> (project, roles); admin and service come beside these
USERS = {
    "alice": ("one", ("member", "reader")),
    "rita": ("one", ("reader",)),
    "mary": ("one", ("manager", "member", "reader")),
    "bob": ("two", ("member", "reader")),
    "svcfabric": ("service", ("admin", "service")),
}

CONF = """
[DEFAULT]
log_file = {root}/keystone.log
[database]
connection = sqlite:///{root}/keystone.db
[token]
provider = fernet
expiration = 43200
[fernet_tokens]
key_repository = {root}/fernet
[credential]
key_repository = {root}/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = false
"""

# Keystone reads sys.argv itself, so gunicorn gets its options from a file only.
GUNICORN = """
import sys
sys.argv[1:] = []
wsgi_app = "keystone.wsgi.api:application"
bind = "127.0.0.1:{port}"
workers = {workers}
worker_class = "gthread"
threads = {threads}
preload_app = True
keepalive = 75
limit_request_field_size = 16380
control_socket_disable = True
"""


def peer_venv(name: str, *packages: str) -> pathlib.Path:
    """The virtual environment ``name`` holding those packages, made when it is not there yet."""
    made = subprocess.run(
        [str(ROOT / "scripts" / "peer-venv"), name, *packages], check=True, capture_output=True, text=True
    )
    return pathlib.Path(made.stdout.strip())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a client logs in as."""

    auth_url: str
    username: str
    project: str
    password: str = PASSWORD

    def environment(self) -> dict[str, str]:
        """``OS_*`` variables for the stock clients."""
        return {
            "OS_AUTH_TYPE": "password",
            "OS_AUTH_URL": self.auth_url,
            "OS_USERNAME": self.username,
            "OS_PASSWORD": self.password,
            "OS_PROJECT_NAME": self.project,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": "RegionOne",
            "OS_IDENTITY_API_VERSION": "3",
        }


@dataclasses.dataclass
class Keystone:
    """A running Keystone. ``url`` ends in ``/v3``."""

    root: pathlib.Path
    venv: pathlib.Path
    port: int
    workers: int = 2
    threads: int = 4
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    def start(self) -> None:
        """Start serving; returns when it answers."""
        (self.root / "keystone.conf").write_text(CONF.format(root=self.root))
        (self.root / "gunicorn.py").write_text(
            GUNICORN.format(port=self.port, workers=self.workers, threads=self.threads)
        )
        with open(self.root / "gunicorn.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.venv / "bin" / "gunicorn")],
                env={
                    "PATH": os.environ["PATH"],
                    "OS_KEYSTONE_CONFIG_DIR": str(self.root),
                    "OS_KEYSTONE_CONFIG_FILES": str(self.root / "keystone.conf"),
                    "GUNICORN_CMD_ARGS": f"-c {self.root / 'gunicorn.py'}",
                },
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._up, 60, "keystone")

    def stop(self) -> None:
        """End it."""
        if self.process:
            end(self.process, grace=3.0)
            self.process = None

    def as_user(self, name: str) -> Identity:
        """The identity of ``admin`` or one of ``USERS``, in its own project."""
        project = "admin" if name == "admin" else USERS[name][0]
        return Identity(auth_url=self.url, username=name, project=project)

    def token(self, name: str) -> tuple[str, str]:
        """A token for that user and the id of its project."""
        return token(self.as_user(name))

    def register(self, services: Mapping[str, str]) -> None:
        """Put services (type -> URL) into the catalog, replacing what it says of them."""
        session = self.session()
        have = {item["type"]: item["id"] for item in session.call("GET", "/services")["services"]}
        for kind, url in services.items():
            ident = have.get(kind)
            if ident:
                for old in session.call("GET", f"/endpoints?service_id={ident}")["endpoints"]:
                    session.call("DELETE", f"/endpoints/{old['id']}")
            else:
                body = {"service": {"type": kind, "name": kind}}
                ident = session.call("POST", "/services", body)["service"]["id"]
            for interface in ("public", "internal", "admin"):
                entry = {"service_id": ident, "interface": interface, "region_id": "RegionOne", "url": url}
                session.call("POST", "/endpoints", {"endpoint": entry})

    def session(self) -> Session:
        """An administrator's REST session."""
        return Session(self.url, self.token("admin")[0])

    def service_section(self) -> str:
        """The ``[keystone_authtoken]`` section for a server that checks tokens here."""
        return f"""
[keystone_authtoken]
www_authenticate_uri = {self.url}
auth_url = {self.url}
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = svcfabric
password = {PASSWORD}
service_token_roles_required = true
"""

    def _up(self) -> bool:
        if self.process and self.process.poll() is not None:
            raise RuntimeError(f"keystone ended at start: {(self.root / 'gunicorn.log').read_text()[-3000:]}")
        with contextlib.suppress(requests.RequestException):
            return requests.get(self.url, timeout=5).status_code == 200
        return False


class Session:
    """Keystone's REST with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.headers["X-Auth-Token"] = token

    def call(self, method: str, path: str, body: object = None) -> dict[str, object] | None:
        """The JSON answer; ``RuntimeError`` for any error."""
        answer = self._http.request(method, self.url + path, json=body, timeout=30)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


def token(who: Identity) -> tuple[str, str]:
    """A fresh token and its project's id."""
    domain = {"id": "default"}
    password = {"user": {"name": who.username, "domain": domain, "password": who.password}}
    scope = {"project": {"name": who.project, "domain": domain}}
    body = {"auth": {"identity": {"methods": ["password"], "password": password}, "scope": scope}}
    answer = requests.post(f"{who.auth_url}/auth/tokens", json=body, timeout=30)
    answer.raise_for_status()
    return answer.headers["X-Subject-Token"], answer.json()["token"]["project"]["id"]


def _bootstrap(node: Keystone) -> None:
    (node.root / "keystone.conf").write_text(CONF.format(root=node.root))
    manage = [str(node.venv / "bin" / "keystone-manage"), "--config-file", str(node.root / "keystone.conf")]
    run = functools.partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    owner = ["--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid())]
    run([*manage, "db_sync"])
    run([*manage, "fernet_setup", *owner])
    run([*manage, "credential_setup", *owner])
    here = [f"--bootstrap-{name}-url={node.url}" for name in ("public", "internal", "admin")]
    run([*manage, "bootstrap", f"--bootstrap-password={PASSWORD}", "--bootstrap-region-id=RegionOne", *here])
    node.start()
    try:
        _populate(node.session())
    finally:
        node.stop()


def _populate(session: Session) -> None:
    def make(kind: str, name: str, **more: object) -> str:
        have = session.call("GET", f"/{kind}s?name={name}")[f"{kind}s"]
        if have:
            return have[0]["id"]
        return session.call("POST", f"/{kind}s", {kind: {"name": name, **more}})[kind]["id"]

    roles = {name: make("role", name) for name in (*ROLES, *LEGACY_ROLES)}
    for user, (project, held) in USERS.items():
        project_id = make("project", project, domain_id="default")
        user_id = make("user", user, domain_id="default", password=PASSWORD, default_project_id=project_id)
        for role in held:
            session.call("PUT", f"/projects/{project_id}/users/{user_id}/roles/{roles[role]}")


def _template(venv: pathlib.Path) -> pathlib.Path:
    """A directory with a bootstrapped Keystone's state, made once; two makers wait for each other."""
    path = ROOT / ".cache" / "keystone"
    path.parent.mkdir(exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = f"{PACKAGES} {USERS} {PASSWORD} {CONF}"
        if not (path / "stamp").exists() or (path / "stamp").read_text() != stamp:
            shutil.rmtree(path, ignore_errors=True)
            with directory("keystone") as scratch:
                _bootstrap(Keystone(scratch, venv, free_port()))
                shutil.copytree(scratch, path, ignore=shutil.ignore_patterns("*.log", "*.conf", "*.py", "__pycache__"))
            (path / "stamp").write_text(stamp)
    return path


@contextlib.contextmanager
def keystone(services: Mapping[str, str] | None = None, *, writers: bool = False) -> Iterator[Keystone]:
    """A Keystone with the projects and users of ``USERS``, and ``services`` (type -> URL) in its catalog.

    ``writers``: several clients will make users and projects; requests then run one at a time, since Keystone
    answers 500 when SQLite is locked.
    """
    venv = peer_venv("keystone", *PACKAGES)
    template = _template(venv)
    with directory("keystone") as root:
        shutil.copytree(template, root, dirs_exist_ok=True)
        node = Keystone(root, venv, free_port(), *((1, 1) if writers else ()))
        try:
            node.start()
            node.register({"identity": node.url, **(services or {})})
            yield node
        finally:
            node.stop()
