"""Which hosts are told of groups, members and address groups, and what it costs."""

import itertools
import random
import threading

import pytest
import sqlalchemy as sa

from svcfabric.context import Context
from svcfabric.core_l2l3.security.placing import member_id
from svcfabric.fabric.models import instances, placements
from svcfabric.spi.security import AddressPair, PortSecurity, SecurityRule

HOSTS = ("h1", "h2", "h3")
WRITERS, ROUNDS = 4, 15


@pytest.fixture(autouse=True)
def hosts(world):
    for n, host in enumerate(HOSTS, 1):
        world.agent(host, f"192.0.2.{n}")


@pytest.fixture
def net(tenant):
    net = tenant.network()
    net["subnet"] = tenant.subnet(net)
    return net


@pytest.fixture
def bound(admin, tenant, net):
    """Makes a port of the tenant's on a host, in these groups."""

    def make(host, *groups, **given):
        wanted = {"security_groups": [group["id"] for group in groups]} if groups else {}
        return admin.port(net, project_id=tenant.project, **{"binding:host_id": host}, **wanted, **given)

    return make


def group(caller, *rules, **given):
    """A group with these rules only."""
    made = caller.make("security_group", **given)
    for each in made["security_group_rules"]:
        caller.delete(f"/security-group-rules/{each['id']}")
    for each in rules:
        rule(caller, made, **each)
    return made


def rule(caller, of, **given):
    return caller.make("security_group_rule", security_group_id=of["id"], **{"direction": "ingress", **given})


def where(world, thing):
    """The hosts a group, an address group or a port's membership is on."""
    ident = member_id(thing["id"]) if "network_id" in thing else thing["id"]
    return set(world.placements(ident))


def test_a_group_is_where_its_ports_are(world, tenant, admin, bound):
    web = group(tenant, {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80})
    first = bound("h1", web)
    assert where(world, web) == {"h1"}
    spec = world.specs("h1")[web["id"]]
    assert spec.stateful is True
    assert spec.rules == (SecurityRule(direction="ingress", version=4, protocol="6", first=80, last=80),)
    assert world.specs("h1")[first["id"]].security == PortSecurity(groups=(web["id"],))
    second = bound("h2", web)
    assert where(world, web) == {"h1", "h2"}
    assert web["id"] in world.specs("h2")
    assert first["id"] in world.specs("h2")
    assert world.specs("h2")[first["id"]].security is None  # filtered where it is
    world.forget()
    tenant.delete(f"/ports/{first['id']}")
    assert where(world, web) == {"h2"}
    assert web["id"] in world.gone("h1")
    admin.change("port", second["id"], **{"binding:host_id": "h3"})
    assert where(world, web) == {"h3"}
    admin.change("port", second["id"], **{"binding:host_id": ""})
    assert where(world, web) == set()


def test_what_a_port_may_do_goes_to_its_host(world, tenant, bound):
    web = group(tenant)
    pairs = [{"ip_address": "10.9.0.1", "mac_address": "00:25:64:e8:19:dd"}, {"ip_address": "fd00::1:1/64"}]
    port = bound("h1", web, allowed_address_pairs=pairs)
    own = port["mac_address"]
    wanted = (AddressPair(mac="00:25:64:e8:19:dd", cidr="10.9.0.1/32"), AddressPair(mac=own, cidr="fd00::/64"))
    assert world.specs("h1")[port["id"]].security == PortSecurity(groups=(web["id"],), pairs=wanted)
    world.forget()
    tenant.change("port", port["id"], security_groups=[], port_security_enabled=False, allowed_address_pairs=[])
    assert world.specs("h1")[port["id"]].security is None


def test_rules_reach_hosts_where_the_group_is_in_force_and_no_other(world, tenant, bound):
    web, idle = group(tenant), group(tenant)
    bound("h1", web)
    world.forget()
    made = rule(tenant, web, protocol="icmp", port_range_min=8, port_range_max=0)
    rule(tenant, idle)
    assert list(world.specs("h1")) == [web["id"]]
    assert world.specs("h1")[web["id"]].rules == (
        SecurityRule(direction="ingress", version=4, protocol="1", first=8, last=0),
    )
    assert not world.specs("h2")
    world.forget()
    tenant.delete(f"/security-group-rules/{made['id']}")
    assert world.specs("h1")[web["id"]].rules == ()


