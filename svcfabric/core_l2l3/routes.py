"""The core's part of the network API, and how it joins the product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Action, ActionRequest, Api, Attribute, Dialect, Event, Handler, Resource
from svcfabric.context import Context
from svcfabric.core_l2l3 import agents, availability
from svcfabric.core_l2l3.addressing import routes as addressing
from svcfabric.core_l2l3.core import Core, Settings, quotas_of
from svcfabric.core_l2l3.dhcp import routes as dhcp
from svcfabric.core_l2l3.dns import routes as dns
from svcfabric.core_l2l3.extensions import EXTENSIONS
from svcfabric.core_l2l3.floatingips import FloatingIPs
from svcfabric.core_l2l3.kinds import kinds_of
from svcfabric.core_l2l3.l3 import routes as l3
from svcfabric.core_l2l3.network_interface import CoreNetwork
from svcfabric.core_l2l3.networks import Networks
from svcfabric.core_l2l3.part import Part
from svcfabric.core_l2l3.ports import Ports
from svcfabric.core_l2l3.qos import routes as qos
from svcfabric.core_l2l3.quotas import QuotaSets
from svcfabric.core_l2l3.rbac import routes as rbac
from svcfabric.core_l2l3.router_interfaces import RouterInterfaces
from svcfabric.core_l2l3.routers import Routers
from svcfabric.core_l2l3.schemas import floatingip, network, port, router, subnet
from svcfabric.core_l2l3.security import routes as security
from svcfabric.core_l2l3.subnets import Subnets
from svcfabric.core_l2l3.zones import routes as zones
from svcfabric.fabric.feature import Fabric, Feature

Run = Callable[[ActionRequest], Any]

# The parts of the core that have a package of their own.
PARTS: tuple[Callable[[Core, Any], Part], ...] = (
    qos.part,
    security.part,
    dhcp.part,
    l3.part,
    addressing.part,
    dns.part,
    zones.part,
)

# Who is no administrator may ask, as clients expect, and finds nothing.
OPERATORS = {"get": "reader", "list": "reader", "update": "admin", "delete": "admin"}


def feature(fabric: Fabric) -> Feature:
    """The core, for the entry point ``svcfabric.core``."""
    core = Core(
        database=fabric.database,
        kick=fabric.dispatcher.kick,
        settings=Settings.of(fabric.conf),
        quotas=quotas_of(fabric.conf),
    )
    made = [part(core, fabric.conf) for part in PARTS]
    # last: what can be shared is what the others say
    parts = (*made, rbac.part(core, fabric.conf, [kind for part in made for kind in part.shareables]))
    own = Path(__file__).parent / "migrations" / "versions"
    return Feature(
        name="core_l2l3",
        apis=(api_of(core, parts),),
        kinds=(*kinds_of(core), *(kind for part in parts for kind in part.kinds)),
        migrations=(own, *(part.migrations for part in parts if part.migrations)),
        chores=tuple(chore for part in parts for chore in part.chores),
        network=CoreNetwork(core),
    )


def api_of(core: Core, parts: Sequence[Part] = ()) -> Api:
    """Everything the core and its parts serve under ``/v2.0``."""
    routers = Routers(core)
    return Api(
        title="Network API",
        prefixes=("/v2.0",),
        dialect=Dialect.NEUTRON,
        resources=(
            *_tenant_resources(core, routers),
            *_operator_resources(core),
            *(resource for part in parts for resource in part.resources),
        ),
        actions=(
            *_router_actions(core, routers),
            *_quota_actions(core),
            *(action for part in parts for action in part.actions),
        ),
        extensions=(*EXTENSIONS, *(extension for part in parts for extension in part.extensions)),
    )


def _tenant_resources(core: Core, routers: Routers) -> tuple[Resource, ...]:
    def resource(
        name: str, attributes: tuple[Attribute, ...], handler: Handler, extension: str = "", **rules: str
    ) -> Resource:
        return Resource(
            name=name,
            collection=f"{name}s",
            path=f"/{name}s",
            attributes=attributes,
            handler=handler,
            rules=rules,
            extension=extension,
        )

    return (
        resource("network", network.ATTRIBUTES, Networks(core)),
        resource("subnet", subnet.ATTRIBUTES, Subnets(core)),
        resource("port", port.ATTRIBUTES, Ports(core), delete="network_member"),
        resource("router", router.ATTRIBUTES, routers, "router"),
        resource("floatingip", floatingip.ATTRIBUTES, FloatingIPs(core), "router"),
    )


def _operator_resources(core: Core) -> tuple[Resource, ...]:
    return (
        Resource(
            name="agent",
            collection="agents",
            path="/agents",
            attributes=agents.ATTRIBUTES,
            handler=agents.Agents(core),
            operations=frozenset({"get", "list", "update", "delete"}),
            rules=OPERATORS,
            tags=False,
            extension="agent",
        ),
        Resource(
            name="network_ip_availability",
            collection="network_ip_availabilities",
            path="/network-ip-availabilities",
            attributes=availability.ATTRIBUTES,
            handler=availability.Availability(core),
            operations=frozenset({"get", "list"}),
            rules=OPERATORS,
            tags=False,
            default_sort=(("network_id", "asc"),),
            extension="network-ip-availability",
        ),
    )


def _router_actions(core: Core, routers: Routers) -> tuple[Action, ...]:
    interfaces = RouterInterfaces(core)
    named = {name: {"type": "string", "format": "uuid"} for name in ("subnet_id", "port_id")}
    listed = {"type": "object", "properties": {"routes": dict(router.ROUTES.schema)}}

    def action(name: str, run: Run, properties: dict[str, object], doc: str, event: Event | None = None) -> Action:
        return Action(
            method="PUT",
            path=f"/routers/{{id}}/{name}",
            run=run,
            rule=name,
            owner=routers,
            schema={"type": "object", "properties": properties},
            event=event,
            doc=doc,
        )

    def told(what: str) -> Event:
        return Event(type=f"router.interface.{what}", payload=lambda _request, answer: {"router_interface": answer})

    def routes(request: ActionRequest, *, add: bool) -> dict[str, object]:
        row = routers.change_routes(request.ctx, request.params["id"], _routes_of(request.body), add=add)
        return {"router": {name: row[name] for name in ("id", "name", "routes")}}

    return (
        action(
            "add_router_interface",
            lambda request: interfaces.add(request.ctx, request.params["id"], request.body),
            {**named},
            "Attach a router to a subnet, or by a port.",
            told("create"),
        ),
        action(
            "remove_router_interface",
            lambda request: interfaces.remove(request.ctx, request.params["id"], request.body),
            {**named},
            "Take a router off a subnet, or off a port.",
            told("delete"),
        ),
        action(
            "add_extraroutes",
            lambda request: routes(request, add=True),
            {"router": listed},
            "Add static routes to those a router has.",
        ),
        action(
            "remove_extraroutes",
            lambda request: routes(request, add=False),
            {"router": listed},
            "Take static routes from those a router has.",
        ),
    )


def _routes_of(body: object) -> list[dict[str, str]]:
    inner = body.get("router") if isinstance(body, dict) else None
    if not isinstance(inner, dict) or set(inner) != {"routes"}:
        raise errors.BadRequest("Unable to find 'router' with 'routes' in request body")
    try:
        routes: list[dict[str, str]] = router.ROUTES.convert(inner["routes"])
    except ValueError as reason:
        raise errors.InvalidInput(f"Invalid input for routes. Reason: {reason}.") from None
    return routes


def _quota_actions(core: Core) -> tuple[Action, ...]:
    quotas = QuotaSets(core)

    def get(path: str, run: Run, doc: str) -> Action:
        return Action(method="GET", path=path, run=run, rule="get_quota", rule_default="reader", doc=doc)

    def operator(method: str, path: str, run: Run, rule: str, doc: str, status: int = 200) -> Action:
        return Action(method=method, path=path, run=run, rule=rule, rule_default="admin", status=status, doc=doc)

    def of(show: Callable[[Context, str], object]) -> Run:
        return lambda request: {"quota": show(request.ctx, _project(request))}

    def own(word: str) -> Run:
        return lambda request: {word: {f"{word}_id": request.ctx.project_id}}

    return (
        operator("GET", "/quotas", lambda _: {"quotas": quotas.list()}, "list_quotas", "Projects with own limits."),
        *(get(f"/quotas/{word}", own(word), "The caller's project.") for word in ("tenant", "project")),
        get("/quotas/{id}", of(quotas.show), "The limits of a project."),
        get("/quotas/{id}/default", of(quotas.default), "What a project without own limits has."),
        *(get(f"/quotas/{{id}}/{word}", of(quotas.details), "Limits and use.") for word in ("details", "details.json")),
        operator(
            "PUT",
            "/quotas/{id}",
            lambda request: {"quota": quotas.update(_project(request), request.body)},
            "update_quota",
            "Set limits of a project.",
        ),
        operator(
            "DELETE",
            "/quotas/{id}",
            lambda request: quotas.delete(_project(request)),
            "delete_quota",
            "Back to the default limits.",
            status=204,
        ),
    )


def _project(request: ActionRequest) -> str:
    try:
        project_id: str = checks.string(255, 1).convert(request.params["id"])
    except ValueError as reason:
        raise errors.BadRequest(f"Invalid project id: {reason}.") from None
    return project_id
