"""Topology files: the shipped one is good; of a bad one the field and the rule are named."""

from __future__ import annotations

import copy
import pathlib
from typing import Any

import pytest
import yaml

from svcfabric.cmd.demo import topology_file
from svcfabric.cmd.demo.reader import Invalid

GOOD: dict[str, Any] = {
    "networks": [
        {
            "name": "public",
            "external": True,
            "physical_network": "public",
            "subnets": [{"name": "p4", "cidr": "203.0.113.0/24"}],
        },
        {"name": "tenant", "subnets": [{"name": "t4", "cidr": "10.0.0.0/24"}]},
    ],
    "routers": [{"name": "edge", "external_network": "public", "subnets": ["t4"]}],
    "servers": [{"name": "web1", "network": "tenant"}, {"name": "web2", "network": "tenant", "port": 80}],
    "clients": [{"name": "inside", "network": "tenant"}, {"name": "outside", "network": "public"}],
    "loadbalancers": [
        {
            "name": "shop",
            "subnet": "t4",
            "floating_ip": "public",
            "listeners": [{"protocol": "HTTP", "port": 80, "pool": {"members": ["web1"]}}],
        }
    ],
}
LISTENER = ("loadbalancers", 0, "listeners", 0)


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """GOOD with one place set to a value; REMOVED takes it away."""
    data = copy.deepcopy(GOOD)
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


REMOVED = object()


def test_the_shipped_one_is_good() -> None:
    topology = topology_file.load(None)
    assert [lb.floating_ip for lb in topology.loadbalancers] == ["public"]
    assert topology.spare("tenant") == topology.server("web4")
    assert topology.client_on("public").name == "outside"


def test_defaults() -> None:
    topology = topology_file.parse(GOOD)
    assert topology.server("web1").port == 8080
    pool = topology.loadbalancers[0].listeners[0].pool
    assert (pool.algorithm, pool.monitor) == ("ROUND_ROBIN", None)
    assert topology.network_of("t4").name == "tenant"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("networks",), REMOVED, "networks: must have at least 1 entry, has 0"),
        (("networks",), {}, "networks: must be a list, is {}"),
        (("networks", 1), "tenant", "networks[1]: must be a mapping of names to values, is 'tenant'"),
        (("networks", 1, "name"), REMOVED, "networks[1].name: is required (a name)"),
        (("networks", 1, "name"), "Ten ant", "networks[1].name: must be 1 to 31 lower-case letters"),
        (("networks", 1, "name"), "../x", "networks[1].name: must be 1 to 31 lower-case letters"),
        (("networks", 1, "name"), "public", "networks: the name public is there twice"),
        (("networks", 0, "external"), "yes", "networks[0].external: must be true or false, is 'yes'"),
        (("networks", 0, "physical_network"), REMOVED, "networks[0].physical_network: goes with external: true"),
        (("networks", 1, "subnets", 0, "cidr"), "10.0.0.1/24", "networks[1].subnets[0].cidr: must be a network"),
        (("networks", 1, "subnets", 0, "cidr"), 7, "networks[1].subnets[0].cidr: must be a network such as"),
        (("networks", 1, "mtu"), 1400, "networks[1].mtu: is not known here; known are external, name"),
        (("routers", 0, "external_network"), "tenant", "routers[0].external_network: tenant is not an external"),
        (("routers", 0, "subnets"), ["t4", "t4"], "routers[0].subnets: must be a list of different names"),
        (("routers", 0, "subnets"), ["x"], "routers[0].subnets: x is not a subnet of this file (p4, t4)"),
        (("routers",), [], "loadbalancers[0].floating_ip: no router leads from t4 to public"),
        (("servers", 0, "port"), 70000, "servers[0].port: must be 1 to 65535, is 70000"),
        (("servers", 0, "port"), True, "servers[0].port: must be a whole number, is True"),
        (("servers", 0, "network"), "x", "servers[0].network: x is not a network of this file"),
        (("servers", 0, "name"), "inside", "servers and clients: the name inside is there twice"),
        (("clients", 0, "network"), "public", "loadbalancers[0].subnet: no client is on its network, tenant"),
        (("clients", 1, "network"), "tenant", "loadbalancers[0].floating_ip: no client is on public"),
        (("loadbalancers", 0, "subnet"), "x", "loadbalancers[0].subnet: x is not a subnet of this file"),
        ((*LISTENER, "protocol"), "UDP", "loadbalancers[0].listeners[0].protocol: must be one of HTTP, TCP"),
        ((*LISTENER, "pool"), REMOVED, "loadbalancers[0].listeners[0].pool: is required"),
        ((*LISTENER, "pool", "members"), ["web9"], "pool.members: web9 is not a server of this file (web1, web2)"),
        ((*LISTENER, "pool", "monitor"), {"delay": 0}, "pool.monitor.delay: must be 1 to 60, is 0"),
        ((*LISTENER, "pool", "monitor"), {"timeout": 5}, "pool.monitor.timeout: must not be above delay (1), is 5"),
        ((*LISTENER, "pool", "monitor"), {"url_path": "a b"}, "pool.monitor.url_path: must start with /"),
    ],
)
def test_what_is_wrong_is_named(path: tuple[str | int, ...], value: Any, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        topology_file.parse(changed(path, value))
    assert message in str(refused.value)


def test_two_listeners_on_one_port() -> None:
    data = changed(LISTENER, GOOD["loadbalancers"][0]["listeners"][0])
    data["loadbalancers"][0]["listeners"] *= 2
    with pytest.raises(Invalid, match=r"loadbalancers\[0\].listeners: must have different ports"):
        topology_file.parse(data)


def test_a_file_that_is_not_yaml(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("networks: [")
    with pytest.raises(Invalid, match="not YAML"):
        topology_file.load(str(path))


def test_a_file_of_ones_own(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    assert topology_file.load(str(path)) == topology_file.parse(GOOD)
