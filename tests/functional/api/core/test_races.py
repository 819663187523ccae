"""Requests at the same time: each either does what it says or says why not, and nothing is lost or twice."""

import ipaddress
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

WRITERS = 8


def at_once(work, count):
    """Run ``work(n)`` for each n from as many threads as there are writers, all starting together."""
    barrier = threading.Barrier(WRITERS)

    def run(first):
        barrier.wait()
        return [work(n) for n in range(first, count, WRITERS)]

    with ThreadPoolExecutor(WRITERS) as pool:
        return [answer for answers in pool.map(run, range(WRITERS)) for answer in answers]


def statuses(answers):
    """How many of each kind of answer: the error's type, or "made"."""
    found = {}
    for answer in answers:
        kind = answer["NeutronError"]["type"] if answer and "NeutronError" in answer else "made"
        found[kind] = found.get(kind, 0) + 1
    return found


def test_eight_writers_fill_a_subnet(tenant, admin, world):
    network = tenant.network()
    subnet = tenant.subnet(network, "10.0.0.0/26")
    body = {"port": {"network_id": network["id"]}}
    answers = at_once(lambda _: tenant.ask("POST", "/ports", body), 80)
    assert statuses(answers) == {"made": 61, "IpAddressGenerationFailure": 19}
    ports = tenant.list("port")
    given = [port["fixed_ips"][0]["ip_address"] for port in ports]
    assert len(given) == len(set(given)) == 61
    every = {str(host) for host in ipaddress.ip_network(subnet["cidr"]).hosts()}
    assert set(given) == every - {subnet["gateway_ip"]}
    assert {answer["port"]["id"] for answer in answers if "port" in answer} == {port["id"] for port in ports}
    assert world.counts()["ip_allocations"] == 61


def test_one_of_eight_gets_the_address_all_want(tenant, private):
    body = {"port": {"network_id": private["id"], "fixed_ips": [{"ip_address": "10.0.0.9"}]}}
    answers = at_once(lambda _: tenant.ask("POST", "/ports", body), 8)
    assert statuses(answers) == {"made": 1, "IpAddressAlreadyAllocated": 7}


def test_one_of_eight_gets_the_prefix_all_want(tenant):
    network = tenant.network()
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}}
    answers = at_once(lambda _: tenant.ask("POST", "/subnets", body), 8)
    assert statuses(answers) == {"made": 1, "InvalidInput": 7}
    assert len(tenant.show("network", network["id"])["subnets"]) == 1


def test_one_of_eight_attaches_the_subnet(tenant, private):
    router = tenant.make("router")
    path, body = f"/routers/{router['id']}/add_router_interface", {"subnet_id": private["subnet"]["id"]}
    answers = at_once(lambda _: tenant.ask("PUT", path, body), 8)
    assert statuses(answers) == {"made": 1, "BadRequest": 7}


def test_updates_of_one_port_all_arrive(tenant, private):
    port = tenant.port(private)
    answers = at_once(lambda n: tenant.ask("PUT", f"/ports/{port['id']}", {"port": {"name": f"n{n}"}}), 24)
    assert statuses(answers) == {"made": 24}
    shown = tenant.show("port", port["id"])
    assert shown["revision_number"] == port["revision_number"] + 24


def test_binding_at_once_leaves_every_host_knowing_every_port(world, admin, private):
    hosts = [f"h{n}" for n in range(4)]
    for n, host in enumerate(hosts):
        world.agent(host, f"192.0.2.{n + 1}")

    def bind(n):
        body = {"port": {"network_id": private["id"], "binding:host_id": hosts[n % 4]}}
        return admin.ask("POST", "/ports", body)

    assert statuses(at_once(bind, 24)) == {"made": 24}
    for port in admin.list("port"):
        roles = {host: "owner" if host == port["binding:host_id"] else "remote" for host in hosts}
        assert world.placements(port["id"]) == roles


def test_moves_and_deletes_at_once_leave_nothing_behind(world, admin, private):
    for n in (1, 2):
        world.agent(f"h{n}", f"192.0.2.{n}")
    bodies = [{"network_id": private["id"], "binding:host_id": f"h{1 + n % 2}"} for n in range(16)]
    ports = admin.ask("POST", "/ports", {"ports": bodies}, 201)["ports"]

    def churn(n):
        path = f"/ports/{ports[n]['id']}"
        moved = admin.ask("PUT", path, {"port": {"binding:host_id": f"h{2 - n % 2}"}})
        return admin.ask("DELETE", path) if n % 4 else moved

    assert set(statuses(at_once(churn, 16))) == {"made"}
    left = admin.list("port")
    assert len(left) == 4
    hosts = {port["binding:host_id"] for port in left}
    for port in left:
        roles = {host: "owner" if host == port["binding:host_id"] else "remote" for host in hosts}
        assert world.placements(port["id"]) == roles
    assert set(world.placements(private["id"])) == hosts


def test_a_network_is_deleted_or_used_but_not_both(tenant, private):
    body = {"port": {"network_id": private["id"]}}
    path = f"/networks/{private['id']}"

    def work(n):
        return tenant.ask("DELETE", path) if n == 3 else tenant.ask("POST", "/ports", body)

    found = statuses(at_once(work, 8))
    assert set(found) <= {"made", "NetworkInUse", "NetworkNotFound"}
    ports = tenant.list("port")
    if tenant.list("network"):
        assert ports
    else:
        assert ports == []


@pytest.mark.parametrize("round_", range(3))
def test_one_of_two_floating_ips_gets_the_port(tenant, public, private, round_):
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    port = tenant.port(private)
    body = {"floatingip": {"floating_network_id": public["id"], "port_id": port["id"]}}
    answers = at_once(lambda _: tenant.ask("POST", "/floatingips", body), 8)
    assert statuses(answers) == {"made": 1, "FloatingIPPortAlreadyAssociated": 7}
