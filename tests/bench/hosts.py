"""Simulated hosts: real agents with drivers that touch nothing, several in one process.

``python -m tests.bench.hosts CONFIG ROOT NAME=ADDRESS ...`` reads one JSON command per line and answers one per line:
``{"do": "start", "host": H, "want": N, "fresh": bool}`` starts the agent of a host (``fresh``: with nothing stored) and
answers when it has applied ``N`` instances: ``{"seconds", "adopted", "applied"}``; ``{"do": "stop", "host": H}``.
"""

from __future__ import annotations

import json
import logging
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from svcfabric import conf as conf_module
from svcfabric.agent.service import Agent
from svcfabric.cmd import host_wiring
from svcfabric.drivers import registry
from svcfabric.rpc.transport import Transport

DRIVERS = tuple(f"{kind}.{driver}" for kind, driver in registry.available() if driver == "noop")


class Hosts:
    """The agents of one process, each with a configuration and a connection of its own."""

    def __init__(self, config: str, root: pathlib.Path, addresses: Mapping[str, str]) -> None:
        self._config, self._root, self._addresses = config, root, addresses
        self._running: dict[str, tuple[Agent, Transport]] = {}

    def start(self, host: str, want: int = 0, fresh: bool = False, timeout: float = 120.0) -> dict[str, Any]:
        """Start an agent and wait until it has applied ``want`` instances."""
        state = self._root / host
        if fresh:
            shutil.rmtree(state, ignore_errors=True)
        began = time.perf_counter()
        conf = conf_module.load((), [self._config])
        for name, value in {"host": host, "local_ip": self._addresses[host], "drivers": list(DRIVERS)}.items():
            conf.set_override(name, value, group="agent")
        conf.set_override("state_dir", str(state))
        transport = host_wiring.transport(conf)
        agent = host_wiring.agent(conf, transport)
        agent.start()
        self._running[host] = agent, transport
        adopted = len(agent.store.view())
        while len(agent.store.view()) < want or not agent.loop.wait_idle(1.0):
            if time.perf_counter() - began > timeout:
                raise TimeoutError(f"{host}: {len(agent.store.view())} of {want} applied")
            time.sleep(0.005)
        applied = len(agent.store.view())
        return {"seconds": time.perf_counter() - began, "adopted": adopted, "applied": applied}

    def stop(self, host: str) -> dict[str, Any]:
        """Stop an agent."""
        agent, transport = self._running.pop(host)
        agent.stop()
        transport.close()
        return {}

    def stop_all(self) -> None:
        """Stop every agent."""
        for host in list(self._running):
            self.stop(host)


class Process:
    """A process of simulated hosts, from outside."""

    def __init__(self, config: pathlib.Path, root: pathlib.Path, addresses: Mapping[str, str]) -> None:
        self.hosts = list(addresses)
        words = [f"{host}={address}" for host, address in addresses.items()]
        with open(root / f"hosts-{self.hosts[0]}.log", "wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.hosts", str(config), str(root), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command, wait for its answer."""
        assert self.popen.stdin
        assert self.popen.stdout
        self.popen.stdin.write(json.dumps(command) + "\n")
        self.popen.stdin.flush()
        answer: dict[str, Any] = json.loads(self.popen.stdout.readline() or '{"error": "it has ended"}')
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer


def main() -> None:
    """The process."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    config, root, *words = sys.argv[1:]
    addresses = dict(word.split("=", 1) for word in words)
    hosts = Hosts(config, pathlib.Path(root), addresses)
    for line in sys.stdin:
        command = json.loads(line)
        act = {"start": hosts.start, "stop": hosts.stop}[command.pop("do")]
        try:
            answer = act(**command)
        except Exception as exc:
            logging.exception("command failed")
            answer = {"error": repr(exc)}
        print(json.dumps(answer), flush=True)
    hosts.stop_all()


if __name__ == "__main__":
    main()
