"""A busy host's agent is killed and comes back: no packet of those that pass through the host is lost."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any

import pytest

from svcfabric.cmd.client import NETWORK
from svcfabric.drivers.linux import netns
from tests import beds, cluster, servers
from tests.stream import Stream

ROUTERS, PORTS = 20, 200
ADOPTED = re.compile(r"(\d+) instances adopted in ([\d.]+) s")
RATE = 1000  # packets a second, of each stream


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_two_hundred_ports_and_twenty_routers(postgresql, rabbitmq, say) -> None:
    """Streams of 1,000 packets/s through a bridge, a router, source NAT and a floating IP."""
    quotas = dict.fromkeys(("network", "subnet", "port", "router", "floatingip"), -1)
    with cluster.cloud(postgresql, rabbitmq, hosts=1, quotas=quotas) as product:
        admin, (host,) = product.client(), product.hosts
        public = external(admin)
        networks = [product.network(admin, cidr=f"10.{number}.0.0/24") for number in range(ROUTERS)]
        near = product.server(admin, networks[0], host)
        beside = product.server(admin, networks[0], host)
        far = product.server(admin, networks[1], host)
        routers = [attach(admin, public, network) for network in networks]
        # a way from the first network to the second one, through a router both are on
        leg = {"network_id": networks[1]["id"]}
        port = admin.create(f"{NETWORK}/ports", "port", **leg)
        admin.call("PUT", f"{NETWORK}/routers/{routers[0]}/add_router_interface", {"port_id": port["id"]})
        netns.rtnl(far.namespace, route_to, near.address, port["fixed_ips"][0]["ip_address"])
        fill(admin, networks, host.name)
        floating = admin.create(f"{NETWORK}/floatingips", "floatingip", floating_network_id=public, port_id=near.port)
        servers.wait_until(lambda: not waiting(admin), 120, "every port on the host", step=0.5)
        outside = product.underlay.outside
        ways = {
            "bridge": (near.namespace, beside.namespace, beside.address),
            "router": (near.namespace, far.namespace, far.address),
            "source NAT": (far.namespace, outside, beds.OUTSIDE),
            "floating IP": (outside, near.namespace, floating["floating_ip_address"]),
        }
        for name, (space, _receiver, address) in ways.items():
            servers.wait_until(lambda s=space, a=address: beds.ping(s, a, 1).received == 1, 30, name)

        streams = {name: Stream(*way, RATE) for name, way in ways.items()}
        time.sleep(1)
        told = len(ADOPTED.findall(host.agent.log.read_text()))
        times = [restart(host, told + number) for number in range(3)]
        time.sleep(1)
        found = {name: stream.finish() for name, stream in streams.items()}
        say(
            f"agent killed and started 3 times on a host with {PORTS} ports, {ROUTERS} routers and DHCP "
            f"({times[0][0]} instances adopted in {max(seconds for _, seconds in times):.2f} s): "
            + "; ".join(
                f"{name} {each.lost} of {each.sent} packets lost at {each.rate:.0f}/s" for name, each in found.items()
            )
        )
        for name, each in found.items():
            assert each.rate > 0.9 * RATE, (name, each)
            assert each.lost == 0, (name, each)


def external(admin: Any) -> str:
    """The outside as an external network; its id."""
    flat = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
    public = admin.create(f"{NETWORK}/networks", "network", name="public", **flat)
    outside = {"cidr": beds.OUTSIDE_NET, "gateway_ip": beds.OUTSIDE, "enable_dhcp": False, "ip_version": 4}
    admin.create(f"{NETWORK}/subnets", "subnet", network_id=public["id"], **outside)
    return str(public["id"])


def attach(admin: Any, public: str, network: Any) -> str:
    """A router of the network's with a gateway; its id."""
    router = admin.create(f"{NETWORK}/routers", "router", external_gateway_info={"network_id": public})
    subnet = {"subnet_id": network["subnet"]["id"]}
    admin.call("PUT", f"{NETWORK}/routers/{router['id']}/add_router_interface", subnet)
    return str(router["id"])


def fill(admin: Any, networks: list[Any], host: str) -> None:
    """Bound ports until there are as many as wanted, spread over the networks."""
    each = PORTS // len(networks)
    for network in networks:
        bodies = [{"network_id": network["id"], "binding:host_id": host} for _ in range(each)]
        admin.call("POST", f"{NETWORK}/ports", {"ports": bodies})


def waiting(admin: Any) -> list[str]:
    """Bound ports and routers that are not there yet."""
    query = {"status": "BUILD", "fields": "id"}
    return [
        row["id"] for what in ("ports", "routers") for row in admin.call("GET", f"{NETWORK}/{what}", query=query)[what]
    ]


def route_to(ipr: Any, address: str, gateway: str) -> None:
    """A route inside a server."""
    ipr.route("add", dst=f"{address}/32", gateway=gateway)


def restart(host: cluster.Host, told: int) -> tuple[int, float]:
    """Kill the agent's process, start it again, wait until it has adopted all: how many, in how many seconds."""
    os.kill(host.agent.pid, signal.SIGKILL)
    assert host.agent.process
    host.agent.process.wait()
    host.agent.start()

    def found() -> list[tuple[str, str]]:
        return ADOPTED.findall(host.agent.log.read_text())

    servers.wait_until(lambda: len(found()) > told, 120, "adoption", step=0.05)
    count, seconds = found()[-1]
    return int(count), float(seconds)
