"""What a port forwarding may be, and how it is written."""

import pytest

from svcfabric import errors
from svcfabric.core_l2l3.l3 import forward_rules
from svcfabric.core_l2l3.l3.forward_schema import port_range, protocol


@pytest.mark.parametrize(
    ("body", "external", "internal"),
    [
        ({"external_port": 80, "internal_port": 8080}, (80, 80), (8080, 8080)),
        ({"external_port_range": "1:5", "internal_port_range": "11:15"}, (1, 5), (11, 15)),
        ({"external_port_range": "1:5", "internal_port": 9}, (1, 5), (9, 9)),
        ({"external_port": 7, "external_port_range": "7:7", "internal_port": 9}, (7, 7), (9, 9)),
    ],
)
def test_spans(body, external, internal):
    assert forward_rules.spans(body) == {"external": external, "internal": internal}


@pytest.mark.parametrize(
    "body",
    [
        {"external_port": 80},
        {"internal_port": 80},
        {"external_port": 1, "internal_port_range": "1:2"},
        {"external_port_range": "1:5", "internal_port_range": "1:4"},
        {"external_port": 1, "external_port_range": "1:2", "internal_port": 3},
    ],
)
def test_spans_that_cannot_be(body):
    with pytest.raises(errors.BadRequest):
        forward_rules.spans(body)


def test_what_a_change_does_not_name_stays():
    current = {"external": (1, 5), "internal": (11, 15)}
    assert forward_rules.spans({}, current) == current
    with pytest.raises(errors.BadRequest):
        forward_rules.spans({"external_port": 7}, current)
    assert forward_rules.spans({"internal_port": 7}, current) == {"external": (1, 5), "internal": (7, 7)}


def test_collisions():
    forward_rules.refuse_collision("external", (5, 9), [(1, 4), (10, 12)])
    for other in ((9, 9), (1, 5), (6, 7), (1, 20)):
        with pytest.raises(errors.BadRequest, match="port collision with the external_port_range"):
            forward_rules.refuse_collision("external", (5, 9), [other])


def test_protocols_and_ranges_as_clients_write_them():
    assert [protocol().convert(value) for value in ("tcp", "UDP", 6, "17", 132)] == ["tcp", "udp", "tcp", "udp", "sctp"]
    for value in ("icmp", 1, True, None, "", "tcp "):
        with pytest.raises(ValueError):
            protocol().convert(value)
    assert [port_range().convert(value) for value in ("1:5", "7", 7, "7:7")] == ["1:5", "7:7", "7:7", "7:7"]
    for value in ("5:1", "0:3", "1:65536", "a:b", "1:2:3", ":", "", None, [1, 2]):
        with pytest.raises(ValueError):
            port_range().convert(value)
