"""The outermost layer: a request id for each request, in each answer, whoever answers."""

from __future__ import annotations

import re
from typing import Any

from svcfabric.api.auth.identity import GLOBAL_REQUEST_ID, REQUEST_ID, WsgiApp
from svcfabric.context import new_request_id

HEADER = "X-Openstack-Request-Id"
_FORM = re.compile(r"req-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def with_request_id(app: WsgiApp) -> WsgiApp:
    """Makes an id, puts it into the environment and into the answer's headers.

    A well-formed id the client sends (another service's) is kept as the global id, for the log.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        request_id = new_request_id()
        environ[REQUEST_ID] = request_id
        given = environ.get("HTTP_X_OPENSTACK_REQUEST_ID")
        if given is not None and _FORM.fullmatch(given):
            environ[GLOBAL_REQUEST_ID] = given

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            headers = [*headers, (HEADER, request_id)]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return app(environ, start)

    return serve
