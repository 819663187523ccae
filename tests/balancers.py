"""Load balancers on a host of a running product, looked at from outside: their processes, files, use of the machine."""

from __future__ import annotations

import pathlib

from svcfabric import conf as configuration
from svcfabric.agent.identity import Identity
from svcfabric.drivers.linux import process
from tests.cluster import Host


class Balancers:
    """All on one host, by what the HAProxy driver keeps there."""

    def __init__(self, host: Host) -> None:
        self.host = host
        identity = Identity.of(configuration.load((), [str(host.config)]))
        self.root = pathlib.Path(identity.state_dir) / "loadbalancer.haproxy"

    def config(self, ident: str) -> str:
        """A load balancer's configuration file."""
        return (self.root / ident / "haproxy.cfg").read_text()

    def number(self, ident: str) -> int:
        """Which process serves it: 1 is the first, each reload starts the next."""
        return max(int(record.stem.rpartition("-")[2]) for record in (self.root / ident).glob("haproxy-*.pid"))

    def pids(self) -> dict[str, int]:
        """Process id of the HAProxy that serves, by load balancer; those that do not live are left out."""
        found = {}
        for record in sorted(self.root.glob("*/haproxy-*.pid")):
            if alive := process.adopt(record.parent, record.stem):
                found[record.parent.name] = alive.pid
        return found


def pss(pid: int) -> int:
    """Proportional memory of a process, bytes: what it shares with others counts by its share."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"no Pss of {pid}")


def cpu(pid: int) -> float:
    """Seconds of CPU a process has used, in user and kernel mode (1 tick of 100 a second is the unit)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def running(pid: int) -> bool:
    """Whether it runs; what has ended and is not reaped yet does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
