"""Specs, tasks and drivers for the agent's tests."""

import uuid

from svcfabric.agent.tasks import Task, apply_task
from svcfabric.drivers.noop import NoopDriver
from svcfabric.spi import codec
from svcfabric.spi.driver import DriverOptions, Report
from svcfabric.spi.l2l3 import FloatingIPSpec, NetworkSpec, Segment
from svcfabric.spi.spec import Envelope


def new_id():
    return str(uuid.uuid4())


def network(instance_id, vteps=()):
    return NetworkSpec(id=instance_id, segment=Segment(network_id=instance_id, type="vxlan", vni=7), vteps=tuple(vteps))


def envelope(instance_id, generation=1, driver="noop", vteps=()):
    return Envelope(spec=network(instance_id, vteps), generation=generation, driver=driver)


def wire(instance_id, generation=1, driver="noop", vteps=()):
    return codec.encode(envelope(instance_id, generation, driver, vteps))


def floating_wire(instance_id, router_id, generation=1):
    spec = FloatingIPSpec(id=instance_id, router_id=router_id, floating_address="203.0.113.9", fixed_address="10.0.0.9")
    return codec.encode(Envelope(spec=spec, generation=generation, driver="noop"))


def removal(instance_id, generation=1, kind="network", driver="noop"):
    return {"id": instance_id, "kind": kind, "driver": driver, "generation": generation}


def apply_(instance_id, generation=1, vteps=()):
    return apply_task(envelope(instance_id, generation, vteps=vteps))


def remove_(instance_id, generation=1):
    return Task(instance_id, ("network", "noop"), generation)


def ok(task):
    return Report(instance_id=task.id)


def failed(task, error="no", *, retry=True, waits_for=""):
    return Report(instance_id=task.id, ok=False, code="x.no", error=error, retry=retry, waits_for=waits_for)


def noop(kind="network", **settings):
    return NoopDriver(kind, DriverOptions(host="h", state_dir="/nowhere", tag="t", settings=settings))


def drivers(*kinds, **settings):
    return {(kind, "noop"): noop(kind, **settings) for kind in kinds or ("network",)}
