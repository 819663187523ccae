"""The stock OpenStack clients, unchanged, in an environment of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.keystone import peer_venv

PACKAGES = ("python-openstackclient==10.5.0", "python-octaviaclient==3.15.0", "openstacksdk==4.22.0")


class CommandFailed(AssertionError):
    """An ``openstack`` command ended with another code than 0; the text is what it printed."""


@dataclasses.dataclass
class OpenStack:
    """``openstack`` for one identity: ``cloud("network", "create", "n1")`` gives the parsed JSON.

    ``environment``: ``OS_*`` variables. A command's words are checked for the formatting they take: those that
    show something get ``-f json``.
    """

    venv: pathlib.Path
    environment: Mapping[str, str]
    _process: subprocess.Popen[str] | None = None

    def __call__(self, *words: str) -> Any:
        """Run a command that prints one thing or a list; its JSON."""
        text = self.text(*words, "-f", "json")
        return json.loads(text)

    def text(self, *words: str) -> str:
        """Run a command; what it printed."""
        rc, out, err = self.run(*words)
        if rc:
            raise CommandFailed(f"openstack {' '.join(words)}: {err.strip() or out.strip()}")
        return out

    def fails(self, *words: str) -> str:
        """Run a command that must fail; what it complained of."""
        rc, out, err = self.run(*words)
        if not rc:
            raise AssertionError(f"openstack {' '.join(words)} was to fail, printed {out!r}")
        return err.strip() or out.strip()

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command; its exit code, output and errors."""
        if self._process is None:
            self._process = subprocess.Popen(
                [str(self.venv / "bin" / "python"), str(pathlib.Path(__file__).with_name("shell_server.py"))],
                env=self._environ(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the client died at: openstack {' '.join(words)}")
        answer = json.loads(line)
        return answer["rc"], answer["out"], answer["err"]

    def process(self, *words: str) -> str:
        """Run a command as a user does, in a process of its own; what it printed."""
        command = [str(self.venv / "bin" / "openstack"), *words]
        done = subprocess.run(command, env=self._environ(), capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise CommandFailed(f"openstack {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def sdk(self, code: str) -> Any:
        """Run Python with ``cloud`` (an openstacksdk connection) at hand; the JSON it prints."""
        source = f"import json, openstack\ncloud = openstack.connect(load_yaml_config=False)\n{code}"
        command = [str(self.venv / "bin" / "python"), "-W", "ignore", "-c", source]
        done = subprocess.run(command, env=self._environ(), capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise CommandFailed(done.stderr.strip())
        return json.loads(done.stdout)

    def close(self) -> None:
        """End the interpreter behind it."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait(timeout=10)
            self._process = None

    def _environ(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("OS_")}
        return {**kept, "PYTHONWARNINGS": "ignore", **self.environment}


def venv() -> pathlib.Path:
    """The clients' environment, made when it is not there yet."""
    return peer_venv("clients", *PACKAGES)
