"""What there is to choose from, and how much of it: providers, quotas."""

from __future__ import annotations

from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Action, ActionRequest
from svcfabric.services.lbaas.routes.declare import Run, action
from svcfabric.services.lbaas.service.desk import Desk
from svcfabric.services.lbaas.service.limits import Limits

# Collections that clients list and that hold nothing yet.
EMPTY = {
    "flavors": ("flavor", "reader"),
    "flavorprofiles": ("flavor-profile", "admin"),
    "availabilityzones": ("availability-zone", "reader"),
    "availabilityzoneprofiles": ("availability-zone-profile", "admin"),
    "l7policies": ("l7policy", "reader"),
    "octavia/amphorae": ("amphora", "admin"),  # load balancers are no virtual machines here
}
NEVER_MADE = {"octavia/amphorae"}  # by clients
PLURALS = {
    "availabilityzones": "availability_zones",
    "availabilityzoneprofiles": "availability_zone_profiles",
    "octavia/amphorae": "amphorae",
}


def quota_actions(limits: Limits) -> tuple[Action, ...]:
    """Quotas of projects."""

    def stored(request: ActionRequest) -> Any:
        return {"quotas": limits.stored(request.ctx), "quotas_links": []}

    def get(request: ActionRequest) -> Any:
        return {"quota": limits.get(request.ctx, _project(request))}

    def defaults(request: ActionRequest) -> Any:
        return {"quota": limits.defaults()}

    def put(request: ActionRequest) -> Any:
        return {"quota": limits.set(_project(request), request.body)}

    def delete(request: ActionRequest) -> None:
        limits.reset(_project(request))

    return (
        action("GET", "/quotas", "quota:get_all", stored),
        action("GET", "/quotas/defaults", "quota:get_defaults", defaults),
        action("GET", "/quotas/{id}", "quota:get_one", get),
        action("GET", "/quotas/{id}/default", "quota:get_defaults", defaults),
        action("PUT", "/quotas/{id}", "quota:put", put, default="admin", status=202),
        action("DELETE", "/quotas/{id}", "quota:delete", delete, default="admin", status=202),
    )


def _project(request: ActionRequest) -> str:
    try:
        project_id: str = checks.string(255, 1).convert(request.params["id"])
    except checks.Refused as reason:
        raise errors.BadRequest(f"Invalid input for field/attribute project_id. {reason.octavia}") from None
    return project_id


def catalog_actions(desk: Desk) -> tuple[Action, ...]:
    """Providers, their capabilities, and the collections that hold nothing yet."""
    known = [{"name": each.name, "description": each.description} for each in desk.providers.values()]

    def providers(request: ActionRequest) -> Any:
        return {"providers": known}

    def capabilities(kind: str) -> Run:
        def answer(request: ActionRequest) -> Any:
            if request.params["id"] not in desk.providers:
                raise errors.BadRequest(f"Provider '{request.params['id']}' is not enabled.")
            return {kind: []}

        return answer

    return (
        action("GET", "/providers", "provider:get_all", providers),
        *(
            action("GET", f"/providers/{{id}}/{kind}", f"provider-{what}:get_all", capabilities(kind), default="admin")
            for kind, what in (
                ("flavor_capabilities", "flavor"),
                ("availability_zone_capabilities", "availability-zone"),
            )
        ),
        *(_empty(path, noun, default) for path, (noun, default) in EMPTY.items()),
        *(_refused(path, noun) for path, (noun, _default) in EMPTY.items() if path not in NEVER_MADE),
    )


def _empty(path: str, noun: str, default: str) -> Action:
    name = PLURALS.get(path, path)
    answer: dict[str, Any] = {name: [], f"{name}_links": []}
    return action("GET", f"/{path}", f"{noun}:get_all", lambda request: answer, default=default)


def _refused(path: str, noun: str) -> Action:
    def refuse(request: ActionRequest) -> Any:
        raise errors.NotSupported(f"There is no provider here that supports {PLURALS.get(path, path)}.")

    default = "member" if noun == "l7policy" else "admin"
    return action("POST", f"/{path}", f"{noun}:post", refuse, default=default, status=201)
