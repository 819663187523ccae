"""Tokens of a real Keystone make the caller; the cache in front is fast and forgets in time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import falcon.testing
import pytest
import requests

from svcfabric import conf as configuration
from svcfabric.api.app import create_app
from svcfabric.api.auth import keystone as tokens
from tests.keystone import Keystone, Session, keystone
from tests.unit.api.toy import Cloud

ERROR = {
    "error": {
        "message": "The request you have made requires authentication.",
        "code": 401,
        "title": "Unauthorized",
    }
}


@pytest.fixture(scope="module")
def identity() -> Iterator[Keystone]:
    with keystone() as node:
        yield node


@pytest.fixture
def conf(identity: Keystone, tmp_path: Any) -> Any:
    path = tmp_path / "svcfabric.conf"
    path.write_text(identity.service_section())
    return configuration.load(files=[str(path)])


@pytest.fixture
def client(conf: Any) -> falcon.testing.TestClient:
    return falcon.testing.TestClient(create_app(Cloud().apis(), authenticate=tokens.factory(conf)))


def test_a_token_makes_the_caller(client: Any, identity: Keystone) -> None:
    headers, projects = {}, {}
    for user in ("alice", "rita", "bob", "admin"):
        token, projects[user] = identity.token(user)
        headers[user] = {"X-Auth-Token": token}
    body = {"widget": {"size": 1, "name": "w"}}
    made = client.simulate_post("/v2.0/widgets", json=body, headers=headers["alice"])
    assert (made.status_code, made.json["widget"]["project_id"]) == (201, projects["alice"])
    path = f"/v2.0/widgets/{made.json['widget']['id']}"
    assert client.simulate_get(path, headers=headers["rita"]).status_code == 200
    assert client.simulate_delete(path, headers=headers["rita"]).status_code == 403
    assert client.simulate_get(path, headers=headers["bob"]).status_code == 404
    assert client.simulate_get(path, headers=headers["admin"]).status_code == 200
    assert client.simulate_delete(path, headers=headers["admin"]).status_code == 204


def test_no_token_and_a_bad_one(client: Any, identity: Keystone) -> None:
    forged = {"X-Roles": "admin", "X-Project-Id": "p", "X-Identity-Status": "Confirmed"}
    for headers in ({}, {"X-Auth-Token": "nonsense"}, forged, {"X-Auth-Token": "", **forged}):
        answer = client.simulate_get("/v2.0/widgets", headers=headers)
        assert (answer.status_code, answer.json) == (401, ERROR), headers
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{identity.url}"'
        assert answer.headers["X-Openstack-Request-Id"].startswith("req-")
    assert client.simulate_get("/").status_code == 200


def test_forged_headers_beside_a_good_token_change_nothing(client: Any, identity: Keystone) -> None:
    token, _ = identity.token("rita")
    for _ in range(2):  # from Keystone, then from the cache
        headers = {"X-Auth-Token": token, "X-Roles": "admin", "X-Project-Id": "other", "X-User-Id": "root"}
        answer = client.simulate_post("/v2.0/widgets", json={"widget": {"size": 1}}, headers=headers)
        assert answer.status_code == 403


def test_what_was_remembered_is_forgotten_in_time(identity: Keystone, tmp_path: Any) -> None:
    path = tmp_path / "svcfabric.conf"
    path.write_text(identity.service_section() + "token_cache_time = -1\n")  # keystonemiddleware's own cache
    conf = configuration.load(files=[str(path)])
    app = create_app(Cloud().apis(), authenticate=tokens.factory(conf, remember=1.0))
    client = falcon.testing.TestClient(app)
    token, _ = identity.token("alice")
    headers = {"X-Auth-Token": token}
    assert client.simulate_get("/v2.0/widgets", headers=headers).status_code == 200
    session = identity.session()
    session._http.headers["X-Subject-Token"] = token
    session.call("DELETE", "/auth/tokens")
    deadline = time.monotonic() + 5
    while client.simulate_get("/v2.0/widgets", headers=headers).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert client.simulate_get("/v2.0/widgets", headers=headers).status_code == 401


def restricted(identity: Keystone, user: str, *rules: dict[str, str]) -> str:
    """A token of an application credential that is good for these requests only."""
    session = Session(identity.url, identity.token(user)[0])
    session._http.headers["X-Subject-Token"] = session._http.headers["X-Auth-Token"]
    me = session.call("GET", "/auth/tokens")
    path = f"/users/{me['token']['user']['id']}/application_credentials"
    body = {"application_credential": {"name": uuid.uuid4().hex, "access_rules": list(rules)}}
    made = session.call("POST", path, body)["application_credential"]
    method = {"id": made["id"], "secret": made["secret"]}
    login = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": method}}}
    answer = requests.post(f"{identity.url}/auth/tokens", json=login, timeout=30)
    answer.raise_for_status()
    return answer.headers["X-Subject-Token"]


def test_a_token_for_certain_requests_is_good_for_no_others(identity: Keystone, tmp_path: Any) -> None:
    identity.register({"network": "http://192.0.2.1:9696"})
    path = tmp_path / "svcfabric.conf"
    path.write_text(identity.service_section() + "service_type = network\n")
    conf = configuration.load(files=[str(path)])
    client = falcon.testing.TestClient(create_app(Cloud().apis(), authenticate=tokens.factory(conf)))
    rule = {"service": "network", "method": "GET", "path": "/v2.0/widgets"}
    headers = {"X-Auth-Token": restricted(identity, "alice", rule)}
    for _ in range(2):
        assert client.simulate_get("/v2.0/widgets", headers=headers).status_code == 200
        answer = client.simulate_post("/v2.0/widgets", json={"widget": {"size": 1}}, headers=headers)
        assert answer.status_code == 401


def test_a_remembered_token_costs_next_to_nothing(client: Any, identity: Keystone) -> None:
    token, _ = identity.token("alice")
    environ = falcon.testing.create_environ("/v2.0/widgets", headers={"X-Auth-Token": token})

    def ask() -> None:
        status = []
        for _ in client.app(dict(environ), lambda line, _headers, _exc=None: status.append(line)):
            pass
        assert status == ["200 OK"]

    ask()
    began = time.thread_time()
    for _ in range(200):
        ask()
    assert (time.thread_time() - began) / 200 < 0.0005  # 30 us on an idle machine
