"""What the port driver does about filtering."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from svcfabric.drivers.linux import segment
from svcfabric.drivers.linux.host import Host
from svcfabric.drivers.linux.records import Records
from svcfabric.drivers.linux.security.filter import Filter
from svcfabric.drivers.linux.security.guarded import GuardedPort
from svcfabric.drivers.linux.security.state import State
from svcfabric.spi.driver import DriverOptions
from svcfabric.spi.l2l3 import PortSpec


class PortFilter:
    """The ports' part of the host's filter. Remembers the filtered ports below the driver's directory."""

    def __init__(self, host: Host, options: DriverOptions) -> None:
        self._host = host
        self._records = Records(Path(options.state_dir) / "filtered")
        self._filter = Filter.of(options)
        self._filter.load("port", self._remembered)

    @contextlib.contextmanager
    def around(self, spec: PortSpec) -> Iterator[None]:
        """Around the making of a port's wire: filter it before it has one, stop only when it has none here.

        Raises what ``Filter.put_port`` does.
        """
        if spec.security is None or spec.vtep:
            yield
            self._drop(spec.id, gone=False)
            return
        segment.ensure_bridge(self._host, spec.segment)
        _, (bridge, _) = self._host.bridges[spec.segment.network_id]
        self._records.put(spec.id, self._filter.put_port(spec, bridge).record())
        yield

    def remove(self, port_id: str) -> None:
        """After its wire has gone."""
        self._drop(port_id, gone=True)

    def lost(self) -> set[str]:
        """Ids of filtered ports that are not filtered as they should be."""
        return self._filter.lost("port")

    def strangers(self) -> set[str]:
        """Ids of ports that something of the filter is left of."""
        return self._filter.strangers("port")

    def _drop(self, port_id: str, *, gone: bool) -> None:
        if self._records.get(port_id) is not None or (gone and port_id in self._filter.strangers("port")):
            self._filter.drop_port(port_id, gone=gone)
            self._records.drop(port_id)

    def _remembered(self, state: State) -> None:
        for record in dict(self._records.items()).values():
            with contextlib.suppress(KeyError, TypeError, ValueError):  # the port is applied again, and written anew
                state.put_port(GuardedPort.read(record))
