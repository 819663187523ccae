"""Limits as nft rules."""

from svcfabric.drivers.linux.qos import gateway_rules, port_rules
from svcfabric.drivers.linux.qos.gateway_rules import Place
from svcfabric.spi.l2l3 import Qos

PLACE = Place(leg=("gw1", 3), ifb=("ifbgw", 4))


def test_what_exceeds_the_rate_goes_before_marks_are_set_and_frames_sent_to_the_shaper():
    text = port_rules.rules("tap1", "ifb1", Qos(egress_kbps=1, egress_kpps=2, ingress_kpps=3, dscp=46))
    assert text.splitlines() == [
        "add table netdev sf_qos_tap1",
        "delete table netdev sf_qos_tap1",
        "add table netdev sf_qos_tap1",
        'add chain netdev sf_qos_tap1 c_in { type filter hook ingress device "tap1" priority 0; policy accept; }',
        "add rule netdev sf_qos_tap1 c_in limit rate over 2000/second burst 200 packets drop",
        "add rule netdev sf_qos_tap1 c_in ip dscp set 46",
        "add rule netdev sf_qos_tap1 c_in ip6 dscp set 46",
        'add rule netdev sf_qos_tap1 c_in fwd to "ifb1"',
        'add chain netdev sf_qos_tap1 c_out { type filter hook egress device "tap1" priority 0; policy accept; }',
        "add rule netdev sf_qos_tap1 c_out limit rate over 3000/second burst 300 packets drop",
    ]


def test_a_shaper_of_what_is_received_needs_no_table():
    text = port_rules.rules("tap1", "", Qos(ingress_kbps=1))
    assert text.splitlines() == ["add table netdev sf_qos_tap1", "delete table netdev sf_qos_tap1"]


def test_the_remark_differs_when_anything_of_the_base_does():
    limited = Qos(egress_kbps=1)
    remarks = {
        gateway_rules.comment_of(PLACE, Qos()),
        gateway_rules.comment_of(PLACE, limited),
        gateway_rules.comment_of(Place(leg=("gw1", 5), ifb=("ifbgw", 4)), limited),
        gateway_rules.comment_of(Place(leg=("gw1", 3), ifb=("ifbgw", 6)), limited),
    }
    assert len(remarks) == 4
    listing = [{"chain": {}}, {"rule": {"comment": "abc limited"}}, {"rule": {}}]
    assert gateway_rules.comment_in(listing) == "abc limited"
    assert gateway_rules.comment_in([]) == ""


def test_an_open_gateway_is_not_limited():
    text = gateway_rules.base(PLACE, Qos(), [])
    assert "fwd" not in text
    assert "limit" not in text
    assert "s_floating accept" not in text


def test_floating_addresses_are_let_out_of_the_gateways_limits():
    text = gateway_rules.base(PLACE, Qos(egress_kbps=1, ingress_kbps=1), ["203.0.113.9", "203.0.113.8"])
    assert "add element netdev sf_qos s_floating { 203.0.113.8, 203.0.113.9 }" in text
    outgoing, incoming = text.split("add chain netdev sf_qos c_in")[0], text.split("add chain netdev sf_qos c_in")[-1]
    for chain in (outgoing, incoming):
        assert chain.index("@s_floating accept") < chain.index("meta priority set 1:2")


def test_what_was_put_is_dropped_whole():
    put = gateway_rules.put("203.0.113.9", 17, Qos(egress_kbps=1, ingress_kbps=1), "ifbgw")
    assert "c_out17 meta priority set 1:11" in put
    drop = gateway_rules.drop("203.0.113.9", 17, gone=True)
    for line in put.splitlines():
        if line.startswith("add chain"):
            assert line.replace("add", "delete") in drop
        if line.startswith("add element"):
            assert line.replace("add", "delete") in drop
    assert "delete element netdev sf_qos s_floating" not in gateway_rules.drop("203.0.113.9", 17, gone=False)


def test_an_address_keeps_its_class_and_a_new_one_gets_the_first_free():
    listing = [
        {
            "map": {
                "elem": [
                    ["203.0.113.8", {"goto": {"target": "c_out16"}}],
                    ["203.0.113.9", {"goto": {"target": "c_out18"}}],
                ]
            }
        }
    ]
    known = gateway_rules.classes_in(listing)
    assert known == {"203.0.113.8": 16, "203.0.113.9": 18}
    assert [gateway_rules.class_of(f"203.0.113.{n}", known) for n in (7, 8, 9)] == [17, 16, 18]
    assert gateway_rules.class_of("203.0.113.7", {}) == 16
    assert gateway_rules.classes_in([{"map": {}}]) == {}
