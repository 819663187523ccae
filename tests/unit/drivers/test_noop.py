"""The driver that touches nothing."""

import pytest

from svcfabric.drivers import noop, registry
from svcfabric.errors import NotSupported
from svcfabric.spi.driver import DriverOptions
from svcfabric.spi.l2l3 import FloatingIPSpec

OPTIONS = DriverOptions(host="h", state_dir="/nowhere", tag="t")
SPEC = FloatingIPSpec(id="f1", router_id="r1", floating_address="203.0.113.2", fixed_address="10.0.0.2")


def test_records_what_it_is_told():
    driver = noop.floatingip(OPTIONS)
    assert driver.apply(SPEC).ok
    assert driver.applied == {"f1": SPEC}
    assert [each.instance_id for each in driver.observe()] == ["f1"]
    assert driver.remove("f1").ok
    assert driver.remove("f1").ok
    assert driver.calls == [("apply", "f1"), ("remove", "f1"), ("remove", "f1")]
    assert list(driver.observe()) == []


def test_fails_and_waits_when_told():
    driver = noop.floatingip(OPTIONS)
    driver.fail("f1", "broken", retry=False)
    report = driver.apply(SPEC)
    assert (report.ok, report.error, report.retry) == (False, "broken", False)
    driver.wait("f1", "r1")
    assert driver.apply(SPEC).waits_for == "r1"
    assert driver.applied == {}
    driver.succeed("f1")
    assert driver.apply(SPEC).ok


def test_plans_nothing_for_the_same():
    driver = noop.floatingip(OPTIONS)
    assert driver.plan(SPEC, SPEC).steps == ()
    assert driver.plan(SPEC, None).steps == ("record floatingip f1",)


@pytest.mark.parametrize("kind", ["network", "port", "router", "floatingip", "loadbalancer"])
def test_every_kind_has_one(kind):
    assert registry.load(kind, "noop", OPTIONS).kind == kind


def test_a_driver_nobody_installed_is_named_with_those_that_are():
    with pytest.raises(
        NotSupported, match=r"No driver 'carrier-pigeon' for router is installed; there are: linux, noop"
    ):
        registry.load("router", "carrier-pigeon", OPTIONS)
    with pytest.raises(NotSupported, match=r"for teleporter is installed; there are: none"):
        registry.load("teleporter", "linux", OPTIONS)
