"""How often the database is asked, per request: reads once, writes a few times, never once per row."""

import pytest

from svcfabric.context import Context

UNLIMITED = dict.fromkeys(("network", "subnet", "port", "router", "floatingip"), -1)
# Statements and the commit. With a limit in force a create asks twice more: for the lock and the count.
TRIPS = {
    "create network": 4,  # one asks for the default QoS policy of the project
    "create subnet": 6,
    "create port": 7,
    "update port": 3,
    "delete port": 4,
    "create bound port": 12,
    "create router": 8,
    "delete network": 6,
}


@pytest.fixture
def caller(tenant, admin):
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": UNLIMITED}, 200)
    return Context(project_id=tenant.project, is_admin=True)


@pytest.fixture
def trips(world):
    def count(work):
        with world.round_trips() as seen:
            work()
        return len(seen), seen

    return count


def body(caller, **given):
    return [{"project_id": caller.project_id, **given}]


@pytest.mark.parametrize("name", ["network", "subnet", "port", "router", "floatingip"])
def test_a_show_and_a_list_are_one_question(world, tenant, public, private, trips, name):
    router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
    tenant.attach(router, subnet_id=private["subnet"]["id"])
    port = tenant.port(private)
    things = {"network": private, "subnet": private["subnet"], "port": port, "router": router}
    things["floatingip"] = tenant.make("floatingip", floating_network_id=public["id"], port_id=port["id"])
    assert trips(lambda: tenant.show(name, things[name]["id"]))[0] == 1
    assert trips(lambda: tenant.list(name))[0] == 1
    assert trips(lambda: tenant.list(name, "fields=id&sort_key=id&sort_dir=desc&limit=5"))[0] == 1


def test_writes(world, caller, private, trips):
    networks, subnets, ports = (world.handler(name) for name in ("network", "subnet", "port"))
    world.agent("h1", "192.0.2.1")
    for _ in range(2):  # the project has its default group, and it is known which
        ports.create(caller, body(caller, network_id=private["id"]))
    made = {}

    def keep(name, rows):
        made[name] = rows[0]["id"]

    counted = {}

    def note(name, work):
        counted[name], seen = trips(work)
        assert counted[name] <= TRIPS[name], "\n".join(seen)

    note("create network", lambda: keep("network", networks.create(caller, body(caller))))
    prefix = {"network_id": made["network"], "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": False}
    note("create subnet", lambda: subnets.create(caller, body(caller, **prefix)))
    where = {"network_id": made["network"]}
    note("create port", lambda: keep("port", ports.create(caller, body(caller, **where))))
    note("update port", lambda: ports.update(caller, made["port"], {"name": "x"}))
    note("delete port", lambda: ports.delete(caller, made["port"]))
    world.dispatcher.send = lambda ids: 0  # sending is another thread's work
    bound = {**where, "binding:host_id": "h1"}
    keep("first", ports.create(caller, body(caller, **bound)))
    note("create bound port", lambda: keep("second", ports.create(caller, body(caller, **bound))))
    for name in ("first", "second"):
        ports.delete(caller, made[name])
    note("create router", lambda: world.handler("router").create(caller, body(caller)))
    note("delete network", lambda: networks.delete(caller, made["network"]))


def test_a_bulk_asks_no_oftener_than_one(world, caller, private, trips):
    ports = world.handler("port")
    one, _ = trips(lambda: ports.create(caller, body(caller, network_id=private["id"])))
    many, seen = trips(lambda: ports.create(caller, body(caller, network_id=private["id"]) * 40))
    inserts = [statement for statement in seen if statement.startswith("INSERT")]
    assert many - len(inserts) <= one
    assert len(inserts) <= 4  # drivers may split a large insert


def test_specs_of_many_are_as_few_questions_as_of_one(world, admin, tenant, public, private, trips):
    for n in (1, 2):
        world.agent(f"h{n}", f"192.0.2.{n}", ["public"])
    counts = []
    for more in (1, 6):
        for _ in range(more):
            router = tenant.make("router", external_gateway_info={"network_id": public["id"]})
            network = tenant.network()
            tenant.attach(router, subnet_id=tenant.subnet(network, "10.8.0.0/24")["id"])
            for n in (1, 2):
                vm = admin.port(network, project_id=tenant.project, **{"binding:host_id": f"h{n}"})
            tenant.make("floatingip", floating_network_id=public["id"], port_id=vm["id"])
        ids = {
            "network": [one["id"] for one in admin.list("network")],
            "port": [one["id"] for one in admin.list("port")],
            "router": [one["id"] for one in admin.list("router")],
            "floatingip": [one["id"] for one in admin.list("floatingip")],
        }
        found = {}
        with world.database.read() as conn:
            for kind, mine in ids.items():
                count, seen = trips(lambda kind=kind, mine=mine: world.kinds[kind].load(conn, mine, "h1"))
                found[kind] = count
                assert count <= 3, seen
        counts.append(found)
    assert counts[0] == counts[1]


def test_handing_out_an_address_costs_the_same_however_many_are_out(world, caller, private, trips):
    ports = world.handler("port")
    ask = body(caller, network_id=private["id"])
    first, _ = trips(lambda: ports.create(caller, ask))
    ports.create(caller, ask * 120)
    later, _ = trips(lambda: ports.create(caller, ask))
    assert later <= first + 1  # a second look, when the first handful was unlucky
