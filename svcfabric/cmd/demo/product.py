"""The product as the demo's child: started with a state directory of its own, stopped, all it made removed."""

from __future__ import annotations

import argparse
import configparser
import os
import socket
import sys
from pathlib import Path
from typing import Any

from svcfabric.cmd import here
from svcfabric.cmd.client import Client, Refused
from svcfabric.cmd.demo.record import PRODUCT, Record
from svcfabric.cmd.purge import purge as purge_host
from svcfabric.drivers.linux import process

START_TIMEOUT = 60.0


def start(record: Record, physical_networks: list[str]) -> None:
    """Start ``svcfabric up`` on a free port and wait until it answers and its agent is alive."""
    port = _free_port()
    record.url = f"http://127.0.0.1:{port}"
    record.product = True
    config = record.directory / "svcfabric.conf"
    _write_config(config, record.directory / "state", port, physical_networks)
    record.agent = {"config_file": [str(config)], "state_dir": None, "host": None}
    record.processes.append(PRODUCT)
    record.save()
    argv = [sys.executable, "-m", "svcfabric.cmd.main", "up", "--config-file", str(config)]
    child = process.start(PRODUCT, argv, None, record.directory)

    def ready() -> bool:
        if not child.alive():
            raise Refused(f"svcfabric up ended:\n{tail(child.log)}")
        return _serves(record) and _has_agent(clients(record)[0])

    Client(record.url).wait("svcfabric up ready", ready, START_TIMEOUT, step=0.05)


def clients(record: Record) -> tuple[Client, Client]:
    """The administrator and the tenant; the same caller when the product is not ours and the environment says who."""
    conf, environment = configuration(record), {} if record.product else os.environ
    return (
        here.client(conf, record.url, "admin", environment),
        here.client(conf, record.url, "demo", environment),
    )


def configuration(record: Record) -> Any:
    """The configuration of the product's agent on this host."""
    return here.configuration(argparse.Namespace(**record.agent))


def stop(record: Record) -> None:
    """Stop the product if this demo started it; what serves packets stays until ``purge``."""
    if child := process.adopt(record.directory, PRODUCT):
        child.stop(timeout=15.0)


def purge(record: Record) -> None:
    """Remove all that the product's agent made on this host."""
    purge_host(configuration(record))


def tail(path: Path, lines: int = 25) -> str:
    """The end of a log."""
    try:
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _write_config(path: Path, state: Path, port: int, physical_networks: list[str]) -> None:
    config = configparser.ConfigParser()
    config["DEFAULT"] = {"state_dir": str(state), "log_level": "INFO"}
    config["api"] = {"bind_port": str(port), "auth_strategy": "http_basic"}
    # an interface named "" is a bridge that leads nowhere: external networks of this machine only
    config["agent"] = {"physical_networks": ",".join(f"{name}:" for name in physical_networks)}
    config["network"] = {"flat_networks": ",".join(physical_networks)}
    with path.open("w") as file:
        config.write(file)


def _serves(record: Record) -> bool:
    try:
        Client(record.url, timeout=5.0).call("GET", "/")
    except Refused:
        return False
    return True


def _has_agent(admin: Client) -> bool:
    try:
        return any(agent["alive"] for agent in admin.call("GET", "/v2.0/agents")["agents"])
    except Refused:
        return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
