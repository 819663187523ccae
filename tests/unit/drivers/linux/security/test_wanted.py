"""What a change writes, and that it writes no more."""

from __future__ import annotations

import ipaddress

from svcfabric.drivers.linux.security import base, names, wanted
from svcfabric.drivers.linux.security.flow import Flow
from svcfabric.drivers.linux.security.guarded import GuardedPort, number_for
from svcfabric.drivers.linux.security.state import State
from svcfabric.drivers.linux.security.transaction import Mirror, Transaction
from svcfabric.spi.l2l3 import Address, PortSpec, Segment
from svcfabric.spi.security import AddressGroupSpec, AddressPair, MemberSpec, PortSecurity, SecurityGroupSpec
from svcfabric.spi.security import SecurityRule as Rule

MAC = "fa:16:3e:00:00:01"


class Table:
    """A state and a kernel that believes every transaction; ``text`` is the last one's."""

    def __init__(self):
        self.state, self.there, self.text = State(), Mirror(set(base.CHAINS), set(base.SETS), {}), ""

    def _commit(self, build):
        change = Transaction(self.there)
        build(change)
        self.text = change.text()
        change.done()

    def port(self, port_id, *groups, address="10.0.0.5", number=5, pairs=()):
        old = self.state.ports.get(port_id)
        spec = PortSpec(
            id=port_id,
            segment=Segment(network_id="net", type="vxlan"),
            mac=MAC,
            addresses=(Address(address=address, prefix_length=24),),
            security=PortSecurity(groups=groups, pairs=tuple(AddressPair(mac=m, cidr=c) for m, c in pairs)),
        )
        port = GuardedPort.of(spec, number, 77)
        assert GuardedPort.read(port.record()) == port
        self.state.put_port(port)
        self._commit(lambda tx: wanted.port(tx, self.state, port_id, old))

    def no_port(self, port_id):
        old = self.state.ports[port_id]
        self.state.drop_port(port_id)
        self._commit(lambda tx: wanted.port(tx, self.state, port_id, old))

    def group(self, group_id, *rules, stateful=True):
        old, touched = self.state.groups.get(group_id), self.state.references(group_id)
        self.state.put_group(SecurityGroupSpec(id=group_id, rules=rules, stateful=stateful))
        touched |= self.state.references(group_id)
        self._commit(lambda tx: wanted.group(tx, self.state, group_id, touched, old))

    def no_group(self, group_id):
        old, touched = self.state.groups[group_id], self.state.references(group_id)
        self.state.drop_group(group_id)
        self._commit(lambda tx: wanted.group(tx, self.state, group_id, touched, old))

    def member(self, member_id, groups, *addresses):
        self.state.put_member(MemberSpec(id=member_id, port_id="x", groups=groups, addresses=addresses))
        touched = {each: {ipaddress.ip_network(a) for a in addresses} for each in groups}
        self._commit(lambda tx: wanted.members(tx, self.state, touched))

    def no_member(self, member_id):
        old = self.state.members[member_id]
        self.state.drop_member(member_id)
        touched = {each: {ipaddress.ip_network(a) for a in old.addresses} for each in old.groups}
        self._commit(lambda tx: wanted.members(tx, self.state, touched))

    def bare(self):
        return self.there.chains == set(base.CHAINS) and self.there.sets == set(base.SETS)


def incoming(**more):
    return Rule(direction="ingress", version=4, **more)


def test_a_port_writes_nothing_but_its_own():
    table = Table()
    table.port("one", "g")
    table.port("two", "g", address="10.0.0.6", number=6)
    assert "one" not in table.text
    assert all(line.startswith("add element ") for line in table.text.splitlines()), "the first made the chains"
    table.port("one", "g", address="10.0.0.7")
    assert "two" not in table.text
    assert all(line.startswith(("add element ", "delete element ")) for line in table.text.splitlines())
    table.port("one", "h", "g", address="10.0.0.7")
    assert "two" not in table.text
    assert "flush" not in table.text
    assert not wanted.lost("port", table.state, table.there)


def test_the_next_of_many_members_is_one_element():
    table = Table()
    table.group("g", incoming(group="g"))
    for number in range(100):
        table.member(f"m{number}", ("g",), f"10.0.1.{number}")
    assert table.text == "add element inet sf_security m4_g { 10.0.1.99 }\n"
    table.no_member("m7")
    assert table.text == (
        "add element inet sf_security m4_g { 10.0.1.7 }\ndelete element inet sf_security m4_g { 10.0.1.7 }\n"
    )


def test_an_address_two_members_share_stays_with_the_second():
    table = Table()
    table.group("g", incoming(group="g"))
    for each in ("a", "b"):
        table.member(each, ("g",), "10.0.1.1", f"10.0.2.{ord(each)}")
    table.member("c", ("g",), "10.0.3.1")
    table.no_member("a")
    gone = [line for line in table.text.splitlines() if line.startswith("delete")]
    assert gone == ["delete element inet sf_security m4_g { 10.0.2.97 }"]


def test_overlapping_pairs_of_members_are_one_interval():
    table = Table()
    table.group("g", incoming(group="g"))
    table.member("a", ("g",), "10.0.0.0/24")
    table.member("b", ("g",), "10.0.0.0/25")
    assert table.text.splitlines()[-1] == "add element inet sf_security n4_g { 10.0.0.0/24 }"
    table.no_member("a")
    assert table.text.splitlines()[-1] == "add element inet sf_security n4_g { 10.0.0.0/25 }"


