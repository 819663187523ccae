"""Links: absolute URLs as clients see them, also behind a proxy."""

from __future__ import annotations

from collections.abc import Mapping

import falcon

from svcfabric.api.resource import Dialect


class Urls:
    """``bases``: per API what goes before a request's path, e.g. ``https://network.example``; else the request says
    (``X-Forwarded-Proto``, ``X-Forwarded-Host``, ``Forwarded``, ``Host``).
    """

    def __init__(self, bases: Mapping[Dialect, str] | None = None) -> None:
        self._bases = {dialect: url.rstrip("/") for dialect, url in (bases or {}).items() if url}

    def base(self, req: falcon.Request, dialect: Dialect) -> str:
        """Scheme, host and mount point, without a slash at the end."""
        known = self._bases.get(dialect)
        return (
            known if known is not None else f"{req.forwarded_scheme}://{req.forwarded_host}{req.root_path}".rstrip("/")
        )

    def of(self, req: falcon.Request, dialect: Dialect) -> str:
        """The request's own URL without its query."""
        return self.base(req, dialect) + req.path
