"""From a request to packets: a router with floating IPs on one host, then on another when that is dead."""

import datetime
import time

import pytest
import sqlalchemy as sa

from svcfabric.db.base import metadata, now
from svcfabric.db.engine import Database
from svcfabric.drivers.linux import netns
from svcfabric.fabric.models import agents
from svcfabric.fabric.sweep import Sweep
from tests import beds, core_world

KINDS = ("network", "port", "router", "floatingip")
DOWN, AFTER = 20.0, 60.0


class Joined:
    """A server whose messages reach the hosts of a bed, and their answers the server."""

    def __init__(self, world, bed):
        self.world, self.bed = world, bed
        self.hosts = {f"h{host.number}": host for host in bed.hosts}
        self._applied = self._removed = 0
        for name, host in self.hosts.items():
            world.agent(name, host.local_ip, [beds.PHYSICAL])

    def deliver(self):
        """Let hosts do what they were sent; a dead one does nothing."""
        sent = self.world.sent
        applied, self._applied = sent.applied[self._applied :], len(sent.applied)
        removed, self._removed = sent.removed[self._removed :], len(sent.removed)
        waiting = [(host, each) for host, each in applied if host in self.hosts and each.spec.kind in KINDS]
        for _ in range(3):
            waiting = [(host, each) for host, each in waiting if not self._apply(host, each)]
        assert not waiting
        for host, wire in removed:
            if host in self.hosts and wire["kind"] in KINDS:
                self.hosts[host].remove(wire["kind"], wire["id"])
                self.world.controller.report(
                    host, [{"id": wire["id"], "generation": wire["generation"], "removed": True}]
                )

    def _apply(self, host, envelope):
        report = self.hosts[host].try_apply(envelope.spec)
        if report.waits_for:
            return False
        assert report.ok, report
        self.world.controller.report(host, [{"id": envelope.id, "generation": envelope.generation, "ok": True}])
        return True

    def power_off(self, name):
        """The host answers nobody any more, by no wire."""
        host = self.hosts.pop(name)
        for space, ifname in ((host.namespace, "eth0"), (host.bridges, "ext0")):
            netns.rtnl(space, lambda ipr, ifname=ifname: ipr.link("set", ifname=ifname, state="down"))
        long_ago = now() - datetime.timedelta(hours=1)
        stmt = sa.update(agents).where(agents.c.host == name).values(heartbeat_at=long_ago)
        self.world.database.write(lambda conn: conn.execute(stmt))


@pytest.fixture
def joined(bed, tmp_path):
    database = Database(f"sqlite:///{tmp_path}/svcfabric.db")
    metadata.create_all(database.engine, tables=core_world.MINE)
    yield Joined(core_world.World(database, network__flat_networks=[beds.PHYSICAL]), bed)
    database.dispose()


def server(joined, caller, network, host):
    """A namespace at a port of the network; its address."""
    admin = joined.world.caller("platform", "admin")
    port = admin.port(network, project_id=caller.project, port_security_enabled=False, **{"binding:host_id": host})
    joined.deliver()
    spec = joined.world.specs(host)[port["id"]]
    made = beds.Server(namespace=f"{joined.bed.name}-s{port['id'][:6]}", port=spec, host=joined.hosts[host])
    netns.create(made.namespace)
    joined.bed.plug(made)
    return made


def test_a_dead_hosts_router_forwards_on_another(bed, joined):
    world = joined.world
    admin, tenant = world.caller("platform", "admin"), world.caller()
    physical = {"provider:network_type": "flat", "provider:physical_network": beds.PHYSICAL}
    public = admin.network(**{"router:external": True}, **physical)
    admin.subnet(public, beds.OUTSIDE_NET, enable_dhcp=False)
    private = tenant.network()
    subnet = tenant.subnet(private, "10.0.0.0/24", enable_dhcp=False)
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=subnet["id"])
    (first,) = world.placements(router["id"])
    (other,) = set(joined.hosts) - {first}
    vm, web = (server(joined, tenant, private, other) for _ in range(2))
    floating = tenant.make("floatingip", floating_network_id=public["id"], port_id=vm.port.id)
    shared = tenant.make("floatingip", floating_network_id=public["id"])
    forward = {"internal_port_id": web.port.id, "protocol": "tcp", "internal_port": 80, "external_port": 8080}
    path = f"/floatingips/{shared['id']}/port_forwardings"
    tenant.ask("POST", path, {"port_forwarding": forward}, 201)
    joined.deliver()

    def works():
        listener = beds.Listener(web.namespace, port=80)
        with beds.connect(bed.outside, shared["floating_ip_address"], 8080):
            connection, peer = listener.accept()
            connection.close()
        listener.close()
        assert peer == beds.OUTSIDE
        assert beds.ping(bed.outside, floating["floating_ip_address"]).lost == 0
        assert beds.seen_from(vm.namespace, bed.outside, beds.OUTSIDE) == floating["floating_ip_address"]

    works()
    clock = iter(range(1000, 10**6, 5))
    sweep = Sweep(
        world.database,
        world.kinds,
        world.dispatcher,
        interval=5.0,
        down_time=DOWN,
        failover_time=AFTER,
        clock=lambda: float(next(clock)),
    )
    joined.power_off(first)
    assert beds.ping(bed.outside, floating["floating_ip_address"], 2, wait=0.2).received == 0
    began = 0
    while world.placements(router["id"]) != {other: "owner"}:
        sweep.once()
        began += 1
        assert began < 100
    start = time.perf_counter()
    joined.deliver()
    works()
    print(f"forwarding again {time.perf_counter() - start:.2f} s after the decision")
    assert tenant.show("floatingip", floating["id"])["status"] == "ACTIVE"
