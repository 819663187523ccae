"""What the API's plumbing costs, without database or network: ``python -m tests.bench.plumbing``.

CPU time per request of a toy handler in memory, through the whole WSGI application.
"""

from __future__ import annotations

import io
import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from svcfabric.api.app import create_app, policy_for
from svcfabric.api.auth import noauth
from svcfabric.context import Context
from tests.unit.api.toy import Cloud


def cost(call: Callable[[], Any], times: int) -> float:
    """Microseconds of CPU time per call, the best of five rounds."""
    call()
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            call()
        rounds.append((time.process_time() - began) / times * 1e6)
    return min(rounds)


def main() -> None:
    """Measure and print."""
    cloud = Cloud()
    app = create_app(cloud.apis(), authenticate=noauth.factory())

    def ask(method: str, path: str, body: bytes = b"", query: str = "") -> bytes:
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost",
            "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "HTTP_X_PROJECT_ID": "p", "HTTP_X_ROLES": "member",
        }  # fmt: skip
        return b"".join(app(environ, lambda _status, _headers, _exc=None: None))

    body = json.dumps({"widget": {"name": "w", "size": 3, "mtu": 1400, "tags": ["a"]}}).encode()
    path = "/v2.0/widgets/" + json.loads(ask("POST", "/v2.0/widgets", body))["widget"]["id"]
    change = b'{"widget": {"name": "n"}}'
    print(f"show one           {cost(lambda: ask('GET', path), 2000):8.1f} us")
    print(f"update one         {cost(lambda: ask('PUT', path, change), 2000):8.1f} us")
    rows = [dict(next(iter(cloud.widgets.rows.values()))) for _ in range(1000)]
    for row in rows:
        row["id"] = str(uuid.uuid4())
        row.update({f"more{i}": f"value {i}" for i in range(25 - len(row))})
    cloud.widgets.list = lambda _ctx, _query, _parent=None: rows  # type: ignore[method-assign]
    print(f"list 1,000 x 25    {cost(lambda: ask('GET', '/v2.0/widgets'), 50) / 1000:8.2f} ms")
    picked = cost(lambda: ask("GET", "/v2.0/widgets", query="fields=id&fields=name&limit=1000"), 50) / 1000
    print(f"same, two fields   {picked:8.2f} ms")
    policy = policy_for(cloud.apis())
    ctx = Context(project_id="p", roles=frozenset({"member", "reader"}))
    print(f"policy decision    {cost(lambda: policy.allows(ctx, 'get_widget', {'project_id': 'p'}), 20000):8.2f} us")
    cloud.widgets.calls.clear()
    print(f"create one         {cost(lambda: ask('POST', '/v2.0/widgets', body), 500):8.1f} us")


if __name__ == "__main__":
    main()
