"""Real database servers for the tests, reached over a Unix socket in a directory of their own: no port to collide on.

Settings are for speed: nothing need survive a power cut (unless ``durable``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence

from tests.servers import directory, end, free_port, wait_until


def _as_user(name: str) -> dict[str, object]:
    """Popen arguments that drop root to that user (servers refuse root); nothing when not root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _own(path: pathlib.Path, name: str) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, name, name)


def _run(command: Sequence[str], cwd: pathlib.Path, user: str, stdin: str = "") -> str:
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=120, **_as_user(user))
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")
    return done.stdout


@dataclasses.dataclass
class Server:
    """A database server. ``create`` makes an empty database and returns its SQLAlchemy URL."""

    root: pathlib.Path
    port: int
    durable: bool = False  # as in production: every commit reaches the disk
    process: subprocess.Popen[bytes] | None = None

    user = ""

    def command(self) -> list[str]:
        """The server's command line."""
        raise NotImplementedError

    def alive(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def sql(self, text: str, database: str = "") -> str:
        """Run SQL as the superuser; returns bare rows, tab-separated."""
        raise NotImplementedError

    def url(self, name: str) -> str:
        """SQLAlchemy URL of a database."""
        raise NotImplementedError

    def start(self) -> None:
        """Start (again) and wait until it answers."""
        with open(self.root / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_as_user(self.user),
            )
        wait_until(self._ready, 60, type(self).__name__, step=0.05)

    def kill(self) -> None:
        """``kill -9`` of the server, as a crash would."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End the server; its data go with the directory."""
        if self.process:
            end(self.process, grace=3.0)
            self.process = None

    def create(self, name: str = "") -> str:
        """An empty database with that or a fresh name; its URL."""
        name = name or f"t{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database, connected clients or not."""
        self.sql(f"DROP DATABASE IF EXISTS {name}")

    def _ready(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"server ended at start: {(self.root / 'server.log').read_text()[-2000:]}")
        return self.alive()


class PostgreSQL(Server):
    """A PostgreSQL cluster of its own, superuser ``postgres`` without password."""

    user = "postgres"

    @staticmethod
    def binary(name: str) -> str:
        """A program of the newest PostgreSQL installed (Debian keeps them out of PATH)."""
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
        return str(found[-1]) if found else name

    def initialise(self) -> None:
        """Make the cluster's data directory."""
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        _run([self.binary("initdb"), "-D", str(self.root / "data"), *options], self.root, self.user)

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": self.port or 5432,
            "unix_socket_directories": self.root,
            "shared_buffers": "64MB",
            "max_connections": 300,
        }
        if not self.durable:
            settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [self.binary("postgres"), "-D", str(self.root / "data"), *flags]

    def alive(self) -> bool:
        with contextlib.suppress(RuntimeError):
            self.sql("SELECT 1")
            return True
        return False

    def sql(self, text: str, database: str = "") -> str:
        where = ["-h", str(self.root), "-p", str(self.port or 5432), "-U", "postgres", "-d", database or "postgres"]
        return _run(["psql", "-qXAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", *where], self.root, self.user, text)

    def url(self, name: str) -> str:
        if self.port:
            return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"
        return f"postgresql+psycopg://postgres@/{name}?host={self.root}"

    def drop(self, name: str) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class MariaDB(Server):
    """A MariaDB server of its own, user ``root`` without password."""

    user = "mysql"

    def initialise(self) -> None:
        """Make the data directory."""
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        command = ["mariadb-install-db", "--no-defaults", f"--datadir={self.root / 'data'}", *options]
        _run(command, self.root, self.user)

    def command(self) -> list[str]:
        binary = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or "mariadbd"
        network = ["--bind-address=127.0.0.1", f"--port={self.port}"] if self.port else ["--skip-networking"]
        fast = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync"]
        return [
            binary,
            "--no-defaults",
            f"--datadir={self.root / 'data'}",
            f"--socket={self.root / 'db.sock'}",
            f"--pid-file={self.root / 'db.pid'}",
            *network,
            *([] if self.durable else fast),
            "--innodb-buffer-pool-size=128M",
            "--character-set-server=utf8mb4",
            "--max-connections=300",
            "--skip-log-bin",
        ]

    def alive(self) -> bool:
        with contextlib.suppress(RuntimeError):
            self.sql("SELECT 1")
            return True
        return False

    def sql(self, text: str, database: str = "") -> str:
        where = ["-S", str(self.root / "db.sock"), "-uroot", *([database] if database else [])]
        return _run(["mariadb", "--no-defaults", "-N", "-B", *where], self.root, self.user, text)

    def url(self, name: str) -> str:
        if self.port:
            return f"mysql+mysqldb://root@127.0.0.1:{self.port}/{name}"
        return f"mysql+mysqldb://root@localhost/{name}?unix_socket={self.root / 'db.sock'}"


@contextlib.contextmanager
def _server(kind: type[PostgreSQL] | type[MariaDB], tcp: bool, durable: bool) -> Iterator[PostgreSQL | MariaDB]:
    with directory(kind.__name__.lower()) as root:
        server = kind(root, free_port() if tcp else 0, durable)
        _own(root, server.user)
        try:
            server.initialise()
            server.start()
            yield server
        finally:
            server.stop()


def postgresql(*, tcp: bool = False, durable: bool = False) -> contextlib.AbstractContextManager[PostgreSQL]:
    """A running PostgreSQL server; ``tcp``: on a free port of 127.0.0.1 too."""
    return _server(PostgreSQL, tcp, durable)  # type: ignore[return-value]


def mariadb(*, tcp: bool = False, durable: bool = False) -> contextlib.AbstractContextManager[MariaDB]:
    """A running MariaDB server; ``tcp``: on a free port of 127.0.0.1 too."""
    return _server(MariaDB, tcp, durable)  # type: ignore[return-value]
