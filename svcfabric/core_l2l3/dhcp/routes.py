"""DHCP in the network API: who serves which network, as administrators ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from svcfabric import errors
from svcfabric.api import checks
from svcfabric.api.resource import Action, ActionRequest, Extension
from svcfabric.core_l2l3.agents import Agents
from svcfabric.core_l2l3.core import Core
from svcfabric.core_l2l3.dhcp import spec
from svcfabric.core_l2l3.dhcp.agents import DhcpAgents
from svcfabric.core_l2l3.kinds import PlainKind
from svcfabric.core_l2l3.part import Part

_EXTENSIONS = (
    ("dhcp_agent_scheduler", "DHCP Agent Scheduler", "Which agents serve a network by DHCP, and which never."),
    ("extra_dhcp_opt", "Neutron Extra DHCP options", "DHCP options of single ports."),
)
_BODY = {"type": "object", "properties": {"network_id": {"type": "string", "format": "uuid"}}}


def part(core: Core, conf: Any) -> Part:
    """The kind ``dhcp`` and its requests."""
    agents = Agents(core)
    return Part(
        actions=_actions(DhcpAgents(core, agents), agents),
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _EXTENSIONS),
        kinds=(PlainKind("dhcp", lambda conn, ids, _host: spec.load(conn, core.settings, ids), alike=True),),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )


def _actions(dhcp: DhcpAgents, agents: Agents) -> tuple[Action, ...]:
    def action(method: str, path: str, run: Callable[[ActionRequest], Any], rule: str, doc: str, **more: Any) -> Action:
        return Action(method=method, path=path, run=run, rule=rule, rule_default="admin", doc=doc, **more)

    return (
        action(
            "GET",
            "/networks/{id}/dhcp-agents",
            lambda request: {"agents": dhcp.of_network(request.params["id"])},
            "get_dhcp-agents",
            "The agents that serve a network by DHCP: those of the hosts it is on.",
        ),
        action(
            "GET",
            "/agents/{id}/dhcp-networks",
            lambda request: {"networks": dhcp.of_agent(request.found)},
            "get_dhcp-networks",
            "The networks an agent serves by DHCP.",
            owner=agents,
        ),
        action(
            "POST",
            "/agents/{id}/dhcp-networks",
            lambda request: dhcp.add(request.found, _network_id(request.body)),
            "create_dhcp-network",
            "Let an agent serve a network again that it was taken off.",
            owner=agents,
            status=201,
            schema=_BODY,
        ),
        action(
            "DELETE",
            "/agents/{id}/dhcp-networks/{network_id}",
            lambda request: dhcp.remove(request.found, request.params["network_id"]),
            "delete_dhcp-network",
            "Keep an agent from serving a network.",
            owner=agents,
            status=204,
        ),
    )


def _network_id(body: object) -> str:
    given = body.get("network_id") if isinstance(body, dict) else None
    try:
        ident: str = checks.uuid().convert(given)
    except ValueError as reason:
        raise errors.InvalidInput(f"Invalid input for network_id. Reason: {reason}.") from None
    return ident
