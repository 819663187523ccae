"""Limits in the kernel's units."""

import pytest

from svcfabric.drivers.linux.qos import amounts


def test_a_rate_is_bytes_and_bursts_are_what_was_asked_for():
    assert amounts.shape(8000, 800, 1500) == amounts.Shape(1_000_000, 100_000, 231_072)


@pytest.mark.parametrize(("kbps", "burst"), [(10, 0), (1_000, 0), (1_000_000, 0), (1, 1), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("mtu", [68, 1500, 9000])
def test_a_packet_fits_in_a_burst_and_a_burst_in_the_queue(kbps, burst, mtu):
    shape = amounts.shape(kbps, burst, mtu)
    assert mtu + 14 < shape.burst <= shape.queue <= amounts.MAX
    assert shape.queue >= 2 * 65_536
    assert shape.rate == kbps * 125


def test_packet_rates():
    assert amounts.packets(3, 1) == "limit rate over 3000/second burst 1000 packets"
    assert amounts.packets(3, 0) == "limit rate over 3000/second burst 300 packets"
    assert amounts.packets(2**31 - 1, 2**31 - 1).endswith(f"burst {2**32 - 1} packets")
