"""What this part serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svcfabric import errors
from svcfabric.api.resource import Action, ActionRequest, Extension, Resource
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.l3 import fip_pools, forward_schema, helpers
from svcfabric.core_l2l3.l3.fip_pools import FloatingIPPools
from svcfabric.core_l2l3.l3.forwards import PortForwardings
from svcfabric.core_l2l3.l3.helpers import ConntrackHelpers, allowed_of
from svcfabric.core_l2l3.l3.scheduler import RouterHosts
from svcfabric.core_l2l3.part import Part
from svcfabric.core_l2l3.routers import Routers

_EXTENSIONS = (
    ("floating-ip-port-forwarding", "Floating IP Port Forwarding", "Ports of a floating IP to inside ports."),
    (
        "floating-ip-port-forwarding-description",
        "Floating IP Port Forwarding new attribute description",
        "A description on every port forwarding.",
    ),
    (
        "floating-ip-port-forwarding-detail",
        "Floating IP port forwarding detail",
        "Ids of forwardings and inside ports in floating IPs.",
    ),
    (
        "floating-ip-port-forwarding-port-ranges",
        "Floating IP Port Forwarding support port ranges",
        "Several ports in one forwarding.",
    ),
    ("expose-port-forwarding-in-fip", "Expose Floating IP port forwardings", "Forwardings in floating IPs."),
    ("floatingip-pools", "Floating IP Pools Extension", "The subnets floating addresses are of."),
    ("floating-ip-router-writable", "Floating IP router writable", "The router of a floating IP, named by clients."),
    ("l3-conntrack-helper", "L3 Conntrack helper", "Conntrack helpers of routers."),
    ("expose-l3-conntrack-helper", "Expose CT target rules for conntrack helper", "Conntrack helpers in routers."),
    ("l3-ha", "HA Router extension", "Routers that move to another host when their own is dead, or do not."),
    ("l3_agent_scheduler", "L3 Agent Scheduler", "Which host has a router, and moving it."),
    (
        "l3-port-ip-change-not-allowed",
        "Prevent L3 router ports IP address change extension",
        "An address that a floating IP leads to stays on its port.",
    ),
)
ONE_GATEWAY = (
    "a router has one external gateway here: set external_gateway_info instead of adding to, updating or removing "
    "from several external_gateways"
)


def part(core: Core, conf: Any) -> Part:
    """For ``core_l2l3.routes.PARTS``."""
    return Part(
        resources=_resources(core, conf),
        actions=(*_scheduler(RouterHosts(core)), *_gateways(Routers(core))),
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _EXTENSIONS),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )


def _resources(core: Core, conf: Any) -> tuple[Resource, ...]:
    return (
        Resource(
            name="port_forwarding",
            collection="port_forwardings",
            path="/floatingips/{parent_id}/port_forwardings",
            attributes=forward_schema.ATTRIBUTES,
            handler=PortForwardings(core),
            rule_name="floatingip_port_forwarding",
            tags=False,
            extension="floating-ip-port-forwarding",
        ),
        Resource(
            name="conntrack_helper",
            collection="conntrack_helpers",
            path="/routers/{parent_id}/conntrack_helpers",
            attributes=helpers.ATTRIBUTES,
            handler=ConntrackHelpers(core, allowed_of(conf.network.conntrack_helpers)),
            rule_name="router_conntrack_helper",
            tags=False,
            extension="l3-conntrack-helper",
        ),
        Resource(
            name="floatingip_pool",
            collection="floatingip_pools",
            path="/floatingip-pools",
            attributes=fip_pools.ATTRIBUTES,
            handler=FloatingIPPools(core),
            operations=frozenset({"list"}),
            tags=False,
            default_sort=(("subnet_id", "asc"),),
            extension="floatingip-pools",
        ),
    )


def _scheduler(hosts: RouterHosts) -> tuple[Action, ...]:
    named = {"type": "object", "properties": {"router_id": {"type": "string", "format": "uuid"}}}

    def action(method: str, path: str, run: Any, rule: str, doc: str, **more: Any) -> Action:
        return Action(method=method, path=path, run=run, rule=rule, rule_default="admin", doc=doc, **more)

    return (
        action(
            "GET",
            "/agents/{id}/l3-routers",
            lambda request: {"routers": hosts.routers(request.params["id"])},
            "get_l3-routers",
            "The routers on an agent's host.",
        ),
        action(
            "POST",
            "/agents/{id}/l3-routers",
            lambda request: hosts.add(request.params["id"], request.body),
            "create_l3-router",
            "Bring a router to an agent's host.",
            status=201,
            schema=named,
        ),
        action(
            "DELETE",
            "/agents/{id}/l3-routers/{router_id}",
            lambda request: hosts.remove(request.params["id"], request.params["router_id"]),
            "delete_l3-router",
            "Take a router off an agent's host.",
            status=204,
        ),
        action(
            "GET",
            "/routers/{id}/l3-agents",
            lambda request: {"agents": hosts.agents(request.params["id"])},
            "get_l3-agents",
            "The agent of a router's host.",
        ),
    )


def _gateways(routers: Routers) -> tuple[Action, ...]:
    """Several gateways: refused, with the reason, where clients ask for them."""

    def refuse(_request: ActionRequest) -> None:
        raise errors.NotSupported(f"Bad router request: {ONE_GATEWAY}.")

    return tuple(
        Action(
            method="PUT",
            path=f"/routers/{{id}}/{verb}_external_gateways",
            run=refuse,
            rule=f"{verb}_external_gateways",
            owner=routers,
            doc="Refused: a router has one external gateway.",
        )
        for verb in ("add", "update", "remove")
    )