def test_members_are_known_where_rules_refer_to_them(world, tenant, bound):
    app = group(tenant)
    db = group(tenant, {"remote_group_id": app["id"]})
    one = bound("h1", app)
    assert where(world, one) == set()  # no rule that refers to it is in force
    bound("h2", db)
    assert where(world, one) == {"h2"}
    spec = world.specs("h2")[member_id(one["id"])]
    assert (spec.port_id, spec.groups) == (one["id"], (app["id"],))
    assert spec.addresses == (one["fixed_ips"][0]["ip_address"],)
    world.forget()
    two = bound("h3", app)
    assert where(world, two) == {"h2"}
    assert member_id(two["id"]) in world.specs("h2")
    assert not {app["id"], db["id"], member_id(one["id"])} & world.specs("h2").keys()  # its own spec is all it takes
    tenant.delete(f"/ports/{two['id']}")
    assert where(world, two) == set()
    assert member_id(two["id"]) in world.gone("h2")


def test_a_members_addresses_are_told_when_they_change(world, tenant, bound):
    app = group(tenant)
    db = group(tenant, {"remote_group_id": app["id"]})
    one, _ = bound("h1", app), bound("h2", db)
    world.forget()
    pair = {"ip_address": "10.9.9.0/24"}
    tenant.change("port", one["id"], allowed_address_pairs=[pair])
    assert world.specs("h2")[member_id(one["id"])].addresses == (one["fixed_ips"][0]["ip_address"], "10.9.9.0/24")
    world.forget()
    tenant.change("port", one["id"], fixed_ips=[{"ip_address": "10.0.0.99"}])
    assert world.specs("h2")[member_id(one["id"])].addresses == ("10.0.0.99", "10.9.9.0/24")
    world.forget()
    tenant.change("port", one["id"], name="other")
    assert member_id(one["id"]) not in world.specs("h2")


def test_a_rule_that_comes_or_goes_brings_or_takes_members(world, tenant, bound):
    app, db = group(tenant), group(tenant)
    one, _ = bound("h1", app), bound("h2", db)
    assert where(world, one) == set()
    first = rule(tenant, db, remote_group_id=app["id"], protocol="tcp")
    assert where(world, one) == {"h2"}
    second = rule(tenant, db, remote_group_id=app["id"], protocol="udp")
    tenant.delete(f"/security-group-rules/{first['id']}")
    assert where(world, one) == {"h2"}
    world.forget()
    tenant.delete(f"/security-group-rules/{second['id']}")
    assert where(world, one) == set()
    assert world.gone("h2") == {member_id(one["id"])}


def test_a_group_that_goes_leaves_what_others_there_refer_to(world, tenant, bound):
    app = group(tenant)
    db, cache = (group(tenant, {"remote_group_id": app["id"]}) for _ in range(2))
    one = bound("h1", app)
    a, b = bound("h2", db), bound("h2", cache)
    tenant.delete(f"/ports/{a['id']}")
    assert (where(world, db), where(world, one)) == (set(), {"h2"})
    tenant.delete(f"/ports/{b['id']}")
    assert where(world, one) == set()


def test_the_default_group_knows_its_own_members_everywhere(world, tenant, bound):
    ports = [bound("h1"), bound("h2"), bound("h2")]
    (default,) = tenant.list("security_group")
    assert where(world, default) == {"h1", "h2"}
    assert [where(world, port) for port in ports] == [{"h1", "h2"}] * 3
    for port in ports[1:]:
        tenant.delete(f"/ports/{port['id']}")
    assert (where(world, default), where(world, ports[0])) == ({"h1"}, {"h1"})


def test_ports_made_together_know_each_other_everywhere(world, admin, tenant, net):
    """Some bring the group to a host, others find it there: in one request."""
    for count in (6, 4):
        bodies = [
            {"network_id": net["id"], "project_id": tenant.project, "binding:host_id": HOSTS[place % 3]}
            for place in range(count)
        ]
        made = admin.ask("POST", "/ports", {"ports": bodies}, 201)["ports"]
        assert [where(world, port) for port in made] == [set(HOSTS)] * count


def test_groups_of_a_port_change(world, tenant, bound):
    app, other = group(tenant), group(tenant)
    db = group(tenant, {"remote_group_id": app["id"]})
    one, _ = bound("h1", app), bound("h2", db)
    world.forget()
    tenant.change("port", one["id"], security_groups=[app["id"], other["id"]])
    assert where(world, other) == {"h1"}
    assert world.specs("h2")[member_id(one["id"])].groups == (app["id"], other["id"])
    tenant.change("port", one["id"], security_groups=[other["id"]])
    assert (where(world, app), where(world, one)) == (set(), set())
    tenant.change("port", one["id"], security_groups=[db["id"], app["id"]])
    assert where(world, db) == where(world, one) == {"h1", "h2"}


