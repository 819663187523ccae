"""The WSGI application, made from declarations. ``cmd`` decides what it serves and who authenticates."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import falcon

from svcfabric import errors
from svcfabric.api import openapi
from svcfabric.api.auth.identity import CONTEXT, Factory, WsgiApp
from svcfabric.api.discovery import Discovery, Health, Versions
from svcfabric.api.faults import Faults
from svcfabric.api.find import Finder
from svcfabric.api.limits import Limits
from svcfabric.api.notices import Publish
from svcfabric.api.policy import Policy
from svcfabric.api.request_id import with_request_id
from svcfabric.api.resource import Api, Dialect
from svcfabric.api.routing import Routes, add_api
from svcfabric.api.rules import default_rules
from svcfabric.api.urls import Urls
from svcfabric.context import Context

OPENAPI = "/openapi.json"


def create_app(
    apis: Sequence[Api],
    *,
    authenticate: Factory | None = None,
    policy: Policy | None = None,
    limits: Limits | None = None,
    versions: Versions | None = None,
    base_urls: Mapping[Dialect, str] | None = None,
    health: Health | None = None,
    reveal_foreign: Collection[Dialect] = (),
    publish: Publish | None = None,
) -> WsgiApp:
    """Serve these APIs.

    ``authenticate`` wraps the application (see ``auth``); without one the context must already be in the
    environment. ``policy`` defaults to the declared rules with no operator's file (``policy_for``).
    ``base_urls``: see ``Urls``. ``health``: why this process cannot serve, or ``""``, for ``/healthcheck``.
    ``reveal_foreign``: APIs where another project's thing is 403 instead of 404 (see ``find``). ``publish``: takes
    an event of each change (see ``notices``); None: nobody is told.
    Raises ``ValueError`` when two declarations claim the same path and method.
    """
    if not apis:
        raise ValueError("no API to serve")
    policy = policy or policy_for(apis)
    limits, urls = limits or Limits(), Urls(base_urls)
    routes = Routes()
    for api in apis:
        add_api(routes, api, policy, limits, urls, Finder(api.dialect, api.dialect in reveal_foreign), publish)
    discovery = Discovery(apis, versions or Versions(), urls, health)
    discovery.add_to(routes)
    document = openapi.document(apis)
    routes.add(OPENAPI, "GET", lambda _req, resp: setattr(resp, "data", document))
    public = frozenset({*discovery.public, OPENAPI})
    faults = Faults(apis, reveal_foreign)
    app = falcon.App(middleware=[_Caller(policy, public, faults)])
    app.req_options.strip_url_path_trailing_slash = True
    faults.install(app)
    routes.install(app)
    return with_request_id(_guarded(app, authenticate, public))


def policy_for(apis: Sequence[Api], policy_file: str = "") -> Policy:
    """The policy of these APIs, with the operator's file over it. Raises ``ValueError`` for a broken file."""
    return Policy(default_rules(apis), policy_file)


def _guarded(app: WsgiApp, authenticate: Factory | None, public: frozenset[str]) -> WsgiApp:
    if authenticate is None:
        return app
    inner = authenticate(app)

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        known = path in public or (path.rstrip("/") or "/") in public
        return app(environ, start_response) if known else inner(environ, start_response)

    return serve


class _Caller:
    """Puts the caller where responders find it, an administrator or not as policy says."""

    def __init__(self, policy: Policy, public: frozenset[str], faults: Faults) -> None:
        self._policy = policy
        self._public = public
        self._faults = faults

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Falcon calls it before it looks for the route."""
        path = req.path
        if path in self._public:
            return
        ctx: Context | None = req.env.get(CONTEXT)
        if ctx is None:
            raise errors.Unauthorized("The request you have made requires authentication.")
        is_admin = self._policy.is_admin(ctx.roles)
        req.context.caller = ctx if is_admin == ctx.is_admin else dataclasses.replace(ctx, is_admin=is_admin)
        # Some clients of the network API still say which format they want.
        if path.endswith(".json") and "/tags/" not in path and self._faults.dialect(path) is Dialect.NEUTRON:
            req.path = path.removesuffix(".json")
