"""From subnet pools to packets: what the API hands out is what two hosts' servers reach each other by."""

import ipaddress
import itertools

import pytest

from svcfabric.db.base import metadata
from svcfabric.db.engine import Database
from svcfabric.drivers.linux import netns
from tests import beds, core_world

ORDER = ("network", "port", "router")


class Cloud:
    """The API over a database of its own; what it sends is applied on the bed's hosts."""

    def __init__(self, bed, root):
        self._bed, self._servers = bed, itertools.count(1)
        self._database = Database(f"sqlite:///{root}/svcfabric.db")
        metadata.create_all(self._database.engine, tables=core_world.MINE)
        self.world = core_world.World(self._database)
        self._hosts = {f"h{number}": host for number, host in enumerate(bed.hosts, 1)}
        for name, host in self._hosts.items():
            self.world.agent(name, host.local_ip)
        self.admin = self.world.caller("platform", "admin")

    def close(self):
        self._database.dispose()

    def settle(self):
        """Every host is as the API wants it."""
        for name, host in self._hosts.items():
            for kind in ORDER:
                for spec in self.world.specs(name).values():
                    if spec.kind == kind:
                        host.apply(spec)
        self.world.forget()

    def pool(self, prefix, length, **given):
        return self.admin.make("subnetpool", name="p", prefixes=[prefix], default_prefixlen=length, **given)["id"]

    def network(self, *subnets):
        """A network with subnets (their bodies)."""
        made = self.admin.network(port_security_enabled=False)
        made["subnets"] = [self.admin.make("subnet", network_id=made["id"], **each) for each in subnets]
        return made

    def server(self, network, name):
        """A namespace on that host with a new port of the network; the port."""
        port = self.admin.port(network, **{"binding:host_id": name})
        spec = self.world.specs(name)[port["id"]]
        self.settle()
        server = beds.Server(namespace=f"{self._bed.name}-a{next(self._servers)}", port=spec, host=self._hosts[name])
        netns.create(server.namespace)
        self._bed.plug(server)
        return server, [each["ip_address"] for each in port["fixed_ips"]]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with beds.bed(2) as bed:
        made = Cloud(bed, tmp_path_factory.mktemp("cloud"))
        yield made
        made.close()


def reached(server, address):
    return beds.ping(server.namespace, address, 2, wait=0.5).received


def test_addresses_of_pools_and_from_the_mac_lead_across_hosts(cloud):
    pool = cloud.pool("10.64.0.0/16", 24)
    four = {"ip_version": 4, "subnetpool_id": pool, "allocation_policy": "first_free", "enable_dhcp": False}
    six = {"ip_version": 6, "subnetpool_id": cloud.pool("2001:db8:64::/48", 64)}
    auto = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    network = cloud.network(four, six | auto)
    (here, mine), (there, other) = cloud.server(network, "h1"), cloud.server(network, "h2")
    assert [mine[0], other[0]] == ["10.64.0.2", "10.64.0.3"]
    assert all(ipaddress.ip_address(each[1]) in ipaddress.ip_network("2001:db8:64::/64") for each in (mine, other))
    for address in other:
        assert reached(here, address) == 2
    # the address comes back, and leads to whoever has it then
    cloud.admin.delete(f"/ports/{there.port.id}")
    cloud.settle()
    again, given = cloud.server(network, "h1")
    assert given[0] == "10.64.0.3"
    assert reached(again, mine[0]) == 2


def test_pools_in_different_scopes_are_apart_until_they_share_one(cloud):
    def scope():
        body = {"address_scope": {"name": "s", "ip_version": 4}}
        return cloud.admin.ask("POST", "/address-scopes", body, 201)["address_scope"]["id"]

    red, blue = scope(), scope()
    wanted = (("10.70.0.0/24", red), ("10.71.0.0/24", blue))
    pools = [cloud.pool(prefix, 28, address_scope_id=scope_id) for prefix, scope_id in wanted]
    networks = [cloud.network({"ip_version": 4, "subnetpool_id": pool, "enable_dhcp": False}) for pool in pools]
    router = cloud.admin.make("router")
    for network in networks:
        cloud.admin.attach(router, subnet_id=network["subnets"][0]["id"])
    (here, _), (_, there) = cloud.server(networks[0], "h1"), cloud.server(networks[1], "h2")
    cloud.settle()
    assert reached(here, there[0]) == 0
    cloud.admin.change("subnetpool", pools[1], address_scope_id=red)
    cloud.settle()
    assert reached(here, there[0]) == 2