def test_a_port_that_moves_takes_its_groups_along(world, admin, tenant, bound):
    app = group(tenant)
    db = group(tenant, {"remote_group_id": app["id"]}, {"remote_group_id": app["id"], "protocol": "tcp"})
    one, two = bound("h1", app), bound("h2", db)
    admin.change("port", two["id"], **{"binding:host_id": "h3"})
    assert (where(world, db), where(world, one)) == ({"h3"}, {"h3"})
    admin.change("port", one["id"], **{"binding:host_id": ""})
    assert (where(world, app), where(world, one)) == (set(), set())
    admin.change("port", one["id"], **{"binding:host_id": "h2"})
    assert (where(world, app), where(world, one)) == ({"h2"}, {"h3"})


def test_address_groups_are_where_rules_refer_to_them(world, tenant, bound):
    lists = tenant.make("address_group", addresses=["192.0.2.0/24"])
    web = group(tenant, {"remote_address_group_id": lists["id"]})
    assert where(world, lists) == set()
    port = bound("h1", web)
    assert where(world, lists) == {"h1"}
    assert world.specs("h1")[lists["id"]].cidrs == ("192.0.2.0/24",)
    assert world.specs("h1")[web["id"]].rules[0].address_group == lists["id"]
    world.forget()
    tenant.ask("PUT", f"/address-groups/{lists['id']}/add_addresses", {"addresses": ["10.0.0.0/8"]}, 200)
    assert list(world.specs("h1")) == [lists["id"]]
    assert world.specs("h1")[lists["id"]].cidrs == ("192.0.2.0/24", "10.0.0.0/8")
    tenant.delete(f"/ports/{port['id']}")
    assert where(world, lists) == set()


def test_nothing_is_left_behind(world, tenant, bound):
    app = group(tenant)
    db = group(tenant, {"remote_group_id": app["id"]})
    ports = [bound("h1", app), bound("h2", db), bound("h3", app, db), bound("h1")]
    world.answer()
    for port in ports:
        tenant.delete(f"/ports/{port['id']}")
    world.answer()
    kinds = ("security_group", "security_group_member", "address_group")
    assert world.rows(sa.select(instances.c.id).where(instances.c.kind.in_(kinds))) == []


def test_a_member_joins_at_the_same_cost_however_many_there_are(world, admin, tenant, net, bound):
    """A constant number of statements, and one small message to each host."""
    world.dispatcher.send = lambda ids: 0
    app = group(tenant)
    db = group(tenant, {"remote_group_id": app["id"]}, {"remote_group_id": app["id"], "protocol": "tcp"})
    for host in HOSTS:
        bound(host, db)
        bound(host, app)
    handler = world.handler("port")
    caller = Context(project_id=admin.project, is_admin=True)
    body = {"network_id": net["id"], "project_id": tenant.project, "security_groups": [app["id"]]}
    counts = []
    for _ in range(2):
        with world.round_trips() as seen:
            handler.create(caller, [{**body, "binding:host_id": "h1"}])
        counts.append(len(seen))
        admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"port": -1}}, 200)
        handler.create(caller, [{**body, "binding:host_id": host} for host in HOSTS for _ in range(8)])
    assert counts[1] <= counts[0]
    world.dispatcher.__class__.send(world.dispatcher, [])
    stmt = sa.select(sa.func.count()).select_from(placements).join(instances)
    assert world.rows(stmt.where(instances.c.kind == "security_group_member"))[0][0] == (3 + 2 + 48) * 3


