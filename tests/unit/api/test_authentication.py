"""Password file and no authentication. Keystone: tests/functional/api."""

from __future__ import annotations

import base64
import os
import pathlib
import time
from typing import Any

import falcon.testing
import pytest

from svcfabric.api.app import create_app
from svcfabric.api.auth import http_basic, noauth, with_implied
from tests.unit.api.toy import Cloud

UNAUTHORIZED = {
    "error": {
        "message": "The request you have made requires authentication.",
        "code": 401,
        "title": "Unauthorized",
    }
}


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "passwords"
    lines = [
        "# people",
        "",
        http_basic.hash_line("alice", "öffne:dich", "p1", ["member"], rounds=4),
        http_basic.hash_line("rita", "r", "p1", ["reader"], rounds=4),
        http_basic.hash_line("root", "toor", "ops", ["admin"], rounds=4),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def client(cloud: Cloud, file: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> falcon.testing.TestClient:
    monkeypatch.setattr(http_basic, "LOOK_EVERY", 0.0)
    app = create_app(cloud.apis(), authenticate=http_basic.factory(str(file)))
    return falcon.testing.TestClient(app)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_the_right_password_makes_the_caller(client: Any) -> None:
    body = {"widget": {"size": 1}}
    answer = client.simulate_post("/v2.0/widgets", json=body, headers=basic("alice", "öffne:dich"))
    assert (answer.status_code, answer.json["widget"]["project_id"]) == (201, "p1")
    answer = client.simulate_post("/v2.0/widgets", json=body, headers=basic("rita", "r"))
    assert answer.status_code == 403
    answer = client.simulate_get("/v2.0/widgets", headers=basic("root", "toor"))
    assert len(answer.json["widgets"]) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("alice", "wrong"),
        basic("nobody", "x"),
        basic("alice", ""),
        basic("alice", "x" * 5000),
        basic("alice", "a\0b"),
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
        {"Authorization": "Bearer abc"},
        {"X-Roles": "admin", "X-Project-Id": "p1"},
    ],
)
def test_anything_else_is_refused(client: Any, headers: dict[str, str]) -> None:
    answer = client.simulate_get("/v2.0/widgets", headers=headers)
    assert (answer.status_code, answer.json) == (401, UNAUTHORIZED)
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="svcfabric", charset="UTF-8"'
    assert answer.headers["X-Openstack-Request-Id"].startswith("req-")


def test_discovery_needs_no_password(client: Any) -> None:
    for path in ("/", "/load-balancer", "/load-balancer/", "/healthcheck", "/openapi.json"):
        assert client.simulate_get(path).status_code == 200, path
    assert client.simulate_get("/v2.0/").status_code == 401


def test_a_verified_password_is_remembered_and_a_changed_file_forgets(
    file: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_basic, "LOOK_EVERY", 0.0)
    file.write_text(http_basic.hash_line("slow", "pass", "p", ["reader"], rounds=10))
    passwords = http_basic.Passwords(str(file))
    assert passwords.verified("slow", "pass")
    began = time.thread_time()
    for _ in range(20):
        assert passwords.verified("slow", "pass")
    assert time.thread_time() - began < 0.02
    assert passwords.verified("slow", "other") is None
    (file.parent / "new").write_text(http_basic.hash_line("slow", "new", "p", ["reader"], rounds=4))
    os.replace(file.parent / "new", file)
    assert passwords.verified("slow", "pass") is None
    assert passwords.verified("slow", "new")


def test_a_broken_file_is_refused_at_start_and_ignored_later(
    file: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_basic, "LOOK_EVERY", 0.0)
    passwords = http_basic.Passwords(str(file))
    file.write_text("what is this")
    assert passwords.verified("rita", "r")
    assert "cannot be used" in caplog.text
    with pytest.raises(ValueError, match="line 1: must be user:bcrypt-hash:project_id:role,role"):
        http_basic.Passwords(str(file))
    with pytest.raises(ValueError, match="No such file"):
        http_basic.Passwords(str(file) + ".missing")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a:b:c", "line 1: must be"),
        ("\n\na:plain:p:r", "line 3: the second field is no bcrypt hash"),
        ("a:$2b$04$" + "x" * 53 + ":p:", "line 1: must be"),
        ("\n".join(["a:$2b$04$" + "x" * 53 + ":p:r"] * 2), "line 2: user 'a' is there twice"),
    ],
)
def test_a_bad_line_is_named(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        http_basic.parse(text)


@pytest.mark.parametrize(
    ("user", "password", "project", "roles"),
    [("a:b", "x", "p", ["r"]), ("", "x", "p", ["r"]), ("a", "", "p", ["r"]), ("a", "x" * 73, "p", ["r"]),
     ("a", "x", "p q", ["r"]), ("a", "x", "p", ["r,s"]), ("a", "x", "p\n", ["r"])],
)  # fmt: skip
def test_hash_line_refuses_what_would_break_the_file(user: str, password: str, project: str, roles: list[str]) -> None:
    with pytest.raises(ValueError, match="needs"):
        http_basic.hash_line(user, password, project, roles, rounds=4)


def test_without_authentication_headers_say_who_asks(cloud: Cloud) -> None:
    client = falcon.testing.TestClient(create_app(cloud.apis(), authenticate=noauth.factory("lab")))
    answer = client.simulate_post("/v2.0/widgets", json={"widget": {"size": 1, "shared": True}})
    assert answer.json["widget"]["project_id"] == "lab"
    answer = client.simulate_get("/v2.0/widgets", headers={"X-Tenant-Id": "t", "X-Roles": "Reader"})
    assert answer.status_code == 200
    headers = {"X-Project-Id": "t", "X-Roles": ""}
    assert client.simulate_get("/v2.0/widgets", headers=headers).status_code == 403


def test_roles_imply_lower_ones() -> None:
    assert with_implied(frozenset({"admin"})) == {"admin", "manager", "member", "reader"}
    assert with_implied(frozenset({"manager"})) == {"manager", "member", "reader"}
    assert with_implied(frozenset({"member", "x"})) == {"member", "reader", "x"}
    assert with_implied(frozenset({"service"})) == {"service"}
