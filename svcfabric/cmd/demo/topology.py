"""A topology: what the demo makes through the API. Values only; ``topology_file`` reads and checks them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Subnet:
    """``cidr`` as the API takes it."""

    name: str
    cidr: str


@dataclasses.dataclass(frozen=True, slots=True)
class Network:
    """A tenant's network, or an external one on ``physical_network``."""

    name: str
    external: bool
    physical_network: str
    subnets: tuple[Subnet, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Router:
    """``external_network`` is "" for none; ``subnets`` are the names of those it has an interface on."""

    name: str
    external_network: str
    subnets: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A web server in a namespace of its own that answers its name on ``port``."""

    name: str
    network: str
    port: int


@dataclasses.dataclass(frozen=True, slots=True)
class Client:
    """A namespace from which requests are sent."""

    name: str
    network: str


@dataclasses.dataclass(frozen=True, slots=True)
class Monitor:
    """Seconds and counts as in the load-balancer API."""

    type: str
    delay: int
    timeout: int
    max_retries: int
    max_retries_down: int
    url_path: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """``members`` are names of servers."""

    algorithm: str
    members: tuple[str, ...]
    monitor: Monitor | None


@dataclasses.dataclass(frozen=True, slots=True)
class Listener:
    """``protocol``: HTTP or TCP (the servers speak HTTP either way)."""

    protocol: str
    port: int
    pool: Pool


@dataclasses.dataclass(frozen=True, slots=True)
class LoadBalancer:
    """``floating_ip`` names the external network of its floating IP, "" for none."""

    name: str
    subnet: str
    floating_ip: str
    listeners: tuple[Listener, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Topology:
    """A whole file whose names all lead somewhere."""

    networks: tuple[Network, ...]
    routers: tuple[Router, ...]
    servers: tuple[Server, ...]
    clients: tuple[Client, ...]
    loadbalancers: tuple[LoadBalancer, ...]

    def network_of(self, subnet: str) -> Network:
        """The network a subnet belongs to."""
        return next(net for net in self.networks if any(each.name == subnet for each in net.subnets))

    def server(self, name: str) -> Server:
        """The server of that name."""
        return next(server for server in self.servers if server.name == name)

    def client_on(self, network: str) -> Client | None:
        """The first client on a network."""
        return next((client for client in self.clients if client.network == network), None)

    def spare(self, network: str) -> Server | None:
        """The first server of a network that is no member of a pool."""
        taken = {name for lb in self.loadbalancers for each in lb.listeners for name in each.pool.members}
        return next((each for each in self.servers if each.network == network and each.name not in taken), None)