def test_any_order_of_changes_leads_to_what_a_fresh_look_finds(world, admin, tenant, bound):
    """After many random changes, others on each database, what is placed is what the rows say should be."""
    dice = random.Random(world.database.dialect)
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"security_group": -1, "security_group_rule": -1}}, 200)
    groups = [group(tenant) for _ in range(4)]
    lists = [tenant.make("address_group", addresses=["10.0.0.0/8"]) for _ in range(2)]
    ports, rules, protocols = [], [], itertools.count(70)
    for _ in range(80):
        act = dice.choice(["bind", "bind", "move", "regroup", "delete", "rule", "rule", "unrule", "answer"])
        some = dice.sample(groups, dice.randint(1, 3))
        if act == "bind" and len(ports) < 12:
            ports.append(bound(dice.choice(HOSTS), *some))
        elif act == "move" and ports:
            admin.change("port", dice.choice(ports)["id"], **{"binding:host_id": dice.choice(("", *HOSTS))})
        elif act == "regroup" and ports:
            wanted = [one["id"] for one in some] if dice.random() < 0.8 else []
            tenant.change("port", dice.choice(ports)["id"], security_groups=wanted)
        elif act == "delete" and ports:
            tenant.delete(f"/ports/{ports.pop(dice.randrange(len(ports)))['id']}")
        elif act == "rule" and len(rules) < 5:  # so that references come and go
            key, pool = dice.choice([("remote_group_id", groups), ("remote_address_group_id", lists)])
            given = {key: dice.choice(pool)["id"], "protocol": str(next(protocols))}
            rules.append(rule(tenant, dice.choice(groups), **given))
        elif act == "unrule" and rules:
            tenant.delete(f"/security-group-rules/{rules.pop(dice.randrange(len(rules)))['id']}")
        elif act == "answer":
            world.answer()
    _check(world, admin, tenant, groups, lists, ports)


def _check(world, admin, tenant, groups, lists, ports):
    ports = [admin.show("port", port["id"]) for port in ports]
    force = {g["id"]: set() for g in groups}
    for port in ports:
        for ident in port["security_groups"]:
            force[ident] |= {port["binding:host_id"]} - {""}
    referring, listed = {g["id"]: set() for g in groups}, {one["id"]: set() for one in lists}
    for one in groups:
        for each in tenant.show("security_group", one["id"])["security_group_rules"]:
            if each["remote_group_id"]:
                referring[each["remote_group_id"]] |= force[one["id"]]
            if each["remote_address_group_id"]:
                listed[each["remote_address_group_id"]] |= force[one["id"]]
    assert {g["id"]: where(world, g) for g in groups} == force
    assert {one["id"]: where(world, one) for one in lists} == listed
    for port in ports:
        wanted = set().union(*(referring[ident] for ident in port["security_groups"]))
        assert where(world, port) == (wanted if port["binding:host_id"] else set())


def test_changes_at_once_miss_nothing_of_each_other(world, admin, tenant):
    """Writers that bind, move, regroup and delete ports and make and drop rules, all at the same time."""
    admin.ask("PUT", f"/quotas/{tenant.project}", {"quota": {"security_group_rule": -1, "port": -1}}, 200)
    groups = [group(tenant) for _ in range(3)]
    lists = [tenant.make("address_group", addresses=["10.0.0.0/8"])]
    # networks of their own: what goes on in one network is in line anyway
    nets = [tenant.network() for _ in range(WRITERS)]
    ports, failures = [], []

    def write(seed):
        dice = random.Random(seed)
        mine, rules, numbers = [], [], itertools.count(1 + 1000 * seed)
        theirs, operator = world.caller(tenant.project), world.caller("platform", "admin")
        for _ in range(ROUNDS):
            some = [one["id"] for one in dice.sample(groups, dice.randint(1, 3))]
            act = dice.choice(["bind", "move", "regroup", "delete", "rule", "unrule"])
            if act == "bind" or (act != "rule" and not mine):
                given = {"binding:host_id": dice.choice(HOSTS), "security_groups": some}
                mine.append(operator.port(nets[seed], project_id=tenant.project, **given)["id"])
            elif act == "move":
                operator.change("port", dice.choice(mine), **{"binding:host_id": dice.choice(("", *HOSTS))})
            elif act == "regroup":
                theirs.change("port", dice.choice(mine), security_groups=some)
            elif act == "delete":
                theirs.delete(f"/ports/{mine.pop(dice.randrange(len(mine)))}")
            elif act == "rule":
                key, pool = dice.choice([("remote_group_id", groups), ("remote_address_group_id", lists)])
                number = next(numbers)
                given = {key: dice.choice(pool)["id"], "protocol": "tcp", "port_range_min": number}
                given["port_range_max"] = number
                rules.append(rule(theirs, dice.choice(groups), **given)["id"])
            elif rules:
                theirs.delete(f"/security-group-rules/{rules.pop()}")
        ports.extend({"id": ident, "network_id": nets[seed]["id"]} for ident in mine)

    def guarded(seed):
        try:
            write(seed)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(seed,)) for seed in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    _check(world, admin, tenant, groups, lists, ports)


