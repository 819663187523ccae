"""Make a topology through the REST API, and its servers and clients in namespaces of this host."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from svcfabric.cmd import here
from svcfabric.cmd.client import LOAD_BALANCER, NETWORK, Client, Document
from svcfabric.cmd.demo import server as web_server
from svcfabric.cmd.demo.record import Record
from svcfabric.cmd.demo.topology import LoadBalancer, Network, Pool, Server, Topology
from svcfabric.drivers.linux import netns, process


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A server or client: its namespace and its address there."""

    namespace: str
    address: str


@dataclasses.dataclass(slots=True)
class Balancer:
    """A load balancer that was made. ``pools``: ids in the order of listeners. ``members``: id by (pool id, name)."""

    id: str
    vip: str
    vip_port_id: str
    pools: list[str] = dataclasses.field(default_factory=list)
    members: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    floating: str = ""


class Builder:
    """``admin`` makes external networks and binds ports, ``tenant`` all the rest."""

    def __init__(self, record: Record, admin: Client, tenant: Client, host: here.Here) -> None:
        self.record, self.admin, self.tenant, self.host = record, admin, tenant, host
        self.networks: dict[str, str] = {}
        self.subnets: dict[str, str] = {}
        self.groups: list[str] = []
        self.placed: dict[str, Placed] = {}

    def network(self, network: Network) -> None:
        """A network and its subnets."""
        client = self.admin if network.external else self.tenant
        attributes: Document = {"name": network.name}
        if network.external:
            attributes |= {
                "router:external": True,
                "provider:network_type": "flat",
                "provider:physical_network": network.physical_network,
            }
        made = client.create(f"{NETWORK}/networks", "network", **attributes)
        self.record.made("DELETE", f"{NETWORK}/networks/{made['id']}")
        self.networks[network.name] = made["id"]
        for subnet in network.subnets:
            sub = client.create(
                f"{NETWORK}/subnets",
                "subnet",
                name=subnet.name,
                network_id=made["id"],
                cidr=subnet.cidr,
                ip_version=6 if ":" in subnet.cidr else 4,
                enable_dhcp=False,
            )
            self.record.made("DELETE", f"{NETWORK}/subnets/{sub['id']}")
            self.subnets[subnet.name] = sub["id"]

    def routers(self, topology: Topology) -> None:
        """The routers with their gateways and interfaces."""
        for router in topology.routers:
            attributes: Document = {"name": router.name}
            if router.external_network:
                attributes["external_gateway_info"] = {"network_id": self.networks[router.external_network]}
            made = self.tenant.create(f"{NETWORK}/routers", "router", **attributes)
            path = f"{NETWORK}/routers/{made['id']}"
            self.record.made("DELETE", path)
            for name in router.subnets:
                body = {"subnet_id": self.subnets[name]}
                self.tenant.call("PUT", f"{path}/add_router_interface", body)
                self.record.made("PUT", f"{path}/remove_router_interface", body)

    def admit(self, topology: Topology) -> None:
        """A security group that lets requests from anywhere in to the servers, load balancers' too."""
        made = self.tenant.create(f"{NETWORK}/security-groups", "security_group", name="servers")
        self.record.made("DELETE", f"{NETWORK}/security-groups/{made['id']}")
        self.groups = [made["id"]]
        for port in sorted({server.port for server in topology.servers}):
            self.tenant.create(
                f"{NETWORK}/security-group-rules",
                "security_group_rule",
                security_group_id=made["id"],
                direction="ingress",
                protocol="tcp",
                port_range_min=port,
                port_range_max=port,
            )

    def place(self, name: str, network: Network, *, serves: bool = False) -> Placed:
        """A port on the network, in a namespace of its own; one that ``serves`` is in the servers' group."""
        client = self.admin if network.external else self.tenant
        attributes: Document = {"name": name, "network_id": self.networks[network.name]}
        if serves:
            attributes["security_groups"] = self.groups
        port = client.create(f"{NETWORK}/ports", "port", **attributes)
        self.record.made("DELETE", f"{NETWORK}/ports/{port['id']}")
        namespace = self.record.namespace(name)
        addresses = here.put(self.admin, self.host, port["id"], namespace, "eth0")
        self.placed[name] = Placed(namespace, addresses[0])
        return self.placed[name]

    def serve(self, server: Server) -> process.Process:
        """Start (again) the web server in the namespace it has."""
        name = f"server-{server.name}"
        if name not in self.record.processes:
            self.record.processes.append(name)
            self.record.save()
        argv = [sys.executable, "-I", "-S", str(Path(web_server.__file__)), server.name, str(server.port)]
        return process.start(name, argv, self.placed[server.name].namespace, self.record.directory)

    def balancer(self, topology: Topology, lb: LoadBalancer) -> Balancer:
        """The whole load balancer in one POST."""
        listeners = [
            {
                "name": f"{lb.name}-{listener.port}",
                "protocol": listener.protocol,
                "protocol_port": listener.port,
                "default_pool": self._pool(topology, f"{lb.name}-{listener.port}", listener.protocol, listener.pool),
            }
            for listener in lb.listeners
        ]
        made = self.tenant.create(
            f"{LOAD_BALANCER}/loadbalancers",
            "loadbalancer",
            name=lb.name,
            vip_subnet_id=self.subnets[lb.subnet],
            listeners=listeners,
        )
        self.record.made("DELETE", f"{LOAD_BALANCER}/loadbalancers/{made['id']}?cascade=true")
        return Balancer(made["id"], made["vip_address"], made["vip_port_id"])

    def learn(self, lb: LoadBalancer, balancer: Balancer) -> None:
        """The ids of its pools and members."""
        found = self.tenant.call("GET", f"{LOAD_BALANCER}/listeners", query={"loadbalancer_id": balancer.id})
        pools = {listener["protocol_port"]: listener["default_pool_id"] for listener in found["listeners"]}
        for listener in lb.listeners:
            pool_id = pools[listener.port]
            balancer.pools.append(pool_id)
            for member in self.tenant.call("GET", f"{LOAD_BALANCER}/pools/{pool_id}/members")["members"]:
                balancer.members[pool_id, member["name"]] = member["id"]

    def floating(self, lb: LoadBalancer, balancer: Balancer) -> None:
        """A floating IP for the VIP."""
        made = self.tenant.create(
            f"{NETWORK}/floatingips",
            "floatingip",
            floating_network_id=self.networks[lb.floating_ip],
            port_id=balancer.vip_port_id,
        )
        self.record.made("DELETE", f"{NETWORK}/floatingips/{made['id']}")
        balancer.floating = made["floating_ip_address"]

    def member(self, balancer: Balancer, pool_id: str, server: Server) -> None:
        """One more member."""
        made = self.tenant.create(f"{LOAD_BALANCER}/pools/{pool_id}/members", "member", **self._member(server))
        balancer.members[pool_id, server.name] = made["id"]

    def member_status(self, balancer: Balancer, pool_id: str, name: str) -> str:
        """What the API says of a member: ONLINE, ERROR, …"""
        path = f"{LOAD_BALANCER}/pools/{pool_id}/members/{balancer.members[pool_id, name]}"
        return str(self.tenant.show(path, "member")["operating_status"])

    def _pool(self, topology: Topology, name: str, protocol: str, pool: Pool) -> Document:
        document: Document = {
            "name": name,
            "protocol": protocol,
            "lb_algorithm": pool.algorithm,
            "members": [self._member(topology.server(each)) for each in pool.members],
        }
        if monitor := pool.monitor:
            document["healthmonitor"] = {
                "type": monitor.type,
                "delay": monitor.delay,
                "timeout": monitor.timeout,
                "max_retries": monitor.max_retries,
                "max_retries_down": monitor.max_retries_down,
                **({"url_path": monitor.url_path} if monitor.type == "HTTP" else {}),
            }
        return document

    def _member(self, server: Server) -> Document:
        return {"name": server.name, "address": self.placed[server.name].address, "protocol_port": server.port}


def remove_namespaces(record: Record) -> None:
    """Take the servers' and clients' namespaces away, and their interfaces with them."""
    for name in record.namespaces:
        netns.delete(name)
