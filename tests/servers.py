"""Real servers for the tests: each a context manager that starts one on free ports in a temporary directory.

Two runs side by side share nothing: own directories, ports, node names. Everything is stopped by process
id (group) when the block ends, however it ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator


def free_port() -> int:
    """A TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def directory(prefix: str) -> Iterator[pathlib.Path]:
    """A temporary directory that others may enter (servers drop root) and that goes in the end."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"svcfabric-{prefix}-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def wait_until(ready: Callable[[], bool], timeout: float, what: str, step: float = 0.1) -> None:
    """Poll ``ready`` until it is true; ``TimeoutError`` naming ``what`` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not ready after {timeout} s")
        time.sleep(step)


def accepts(port: int) -> bool:
    """Whether something listens on that port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def end(process: subprocess.Popen[bytes], grace: float = 10.0) -> None:
    """Stop a process started in a session of its own, with its children: TERM, then KILL after ``grace`` s."""
    for sig, timeout in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sig)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
            break
    with contextlib.suppress(ProcessLookupError):  # children that outlived their parent
        os.killpg(process.pid, signal.SIGKILL)


@dataclasses.dataclass
class RabbitMQ:
    """A broker node of its own. ``url`` is oslo.messaging's."""

    root: pathlib.Path
    port: int
    _epmd_port: int
    _dist_port: int
    _node: str
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"rabbit://guest:guest@127.0.0.1:{self.port}/"

    def start(self, timeout: float = 60.0) -> None:
        """Start the node (again) and wait until it takes connections."""
        with open(self.root / "console.log", "ab") as log:
            self._process = subprocess.Popen(
                ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
                env=self._environment(),
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._up, timeout, "rabbitmq")

    def alive(self) -> bool:
        """Whether it takes connections."""
        return accepts(self.port)

    def kill(self) -> None:
        """``kill -9`` of the node, as a crash would."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the node: connections stay, nothing answers."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGSTOP)
            # the signal is on its way when killpg returns: a thread may still answer one more request
            wait_until(self._stopped, 5, "a stopped RabbitMQ")

    def _stopped(self) -> bool:
        """Whether every thread of the group that ``rabbitmq-server`` leads has stopped (proc(5), stat)."""
        states = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/task/*/stat"):
            with contextlib.suppress(OSError):  # it has ended
                state, _parent, group = stat.read_text().rpartition(")")[2].split()[:3]
                if self._process and int(group) == self._process.pid:
                    states.append(state)
        return all(state in "TtZ" for state in states)

    def resume(self) -> None:
        """Let a frozen node go on."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End the node; its data go with the directory."""
        self.resume()
        self.kill()

    def _up(self) -> bool:
        if self._process and self._process.poll() is not None:
            raise RuntimeError(f"rabbitmq ended at start: {(self.root / 'console.log').read_text()[-2000:]}")
        return accepts(self.port)

    def _environment(self) -> dict[str, str]:
        root = str(self.root)
        return {
            "PATH": os.environ["PATH"],
            "HOME": root,  # the Erlang cookie
            "detached": "1",  # the start script then becomes the node, so that its process id is the node's
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONF_ENV_FILE": f"{root}/rabbitmq-env.conf",
            "RABBITMQ_CONFIG_FILE": f"{root}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{root}/advanced.config",
            "RABBITMQ_MNESIA_BASE": f"{root}/mnesia",
            "RABBITMQ_LOG_BASE": f"{root}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{root}/enabled_plugins",
            "RABBITMQ_PID_FILE": f"{root}/rabbitmq.pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{root}/generated",
            "RABBITMQ_FEATURE_FLAGS_FILE": f"{root}/feature_flags",
            # One scheduler and no busy waiting: tests share the machine.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none +A 8",
        }


@contextlib.contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """A RabbitMQ node, with its own name, cookie, directories, and port mapper (epmd)."""
    with directory("rabbitmq") as root:
        node = RabbitMQ(root, free_port(), free_port(), free_port(), f"svcfabric-{uuid.uuid4().hex[:8]}@localhost")
        (root / "rabbitmq.conf").write_text("loopback_users = none\n")
        (root / "enabled_plugins").write_text("[].\n")
        epmd = subprocess.Popen(
            ["epmd", "-port", str(node._epmd_port), "-address", "127.0.0.1"],
            env={"PATH": os.environ["PATH"], "HOME": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_until(lambda: accepts(node._epmd_port), 10, "epmd")
            node.start()
            yield node
        finally:
            node.stop()
            end(epmd, grace=2.0)
