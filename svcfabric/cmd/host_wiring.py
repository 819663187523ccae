"""Composition of what runs on hosts. Apart from the server's, so that an agent loads no database and no API."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from svcfabric.agent.identity import Identity
from svcfabric.agent.service import Agent
from svcfabric.drivers import registry
from svcfabric.drivers.linux.sysctl import raise_neighbour_limits
from svcfabric.rpc.transport import Transport
from svcfabric.spi.driver import Driver

LOG = logging.getLogger(__name__)


def transport(conf: Any) -> Transport:
    """The configured message transport."""
    return Transport(conf.messaging.transport_url, conf)


def agent(conf: Any, transport: Transport) -> Agent:
    """The agent of this host with its configured drivers, not started."""
    identity = Identity.of(conf)
    drivers: dict[tuple[str, str], Driver] = {}
    for name in conf.agent.drivers:
        kind, _, driver = name.partition(".")
        options = identity.driver_options(conf, kind, driver)
        Path(options.state_dir).mkdir(parents=True, exist_ok=True)
        drivers[kind, driver] = registry.load(kind, driver, options)
    return Agent(conf, transport, drivers, identity)


def start(conf: Any, agent: Agent) -> None:
    """Start an agent, on a machine that bears as many addresses as local drivers may make."""
    if any(name.endswith(".linux") for name in conf.agent.drivers):
        raise_neighbour_limits(LOG)
    agent.start()
