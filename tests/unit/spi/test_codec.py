"""Specs survive the wire, also between versions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcfabric.spi import codec
from svcfabric.spi.l2l3 import FloatingIPSpec, NetworkSpec, PortSpec, RouterSpec
from svcfabric.spi.lbaas import LoadBalancerSpec
from svcfabric.spi.spec import Envelope

SPECS = st.one_of(*(st.from_type(c) for c in (NetworkSpec, PortSpec, RouterSpec, FloatingIPSpec, LoadBalancerSpec)))


@given(SPECS, st.integers(min_value=0, max_value=2**62), st.text())
def test_any_spec_survives_the_wire(spec: NetworkSpec, generation: int, driver: str) -> None:
    envelope = Envelope(spec=spec, generation=generation, driver=driver)
    assert codec.decode(json.loads(json.dumps(codec.encode(envelope)))) == envelope


def test_fields_of_a_newer_server_are_ignored_and_absent_ones_take_defaults() -> None:
    wire = {
        "kind": "floatingip",
        "generation": 3,
        "driver": "linux",
        "spec": {
            "id": "x",
            "router_id": "r",
            "floating_address": "192.0.2.9",
            "fixed_address": "10.0.0.9",
            "colour": "blue",
        },
    }
    assert codec.decode(wire).spec == FloatingIPSpec(
        id="x", router_id="r", floating_address="192.0.2.9", fixed_address="10.0.0.9"
    )


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ({"kind": "teapot"}, "unknown spec kind 'teapot'"),
        ({"kind": "floatingip", "generation": 1, "driver": "d"}, "malformed floatingip spec"),
        ({"kind": "floatingip", "generation": 1, "driver": "d", "spec": {"id": "x"}}, "missing"),
        ({"kind": "floatingip", "generation": 1, "driver": "d", "spec": "x"}, "malformed floatingip spec"),
    ],
)
def test_what_is_no_spec_is_refused(wire: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        codec.decode(wire)
