"""Who an agent is: its host's name and the tag that marks what it makes on the machine."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import socket
from collections.abc import Mapping

from oslo_config import cfg

from svcfabric.conf import section
from svcfabric.spi.driver import DriverOptions


def tag(host: str, state_dir: str) -> str:
    """A short id, the same after every restart, different for agents that share a machine: 6 hexadecimal digits."""
    name = f"{host}\0{os.path.abspath(state_dir)}"
    return hashlib.blake2s(name.encode(), digest_size=3).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """``state_dir``: the agent's own, below the configured one."""

    host: str
    state_dir: str
    tag: str
    local_ip: str = ""
    availability_zone: str = ""
    physical_networks: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, conf: cfg.ConfigOpts) -> Identity:
        """The identity the configuration gives."""
        host = conf.agent.host or socket.gethostname()
        state_dir = os.path.join(os.path.abspath(conf.state_dir), "agent")
        return cls(
            host=host,
            state_dir=state_dir,
            tag=tag(host, state_dir),
            local_ip=conf.agent.local_ip,
            availability_zone=conf.agent.availability_zone,
            physical_networks=dict(conf.agent.physical_networks),
        )

    def driver_options(self, conf: cfg.ConfigOpts, kind: str, driver: str) -> DriverOptions:
        """What to construct a driver with; its settings are the section named ``KIND.DRIVER``."""
        return DriverOptions(
            host=self.host,
            state_dir=os.path.join(self.state_dir, f"{kind}.{driver}"),
            tag=self.tag,
            local_ip=self.local_ip,
            physical_networks=self.physical_networks,
            settings=section(conf, f"{kind}.{driver}"),
        )
