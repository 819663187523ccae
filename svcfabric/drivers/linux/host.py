"""The machine as one agent sees it: names of what it makes, its bridge namespace, its locks."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator

from svcfabric.drivers.linux import netns, sysctl
from svcfabric.spi.driver import DriverOptions
from svcfabric.spi.l2l3 import Segment

_TAG = re.compile(r"[a-z0-9]{1,16}")

_BRIDGE_SYSCTLS = {
    # bridged frames must not meet anybody's ip/inet forward chains
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
    "net/bridge/bridge-nf-call-arptables": "0",
    # nothing here speaks IPv6 by itself onto tenants' networks (bridges: see ``segment``)
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv6/conf/default/addr_gen_mode": "1",
    "net/ipv6/conf/default/accept_ra": "0",
}


class Host:
    """Everything the kit needs to know of its agent. Cheap to make, safe to share between threads.

    Drivers of one agent may each have their own ``Host``: locks are process-wide, by tag.
    """

    _locks: dict[str, threading.RLock] = {}
    _guard = threading.Lock()

    def __init__(self, options: DriverOptions) -> None:
        if not _TAG.fullmatch(options.tag):
            raise ValueError(f"tag {options.tag!r}: 1 to 16 lower-case letters and digits")
        self.tag = options.tag
        self.local_ip = options.local_ip
        self.physical_networks = dict(options.physical_networks)
        self.bridge_namespace = f"sf-{self.tag}-br"
        # network id -> (segment, interface indexes): what ``segment`` has verified, see there
        self.bridges: dict[str, tuple[Segment, tuple[int, int]]] = {}

    def namespace(self, kind: str, instance_id: str) -> str:
        """The name of an instance's namespace, e.g. ``sf-a1-router-UUID``. ``kind``: letters and digits."""
        return f"sf-{self.tag}-{kind}-{instance_id}"

    def namespaces(self, kind: str) -> list[str]:
        """The ids of the instances of that kind whose namespaces exist."""
        prefix = self.namespace(kind, "")
        return [name.removeprefix(prefix) for name in netns.names(prefix)]

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """One holder at a time for ``key`` (an instance or network id) within this process and tag."""
        with self._guard:
            lock = self._locks.setdefault(f"{self.tag}/{key}", threading.RLock())
        with lock:
            yield

    def ensure_bridge_namespace(self) -> str:
        """The bridge namespace's name; makes it, with its sysctls, if it is not there."""
        if not netns.exists(self.bridge_namespace):
            with self.locked("bridge namespace"):
                if netns.create(self.bridge_namespace):
                    sysctl.write(self.bridge_namespace, _BRIDGE_SYSCTLS, missing_ok=True)
        return self.bridge_namespace

    def drop_bridge_namespace(self) -> None:
        """Delete the bridge namespace; for the end of an agent's life on a machine (tests, demo)."""
        netns.delete(self.bridge_namespace)
