"""Events of the core's resources through their lives, and the usage audit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from svcfabric.context import Context
from svcfabric.db.base import new_id
from svcfabric.fabric.audit import UsageAudit
from svcfabric.fabric.sweep import lease
from tests.core_world import Caller, World

AUDITED = ("network", "subnet", "port", "router", "floatingip")


class Ear:
    """Keeps events: (type, payload, who)."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any], Context]] = []

    def __call__(self, ctx: Context, service: str, event_type: str, payload: bytes) -> None:
        assert service == "network"
        self.heard.append((event_type, json.loads(payload), ctx))

    def payload(self, event_type: str) -> dict[str, Any]:
        """Of the last event of that type."""
        return next(payload for heard, payload, _ctx in reversed(self.heard) if heard == event_type)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def told(world: World, ear: Ear) -> Caller:
    """A tenant whose changes are told."""
    return Caller(create_app(world.feature.apis, authenticate=noauth.factory(), publish=ear), new_id())


def test_lives(told: Caller, ear: Ear, world: World, public: Any) -> None:
    world.agent("h1", physical=["public"])
    network = told.network(name="n")
    subnet = told.subnet(network)
    router = told.make("router", name="r", external_gateway_info={"network_id": public["id"]})
    interface = told.attach(router, subnet_id=subnet["id"])
    assert ear.payload("router.interface.create") == {"router_interface": interface}
    assert interface["project_id"] == interface["tenant_id"] == told.project
    assert {"id", "port_id", "network_id", "subnet_id", "subnet_ids"} <= interface.keys()
    port = told.port(network)
    floating = told.make("floatingip", floating_network_id=public["id"], port_id=port["id"])
    told.change("floatingip", floating["id"], port_id=None)
    made = {"network": network, "subnet": subnet, "router": router, "port": port, "floatingip": floating}
    for name, row in made.items():
        assert ear.payload(f"{name}.create.end") == {name: row}
        assert row["tenant_id"] == row["project_id"] == told.project
    told.delete(f"/floatingips/{floating['id']}")
    told.delete(f"/ports/{port['id']}")
    told.detach(router, subnet_id=subnet["id"])
    assert ear.payload("router.interface.delete")["router_interface"]["port_id"] == interface["port_id"]
    for name in ("router", "subnet", "network"):
        told.delete(f"/{name}s/{made[name]['id']}")
    for name, row in made.items():
        gone = ear.payload(f"{name}.delete.end")
        assert gone[f"{name}_id"] == gone[name]["id"] == row["id"]
        assert gone[name]["tenant_id"] == told.project
    starts = [heard for heard, *_ in ear.heard if heard.endswith(".start")]
    assert starts == [heard.replace(".end", ".start") for heard, *_ in ear.heard if heard.endswith(".end")]
    assert {ctx.project_id for *_, ctx in ear.heard} == {told.project}


def audit(world: World, ear: Ear, settled: Any = lambda _timeout: True) -> UsageAudit:
    resources = AUDITED
    return UsageAudit(world.database, world.feature.apis, ear, settled, interval=3600, resources=resources)


def test_an_audit_tells_of_all_that_exists_in_its_owners_name(
    world: World, ear: Ear, tenant: Caller, stranger: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svcfabric.fabric.audit.PAGE", 2)
    networks = [(who, who.network()) for who in (tenant, stranger, tenant)]
    subnets = [(who, who.subnet(network)) for who, network in networks]
    ports = [(who, who.port(network)) for who, network in networks for _ in range(2)]
    assert audit(world, ear).once() == 3 + 3 + 6
    want = {("network.exists", row["id"], who.project) for who, row in networks}
    want |= {("subnet.exists", row["id"], who.project) for who, row in subnets}
    want |= {("port.exists", row["id"], who.project) for who, row in ports}
    found = [(heard, payload[heard.partition(".")[0]]["id"], ctx.project_id) for heard, payload, ctx in ear.heard]
    assert len(found) == len(want)
    assert set(found) == want
    assert all(next(iter(payload.values()))["tenant_id"] == ctx.project_id for _, payload, ctx in ear.heard)


def test_an_audit_that_is_not_sent_ends(world: World, ear: Ear, tenant: Caller) -> None:
    tenant.subnet(tenant.network())
    assert audit(world, ear, lambda _timeout: False).once() == 1


def test_one_controller_audits(world: World, ear: Ear, tenant: Caller) -> None:
    tenant.network()
    one, other = new_id(), new_id()
    took = [world.database.write(lambda conn, me=me: lease(conn, "usage audit", me, 60)) for me in (one, other, one)]
    assert took == [True, False, True]


def test_an_audit_of_what_nobody_offers_is_refused(world: World, ear: Ear) -> None:
    with pytest.raises(ValueError, match="unheard"):
        UsageAudit(world.database, world.feature.apis, ear, lambda _: True, interval=1, resources=["unheard"])
