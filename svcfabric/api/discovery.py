"""What there is: versions, the resources of a version, extensions, health. No feature is named here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import falcon
import orjson

from svcfabric import errors
from svcfabric.api.checks import shown
from svcfabric.api.resource import Api, Dialect, Extension
from svcfabric.api.routing import Routes
from svcfabric.api.urls import Urls

_PREFIX = re.compile(r"(?P<root>.*?)/(?P<version>v\d+(?:\.\d+)?)(?:/.*)?")
_UPDATED = "2026-01-01T00:00:00Z"

Health = Callable[[], str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """``load_balancer``: the highest minor version of the load-balancer API that is implemented (27 → v2.27)."""

    load_balancer: int = 0


def mount_of(api: Api) -> tuple[str, str]:
    """Where an API's version list is, and its version: ``/load-balancer``, ``v2``. From the canonical prefix."""
    return _mount(api, api.prefixes[0])


def _mount(api: Api, prefix: str) -> tuple[str, str]:
    found = _PREFIX.fullmatch(prefix)
    if found is None:
        raise ValueError(f"{api.title}: prefix {prefix!r} holds no version like /v2.0")
    return found["root"], found["version"]


class Discovery:
    """Serves the documents. ``public`` paths need no credentials. ``health`` returns why not, or ``""``.

    Raises ``ValueError`` for a declaration by an extension that its API does not list.
    """

    def __init__(self, apis: Sequence[Api], versions: Versions, urls: Urls, health: Health | None = None) -> None:
        for api in apis:
            _check_extensions(api)
        self._apis = apis
        self._versions = versions
        self._urls = urls
        self._health = health
        self.public: set[str] = {"/healthcheck"}

    def add_to(self, routes: Routes) -> None:
        """Declare the routes."""
        roots: dict[str, Api] = {}
        for api in self._apis:
            # The network API answers for a mount point that several share, then the first declared.
            root, _ = mount_of(api)
            if root not in roots or api.dialect is Dialect.NEUTRON:
                roots[root] = api
        roots.setdefault("", self._apis[0])
        for root, api in roots.items():
            self.public.add(root or "/")
            routes.add(root or "/", "GET", self._listing(api))
        known: set[str] = set()
        for api in sorted(self._apis, key=lambda a: a.dialect is not Dialect.NEUTRON):
            for path in dict.fromkeys("/".join(_mount(api, prefix)) for prefix in api.prefixes):
                if path not in known:  # the load-balancer API may live below the network API's version, too
                    known.add(path)
                    routes.add(path, "GET", self._version(api))
            if api.dialect is Dialect.NEUTRON:
                for prefix in api.prefixes:
                    routes.add(f"{prefix}/extensions", "GET", self._extensions(api))
                    routes.add(f"{prefix}/extensions/{{alias}}", "GET", self._extension(api))
        routes.add("/healthcheck", "GET", self._healthy)
        routes.add("/healthcheck", "HEAD", self._healthy)

    def _listing(self, api: Api) -> Callable[..., None]:
        root, version = mount_of(api)

        def answer(req: falcon.Request, resp: falcon.Response) -> None:
            base = f"{self._urls.base(req, api.dialect)}{root}/{version}"
            resp.data = orjson.dumps({"versions": self._entries(api, base)})

        return answer

    def _entries(self, api: Api, base: str) -> list[dict[str, Any]]:
        if api.dialect is not Dialect.OCTAVIA:
            _, version = mount_of(api)
            return [{"id": version, "status": "CURRENT", "links": [{"rel": "self", "href": f"{base}/"}]}]
        highest = self._versions.load_balancer
        return [
            {
                "id": f"v2.{minor}",
                "status": "CURRENT" if minor == highest else "SUPPORTED",
                "updated": _UPDATED,
                "links": [{"href": base, "rel": "self"}],
            }
            for minor in range(highest + 1)
        ]

    def _version(self, api: Api) -> Callable[..., None]:
        top = [r for r in api.resources if "{" not in r.path]
        prefix = api.prefixes[0]
        root, version = mount_of(api)

        def answer(req: falcon.Request, resp: falcon.Response) -> None:
            base = self._urls.base(req, api.dialect)
            found = [
                {"name": r.name, "collection": r.collection, "links": [{"rel": "self", "href": base + prefix + r.path}]}
                for r in top
            ]
            # "version" is for clients that were given this URL and discover from here (keystoneauth).
            current = self._entries(api, f"{base}{root}/{version}")[-1]
            resp.data = orjson.dumps({"version": current, "resources": found})

        return answer

    def _extensions(self, api: Api) -> Callable[..., None]:
        text = orjson.dumps({"extensions": [_entry(e) for e in api.extensions]})

        def answer(req: falcon.Request, resp: falcon.Response) -> None:
            resp.data = text

        return answer

    def _extension(self, api: Api) -> Callable[..., None]:
        known = {e.alias: orjson.dumps({"extension": _entry(e)}) for e in api.extensions}

        def answer(req: falcon.Request, resp: falcon.Response, alias: str) -> None:
            if alias not in known:
                raise errors.NotFound(f"Extension with alias {shown(alias)} does not exist")
            resp.data = known[alias]

        return answer

    def _healthy(self, req: falcon.Request, resp: falcon.Response) -> None:
        why_not = self._health() if self._health else ""
        resp.content_type = falcon.MEDIA_TEXT
        resp.status = falcon.HTTP_503 if why_not else falcon.HTTP_200
        resp.text = why_not or "OK"


def _check_extensions(api: Api) -> None:
    listed = {extension.alias for extension in api.extensions} | {""}
    for resource in api.resources:
        for what, alias in ((resource.name, resource.extension), *((a.name, a.extension) for a in resource.attributes)):
            if alias not in listed:
                raise ValueError(f"{api.title}: {what} is declared by extension {alias!r}, which is not listed")


def _entry(extension: Extension) -> dict[str, Any]:
    return {
        "alias": extension.alias,
        "name": extension.name,
        "description": extension.description,
        "updated": extension.updated,
        "links": [],
    }
