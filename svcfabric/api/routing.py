"""From declarations to routes: one table of path and method, each with its responder."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from typing import Any

import falcon

from svcfabric.api.actions import ServedAction
from svcfabric.api.find import Finder
from svcfabric.api.limits import Limits
from svcfabric.api.notices import Publish, notices_of
from svcfabric.api.operations import Operations
from svcfabric.api.policy import Policy
from svcfabric.api.resource import Api, Dialect, Resource
from svcfabric.api.tags import Tags
from svcfabric.api.urls import Urls

Responder = Callable[..., None]
_VARIABLE = re.compile(r"\{(\w+)\}")


class Routes:
    """Collects routes, then gives them to Falcon.

    Falcon wants one name per variable segment of a path, whoever declared it; declarations name them as they
    like (``/pools/{id}``, ``/pools/{parent_id}/members``). Here each is called by its position and translated.
    """

    def __init__(self) -> None:
        self._table: dict[str, dict[str, Responder]] = {}

    def add(self, path: str, method: str, responder: Responder) -> None:
        """Serve ``method`` of ``path``. Raises ``ValueError`` when another already does."""
        segments, names = [], {}
        for position, segment in enumerate(path.strip("/").split("/")):
            variable = _VARIABLE.fullmatch(segment)
            segments.append(f"{{p{position}}}" if variable else segment)
            if variable:
                names[f"p{position}"] = variable.group(1)
        methods = self._table.setdefault("/" + "/".join(segments), {})
        if method in methods:
            raise ValueError(f"{method} {path} is declared twice")
        methods[method] = _translated(responder, names)

    def install(self, app: falcon.App[Any, Any]) -> None:
        """Make the routes known to Falcon; other methods of a known path answer 405 with ``Allow``."""
        for path, methods in self._table.items():
            holder = types.SimpleNamespace(**{f"on_{method.lower()}": call for method, call in methods.items()})
            app.add_route(path, holder)


def _translated(responder: Responder, names: dict[str, str]) -> Responder:
    if not names:
        return responder
    if len(names) == 1:
        ((position, name),) = names.items()

        def one(req: falcon.Request, resp: falcon.Response, **params: str) -> None:
            responder(req, resp, **{name: params[position]})

        return one

    def several(req: falcon.Request, resp: falcon.Response, **params: str) -> None:
        responder(req, resp, **{name: params[position] for position, name in names.items()})

    return several


def add_api(
    routes: Routes, api: Api, policy: Policy, limits: Limits, urls: Urls, find: Finder, publish: Publish | None = None
) -> None:
    """Routes of all an API declares, under each of its prefixes. ``publish``: takes the events of what changes."""
    for resource in api.resources:
        notices = notices_of(resource, api.dialect, publish)
        served = Operations(resource, api.dialect, policy, limits, urls, find, notices)
        tags = Tags(resource, policy, limits, notices) if has_tag_paths(api.dialect, resource) else None
        for prefix in api.prefixes:
            _add_resource(routes, prefix + resource.path, resource, served)
            if tags is not None:
                _add_tags(routes, f"{prefix}{resource.tag_path or resource.path}/{{id}}/tags", tags)
    for action in api.actions:
        responder = ServedAction(action, api.dialect, policy, limits, find, publish)
        for prefix in api.prefixes:
            routes.add(prefix + action.path, action.method, responder)


def has_tag_paths(dialect: Dialect, resource: Resource) -> bool:
    """Whether items have a ``tags`` collection below them."""
    known = resource.attribute("tags") is not None and "{" not in resource.path
    return dialect is Dialect.NEUTRON and resource.tags and known and "update" in resource.operations


def _add_resource(routes: Routes, path: str, resource: Resource, served: Operations) -> None:
    item = path + "/{id}"
    table: dict[str, tuple[str, str, Responder]] = {
        "list": (path, "GET", served.list),
        "create": (path, "POST", served.create),
        "get": (item, "GET", served.get),
        "update": (item, "PUT", served.update),
        "delete": (item, "DELETE", served.delete),
    }
    for operation, route in table.items():
        if operation in resource.operations:
            routes.add(*route)


def _add_tags(routes: Routes, path: str, tags: Tags) -> None:
    routes.add(path, "GET", tags.show)
    routes.add(path, "PUT", tags.replace)
    routes.add(path, "POST", tags.add)
    routes.add(path, "DELETE", tags.clear)
    routes.add(path + "/{tag}", "GET", tags.has)
    routes.add(path + "/{tag}", "PUT", tags.put)
    routes.add(path + "/{tag}", "DELETE", tags.remove)
