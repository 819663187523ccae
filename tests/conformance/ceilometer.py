"""A real Ceilometer reads our events: ``python -m tests.conformance.ceilometer``.

Starts a RabbitMQ, stock Ceilometer's notification agent and ``svcfabric up`` (drivers that touch nothing), has a
tenant live through networks, routers, floating IPs and a load balancer, and prints what Ceilometer made of it. Ends
with 1 when an event, its project or its resource is missing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import kombu

from svcfabric.cmd.client import LOAD_BALANCER, NETWORK
from svcfabric.drivers import registry
from tests import cluster, keystone, servers

PACKAGES = ("ceilometer==27.0.0", "setuptools<81")
EXCHANGES = ("neutron", "octavia")
NOOP = ",".join(f"{kind}.{driver}" for kind, driver in registry.available() if driver == "noop")
PIPELINE = """
sources:
  - {{name: everything, {what}: ["*"], sinks: [file]}}
sinks:
  - {{name: file, publishers: ["file://{path}?json"]}}
"""


class Ceilometer:
    """A notification agent that writes what it makes of notifications to a file."""

    def __init__(self, root: pathlib.Path, process: subprocess.Popen[bytes]) -> None:
        self._root, self.process = root, process
        self.log = root / "agent.log"

    def events(self) -> list[dict[str, Any]]:
        """Events so far: ``event_type`` and ``traits`` by name."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for line in (self._root / "events.jsonl").read_text().splitlines():
                event = json.loads(line)
                traits = {each["name"]: each["value"] for each in event["traits"]}
                found.append({"event_type": event["event_type"], "traits": traits})
        return found


