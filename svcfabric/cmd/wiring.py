"""Composition: the only place that knows every part and puts them together (the host's parts: ``host_wiring``)."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg
from sqlalchemy.exc import ArgumentError, DBAPIError

from svcfabric import fabric as fabric_package
from svcfabric.api.app import create_app, policy_for
from svcfabric.api.auth import http_basic, keystone, noauth
from svcfabric.api.auth.identity import Factory
from svcfabric.api.discovery import Health, Versions
from svcfabric.api.limits import Limits
from svcfabric.api.resource import Api, Dialect
from svcfabric.cmd.host_wiring import transport as transport
from svcfabric.db import migrate
from svcfabric.db.engine import Database
from svcfabric.errors import ServiceUnavailable
from svcfabric.fabric.audit import UsageAudit
from svcfabric.fabric.dispatch import Dispatcher
from svcfabric.fabric.feature import Fabric, Feature
from svcfabric.fabric.kinds import Kinds
from svcfabric.fabric.reports import Controller
from svcfabric.fabric.sweep import Sweep
from svcfabric.rpc.client import AgentClient
from svcfabric.rpc.notifier import Notifier, enabled
from svcfabric.rpc.server import Server, serve_controller
from svcfabric.rpc.transport import Transport

LOG = logging.getLogger(__name__)
# The newest minor version whose attributes clients may send here (2.12: allowed_cidrs). Clients hold back what
# a lower version does not name; what older versions name and no driver here can do is refused by its name.
LOAD_BALANCER_VERSION = 12
FABRIC_MIGRATIONS = Path(fabric_package.__file__).parent / "migrations" / "versions"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerSide:
    """The server side of one process: API workers and controllers are made of it."""

    conf: Any
    database: Database
    kinds: Kinds
    dispatcher: Dispatcher
    features: tuple[Feature, ...]

    @property
    def apis(self) -> tuple[Api, ...]:
        """The features' APIs; those mounted at the same first prefix are one."""
        merged: dict[str, Api] = {}
        for api in (api for feature in self.features for api in feature.apis):
            known = merged.get(api.prefixes[0])
            merged[api.prefixes[0]] = _join(known, api) if known else api
        return tuple(merged.values())


def _join(one: Api, other: Api) -> Api:
    return dataclasses.replace(
        one,
        resources=one.resources + other.resources,
        actions=one.actions + other.actions,
        extensions=one.extensions + other.extensions,
    )


def database(conf: Any) -> Database:
    """The configured database; an embedded one gets its directory. Raises ``cfg.Error`` for a URL that is no good."""
    url = conf.database.connection
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    options = conf.database
    try:
        return Database(
            url, pool_size=options.pool_size, max_overflow=options.max_overflow, pool_timeout=options.pool_timeout
        )
    except (ArgumentError, ImportError) as exc:
        extra = {"psycopg": "postgresql", "MySQLdb": "mysql"}.get(getattr(exc, "name", None) or "")
        advice = f": pip install '.[{extra}]' in the source" if extra else ""
        raise cfg.Error(f"[database] connection: {exc}{advice}") from exc


def server_side(conf: Any, database: Database, transport: Transport) -> ServerSide:
    """Load every feature: the core, insertion, then the services."""
    kinds: Kinds = {}
    dispatcher = Dispatcher(database, kinds, AgentClient(transport))
    given = Fabric(conf=conf, database=database, dispatcher=dispatcher)
    features: list[Feature] = []
    for make in feature_entry_points():
        feature = make(given)
        features.append(feature)
        kinds.update({kind.name: kind for kind in feature.kinds})
        given = dataclasses.replace(
            given,
            network=feature.network or given.network,
            insertions=feature.insertions or given.insertions,
        )
    return ServerSide(conf=conf, database=database, kinds=kinds, dispatcher=dispatcher, features=tuple(features))


