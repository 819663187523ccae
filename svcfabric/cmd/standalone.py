"""svcfabric up: API, controller and agent in one process, with defaults that need no configuration file.

With http_basic (the default) and no password file yet it makes one, with an administrator and a tenant, and a
clouds.yaml for the openstack command beside it.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from svcfabric.agent import lock
from svcfabric.agent.identity import Identity
from svcfabric.api.auth.http_basic import hash_line
from svcfabric.cmd import process
from svcfabric.drivers.linux import files

# The passwords made here are 128 random bits: no dictionary helps, so the least costly hash will do.
_ROUNDS = 4
_USERS = {"admin": ["admin"], "demo": ["member"]}


def main(argv: Sequence[str]) -> int:
    """The command; runs until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="svcfabric up", description=__doc__)
    parser.add_argument("--state-dir", metavar="DIR", help="where everything is kept [/var/lib/svcfabric]")
    parser.add_argument("--port", type=_port, help="port of the API on 127.0.0.1 [9696]")
    parser.add_argument("--auth", choices=["http_basic", "noauth", "keystone"], help="who says who a caller is")
    parser.add_argument("--config-file", action="append", default=[], help="configuration file (may be repeated)")
    args = parser.parse_args(argv)
    conf = process.configure([word for path in args.config_file for word in ("--config-file", path)])
    override(conf, args)
    url = f"http://{conf.api.bind_host}:{conf.api.bind_port}"
    if problem := cannot_listen(conf.api.bind_host, conf.api.bind_port):
        print(f"svcfabric up: cannot listen at {url}: {problem}; --port chooses another", file=sys.stderr)
        return 1
    if any(name.endswith(".linux") for name in conf.agent.drivers):
        process.need_privilege("svcfabric up")
    with process.plainly("svcfabric up"):
        lock.look(Identity.of(conf).state_dir)
        if conf.api.auth_strategy == "http_basic":
            ensure_credentials(Path(conf.api.password_file), url)
    say(conf, url)
    from svcfabric.cmd import up  # late: `--help` needs none of it

    up.run(conf)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is 1 to 65535, not {text}")
    return int(text)


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


def cannot_listen(host: str, port: int) -> str:
    """Why the API could not listen there, "" if it can."""
    try:
        family, kind, _proto, _name, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
            sock.listen()
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


def ensure_credentials(password_file: Path, url: str) -> None:
    """Make the password file and, beside it, ``clouds.yaml`` with the passwords, for this user's eyes only.

    When there is a password file already, a ``clouds.yaml`` made earlier learns where the API is now.
    """
    clouds_path = clouds_file(password_file)
    if not password_file.exists():
        passwords = {user: secrets.token_urlsafe(16) for user in _USERS}
        lines = [hash_line(user, passwords[user], user, roles, rounds=_ROUNDS) for user, roles in _USERS.items()]
        auths = {user: {"username": user, "password": password} for user, password in passwords.items()}
        clouds: dict[str, Any] = {
            "clouds": {f"svcfabric-{user}": {"auth_type": "http_basic", "auth": auth} for user, auth in auths.items()}
        }
        password_file.parent.mkdir(parents=True, exist_ok=True)
        files.swap(password_file, "\n".join(lines) + "\n")
    elif clouds_path.exists():
        clouds = yaml.safe_load(clouds_path.read_text())
    else:
        return
    for cloud in clouds["clouds"].values():
        cloud["auth"]["endpoint"] = url
    files.swap(clouds_path, yaml.safe_dump(clouds, sort_keys=False))


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
