"""Address scopes, subnet pools and auto-allocated topologies in the network API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from svcfabric.api.resource import Action, ActionRequest, Attribute, Extension, Handler, Resource
from svcfabric.context import Context
from svcfabric.core_l2l3.addressing.auto_topology import AutoTopologies
from svcfabric.core_l2l3.addressing.models import address_scopes, subnetpools
from svcfabric.core_l2l3.addressing.names import LetGo, Reverse
from svcfabric.core_l2l3.addressing.prefix_ops import PrefixOps
from svcfabric.core_l2l3.addressing.schemas.pool import ADDRESS_SCOPE, SUBNETPOOL
from svcfabric.core_l2l3.addressing.schemas.subnet import POLICIES
from svcfabric.core_l2l3.addressing.scopes import AddressScopes
from svcfabric.core_l2l3.addressing.shareables import POOL, SCOPE
from svcfabric.core_l2l3.addressing.subnetpools import SubnetPools
from svcfabric.core_l2l3.core import Core, declare_quota
from svcfabric.core_l2l3.part import Part

_SERVED = (
    ("address-scope", "Address scope", "Sets of subnet pools whose addresses are unique."),
    ("auto-allocated-topology", "Auto Allocated Topology Services", "A project's own network at one request."),
    ("default-subnetpools", "Default Subnetpools", "The pool subnets are taken from when none is named."),
    ("network-ip-availability-details", "Network IP Availability Details Extension", "Use inside and outside pools."),
    ("subnet-service-types", "Subnet service types", "Subnets for certain kinds of port."),
    ("subnet_allocation", "Subnet Allocation", "Subnets' prefixes taken from subnet pools."),
    ("subnet_onboard", "Subnet Onboard", "Taking existing subnets into a subnet pool."),
    ("subnetpool-prefix-ops", "Subnet Pool Prefix Operations", "Adding and removing prefixes of subnet pools."),
    (POLICIES, "IPAM policies of subnets", "How addresses are handed out, and when they are handed out again."),
)


def part(core: Core, conf: Any) -> Part:
    """What this part adds to the core."""
    declare_quota(core, conf, "subnetpool", -1, subnetpools)
    declare_quota(core, conf, "address_scope", -1, address_scopes)
    pools = SubnetPools(core)
    return Part(
        resources=(
            _resource("subnetpool", "/subnetpools", SUBNETPOOL, pools, extension="subnet_allocation"),
            _resource(
                "address_scope",
                "/address-scopes",
                ADDRESS_SCOPE,
                AddressScopes(core),
                extension="address-scope",
                tags=False,
            ),
        ),
        actions=(*_pool_actions(core, pools), *_topology_actions(core)),
        extensions=tuple(Extension(alias=alias, name=name, description=text) for alias, name, text in _SERVED),
        shareables=(SCOPE, POOL),
        chores=(LetGo(core.database, Reverse(conf.ipam.dns_servers), recheck=conf.ipam.dns_recheck),),
        migrations=Path(__file__).parent / "migrations" / "versions",
    )


def _resource(
    name: str, path: str, attributes: tuple[Attribute, ...], handler: Handler, *, extension: str, tags: bool = True
) -> Resource:
    return Resource(
        name=name,
        collection=f"{name}s",
        path=path,
        attributes=attributes,
        handler=handler,
        extension=extension,
        tags=tags,
    )


def _pool_actions(core: Core, pools: SubnetPools) -> tuple[Action, ...]:
    ops = PrefixOps(core)
    listed: dict[str, object] = {
        "type": "object",
        "properties": {"prefixes": {"type": "array", "items": {"type": "string"}}},
    }
    network: dict[str, object] = {"type": "object", "properties": {"network_id": {"type": "string", "format": "uuid"}}}
    table: tuple[tuple[str, Callable[[Context, str, Any], Any], dict[str, object], str], ...] = (
        ("add_prefixes", ops.add, listed, "Add prefixes to a subnet pool."),
        ("remove_prefixes", ops.remove, listed, "Take prefixes out of a subnet pool."),
        ("onboard_network_subnets", ops.onboard, network, "Take a network's subnets into a subnet pool."),
    )

    def run_of(work: Callable[[Context, str, Any], Any]) -> Callable[[ActionRequest], Any]:
        return lambda request: work(request.ctx, request.params["id"], request.body)

    return tuple(
        Action(
            method="PUT",
            path=f"/subnetpools/{{id}}/{name}",
            run=run_of(work),
            rule=name,
            owner=pools,
            schema=schema,
            doc=doc,
        )
        for name, work, schema, doc in table
    )


def _topology_actions(core: Core) -> tuple[Action, ...]:
    topologies = AutoTopologies(core)

    def get(request: ActionRequest) -> Any:
        return topologies.get(request.ctx, request.params["project"], request.query.get("fields", ""))

    def delete(request: ActionRequest) -> None:
        topologies.delete(request.ctx, request.params["project"])

    path = "/auto-allocated-topology/{project}"
    return (
        Action(
            method="GET",
            path=path,
            run=get,
            rule="get_auto_allocated_topology",
            rule_default="reader",
            doc="The project's network, made when it is missing.",
        ),
        Action(
            method="DELETE",
            path=path,
            run=delete,
            rule="delete_auto_allocated_topology",
            status=204,
            doc="Take the project's network down.",
        ),
    )
