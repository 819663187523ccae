"""DHCP and metadata from request to packet on two hosts, for ports that are filtered; and when agents die."""

from __future__ import annotations

import json
import os
import signal
import uuid

from svcfabric.cmd import here
from svcfabric.cmd.client import NETWORK
from svcfabric.drivers.linux import dhcp_hosts, netns, process
from svcfabric.spi.l2l3 import PortSpec, Segment
from tests import beds, cluster, dhcpbeds, servers
from tests.functional.dataplane.test_metadata import V4, V6, Backend, ask

SECRET = "s3cret"


def test_a_server_boots_by_dhcp_and_asks_who_it_is(postgresql, rabbitmq, say) -> None:
    settings = {"metadata_url": "http://127.0.0.1:8775", "metadata_secret": SECRET}
    with cluster.cloud(postgresql, rabbitmq, **{"dhcp.linux": settings}) as product:
        for host in product.hosts:
            netns.rtnl(host.namespace, lambda ipr: ipr.link("set", ifname="lo", state="up"))
        backends = [Backend(str(host.namespace), 8775) for host in product.hosts]
        admin, tenant = product.client(), product.client(uuid.uuid4().hex)
        network = product.network(tenant)
        clients = []
        for number, host in enumerate(product.hosts):
            client = boots(product, admin, tenant, network, host, f"vm-{number}")
            clients.append(client)
            told = dhcpbeds.lease(client)
            assert told is not None
            assert told.address == client.address
            say(f"DHCP: first port of a network on a host: lease {told.seconds * 1000:.0f} ms after it was plugged")
            give(client, told)
            found = json.loads(ask(client)[2])
            headers = {name.lower(): value for name, value in found["headers"]}
            assert (headers["x-instance-id"], headers["x-forwarded-for"]) == (f"vm-{number}", client.address)
            assert ask(client, host=V6)[0] == 200
        port = dhcp_port(tenant, network)
        assert port["status"] == "ACTIVE"
        agents = admin.call("GET", f"{NETWORK}/networks/{network['id']}/dhcp-agents")["agents"]
        assert {agent["host"] for agent in agents} == {host.name for host in product.hosts}

        killed_and_back(product.hosts[0], port["id"], clients[0])

        pids = [pid_of(host, port["id"]) for host in product.hosts]
        for client in clients:
            tenant.call("DELETE", f"{NETWORK}/ports/{client.port.id}")
        tenant.call("DELETE", f"{NETWORK}/networks/{network['id']}")
        for pid in pids:
            servers.wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), 20, "the end of dnsmasq")
        for host in product.hosts:
            gone = dhcp_hosts.RUN / host.tag
            servers.wait_until(lambda gone=gone: not gone.exists(), 20, "the end of what was told of ports")
        for backend in backends:
            backend.close()


def boots(product, admin, tenant, network, host, device) -> beds.Server:
    """A filtered port whose namespace has the wire and no address."""
    space = f"{product.name}-{device}"
    body = {"network_id": network["id"], "device_id": device}
    port = tenant.create(f"{NETWORK}/ports", "port", **body)
    assert port["security_groups"], "it is in the project's default group"
    product._spaces.append(space)
    here.put(admin, host.here, port["id"], space, "eth0", configured=False)
    (fixed,) = port["fixed_ips"]
    segment = Segment(network_id=network["id"], type="vxlan")
    net = beds.Net(network["id"], segment, "10.5.0.0/24")
    spec = PortSpec(
        id=port["id"], segment=segment, mac=port["mac_address"], addresses=(net.address(fixed["ip_address"]),)
    )
    return beds.Server(namespace=space, port=spec, host=host)


def give(client: beds.Server, told: dhcpbeds.Answer) -> None:
    """Have the client use what it was told."""

    def configure(ipr):
        ipr.addr("add", index=ipr.link_lookup(ifname="eth0")[0], address=told.address, prefixlen=24)
        ipr.route("add", dst=f"{V4}/32", gateway=told.routes()[f"{V4}/32"])

    netns.rtnl(client.namespace, configure)


def killed_and_back(host: cluster.Host, instance_id: str, client: beds.Server) -> None:
    """Without the agent all is answered; the next one adopts the same processes."""
    pid = pid_of(host, instance_id)
    assert host.agent.process is not None
    host.agent.process.send_signal(signal.SIGKILL)
    host.agent.process.wait(10)
    assert dhcpbeds.renew(client, client.address).kind == dhcpbeds.ACK
    assert ask(client)[0] == 200
    host.agent.start()
    text = "instances adopted"
    servers.wait_until(lambda: host.agent.log.read_text().count(text) >= 1, 30, "adoption")
    assert pid_of(host, instance_id) == pid
    assert dhcpbeds.lease(client).address == client.address
    assert ask(client)[0] == 200


def pid_of(host: cluster.Host, instance_id: str) -> int:
    state = host.config.with_suffix("")
    running = process.adopt(f"{state}/agent/dhcp.linux/{instance_id}", "dnsmasq")
    return running.pid if running else 0


def dhcp_port(client, network):
    (port,) = client.call("GET", f"{NETWORK}/ports?network_id={network['id']}&device_owner=network:dhcp")["ports"]
    return port
