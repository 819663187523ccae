"""The svcfabric command: what it says of itself."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

from svcfabric.cmd import main


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "svcfabric.cmd.main", *words], capture_output=True, text=True, timeout=60
    )


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name, (_module, text) in main.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert text in done.stdout


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_every_command_is_there_and_explains_itself(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: svcfabric {name}")


def test_without_a_command_it_helps_and_fails() -> None:
    done = run()
    assert done.returncode == 2
    assert "commands:" in done.stdout


def test_an_unknown_command_is_refused() -> None:
    done = run("dance")
    assert done.returncode == 2
    assert "dance" in done.stderr


def test_version() -> None:
    assert run("--version").stdout.strip() == importlib.metadata.version("svcfabric")