@contextlib.contextmanager
def ceilometer(broker: servers.RabbitMQ) -> Iterator[Ceilometer]:
    """Stock Ceilometer's notification agent on that broker, with its own definitions of events."""
    venv = keystone.peer_venv("ceilometer", *PACKAGES)
    with servers.directory("ceilometer") as root:
        exchanges = "\n".join(f"notification_control_exchanges = {name}" for name in EXCHANGES)
        sections = {
            "DEFAULT": {"transport_url": broker.url, "state_path": root},
            "oslo_concurrency": {"lock_path": root},
            "oslo_messaging_notifications": {"driver": "messagingv2", "transport_url": broker.url},
            "event": {"drop_unmatched_notifications": False},
        }
        more = f"[notification]\nworkers = 1\nbatch_size = 1\nmessaging_urls = {broker.url}\n{exchanges}\n"
        cluster.write_config(root / "ceilometer.conf", sections, more)
        for name, what, path in (("pipeline", "meters", "samples"), ("event_pipeline", "events", "events")):
            (root / f"{name}.yaml").write_text(PIPELINE.format(what=what, path=root / f"{path}.jsonl"))
        command = [venv / "bin" / "ceilometer-agent-notification", "--config-file", root / "ceilometer.conf"]
        with open(root / "agent.log", "wb") as log:
            process = subprocess.Popen(
                command,
                env=os.environ | {"PYTHONWARNINGS": "ignore"},
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            servers.wait_until(lambda: _reads(broker, process, root), 60, "Ceilometer")
            yield Ceilometer(root, process)
        finally:
            servers.end(process, grace=5.0)


def _reads(broker: servers.RabbitMQ, process: subprocess.Popen[bytes], root: pathlib.Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"Ceilometer ended at start: {(root / 'agent.log').read_text()[-3000:]}")
    with contextlib.suppress(Exception), kombu.Connection(broker.url.replace("rabbit://", "amqp://")) as connection:
        return bool(connection.channel().queue_declare("notifications.info", passive=True).consumer_count)
    return False


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An event that must be there; ``resource``: its ``resource_id`` trait, "" for one that has none."""

    event_type: str
    project: str
    resource: str = ""
    name: str = ""

    def met(self, event: dict[str, Any]) -> bool:
        traits = event["traits"]
        return (
            event["event_type"] == self.event_type
            and traits.get("project_id") == self.project
            and traits.get("resource_id", "") == self.resource
            and (not self.name or traits.get("name") == self.name)
        )


def live(product: cluster.Product) -> list[Wanted]:
    """A tenant's networks, routers, floating IPs, load balancer, from beginning to end; the events they must make."""
    admin, project = product.client(), uuid.uuid4().hex
    flat = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
    public = admin.create(f"{NETWORK}/networks", "network", name="public", **flat)
    outside = {"network_id": public["id"], "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": False}
    admin.create(f"{NETWORK}/subnets", "subnet", **outside)
    tenant = product.client(project)
    wanted: list[Wanted] = []

    def note(kind: str, what: str, ident: str = "", name: str = "") -> None:
        wanted.append(Wanted(f"{kind}.{what}", project, ident, name))

    def make(kind: str, **given: Any) -> dict[str, Any]:
        row = tenant.create(f"{NETWORK}/{kind}s", kind, **given)
        note(kind, "create.start", name=given.get("name", ""))
        note(kind, "create.end", row["id"], given.get("name", ""))
        return row

    def change(kind: str, row: dict[str, Any], **given: Any) -> None:
        tenant.call("PUT", f"{NETWORK}/{kind}s/{row['id']}", {kind: given})
        note(kind, "update.start", row["id"])
        note(kind, "update.end", row["id"], given.get("name", ""))

    def drop(kind: str, row: dict[str, Any]) -> None:
        tenant.call("DELETE", f"{NETWORK}/{kind}s/{row['id']}")
        note(kind, "delete.start")
        note(kind, "delete.end", row["id"])

    network = make("network", name="n1")
    subnet = make("subnet", name="s1", network_id=network["id"], ip_version=4, cidr="10.9.0.0/24")
    change("network", network, name="n2")
    router = make("router", name="r1", external_gateway_info={"network_id": public["id"]})
    change("router", router, name="r2")
    tenant.call("PUT", f"{NETWORK}/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    note("router", "interface.create")
    port = make("port", name="p1", network_id=network["id"])
    floating = make("floatingip", floating_network_id=public["id"])
    change("floatingip", floating, port_id=port["id"])
    several = [{"name": f"b{number}"} for number in range(3)]
    for row in tenant.call("POST", f"{NETWORK}/networks", {"networks": several})["networks"]:
        note("network", "create.end", row["id"], row["name"])
    balancer = tenant.create(f"{LOAD_BALANCER}/loadbalancers", "loadbalancer", name="l1", vip_subnet_id=subnet["id"])
    note("octavia.loadbalancer", "create.end", balancer["id"], "l1")
    product.wait_active(tenant, balancer["id"])
    tenant.delete(f"{LOAD_BALANCER}/loadbalancers/{balancer['id']}")
    note("octavia.loadbalancer", "delete.end", balancer["id"], "l1")
    tenant.wait("the load balancer gone", lambda: not tenant.exists(f"{LOAD_BALANCER}/loadbalancers/{balancer['id']}"))
    drop("floatingip", floating)
    drop("port", port)
    tenant.call("PUT", f"{NETWORK}/routers/{router['id']}/remove_router_interface", {"subnet_id": subnet["id"]})
    note("router", "interface.delete")
    for kind, row in (("router", router), ("subnet", subnet), ("network", network)):
        drop(kind, row)
    return wanted


def missing(wanted: list[Wanted], events: list[dict[str, Any]]) -> list[Wanted]:
    """What is wanted and not there."""
    return [each for each in wanted if not any(each.met(event) for event in events)]


def main() -> int:
    """The command."""
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(servers.rabbitmq())
        reader = stack.enter_context(ceilometer(broker))
        product = stack.enter_context(
            cluster.standalone(
                agent={"drivers": NOOP},
                network={"driver": "noop"},
                lbaas={"default_provider": "noop"},
                oslo_messaging_notifications={"driver": "messagingv2", "transport_url": broker.url},
            )
        )
        wanted = live(product)
        with contextlib.suppress(TimeoutError):
            servers.wait_until(lambda: not missing(wanted, reader.events()), 30, "the events")
        events, lacking = reader.events(), missing(wanted, reader.events())
        for each in wanted:
            print(f"{'MISSING ' if each in lacking else 'recorded'}  {each.event_type:36} {each.resource}  {each.name}")
        print(f"{len(wanted) - len(lacking)} of {len(wanted)} events recorded, of {len(events)} in all")
        if lacking:
            print(reader.log.read_text(errors="replace")[-2000:], *events[:3], sep="\n")
        return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