def test_a_change_of_one_direction_leaves_the_other_alone():
    table = Table()
    table.group("g", incoming(), Rule(direction="egress", version=4))
    table.group("g", incoming(protocol="6"), Rule(direction="egress", version=4))
    assert "gi_g" in table.text
    assert "ge_g" not in table.text


def test_everything_in_any_order_leaves_nothing():
    table = Table()
    table.member("m", ("r",), "10.0.0.9")
    table.port("p", "g")
    table.group("g", incoming(group="r"), incoming(address_group="a"))
    table.state.put_list(AddressGroupSpec(id="a", cidrs=("10.0.0.0/8",)))
    table._commit(lambda tx: wanted.address_list(tx, table.state, "a"))
    table.no_group("g")
    assert "gi_g" in " ".join(table.there.chains), "a port still jumps there"
    table.no_port("p")
    table.no_member("m")
    del table.state.lists["a"]
    table._commit(lambda tx: wanted.address_list(tx, table.state, "a"))
    assert table.bare()
    assert not any(table.there.elements.values())
    assert table.state.empty


def test_a_port_follows_its_groups_into_statelessness():
    table = Table()
    table.port("p", "g")
    table.group("g", incoming(), stateful=False)
    assert table.there.elements[names.OUT] == {'"tapp"': "5"}
    assert table.there.elements[names.TRACKED] == {}
    table.group("g", incoming())
    assert table.there.elements[names.OUT] == {'"tapp"': str(5 | names.STATEFUL)}
    assert set(table.there.elements[names.TRACKED]) == {f'"br-net" . {MAC}'}


def test_what_is_lost_and_what_is_nobodys():
    table = Table()
    table.port("p", "g")
    table.group("g", incoming(group="r"))
    table.member("m", ("r",), "10.0.0.9")
    table.port("w", "g", address="10.0.0.6", number=6, pairs=[(MAC, "10.1.0.0/16")])
    table.no_port("w")
    for kind in ("port", "security_group", "security_group_member"):
        assert not wanted.lost(kind, table.state, table.there)
        assert wanted.lost(kind, table.state, Mirror())
    nobody = State()
    assert wanted.strangers("port", nobody, table.there) == {"p"}
    assert wanted.strangers("security_group", nobody, table.there) == set()
    forgetful = Transaction(table.there)
    wanted.port(forgetful, nobody, "p", None)
    assert "delete chain inet sf_security q" in forgetful.text()
    forgetful.done()
    assert not any(table.there.elements[each] for each in (names.IN, names.OUT, names.FROM, names.TO, names.MACS))
    assert wanted.strangers("security_group", nobody, table.there) == {"g", "r"}


def test_numbers_are_the_same_unless_taken():
    first = number_for("a", 100, ())
    assert first == number_for("a", 100, ())
    assert 1 <= number_for("a", 100, {first}) <= 100
    assert number_for("a", 100, {first}) != first


# ---- which connections a change forbids


def flow(source, destination, **more):
    given = {"zone": 77, "protocol": 6, "port": 80, "source_port": 9999, **more}
    return Flow(source=ipaddress.ip_address(source), destination=ipaddress.ip_address(destination), **given)


def test_connections_are_judged_by_the_ends_that_are_filtered_here():
    table = Table()
    table.port("p", "g")
    table.group("g", incoming(protocol="6", first=80, last=90, cidr="10.0.0.0/24"))
    forbids = table.state.forbids
    assert not forbids(flow("10.0.0.9", "10.0.0.5"))
    assert forbids(flow("10.0.1.9", "10.0.0.5"))
    assert forbids(flow("10.0.0.9", "10.0.0.5", port=91))
    assert forbids(flow("10.0.0.5", "10.0.0.9")), "no egress rule"
    assert not forbids(flow("10.0.1.9", "10.0.0.5", zone=78)), "another network"
    assert not forbids(flow("10.0.0.8", "10.0.0.9")), "nobody here"
    assert not forbids(flow("10.0.0.5", "10.0.0.9", protocol=17, source_port=68, port=67))


def test_connections_by_members_and_lists():
    table = Table()
    table.port("p", "g")
    table.group("g", incoming(group="r", protocol="17"), incoming(address_group="a", protocol="1", first=8))
    table.member("m", ("r",), "10.0.0.9", "10.1.0.0/16")
    forbids = table.state.forbids
    assert not forbids(flow("10.0.0.9", "10.0.0.5", protocol=17))
    assert not forbids(flow("10.1.2.3", "10.0.0.5", protocol=17))
    assert forbids(flow("10.0.0.10", "10.0.0.5", protocol=17))
    ping = flow("10.7.0.1", "10.0.0.5", protocol=1, port=0, source_port=0, icmp=(1, 8, 0))
    assert forbids(ping)
    table.state.put_list(AddressGroupSpec(id="a", cidrs=("10.7.0.0/16",)))
    assert not forbids(ping)
    assert forbids(flow("10.7.0.1", "10.0.0.5", protocol=1, port=0, source_port=0, icmp=(1, 13, 0)))


def test_an_address_of_a_pair_is_the_ports():
    table = Table()
    table.port("p", "g", pairs=[("fa:16:3e:00:00:02", "10.9.0.0/24")])
    table.group("g")
    assert table.state.forbids(flow("10.0.0.1", "10.9.0.7"))
    table.group("g", stateful=False)
    assert not table.state.forbids(flow("10.0.0.1", "10.9.0.7")), "not decided by state"
