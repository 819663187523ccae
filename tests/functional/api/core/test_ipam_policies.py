"""How subnets hand out addresses and take them back."""

import datetime
import ipaddress

import pytest
import sqlalchemy as sa

from svcfabric.core_l2l3.addressing.models import ip_cursors, ip_released
from svcfabric.core_l2l3.addressing.names import LetGo
from svcfabric.core_l2l3.models import ip_allocations, subnets

# Ten addresses, 10.0.0.1 to .10, the gateway not among them.
SMALL = {"gateway_ip": None, "allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.10"}]}


@pytest.fixture
def wire(tenant):
    """A network with one small subnet of the policies a test names."""

    def make(caller=tenant, cidr="10.0.0.0/24", **policies):
        network = caller.network()
        network["subnet"] = caller.subnet(network, cidr, **SMALL | policies)
        return network

    return make


def give(caller, network, **given):
    """A new port: its last byte and its id."""
    port = caller.port(network, **given)
    return int(port["fixed_ips"][0]["ip_address"].rpartition(".")[2]), port["id"]


def fill(caller, network, count):
    """New ports' ids by last byte, in the order they came."""
    return dict(give(caller, network) for _ in range(count))


def named(last):
    return {"fixed_ips": [{"ip_address": f"10.0.0.{last}"}]}


def back(caller, ports, *lasts):
    for last in lasts:
        caller.delete(f"/ports/{ports.pop(last)}")


def full(caller, network):
    return caller.refused(409, "POST", "/ports", {"port": {"network_id": network["id"]}})[0]


def later(world, seconds):
    """Let time pass for addresses that are held back."""
    with world.database.engine.begin() as conn:
        for row in conn.execute(sa.select(ip_released).where(ip_released.c.held_until.is_not(None))).all():
            key = (ip_released.c.subnet_id == row.subnet_id, ip_released.c.address == row.address)
            until = row.held_until - datetime.timedelta(seconds=seconds)
            conn.execute(ip_released.update().where(*key).values(held_until=until))


def test_a_subnet_says_its_policies(tenant):
    network = tenant.network()
    shown = tenant.subnet(network, recycling_policy="delay")
    assert (shown["allocation_policy"], shown["recycling_policy"], shown["recycling_delay"]) == (
        "random",
        "delay",
        3600,
    )
    assert tenant.show("subnet", shown["id"]) == shown
    changed = tenant.change("subnet", shown["id"], allocation_policy="first_free", recycling_delay=60)
    assert (changed["allocation_policy"], changed["recycling_policy"], changed["recycling_delay"]) == (
        "first_free",
        "delay",
        60,
    )
    body = {"subnet": {"allocation_policy": "best"}}
    _, message = tenant.refused(400, "PUT", f"/subnets/{shown['id']}", body)
    assert "first_free" in message
    assert [one["id"] for one in tenant.list("subnet", "recycling_policy=delay")] == [shown["id"]]


def test_first_free_is_the_lowest(tenant, wire):
    network = wire(allocation_policy="first_free")
    ports = {2: give(tenant, network, **named(2))[1], 9: give(tenant, network, **named(9))[1]}
    ports |= fill(tenant, network, 5)
    assert list(ports) == [2, 9, 1, 3, 4, 5, 6]
    back(tenant, ports, 4, 9, 1)
    assert list(fill(tenant, network, 6)) == [1, 4, 7, 8, 9, 10]
    assert full(tenant, network) == "IpAddressGenerationFailure"


def test_least_recently_used_walks_round(tenant, wire):
    network = wire(allocation_policy="least_recently_used")
    ports = fill(tenant, network, 3)
    back(tenant, ports, 2, 1)
    assert list(fill(tenant, network, 9)) == [4, 5, 6, 7, 8, 9, 10, 2, 1]


def test_random_takes_them_all(tenant, wire):
    for policy in ("at_once", "exhausted"):
        network = wire(recycling_policy=policy)
        ports = fill(tenant, network, 10)
        assert set(ports) == set(range(1, 11))
        assert full(tenant, network) == "IpAddressGenerationFailure"
        back(tenant, ports, 5)
        assert list(fill(tenant, network, 1)) == [5]


