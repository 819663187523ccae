"""Read a topology file and check it whole: errors name the field and the rule."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from svcfabric.cmd.demo.reader import Invalid, Reader
from svcfabric.cmd.demo.topology import (
    Client,
    Listener,
    LoadBalancer,
    Monitor,
    Network,
    Pool,
    Router,
    Server,
    Subnet,
    Topology,
)

SHIPPED = "web"


def load(path: str | None) -> Topology:
    """The topology in a file, or the shipped one. Raises ``Invalid`` naming field and rule, or ``OSError``."""
    if path is None:
        text = (importlib.resources.files("svcfabric.cmd") / "topologies" / f"{SHIPPED}.yaml").read_text("utf-8")
    else:
        text = Path(path).read_text("utf-8")
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise Invalid(f"not YAML: {exc}") from exc
    return parse(data)


def parse(data: Any) -> Topology:
    """Check what a file said. Raises ``Invalid``."""
    topology = Reader(data).whole(_topology)
    _check_names(topology)
    _check_references(topology)
    for index, lb in enumerate(topology.loadbalancers):
        _check_reach(topology, lb, f"loadbalancers[{index}]")
    return topology


def _topology(reader: Reader) -> Topology:
    return Topology(
        networks=reader.items("networks", _network, least=1),
        routers=reader.items("routers", _router),
        servers=reader.items("servers", _server, least=1),
        clients=reader.items("clients", lambda r: Client(r.name(), r.name("network")), least=1),
        loadbalancers=reader.items("loadbalancers", _loadbalancer, least=1),
    )


def _network(reader: Reader) -> Network:
    network = Network(
        name=reader.name(),
        external=reader.get("external", bool, "true or false", default=False),
        physical_network=reader.name("physical_network", ""),
        subnets=reader.items("subnets", lambda r: Subnet(r.name(), r.cidr("cidr")), least=1),
    )
    if network.external != bool(network.physical_network):
        raise reader.refuse("physical_network", "goes with external: true, and only with it")
    return network


def _router(reader: Reader) -> Router:
    return Router(reader.name(), reader.name("external_network", ""), reader.names("subnets", least=1))


def _server(reader: Reader) -> Server:
    return Server(reader.name(), reader.name("network"), reader.integer("port", 1, 65535, 8080))


def _loadbalancer(reader: Reader) -> LoadBalancer:
    lb = LoadBalancer(
        name=reader.name(),
        subnet=reader.name("subnet"),
        floating_ip=reader.name("floating_ip", ""),
        listeners=reader.items("listeners", _listener, least=1),
    )
    ports = [listener.port for listener in lb.listeners]
    if len(set(ports)) != len(ports):
        raise reader.refuse("listeners", "must have different ports")
    return lb


def _listener(reader: Reader) -> Listener:
    protocol = reader.choice("protocol", ("HTTP", "TCP"))
    pool = reader.item("pool", _pool)
    if pool is None:
        raise reader.refuse("pool", "is required (a mapping with members)")
    return Listener(protocol, reader.integer("port", 1, 65535), pool)


def _pool(reader: Reader) -> Pool:
    return Pool(
        algorithm=reader.choice("algorithm", ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"), "ROUND_ROBIN"),
        members=reader.names("members", least=1),
        monitor=reader.item("monitor", _monitor),
    )


def _monitor(reader: Reader) -> Monitor:
    monitor = Monitor(
        type=reader.choice("type", ("HTTP", "TCP"), "HTTP"),
        delay=reader.integer("delay", 1, 60, 1),
        timeout=reader.integer("timeout", 1, 60, 1),
        max_retries=reader.integer("max_retries", 1, 10, 1),
        max_retries_down=reader.integer("max_retries_down", 1, 10, 1),
        url_path=reader.path_of("url_path", "/health"),
    )
    if monitor.timeout > monitor.delay:
        raise reader.refuse("timeout", f"must not be above delay ({monitor.delay}), is {monitor.timeout}")
    return monitor


def _check_names(topology: Topology) -> None:
    kinds: tuple[tuple[str, Iterable[Any]], ...] = (
        ("networks", topology.networks),
        ("networks[].subnets", [subnet for net in topology.networks for subnet in net.subnets]),
        ("routers", topology.routers),
        # both become namespaces
        ("servers and clients", [*topology.servers, *topology.clients]),
        ("loadbalancers", topology.loadbalancers),
    )
    for kind, things in kinds:
        names = [thing.name for thing in things]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise Invalid(f"{kind}: the name {twice} is there twice")


def _check_references(topology: Topology) -> None:
    networks = {net.name for net in topology.networks}
    external = {net.name for net in topology.networks if net.external}
    subnets = {subnet.name for net in topology.networks for subnet in net.subnets}
    servers = {server.name for server in topology.servers}
    for index, router in enumerate(topology.routers):
        _known(f"routers[{index}].external_network", router.external_network, external | {""}, "an external network")
        for name in router.subnets:
            _known(f"routers[{index}].subnets", name, subnets, "a subnet")
    placed: tuple[tuple[str, tuple[Server | Client, ...]], ...] = (
        ("servers", topology.servers),
        ("clients", topology.clients),
    )
    for kind, things in placed:
        for index, thing in enumerate(things):
            _known(f"{kind}[{index}].network", thing.network, networks, "a network")
    for index, lb in enumerate(topology.loadbalancers):
        _known(f"loadbalancers[{index}].subnet", lb.subnet, subnets, "a subnet")
        _known(f"loadbalancers[{index}].floating_ip", lb.floating_ip, external | {""}, "an external network")
        for number, listener in enumerate(lb.listeners):
            for name in listener.pool.members:
                _known(f"loadbalancers[{index}].listeners[{number}].pool.members", name, servers, "a server")


def _known(field: str, name: str, names: set[str], what: str) -> None:
    if name not in names:
        listed = ", ".join(sorted(names - {""})) or "none"
        raise Invalid(f"{field}: {name} is not {what} of this file ({listed})")


def _check_reach(topology: Topology, lb: LoadBalancer, field: str) -> None:
    network = topology.network_of(lb.subnet).name
    if topology.client_on(network) is None:
        raise Invalid(f"{field}.subnet: no client is on its network, {network}, to send requests to the VIP")
    if not lb.floating_ip:
        return
    if not any(r.external_network == lb.floating_ip and lb.subnet in r.subnets for r in topology.routers):
        raise Invalid(f"{field}.floating_ip: no router leads from {lb.subnet} to {lb.floating_ip}")
    if topology.client_on(lb.floating_ip) is None:
        raise Invalid(f"{field}.floating_ip: no client is on {lb.floating_ip} to send requests to it")
