"""svcfabric doctor on the real kernel, with and without what it needs."""

from __future__ import annotations

import io
import json
import os
import pathlib
import secrets
import stat
import subprocess
import sys

import pytest
from rich.console import Console

from svcfabric.cmd import doctor
from svcfabric.cmd.doctor import kernel, machine
from svcfabric.cmd.doctor.finding import State, degraded
from svcfabric.drivers.linux import netns
from tests import servers

DOCTOR = [sys.executable, "-m", "svcfabric.cmd.main", "doctor"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@needs_root
def test_a_machine_that_has_all() -> None:
    done = subprocess.run([*DOCTOR, "--json"], capture_output=True, text=True, timeout=60)
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    kernel_has = ("network namespaces", "veth", "bridge", "nftables NAT", "privilege")
    for name in ("haproxy", "dnsmasq", "libnftables", *kernel_has):
        assert found[name]["state"] == "ok", found[name]
    assert all(each["advice"] for each in found.values() if each["state"] != "ok")


@needs_root
def test_it_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = secrets.token_hex(4)
    monkeypatch.setattr(kernel.secrets, "token_hex", lambda _size: mine)
    assert kernel.examine()
    assert not netns.names(f"sf-doctor-{mine}")


@needs_root
def test_without_capabilities_it_says_so_and_fails() -> None:
    drop = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    done = subprocess.run([*drop, *DOCTOR], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "no CAP_NET_ADMIN" in done.stdout
    assert "run as root" in done.stdout


@needs_root
@pytest.mark.parametrize("words", [["demo"], ["up"], ["plug", "--port", "p", "--netns", "n"]])
def test_commands_that_need_privilege_say_so_first(words: list[str]) -> None:
    drop = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]
    where = ["--port", str(servers.free_port()), "--state-dir", "/proc/nowhere"] if words == ["up"] else []
    done = subprocess.run([*drop, *DOCTOR[:-1], *words, *where], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"svcfabric {words[0]}: no CAP_NET_ADMIN: ")
    assert not done.stdout


def haproxy(folder: pathlib.Path, says: str) -> str:
    """A search path where haproxy is a program that says so."""
    program = folder / "haproxy"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(folder)


@pytest.mark.parametrize(
    ("says", "state", "found"),
    [
        ("HAProxy version 2.6.12-1+deb12u4 2026/01/01", State.OK, "version 2.6.12-1+deb12u4"),
        ("HA-Proxy version 1.8.30 2021/04/12", State.MISSING, "version 1.8.30"),
        ("what?", State.MISSING, "does not say its version"),
    ],
)
def test_versions_of_haproxy(tmp_path: pathlib.Path, says: str, state: State, found: str) -> None:
    finding = machine.haproxy(haproxy(tmp_path, says))
    assert finding.state is state
    assert found in finding.found


def test_no_haproxy(tmp_path: pathlib.Path) -> None:
    finding = machine.haproxy(str(tmp_path))
    assert (finding.state, finding.advice) == (State.MISSING, "apt-get install haproxy")


def test_what_it_says_is_shown_whole() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    doctor.show([degraded("driver", "[none]", "pip install '.[extra]'")], console)
    shown = console.export_text()
    assert "[none]" in shown
    assert "pip install '.[extra]'" in shown
