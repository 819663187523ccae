"""The load-balancer API: which use case answers which request."""

from __future__ import annotations

from pathlib import Path

from svcfabric.api.resource import Api, Attribute, Dialect, Handler, Resource
from svcfabric.fabric.feature import Fabric, Feature
from svcfabric.fabric.quota import Quotas
from svcfabric.services.lbaas import models, schemas
from svcfabric.services.lbaas.routes import actions, catalog
from svcfabric.services.lbaas.routes.declare import action
from svcfabric.services.lbaas.service.balancers import Balancers
from svcfabric.services.lbaas.service.desk import Desk, parse_providers
from svcfabric.services.lbaas.service.kind import LoadBalancerKind
from svcfabric.services.lbaas.service.limits import RESOURCES, Limits
from svcfabric.services.lbaas.service.listeners import TIMEOUTS, Listeners
from svcfabric.services.lbaas.service.members import Members
from svcfabric.services.lbaas.service.monitors import Monitors
from svcfabric.services.lbaas.service.pools import Pools

# Old and new version names, with and without the service's own segment: clients use all four.
PREFIXES = (
    "/load-balancer/v2/lbaas",
    "/load-balancer/v2.0/lbaas",
    "/load-balancer/v2",
    "/load-balancer/v2.0",
    # Under the network endpoint too: clients without a catalog (http_basic) know one endpoint for all services.
    "/v2.0/lbaas",
    "/v2/lbaas",
)
SORT = (("created_at", "asc"), ("id", "asc"))


def feature(fabric: Fabric) -> Feature:
    """Entry point ``lbaas`` of ``svcfabric.services``. Raises ``ValueError`` for a bad configuration."""
    desk = desk_of(fabric)
    kind = LoadBalancerKind(desk.network, desk.insertions)
    balancers, listeners = Balancers(desk, kind), Listeners(desk)
    api = Api(
        title="Load balancer",
        prefixes=PREFIXES,
        dialect=Dialect.OCTAVIA,
        resources=(
            _resource("loadbalancer", schemas.LOADBALANCER, balancers, without={"delete"}),
            _resource("listener", schemas.LISTENER, listeners),
            _resource("pool", schemas.POOL, Pools(desk)),
            _resource("member", schemas.MEMBER, Members(desk), path="/pools/{parent_id}/members"),
            _resource("healthmonitor", schemas.MONITOR, Monitors(desk)),
        ),
        actions=(
            *actions.balancer_actions(desk, balancers),
            action("GET", "/listeners/{id}/stats", "listener:get_stats", actions.listener_stats(desk), listeners),
            action("PUT", "/pools/{parent_id}/members", "member:put_batch", actions.batch_members(desk), status=202),
            *catalog.quota_actions(Limits(desk)),
            *catalog.catalog_actions(desk),
        ),
    )
    return Feature(
        name="lbaas", apis=(api,), kinds=(kind,), migrations=(Path(models.__file__).parent / "migrations" / "versions",)
    )


def desk_of(fabric: Fabric) -> Desk:
    """What the use cases share, from what the feature is handed."""
    if fabric.network is None:
        raise ValueError("load balancers need a core that provides networks")
    conf = fabric.conf
    providers = parse_providers(conf.lbaas.enabled_providers)
    if conf.lbaas.default_provider not in providers:
        raise ValueError(
            f"[lbaas] default_provider: {conf.lbaas.default_provider!r} is not one of enabled_providers"
            f" ({', '.join(providers)})"
        )
    quotas = Quotas({name: conf.quotas[name] for name in RESOURCES})
    for name, table in (
        ("loadbalancer", models.loadbalancers),
        ("listener", models.listeners),
        ("pool", models.pools),
        ("member", models.members),
        ("healthmonitor", models.healthmonitors),
    ):
        quotas.countable(name, table)
    return Desk(
        database=fabric.database,
        dispatcher=fabric.dispatcher,
        network=fabric.network,
        insertions=fabric.insertions,
        quotas=quotas,
        providers=providers,
        default_provider=conf.lbaas.default_provider,
        timeouts={name: conf.lbaas[name] for name in TIMEOUTS},
        down_time=conf.controller.agent_down_time,
    )


def _resource(
    name: str,
    attributes: tuple[Attribute, ...],
    handler: Handler,
    *,
    path: str = "",
    without: set[str] | None = None,
) -> Resource:
    return Resource(
        name=name,
        collection=f"{name}s",
        path=path or f"/{name}s",
        attributes=attributes,
        handler=handler,
        operations=frozenset({"create", "get", "list", "update", "delete"}) - (without or set()),
        bulk=False,
        announced=name == "loadbalancer",  # as stock Octavia: what is in one is told of by no event
        default_sort=SORT,
    )