def test_delayed_addresses_wait(tenant, stranger, admin, world, wire):
    network = wire(allocation_policy="first_free", recycling_policy="delay", recycling_delay=100)
    ports = fill(tenant, network, 9)
    back(tenant, ports, 3, 4)
    assert list(fill(tenant, network, 1)) == [10]
    assert full(tenant, network) == "IpAddressGenerationFailure"
    later(world, 99)
    assert full(tenant, network) == "IpAddressGenerationFailure"
    later(world, 2)
    assert list(fill(tenant, network, 2)) == [3, 4]


def test_a_held_address_is_its_last_projects_by_name(admin, tenant, wire):
    network = wire(admin, recycling_policy="delay")
    mine = admin.port(network, project_id=tenant.project, **named(5))
    admin.delete(f"/ports/{mine['id']}")
    body = {"port": {"network_id": network["id"], "project_id": "another", **named(5)}}
    kind, message = admin.refused(409, "POST", "/ports", body)
    assert (kind, "recycling policy" in message) == ("IpAddressAlreadyAllocated", True)
    admin.port(network, project_id=tenant.project, **named(5))


def test_the_same_project_comes_first(admin, wire):
    network = wire(admin, allocation_policy="first_free", recycling_policy="same_project")
    ports = {}
    for project in ("a", "b"):
        ports |= dict(give(admin, network, project_id=project) for _ in range(3))
    back(admin, ports, 2, 5)  # a's and b's
    assert give(admin, network, project_id="b")[0] == 5
    assert give(admin, network, project_id="b")[0] == 7
    assert give(admin, network, project_id="a")[0] == 2
    back(admin, ports, 1)
    assert [give(admin, network, project_id="c")[0] for _ in range(4)] == [8, 9, 10, 1]


def test_exhausted_reuses_only_when_nothing_else_is_left(tenant, wire):
    network = wire(allocation_policy="first_free", recycling_policy="exhausted")
    ports = fill(tenant, network, 4)
    back(tenant, ports, 2, 1)
    assert list(fill(tenant, network, 8)) == [5, 6, 7, 8, 9, 10, 1, 2]


def test_dns_holds_while_a_record_names_it(tenant, world, wire):
    network = wire(allocation_policy="first_free", recycling_policy="dns")
    ports = fill(tenant, network, 10)
    back(tenant, ports, 3, 4, 5)
    records = {"10.0.0.3": True, "10.0.0.4": False, "10.0.0.5": None}
    chore = LetGo(world.database, records.__getitem__, recheck=60)
    chore()
    assert list(fill(tenant, network, 1)) == [4]
    assert full(tenant, network) == "IpAddressGenerationFailure"
    records.update(dict.fromkeys(records, False))
    chore()
    assert full(tenant, network) == "IpAddressGenerationFailure"  # looked at again after a while only
    later(world, 61)
    assert full(tenant, network) == "IpAddressGenerationFailure"  # no time alone lets it go
    chore()
    assert list(fill(tenant, network, 2)) == [3, 5]


def test_the_chore_lets_go_what_only_time_holds(tenant, world, wire):
    network = wire(recycling_policy="delay")
    ports = fill(tenant, network, 2)
    back(tenant, ports, *list(ports))
    later(world, 3601)
    LetGo(world.database, lambda address: True, recheck=60)()
    held = world.rows(sa.select(ip_released.c.held_until))
    assert [row.held_until for row in held] == [None, None]


def test_policies_change_over_addresses_in_use(tenant, world, wire):
    network = wire()
    ports = fill(tenant, network, 6)
    ident = network["subnet"]["id"]
    tenant.change("subnet", ident, allocation_policy="first_free")
    left = sorted(set(range(1, 11)) - set(ports))
    assert list(fill(tenant, network, 4)) == left
    gone = list(ports)[:3]
    back(tenant, ports, *gone)
    tenant.change("subnet", ident, allocation_policy="least_recently_used")
    assert list(fill(tenant, network, 3)) == gone
    assert full(tenant, network) == "IpAddressGenerationFailure"
    tenant.change("subnet", ident, allocation_policy="random")
    counts = world.counts()
    assert "ip_cursors" not in counts and "ip_released" not in counts
    back(tenant, ports, *list(ports))
    assert len(fill(tenant, network, 3)) == 3


