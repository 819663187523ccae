"""Ways to ask the toy cloud, and what its refusals look like."""

from __future__ import annotations

from typing import Any

import falcon.testing


class Caller:
    """Sends requests as one caller; the answer's JSON is ``.json``. ``raw``: a body that is no JSON."""

    def __init__(self, app: Any, project: str, *roles: str) -> None:
        self._client = falcon.testing.TestClient(app)
        self._headers = {"X-Project-Id": project, "X-Roles": ",".join(roles), "X-User-Id": f"u-{project}"}

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> falcon.testing.Result:
        headers = {**self._headers, **more.pop("headers", {})}
        if body is not None:
            more["json"] = body
        if "raw" in more:
            more["body"] = more.pop("raw")
        return self._client.simulate_request(method, path, headers=headers, **more)


def widget(call: Caller, **attributes: Any) -> dict[str, Any]:
    """A new widget's row as the caller sees it."""
    answer = call("POST", "/v2.0/widgets", {"widget": {"size": 1, **attributes}})
    assert answer.status_code == 201, answer.text
    return answer.json["widget"]


def gadget(call: Caller, **attributes: Any) -> dict[str, Any]:
    """A new gadget's row as the caller sees it."""
    answer = call("POST", "/load-balancer/v2/lbaas/gadgets", {"gadget": {"protocol": "TCP", **attributes}})
    assert answer.status_code == 201, answer.text
    return answer.json["gadget"]


def neutron(message: str, kind: str = "HTTPBadRequest", detail: str = "") -> dict[str, Any]:
    """The network API's error body."""
    return {"NeutronError": {"type": kind, "message": message, "detail": detail}}


def octavia(message: str, side: str = "Client") -> dict[str, Any]:
    """The load-balancer API's error body."""
    return {"faultcode": side, "faultstring": message, "debuginfo": None}


def native(code: str, title: str, message: str) -> dict[str, Any]:
    """The native API's error body."""
    return {"error": {"code": code, "title": title, "message": message}}
