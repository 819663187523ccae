"""svcfabric up: API, controller and agent in one process, with defaults that need no configuration file.

With http_basic (the default) and no password file yet it makes one, with an administrator and a tenant, and a
clouds.yaml for the openstack command beside it.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from svcfabric.api.auth.http_basic import hash_line
from svcfabric.cmd import process

# The passwords made here are 128 random bits: no dictionary helps, so the least costly hash will do.
_ROUNDS = 4
_USERS = {"admin": ["admin"], "demo": ["member"]}


def main(argv: Sequence[str]) -> int:
    """The command; runs until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="svcfabric up", description=__doc__)
    parser.add_argument("--state-dir", metavar="DIR", help="where everything is kept [/var/lib/svcfabric]")
    parser.add_argument("--port", type=int, help="port of the API on 127.0.0.1 [9696]")
    parser.add_argument("--auth", choices=["http_basic", "noauth", "keystone"], help="who says who a caller is")
    parser.add_argument("--config-file", action="append", default=[], help="configuration file (may be repeated)")
    args = parser.parse_args(argv)
    conf = process.configure([word for path in args.config_file for word in ("--config-file", path)])
    override(conf, args)
    url = f"http://{conf.api.bind_host}:{conf.api.bind_port}"
    if conf.api.auth_strategy == "http_basic" and not Path(conf.api.password_file).exists():
        write_credentials(Path(conf.api.password_file), url)
    say(conf, url)
    from svcfabric.cmd import up  # late: `--help` needs none of it

    up.run(conf)
    return 0


def override(conf: Any, args: argparse.Namespace) -> None:
    """Options of the command line win over files; an agent without physical networks gets ``public``."""
    if args.state_dir:
        conf.set_override("state_dir", os.path.abspath(args.state_dir))
    if args.port is not None:
        conf.set_override("bind_port", args.port, "api")
    if args.auth:
        conf.set_override("auth_strategy", args.auth, "api")
    if not conf.agent.physical_networks:
        # an external network that exists on this machine only
        conf.set_override("physical_networks", {"public": ""}, "agent")


def write_credentials(password_file: Path, url: str) -> None:
    """Make the password file and, beside it, ``clouds.yaml`` with the passwords, for this machine's root only."""
    passwords = {user: secrets.token_urlsafe(16) for user in _USERS}
    lines = [hash_line(user, passwords[user], user, roles, rounds=_ROUNDS) for user, roles in _USERS.items()]
    clouds = {
        "clouds": {
            f"svcfabric-{user}": {
                "auth_type": "http_basic",
                "auth": {"endpoint": url, "username": user, "password": password},
            }
            for user, password in passwords.items()
        }
    }
    password_file.parent.mkdir(parents=True, exist_ok=True)
    _write_private(password_file, "\n".join(lines) + "\n")
    _write_private(clouds_file(password_file), yaml.safe_dump(clouds, sort_keys=False))


def clouds_file(password_file: Path) -> Path:
    """Where the ``clouds.yaml`` of a password file is."""
    return password_file.with_name("clouds.yaml")


def say(conf: Any, url: str) -> None:
    """What is running, and how to reach it."""
    print(f"svcfabric: API at {url}, state in {conf.state_dir}; stop with Ctrl-C", file=sys.stderr)
    clouds = clouds_file(Path(conf.api.password_file))
    if conf.api.auth_strategy == "http_basic" and clouds.exists():
        print(
            f"try: OS_CLIENT_CONFIG_FILE={clouds} openstack --os-cloud svcfabric-admin network list",
            file=sys.stderr,
        )


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
