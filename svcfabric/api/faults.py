"""Whatever goes wrong becomes an answer in the dialect of the path that was asked."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

import falcon

from svcfabric import errors
from svcfabric.api.auth.identity import GLOBAL_REQUEST_ID, REQUEST_ID
from svcfabric.api.dialect import Fault, body_of, fault_of, http_fault, internal_fault
from svcfabric.api.discovery import mount_of
from svcfabric.api.resource import Api, Dialect
from svcfabric.api.words import Words

LOG = logging.getLogger(__name__)

MESSAGES = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    404: "The resource could not be found.",
    405: "The method {method} is not allowed for this resource.",
}


class Faults:
    """Falcon's error handlers. ``reveal_foreign``: APIs that say 403 for what is another project's (see ``find``)."""

    def __init__(self, apis: Sequence[Api], reveal_foreign: Collection[Dialect] = ()) -> None:
        self._reveal = frozenset(reveal_foreign)
        prefixes = {prefix: api.dialect for api in apis for prefix in (*api.prefixes, mount_of(api)[0]) if prefix}
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))
        dialects = [api.dialect for api in apis]
        self._default = Dialect.NEUTRON if Dialect.NEUTRON in dialects else dialects[0]

    def install(self, app: falcon.App[Any, Any]) -> None:
        """Take over from Falcon's own."""
        app.add_error_handler(Exception, self.unexpected)
        app.add_error_handler(falcon.HTTPError, self.http)
        app.add_error_handler(errors.SvcfabricError, self.domain)

    def dialect(self, path: str) -> Dialect:
        """Whose path this is: the longest prefix wins."""
        for prefix, dialect in self._prefixes:
            if path == prefix or path.startswith(prefix + "/"):
                return dialect
        return self._default

    def domain(self, req: falcon.Request, resp: falcon.Response, error: errors.SvcfabricError, _params: Any) -> None:
        """An error the product raises on purpose."""
        dialect = self.dialect(req.path)
        if isinstance(error, errors.Foreign) and dialect in self._reveal:
            error = Words(dialect).forbidden(["foreign"])
        fault = fault_of(dialect, error, req.env.get(REQUEST_ID, ""))
        if error.status == 503:  # no fault of ours: what is behind it, in a line
            cause = str(error.__cause__ or "").partition("\n")[0]
            LOG.warning("%s %s %s: %s %s", fault.request_id, req.method, req.path, error.message, cause)
        elif error.status >= 500:
            LOG.error("%s %s %s: %s", fault.request_id, req.method, req.path, error.message, exc_info=error)
        if fault.status == 500:
            fault = internal_fault(fault.request_id)
        if fault.status == 503:
            resp.set_header("Retry-After", "1")
        _write(resp, dialect, fault)

    def http(self, req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: Any) -> None:
        """An error of HTTP itself, raised by Falcon or the plumbing."""
        message = MESSAGES.get(error.status_code, "").format(method=req.method)
        if error.description and error.status_code != 404:
            message = error.description
        for name, value in _headers(error):
            resp.set_header(name, value)
        fault = http_fault(error.status_code, message or error.title or "", req.env.get(REQUEST_ID, ""))
        _write(resp, self.dialect(req.path), fault)

    def unexpected(self, req: falcon.Request, resp: falcon.Response, error: Exception, _params: Any) -> None:
        """A fault of ours: told to the log, not to the client."""
        request_id = req.env.get(REQUEST_ID, "")
        beyond = req.env.get(GLOBAL_REQUEST_ID, "")
        LOG.error("%s %s %s %s failed", request_id, beyond, req.method, req.path, exc_info=error)
        _write(resp, self.dialect(req.path), internal_fault(request_id))


def _headers(error: falcon.HTTPError) -> list[tuple[str, str]]:
    headers = error.headers or {}
    return list(headers.items()) if isinstance(headers, dict) else list(headers)  # type: ignore[arg-type]


def _write(resp: falcon.Response, dialect: Dialect, fault: Fault) -> None:
    resp.status = falcon.code_to_http_status(fault.status)
    resp.content_type = falcon.MEDIA_JSON
    resp.text = None
    resp.data = body_of(dialect, fault)