def in_turn(world, first, second):
    """``second`` begins when ``first`` is about to commit, and has time to go past it if nothing holds it up."""
    about_to, go, failures = threading.Event(), threading.Event(), []

    def hold(_conn):
        if threading.current_thread().name == "first" and not about_to.is_set():
            about_to.set()
            go.wait(10)

    def guarded(work):
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    sa.event.listen(world.database.engine, "commit", hold)
    try:
        threads = [threading.Thread(target=guarded, args=(first,), name="first")]
        threads[0].start()
        about_to.wait(10)
        threads.append(threading.Thread(target=guarded, args=(second,), name="second"))
        threads[1].start()
        threads[1].join(0.3)
        go.set()
        for thread in threads:
            thread.join()
    finally:
        sa.event.remove(world.database.engine, "commit", hold)
    assert not failures


def test_what_goes_on_at_the_same_time_is_not_missed(world, admin, tenant):
    """Each pair of changes of which one must see the other, both ways round; on networks of their own."""
    nets = [tenant.network() for _ in range(2)]

    def make(net, host, *groups):
        wanted = {"binding:host_id": host, "security_groups": [one["id"] for one in groups]}
        return world.caller("platform", "admin").port(net, project_id=tenant.project, **wanted)

    def forth_and_back(prepare):
        for turn in (1, -1):
            groups = [group(tenant) for _ in range(2)]
            first, second = prepare(*groups)[::turn]
            in_turn(world, first, second)
            ports = tenant.list("port")
            _check(world, admin, tenant, groups, [], ports)
            for port in ports:
                tenant.delete(f"/ports/{port['id']}")
            for one in groups:
                tenant.delete(f"/security-groups/{one['id']}")

    def a_member_and_a_rule(app, db):
        make(nets[0], "h1", db)
        return lambda: make(nets[1], "h2", app), lambda: rule(
            world.caller(tenant.project), db, remote_group_id=app["id"]
        )

    def a_member_and_the_group_that_refers_to_it(app, db):
        rule(tenant, db, remote_group_id=app["id"])
        return lambda: make(nets[0], "h1", app), lambda: make(nets[1], "h2", db)

    def a_member_that_is_bound_and_the_group_that_refers_to_it(app, db):
        rule(tenant, db, remote_group_id=app["id"])
        port = make(nets[0], "", app)
        operator = world.caller("platform", "admin")
        bind = {"binding:host_id": "h3"}
        return lambda: operator.change("port", port["id"], **bind), lambda: make(nets[1], "h2", db)

    def the_last_port_that_goes_and_the_first_that_comes(app, _db):
        port = make(nets[0], "h1", app)
        return lambda: world.caller(tenant.project).delete(f"/ports/{port['id']}"), lambda: make(nets[1], "h1", app)

    def the_last_two_that_go(app, _db):
        ports = [make(net, "h1", app) for net in nets]
        first, second = (
            lambda port=port: world.caller(tenant.project).delete(f"/ports/{port['id']}") for port in ports
        )
        return first, second

    forth_and_back(a_member_and_a_rule)
    forth_and_back(a_member_and_the_group_that_refers_to_it)
    forth_and_back(a_member_that_is_bound_and_the_group_that_refers_to_it)
    forth_and_back(the_last_port_that_goes_and_the_first_that_comes)
    forth_and_back(the_last_two_that_go)


def test_a_new_address_is_not_missed_by_a_host_that_is_being_told(world, admin, tenant, net):
    """The host is told of a member by its row as it is; the row is just changing."""
    app = group(tenant)
    db = group(tenant, {"remote_group_id": app["id"]})
    given = {"binding:host_id": "h1", "security_groups": [app["id"]]}
    member = admin.port(net, project_id=tenant.project, **given)
    other = tenant.network()
    given = {"binding:host_id": "h2", "security_groups": [db["id"]]}

    def tell():
        world.caller("platform", "admin").port(other, project_id=tenant.project, **given)
        world.answer()  # the host knows it now, and is not told again without a reason

    addresses = [{"ip_address": "10.0.0.77"}]
    in_turn(world, lambda: world.caller(tenant.project).change("port", member["id"], fixed_ips=addresses), tell)
    assert world.specs("h2")[member_id(member["id"])].addresses == ("10.0.0.77",)
