"""Port forwarding as elements of nft maps."""

import pytest

from svcfabric.drivers.linux import forwards
from svcfabric.spi.l2l3 import PortForward

OUT, IN = "203.0.113.9", "10.0.0.5"


def forward(external, inside, protocol="tcp"):
    return PortForward(
        protocol=protocol,
        external_first=external[0],
        external_last=external[1],
        address=IN,
        first=inside[0],
        last=inside[1],
    )


def test_a_range_is_one_element_unless_its_numbers_change():
    assert forwards.elements(OUT, [forward((80, 80), (8080, 8080))]) == {
        ("m_ports", f"{OUT} . tcp . 80"): f"{IN} . 8080"
    }
    assert forwards.elements(OUT, [forward((1, 9), (5, 5), "udp")]) == {("m_spans", f"{OUT} . udp . 1-9"): f"{IN} . 5"}
    assert forwards.elements(OUT, [forward((1, 9), (1, 9))]) == {("m_same", f"{OUT} . tcp . 1-9"): IN}
    shifted = forwards.elements(OUT, [forward((1, 3), (11, 13))])
    assert shifted == {("m_ports", f"{OUT} . tcp . {n}"): f"{IN} . {n + 10}" for n in (1, 2, 3)}


def test_what_has_no_ports_is_refused():
    with pytest.raises(ValueError, match="icmp"):
        forwards.elements(OUT, [forward((1, 1), (1, 1), "icmp")])


def test_a_change_names_only_what_changes():
    kept, old, new = (forwards.elements(OUT, [forward((n, n), (to, to))]) for n, to in ((1, 1), (2, 2), (2, 3)))
    text = forwards.changes(kept | old, kept | new)
    assert text.splitlines() == [
        f"delete element ip sf_router m_ports {{ {OUT} . tcp . 2 : {IN} . 2 }}",
        f"add element ip sf_router m_ports {{ {OUT} . tcp . 2 : {IN} . 3 }}",
    ]
    assert forwards.changes(kept, kept) == ""


def test_a_listing_is_read_as_it_was_written():
    wanted = forwards.elements(OUT, [forward((80, 80), (81, 81)), forward((1, 9), (5, 5)), forward((20, 29), (20, 29))])
    listing = [
        {"map": {"name": "m_ports", "elem": [[{"concat": [OUT, "tcp", 80]}, {"concat": [IN, 81]}]]}},
        {"map": {"name": "m_spans", "elem": [[{"concat": [OUT, 6, {"range": [1, 9]}]}, {"concat": [IN, 5]}]]}},
        {"map": {"name": "m_same", "elem": [[{"concat": [OUT, "tcp", {"range": [20, 29]}]}, IN]]}},
        {"map": {"name": "m_dnat", "elem": [[OUT, IN]]}},
        {"map": {"name": "m_empty"}},
    ]
    assert forwards.listed(listing) == wanted
    assert forwards.mine(wanted, OUT) == wanted
    assert forwards.mine(wanted, "203.0.113.99") == {}
