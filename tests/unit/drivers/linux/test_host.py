"""Names an agent uses on its machine."""

import threading

import pytest

from svcfabric.drivers.linux import names
from svcfabric.drivers.linux.host import Host
from svcfabric.spi.driver import DriverOptions


def host(tag):
    return Host(DriverOptions(host="h", state_dir="/nowhere", tag=tag))


def test_two_agents_never_share_a_name():
    assert host("a").namespace("router", "1") == "sf-a-router-1"
    assert host("a").bridge_namespace == "sf-a-br"
    assert host("b").namespace("router", "1") != host("a").namespace("router", "1")
    assert names.bridge_mac("a", "n") != names.bridge_mac("b", "n")


@pytest.mark.parametrize("tag", ["", "a-b", "A", "x" * 17, "a/b", "a\n"])
def test_a_tag_that_could_meet_another_is_refused(tag):
    with pytest.raises(ValueError, match="tag"):
        host(tag)


def test_interface_names_fit_the_kernel():
    long = "01234567-89ab-cdef-0123-456789abcdef"
    for make in (names.bridge, names.vxlan, names.tap, names.parked, names.leg):
        assert len(make(long)) <= 15


def test_a_lock_is_one_for_all_hosts_of_a_tag():
    entered = threading.Event()

    def other():
        with host("t").locked("x"):
            entered.set()

    with host("t").locked("x"):
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(1)
    thread.join()
