"""The router's NAT rules as text."""

from svcfabric.drivers.linux import nat


def test_rules_differ_in_their_digest_only_when_they_differ():
    text = nat.rules(["inb", "ina"], "gw1", "203.0.113.1")
    assert nat.digest_of(text)
    assert nat.digest_of(text) == nat.digest_of(nat.rules(["ina", "inb"], "gw1", "203.0.113.1", fresh=True))
    for other in (
        nat.rules(["ina"], "gw1", "203.0.113.1"),
        nat.rules(["ina", "inb"], "gw2", "203.0.113.1"),
        nat.rules(["ina", "inb"], "gw1", ""),
        nat.rules(["ina", "inb"], "", ""),
    ):
        assert nat.digest_of(other) != nat.digest_of(text)


def test_without_a_gateway_nothing_is_translated_on_the_way_out():
    assert "snat" not in nat.rules(["ina"], "", "").replace("m_snat", "").replace("srcnat", "")


def test_a_fresh_table_is_not_flushed():
    assert "flush" not in nat.rules(["ina"], "gw1", "", fresh=True)
    assert "flush" in nat.rules(["ina"], "gw1", "")


def test_a_floating_ip_moves_in_one_transaction():
    text = nat.floating_changes("203.0.113.9", "10.0.0.2", {"203.0.113.9": "10.0.0.1"}, {"10.0.0.1": "203.0.113.9"})
    assert text.splitlines() == [
        "delete element ip sf_router m_dnat { 203.0.113.9 : 10.0.0.1 }",
        "delete element ip sf_router m_snat { 10.0.0.1 : 203.0.113.9 }",
        "add element ip sf_router m_dnat { 203.0.113.9 : 10.0.0.2 }",
        "add element ip sf_router m_snat { 10.0.0.2 : 203.0.113.9 }",
    ]


def test_ending_what_is_not_there_is_nothing():
    others = {"203.0.113.9": "10.0.0.1"}, {"10.0.0.1": "203.0.113.9"}
    assert nat.floating_changes("203.0.113.8", "", *others) == ""


def test_elements_and_digest_are_read_from_a_listing():
    listing = [
        {"table": {"name": "sf_router"}},
        {"map": {"name": "m_dnat", "elem": [["203.0.113.9", "10.0.0.1"]]}},
        {"map": {"name": "m_snat"}},
    ]
    assert nat.elements(listing, "m_dnat") == {"203.0.113.9": "10.0.0.1"}
    assert nat.elements(listing, "m_snat") == {}
    assert nat.digest_in([]) is None
    assert nat.digest_in([{"chain": {}}]) == ""
    assert nat.digest_in([{"chain": {}}, {"rule": {"comment": "abc"}}, {"rule": {}}]) == "abc"