def test_pools_change_under_a_memory(tenant, wire):
    network = wire(allocation_policy="first_free")
    ports = fill(tenant, network, 3)
    back(tenant, ports, 1)
    pools_ = [{"start": "10.0.0.2", "end": "10.0.0.4"}, {"start": "10.0.0.20", "end": "10.0.0.21"}]
    tenant.change("subnet", network["subnet"]["id"], allocation_pools=pools_)
    assert list(fill(tenant, network, 3)) == [4, 20, 21]
    assert full(tenant, network) == "IpAddressGenerationFailure"


def test_an_address_that_slipped_past_the_memory_is_found(tenant, world, wire):
    network = wire(allocation_policy="first_free")
    fill(tenant, network, 10)
    with world.database.engine.begin() as conn:
        conn.execute(ip_allocations.delete().where(ip_allocations.c.address == "10.0.0.6"))
    assert list(fill(tenant, network, 1)) == [6]


@pytest.mark.parametrize("policy", ["random", "first_free"])
def test_readdressed_and_moved_addresses_come_back(tenant, wire, policy):
    network = wire(allocation_policy=policy, recycling_policy="exhausted")
    _, ident = give(tenant, network, **named(3))
    tenant.change("port", ident, **named(4))
    fill(tenant, network, 8)
    assert list(fill(tenant, network, 1)) == [3]


def test_ports_made_in_bulk_share_one_look(tenant, world, wire):
    network = wire(allocation_policy="first_free")
    bodies = [{"network_id": network["id"]} for _ in range(9)]
    made = tenant.ask("POST", "/ports", {"ports": bodies}, 201)["ports"]
    got = [int(port["fixed_ips"][0]["ip_address"].rpartition(".")[2]) for port in made]
    assert got == list(range(1, 10))
    assert tenant.refused(409, "POST", "/ports", {"ports": bodies[:2]})[0] == "IpAddressGenerationFailure"
    assert list(fill(tenant, network, 1)) == [10]


def test_policies_of_ipv6(tenant):
    network = tenant.network()
    tenant.subnet(network, "2001:db8::/64", allocation_policy="first_free")
    got = [tenant.port(network)["fixed_ips"][0]["ip_address"] for _ in range(3)]
    assert got == ["2001:db8::2", "2001:db8::3", "2001:db8::4"]


def test_a_floating_ips_address_is_remembered(admin, tenant, public):
    admin.change("subnet", public["subnet"]["id"], allocation_policy="least_recently_used")
    body = {"floating_network_id": public["id"]}
    first = tenant.make("floatingip", **body)
    tenant.delete(f"/floatingips/{first['id']}")
    again = tenant.make("floatingip", **body)
    assert again["floating_ip_address"] != first["floating_ip_address"]
    rows = admin.list("subnet", f"id={public['subnet']['id']}")
    assert rows[0]["allocation_policy"] == "least_recently_used"


def crowd(world, tenant, network, free):
    """Take all of a subnet's addresses but those ``free``, with one port."""
    holder = tenant.port(network, fixed_ips=[])
    subnet_id = network["subnet"]["id"]
    every = [str(host) for host in ipaddress.ip_network("10.4.0.0/20").hosts()][1:]
    rows = [{"subnet_id": subnet_id, "address": one, "port_id": holder["id"]} for one in every if one not in free]
    with world.database.engine.begin() as conn:
        conn.execute(ip_allocations.insert(), rows)


def test_a_nearly_full_subnet_hands_out_its_last_addresses_without_a_search(tenant, world):
    network = tenant.network()
    network["subnet"] = tenant.subnet(network, "10.4.0.0/20")
    free = {f"10.4.{n}.77" for n in range(12)}
    crowd(world, tenant, network, free)
    ports, searches = {}, 0
    for _ in free:
        with world.round_trips() as seen:
            port = tenant.port(network)
        ports[port["fixed_ips"][0]["ip_address"]] = port["id"]
        whole = [stmt for stmt in seen if stmt.startswith("SELECT ip_allocations.address") and " IN " not in stmt]
        searches += len(whole)
    assert set(ports) == free
    assert searches == 1  # guessing failed once; from then on it is known what is free
    assert full(tenant, network) == "IpAddressGenerationFailure"
    tenant.delete(f"/ports/{ports['10.4.5.77']}")
    assert tenant.port(network)["fixed_ips"][0]["ip_address"] == "10.4.5.77"
    remembers = sa.select(subnets.c.ip_memory).where(subnets.c.id == network["subnet"]["id"])
    assert world.rows(remembers)[0].ip_memory
    assert world.rows(sa.select(ip_cursors))[0].position == 4093
