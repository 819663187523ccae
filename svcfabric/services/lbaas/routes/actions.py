"""What can be done to load balancers, listeners and pools beyond the plain operations."""

from __future__ import annotations

from typing import Any

from svcfabric import errors
from svcfabric.api.notices import flat
from svcfabric.api.resource import Action, ActionRequest, Event
from svcfabric.services.lbaas import nested, schemas
from svcfabric.services.lbaas.routes.declare import Run, action, flag
from svcfabric.services.lbaas.service import batch, stats, tree
from svcfabric.services.lbaas.service.balancers import Balancers
from svcfabric.services.lbaas.service.desk import Desk


def balancer_actions(desk: Desk, balancers: Balancers) -> tuple[Action, ...]:
    """Delete (with its query parameter), failover, status tree, counters."""
    one = "/loadbalancers/{id}"

    def delete(request: ActionRequest) -> None:
        balancers.remove(request.ctx, request.params["id"], cascade=flag(request, "cascade"))

    def failover(request: ActionRequest) -> None:
        balancers.failover(request.ctx, request.params["id"])

    def status(request: ActionRequest) -> Any:
        with desk.database.read() as conn:
            return tree.statuses(conn, request.found)

    def counters(request: ActionRequest) -> Any:
        with desk.database.read() as conn:
            return stats.totals(conn, request.found["id"], [each["id"] for each in request.found["listeners"]])

    return (
        action(
            "DELETE",
            one,
            "loadbalancer:delete",
            delete,
            balancers,
            status=204,
            event=Event(
                type="octavia.loadbalancer.delete.end",
                payload=lambda request, _answer: flat("loadbalancer", request.found),
            ),
            doc="cascade=true: all below too.",
        ),
        action("PUT", f"{one}/failover", "loadbalancer:put_failover", failover, balancers, default="admin", status=202),
        action("GET", f"{one}/status", "loadbalancer:get_status", status, balancers),
        action("GET", f"{one}/statuses", "loadbalancer:get_status", status, balancers),
        action("GET", f"{one}/stats", "loadbalancer:get_stats", counters, balancers),
    )


def listener_stats(desk: Desk) -> Run:
    """Counters of a listener, the action's owner."""

    def counters(request: ActionRequest) -> Any:
        with desk.database.read() as conn:
            return stats.totals(conn, request.found["loadbalancers"][0]["id"], [request.found["id"]])

    return counters


def batch_members(desk: Desk) -> Run:
    """All members of a pool in one request."""

    def replace(request: ActionRequest) -> None:
        body = request.body
        if not isinstance(body, dict) or "members" not in body:
            raise errors.BadRequest('Missing argument: "members"')
        if len(body) > 1:
            raise errors.BadRequest("Unknown argument beside members")
        if body["members"] is None:
            raise errors.InvalidInput(
                "Invalid input for field/attribute members. Value: 'None'. Mandatory field missing."
            )
        wanted = nested.checked_list(schemas.MEMBER_NODE, body["members"], "members")
        named = [frozenset(item) for item in body["members"]]
        additive = flag(request, "additive_only")
        batch.replace(desk, request.ctx, request.params["parent_id"], wanted, named, additive_only=additive)

    return replace
