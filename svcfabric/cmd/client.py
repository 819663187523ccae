"""A small client of the REST API for the commands: one session, plain documents, the server's words on refusal."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

NETWORK = "/v2.0"
LOAD_BALANCER = "/load-balancer/v2/lbaas"

Document = dict[str, Any]


class Refused(Exception):
    """The API said no, or nothing. ``status`` is 0 when it could not be reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """``headers`` say who asks (see ``basic``). Calls raise ``Refused``."""

    def __init__(self, url: str, headers: dict[str, str] | None = None, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no netrc between us and the API
        self._session.headers.update(headers or {})

    def call(
        self, method: str, path: str, body: Document | None = None, query: Mapping[str, str] | None = None
    ) -> Document:
        """One request; the answer's document, {} when it has none."""
        try:
            answer = self._session.request(method, self.url + path, json=body, params=query, timeout=self._timeout)
        except requests.RequestException as exc:
            raise Refused(f"{method} {self.url}{path}: {_cause(exc)}") from exc
        if answer.status_code >= 400:
            raise Refused(f"{method} {path}: {answer.status_code}: {_reason(answer)}", answer.status_code)
        return answer.json() if answer.content else {}

    def create(self, path: str, kind: str, **attributes: Any) -> Document:
        """POST ``{kind: attributes}``; the resource."""
        made: Document = self.call("POST", path, {kind: attributes})[kind]
        return made

    def show(self, path: str, kind: str) -> Document:
        """GET one resource."""
        found: Document = self.call("GET", path)[kind]
        return found

    def exists(self, path: str) -> bool:
        """Whether GET finds it."""
        try:
            self.call("GET", path)
        except Refused as exc:
            if exc.status == 404:
                return False
            raise
        return True

    def delete(self, path: str, **query: str) -> None:
        """DELETE; what is gone already is no error."""
        try:
            self.call("DELETE", path, query=query)
        except Refused as exc:
            if exc.status != 404:
                raise

    def wait(self, what: str, ready: Callable[[], bool], timeout: float = 30.0, step: float = 0.01) -> float:
        """Poll until ``ready()``; the seconds it took. Raises ``Refused`` naming ``what`` after ``timeout`` seconds."""
        began = time.monotonic()
        for _ in _ticks(step):
            if ready():
                return time.monotonic() - began
            if time.monotonic() - began > timeout:
                raise Refused(f"{what}: not so after {timeout:g} s")
        raise AssertionError("endless")


def basic(user: str, password: str) -> dict[str, str]:
    """Headers of ``http_basic``."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def _ticks(step: float) -> Iterator[None]:
    while True:
        yield
        time.sleep(step)


def _cause(exc: BaseException) -> str:
    """Why there was no answer: the system's words if it has any, without the layers around them."""
    inner: BaseException | None = exc
    while inner is not None:
        if isinstance(inner, OSError) and inner.errno:
            return inner.strerror or str(inner)
        inner = inner.__cause__ or inner.__context__
    return str(exc)


def _reason(answer: requests.Response) -> str:
    """The server's own sentence, whatever its dialect."""
    try:
        document = answer.json()
    except ValueError:
        return answer.text[:500]
    for key in ("NeutronError", "error"):
        if isinstance(document.get(key), dict):
            return str(document[key].get("message"))
    return str(document.get("faultstring") or document.get("description") or document)
