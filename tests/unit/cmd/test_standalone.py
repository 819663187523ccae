"""What `svcfabric up` makes when there is no configuration."""

from __future__ import annotations

import argparse
import pathlib
import socket

import yaml

from svcfabric import conf as conf_module
from svcfabric.api.auth import http_basic
from svcfabric.cmd import here, standalone


def arguments(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**{"state_dir": None, "port": None, "auth": None, **given})


def test_the_credentials_it_makes_are_good(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "state" / "passwords"
    standalone.ensure_credentials(file, "http://127.0.0.1:9696")
    clouds = yaml.safe_load(standalone.clouds_file(file).read_text())["clouds"]
    passwords = http_basic.Passwords(str(file))
    for user, roles in (("admin", {"admin"}), ("demo", {"member"})):
        auth = clouds[f"svcfabric-{user}"]["auth"]
        assert auth["username"] == user
        found = passwords.verified(user, auth["password"])
        assert found and found.roles == roles
    standalone.ensure_credentials(file, "http://127.0.0.1:5000")
    moved = yaml.safe_load(standalone.clouds_file(file).read_text())["clouds"]
    assert moved["svcfabric-demo"]["auth"] == clouds["svcfabric-demo"]["auth"] | {"endpoint": "http://127.0.0.1:5000"}
    for path in (file, standalone.clouds_file(file)):
        assert path.stat().st_mode & 0o077 == 0


def test_command_line_wins_over_the_file(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "svcfabric.conf"
    file.write_text("[api]\nbind_port = 1\nauth_strategy = noauth\n[agent]\nphysical_networks = dmz:eth7\n")
    conf = conf_module.load(files=[str(file)])
    standalone.override(conf, arguments(port=2, state_dir=str(tmp_path)))
    assert (conf.api.bind_port, conf.api.auth_strategy, conf.state_dir) == (2, "noauth", str(tmp_path))
    assert conf.agent.physical_networks == {"dmz": "eth7"}
    assert conf.database.connection == f"sqlite:///{tmp_path}/svcfabric.db"


def test_without_physical_networks_there_is_one() -> None:
    conf = conf_module.load(files=())
    standalone.override(conf, arguments())
    assert conf.agent.physical_networks == {"public": ""}


def test_commands_find_the_administrator(tmp_path: pathlib.Path, monkeypatch) -> None:
    for name in ("OS_ENDPOINT", "OS_TOKEN", "OS_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    conf = conf_module.load(files=())
    standalone.override(conf, arguments(state_dir=str(tmp_path)))
    assert here.client(conf, None).url == "http://127.0.0.1:9696"
    standalone.ensure_credentials(tmp_path / "passwords", "http://127.0.0.1:5000")
    assert here.client(conf, None).url == "http://127.0.0.1:5000"
    assert here.client(conf, "http://127.0.0.1:6000/").url == "http://127.0.0.1:6000"


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert standalone.cannot_listen("127.0.0.1", taken.getsockname()[1]) == "Address already in use"
    assert standalone.cannot_listen("127.0.0.1", 0) == ""


def test_a_password_file_of_ones_own_is_left_alone(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("# mine\n")
    standalone.ensure_credentials(file, "http://127.0.0.1:9696")
    assert file.read_text() == "# mine\n"
    assert not standalone.clouds_file(file).exists()
