import pytest

from svcfabric import errors
from svcfabric.core_l2l3.core import Settings
from svcfabric.core_l2l3.segments import columns_of

SETTINGS = Settings()


def test_a_network_is_a_tunnel_unless_said_otherwise():
    assert columns_of(SETTINGS, {}) == {
        "network_type": "vxlan",
        "physical_network": "",
        "segmentation_id": 0,
        "mtu": 1450,
    }


def test_a_flat_network_has_the_physical_mtu():
    body = {"provider:network_type": "flat", "provider:physical_network": "public"}
    assert columns_of(SETTINGS, body)["mtu"] == 1500


def test_any_physical_network_by_a_star():
    settings = Settings(flat_networks=frozenset({"*"}))
    body = {"provider:network_type": "flat", "provider:physical_network": "anything"}
    assert columns_of(settings, body)["physical_network"] == "anything"


@pytest.mark.parametrize(
    "body",
    [
        {"provider:segmentation_id": 7},
        {"provider:physical_network": "public"},
        {"provider:network_type": "vxlan", "provider:physical_network": "public"},
        {"provider:network_type": "flat"},
        {"provider:network_type": "flat", "provider:physical_network": "unknown"},
        {"provider:network_type": "flat", "provider:physical_network": "public", "provider:segmentation_id": 7},
        {"mtu": 1451},
        {"provider:network_type": "flat", "provider:physical_network": "public", "mtu": 1501},
    ],
)
def test_contradictions_are_refused(body):
    with pytest.raises(errors.InvalidInput):
        columns_of(SETTINGS, body)