def feature_entry_points() -> Iterable[Callable[[Fabric], Feature]]:
    """Features in the order of their needs: ``svcfabric.core`` (the core, then insertion), ``svcfabric.services``."""

    def order(point: EntryPoint) -> tuple[bool, str]:
        return (point.name == "insertion", point.name)

    for group in ("svcfabric.core", "svcfabric.services"):
        for point in sorted(entry_points(group=group), key=order):
            yield point.load()


def migrations(features: Iterable[Feature]) -> list[Path]:
    """Version folders of all branches."""
    return [FABRIC_MIGRATIONS, *(folder for feature in features for folder in feature.migrations)]


def upgrade(side: ServerSide) -> None:
    """Bring the schema up to date."""
    migrate.upgrade(side.database, migrations(side.features))


def check_schema(side: ServerSide) -> None:
    """Raise ``cfg.Error`` when the schema is older than this version. One that cannot be looked at passes."""
    try:
        missing = migrate.missing(side.database, migrations(side.features))
    except DBAPIError as exc:
        LOG.warning("the database does not answer yet: %s", exc.orig)
        return
    if missing:
        raise cfg.Error(f"the database's schema lacks {', '.join(missing)}: run svcfabric-db upgrade")


def controller(side: ServerSide, transport: Transport) -> tuple[Server, Sweep]:
    """A controller's two parts, not started: what answers agents, and the periodic work."""
    conf = side.conf.controller
    endpoint = Controller(side.database, side.kinds, side.dispatcher)
    sweep = Sweep(
        side.database,
        side.kinds,
        side.dispatcher,
        interval=conf.sweep_interval,
        down_time=conf.agent_down_time,
        failover_time=conf.failover_time,
        chores=[chore for feature in side.features for chore in feature.chores],
    )
    return serve_controller(transport, endpoint, threads=conf.threads), sweep


def notifier(conf: Any) -> Notifier | None:
    """What sends events of changes, not started; None where the configuration wants none."""
    return Notifier(conf) if enabled(conf) else None


def audit(side: ServerSide, notifier: Notifier | None) -> UsageAudit | None:
    """A controller's usage audit, not started; None where the configuration wants none."""
    options = side.conf.notifications
    if notifier is None or not options.audit_interval:
        return None
    try:
        return UsageAudit(
            side.database,
            side.apis,
            notifier.publish,
            notifier.wait_sent,
            interval=options.audit_interval,
            resources=options.audit_resources,
        )
    except ValueError as exc:
        raise cfg.Error(str(exc)) from exc


def application(side: ServerSide, notifier: Notifier | None = None) -> Any:
    """The WSGI application over the features' APIs. ``notifier``: tells of what changes."""
    conf, apis = side.conf, side.apis
    page = max(conf.api.pagination_max_limit, 0)
    return create_app(
        apis,
        authenticate=authentication(conf),
        policy=policy_for(apis, conf.api.policy_file),
        limits=Limits(max_body=conf.api.max_body_size, load_balancer_page=page, native_page=page),
        versions=Versions(load_balancer=LOAD_BALANCER_VERSION),
        base_urls={
            dialect: url
            for dialect, url in (
                (Dialect.NEUTRON, conf.api.network_url),
                (Dialect.OCTAVIA, conf.api.load_balancer_url),
            )
            if url
        },
        health=health(side.database),
        reveal_foreign=[Dialect.OCTAVIA] if conf.api.load_balancer_reveal_foreign else [],
        publish=notifier.publish if notifier else None,
    )


def health(database: Database) -> Health:
    """Why this process cannot serve: the database, without which it can do nothing. The broker may be away."""

    def why_not() -> str:
        try:
            with database.read() as conn:
                conn.execute(sa.text("SELECT 1"))
        except ServiceUnavailable as exc:
            return exc.message
        return ""

    return why_not


def authentication(conf: Any) -> Factory:
    """The configured way to know callers."""
    strategy = conf.api.auth_strategy
    if strategy == "keystone":
        return keystone.factory(conf)
    return http_basic.factory(conf.api.password_file) if strategy == "http_basic" else noauth.factory()
