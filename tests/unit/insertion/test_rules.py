from __future__ import annotations

import dataclasses

import pytest

from svcfabric import errors
from svcfabric.fabric.interfaces import Attachment
from svcfabric.insertion import rules

ENDPOINT = Attachment(
    instance_id="lb1", project_id="p", attach_type="network", attach_id="net", mode="endpoint", port_id="port1"
)
NAT = Attachment(instance_id="nat1", project_id="p", attach_type="router", attach_id="r1", mode="nat")


def stored(attachment: Attachment) -> dict[str, object]:
    row = {name: getattr(attachment, name) for name in ("instance_id", "attach_type", "attach_id", "mode")}
    return {**row, "claim": rules.claim(attachment)}


def test_endpoints_share_a_network_each_with_its_port():
    other = dataclasses.replace(ENDPOINT, instance_id="lb2", port_id="port2")
    assert rules.conflict(other, [stored(ENDPOINT)]) == ""


def test_a_port_is_the_endpoint_of_one():
    other = dataclasses.replace(ENDPOINT, instance_id="lb2")
    assert rules.conflict(other, [stored(ENDPOINT)]) == "Port port1 is already the endpoint of service instance lb1."


def test_an_instance_is_at_a_point_once():
    again = rules.conflict(dataclasses.replace(ENDPOINT, port_id="port2"), [stored(ENDPOINT)])
    assert again == "Service instance lb1 is already inserted at network net."


@pytest.mark.parametrize("mode", ["nat", "transparent"])
def test_two_exclusive_services_at_one_point(mode):
    first = dataclasses.replace(NAT, mode=mode)
    other = dataclasses.replace(first, instance_id="nat2")
    assert "already has service instance nat1 in mode " + mode in rules.conflict(other, [stored(first)])
    assert rules.conflict(dataclasses.replace(other, attach_id="r2"), [stored(first)]) == ""


@pytest.mark.parametrize("mode", ["tap", "routed"])
def test_several_of_the_others(mode):
    first = dataclasses.replace(NAT, mode=mode)
    assert rules.conflict(dataclasses.replace(first, instance_id="nat2"), [stored(first)]) == ""


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"attach_type": "cloud"}, "attach_type: 'cloud' is not one of router, "),
        ({"mode": "magic"}, "mode: 'magic' is not one of endpoint, "),
        ({"direction": "up"}, "direction: 'up' is not one of ingress, "),
        ({"failure_policy": "pray"}, "failure_policy: 'pray' is not one of fail_closed, "),
        ({"mode": "endpoint"}, "port_id: "),
    ],
)
def test_words_that_say_nothing(changed, words):
    rules.check(NAT)
    rules.check(ENDPOINT)
    with pytest.raises(errors.BadRequest) as caught:
        rules.check(dataclasses.replace(NAT, **changed))
    assert caught.value.message.startswith(words)
