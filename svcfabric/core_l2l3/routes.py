"""The core's part of the network API, and how it joins the product."""

from __future__ import annotations

from pathlib import Path

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Action, ActionRequest, Api, Dialect, Resource
from svcfabric.core_l2l3 import agents, availability
from svcfabric.core_l2l3.core import Core, Settings, quotas_of
from svcfabric.core_l2l3.extensions import EXTENSIONS
from svcfabric.core_l2l3.floatingips import FloatingIPs
from svcfabric.core_l2l3.kinds import kinds_of
from svcfabric.core_l2l3.network_interface import CoreNetwork
from svcfabric.core_l2l3.networks import Networks
from svcfabric.core_l2l3.ports import Ports
from svcfabric.core_l2l3.quotas import QuotaSets
from svcfabric.core_l2l3.router_interfaces import RouterInterfaces
from svcfabric.core_l2l3.routers import Routers
from svcfabric.core_l2l3.schemas import floatingip, network, port, router, subnet
from svcfabric.core_l2l3.subnets import Subnets
from svcfabric.fabric.feature import Fabric, Feature

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
    return Feature(
        name="core_l2l3",
        apis=(api_of(core),),
        kinds=kinds_of(core),
        migrations=Path(__file__).parent / "migrations" / "versions",
        network=CoreNetwork(core),
    )


def api_of(core: Core) -> Api:
    """Everything the core serves under ``/v2.0``."""
    routers = Routers(core)
    return Api(
        title="Network API",
        prefixes=("/v2.0",),
        dialect=Dialect.NEUTRON,
        resources=(
            Resource(
                name="network",
                collection="networks",
                path="/networks",
                attributes=network.ATTRIBUTES,
                handler=Networks(core),
            ),
            Resource(
                name="subnet",
                collection="subnets",
                path="/subnets",
                attributes=subnet.ATTRIBUTES,
                handler=Subnets(core),
            ),
            Resource(name="port", collection="ports", path="/ports", attributes=port.ATTRIBUTES, handler=Ports(core)),
            Resource(
                name="router",
                collection="routers",
                path="/routers",
                attributes=router.ATTRIBUTES,
                handler=routers,
                extension="router",
            ),
            Resource(
                name="floatingip",
                collection="floatingips",
                path="/floatingips",
                attributes=floatingip.ATTRIBUTES,
                handler=FloatingIPs(core),
                extension="router",
            ),
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
        ),
        actions=(*_router_actions(core, routers), *_quota_actions(core)),
        extensions=EXTENSIONS,
    )


def _router_actions(core: Core, routers: Routers) -> tuple[Action, ...]:
    interfaces = RouterInterfaces(core)
    target = {
        "type": "object",
        "properties": {name: {"type": "string", "format": "uuid"} for name in ("subnet_id", "port_id")},
    }
    routes = {
        "type": "object",
        "properties": {"router": {"type": "object", "properties": {"routes": {"type": "array"}}}},
    }

    def changed_routes(request: ActionRequest, *, add: bool) -> dict[str, object]:
        row = routers.change_routes(request.ctx, request.params["id"], _routes_of(request.body), add=add)
        return {"router": {name: row[name] for name in ("id", "name", "routes")}}

    return (
        Action(
            method="PUT",
            path="/routers/{id}/add_router_interface",
            run=lambda request: interfaces.add(request.ctx, request.params["id"], request.body),
            rule="add_router_interface",
            owner=routers,
            schema=target,
            doc="Attach a router to a subnet, or by a port.",
        ),
        Action(
            method="PUT",
            path="/routers/{id}/remove_router_interface",
            run=lambda request: interfaces.remove(request.ctx, request.params["id"], request.body),
            rule="remove_router_interface",
            owner=routers,
            schema=target,
            doc="Take a router off a subnet, or off a port.",
        ),
        Action(
            method="PUT",
            path="/routers/{id}/add_extraroutes",
            run=lambda request: changed_routes(request, add=True),
            rule="add_extraroutes",
            owner=routers,
            schema=routes,
            doc="Add static routes to those a router has.",
        ),
        Action(
            method="PUT",
            path="/routers/{id}/remove_extraroutes",
            run=lambda request: changed_routes(request, add=False),
            rule="remove_extraroutes",
            owner=routers,
            schema=routes,
            doc="Take static routes from those a router has.",
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

    def get(path: str, run: object, rule: str = "reader") -> Action:
        return Action(method="GET", path=path, run=run, rule="get_quota", rule_default=rule)  # type: ignore[arg-type]

    return (
        Action(
            method="GET",
            path="/quotas",
            run=lambda request: {"quotas": quotas.list()},
            rule="list_quotas",
            rule_default="admin",
            doc="Projects with limits of their own.",
        ),
        *(
            get(f"/quotas/{word}", lambda request, word=word: {word: {f"{word}_id": request.ctx.project_id}})
            for word in ("tenant", "project")
        ),
        get("/quotas/{id}", lambda request: {"quota": quotas.show(request.ctx, _project(request))}),
        get("/quotas/{id}/default", lambda request: {"quota": quotas.default(request.ctx, _project(request))}),
        *(
            get(path, lambda request: {"quota": quotas.details(request.ctx, _project(request))})
            for path in ("/quotas/{id}/details", "/quotas/{id}/details.json")
        ),
        Action(
            method="PUT",
            path="/quotas/{id}",
            run=lambda request: {"quota": quotas.update(_project(request), request.body)},
            rule="update_quota",
            rule_default="admin",
            schema={"type": "object", "properties": {"quota": {"type": "object"}}},
            doc="Set limits of a project.",
        ),
        Action(
            method="DELETE",
            path="/quotas/{id}",
            run=lambda request: quotas.delete(_project(request)),
            rule="delete_quota",
            rule_default="admin",
            status=204,
            doc="Back to the default limits.",
        ),
    )


def _project(request: ActionRequest) -> str:
    try:
        project_id: str = checks.string(255, 1).convert(request.params["id"])
    except ValueError as reason:
        raise errors.BadRequest(f"Invalid project id: {reason}.") from None
    return project_id
