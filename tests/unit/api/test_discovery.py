"""Versions, resources, extensions, health, unknown paths and methods, request ids, actions, OpenAPI."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import falcon.testing
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from svcfabric.api.resource import Action
from tests.unit.api.asking import Caller, gadget, native, neutron, octavia, widget
from tests.unit.api.toy import Cloud

HOST = "http://falconframework.org"


@pytest.fixture
def stranger(cloud: Cloud) -> falcon.testing.TestClient:
    """Somebody without credentials, where nobody authenticates."""
    return falcon.testing.TestClient(create_app(cloud.apis()))


def test_the_network_versions_need_no_credentials(stranger: Any) -> None:
    expected = [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": f"{HOST}/v2.0/"}]}]
    assert stranger.simulate_get("/").json == {"versions": expected}
    answer = stranger.simulate_get("/", headers={"Host": "net:9696", "X-Forwarded-Proto": "https"})
    assert answer.json["versions"][0]["links"][0]["href"] == "https://net:9696/v2.0/"


def test_the_load_balancer_versions(app: Any) -> None:
    for path in ("/load-balancer", "/load-balancer/"):
        versions = falcon.testing.TestClient(app).simulate_get(path).json["versions"]
        assert [v["id"] for v in versions] == [f"v2.{minor}" for minor in range(28)]
        assert {v["status"] for v in versions[:-1]} == {"SUPPORTED"}
        assert versions[-1]["status"] == "CURRENT"
        assert versions[-1]["links"] == [{"href": f"{HOST}/load-balancer/v2", "rel": "self"}]
        assert all(v["updated"] for v in versions)


def test_a_load_balancer_alone_answers_at_the_root(cloud: Cloud) -> None:
    api = dataclasses.replace(cloud.balancer(), prefixes=("/v2/lbaas",))
    client = falcon.testing.TestClient(create_app([api]))
    assert client.simulate_get("/").json["versions"][0]["id"] == "v2.0"
    assert client.simulate_get("/v2/lbaas/nothing").json["faultcode"] == "Client"


def test_everything_else_needs_credentials(stranger: Any) -> None:
    for path in ("/v2.0", "/v2.0/extensions", "/v2.0/widgets", "/v2.0/nothing", "/nothing"):
        answer = stranger.simulate_get(path)
        message = "The request you have made requires authentication."
        assert (answer.status_code, answer.json) == (401, neutron(message, "HTTPUnauthorized"))


def test_the_resources_of_a_version(member: Caller) -> None:
    expected = {
        "name": "widget",
        "collection": "widgets",
        "links": [{"rel": "self", "href": f"{HOST}/v2.0/widgets"}],
    }
    version = {"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": f"{HOST}/v2.0/"}]}
    assert member("GET", "/v2.0").json == {"version": version, "resources": [expected]}
    assert member("GET", "/v2.0/").json == member("GET", "/v2.0").json
    for path in ("/load-balancer/v2", "/load-balancer/v2.0"):
        found = member("GET", path).json
        assert [r["name"] for r in found["resources"]] == ["gadget"]
        assert found["version"]["id"] == "v2.27"


def test_a_declaration_by_an_extension_nobody_lists_is_found_at_start(cloud: Cloud) -> None:
    api = cloud.network()
    widget = api.resources[0]
    odd = dataclasses.replace(widget.attributes[-1], extension="unheard-of")
    for wrong in (
        dataclasses.replace(widget, extension="unheard-of"),
        dataclasses.replace(widget, attributes=(*widget.attributes[:-1], odd)),
    ):
        with pytest.raises(ValueError, match="extension 'unheard-of', which is not listed"):
            create_app([dataclasses.replace(api, resources=(wrong,))], authenticate=noauth.factory())


def test_extensions(member: Caller) -> None:
    entry = {
        "alias": "toys",
        "name": "Toys",
        "description": "Things to play with",
        "updated": "2026-01-01T00:00:00-00:00",
        "links": [],
    }
    assert member("GET", "/v2.0/extensions").json == {"extensions": [entry]}
    assert member("GET", "/v2.0/extensions/toys").json == {"extension": entry}
    answer = member("GET", "/v2.0/extensions/nope")
    assert (answer.status_code, answer.json) == (
        404,
        neutron("Extension with alias nope does not exist", "HTTPNotFound"),
    )


def test_health(cloud: Cloud, stranger: Any) -> None:
    answer = stranger.simulate_get("/healthcheck")
    assert (answer.status_code, answer.text) == (200, "OK")
    app = create_app(cloud.apis(), health=lambda: "no database")
    answer = falcon.testing.TestClient(app).simulate_get("/healthcheck")
    assert (answer.status_code, answer.text) == (503, "no database")


def test_unknown_paths_in_each_dialect(member: Caller) -> None:
    message = "The resource could not be found."
    for path in ("/v2.0/nothing", "/nothing", "/v2.0/widgets/x/nothing"):
        answer = member("GET", path)
        assert (answer.status_code, answer.json) == (404, neutron(message, "HTTPNotFound"))
    for path in ("/load-balancer/nothing", "/load-balancer/v2/lbaas/nothing", "/v2.0/lbaas/nothing"):
        answer = member("GET", path)
        assert (answer.status_code, answer.json) == (404, octavia(message))
    assert member("GET", "/v1/nothing").json == native("not_found", "Not Found", message)


def test_methods_that_are_not_served(member: Caller) -> None:
    answer = member("DELETE", "/v2.0/widgets")
    message = "The method DELETE is not allowed for this resource."
    assert (answer.status_code, answer.json) == (405, neutron(message, "HTTPMethodNotAllowed"))
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST", "OPTIONS"}
    answer = member("DELETE", "/v1/things/x")
    assert (answer.status_code, answer.json) == (405, native("method_not_allowed", "Method Not Allowed", message))
    assert member("PATCH", "/load-balancer/v2/lbaas/gadgets/x").json == octavia(
        "The method PATCH is not allowed for this resource."
    )


def test_every_prefix_serves_the_same(member: Caller) -> None:
    row = gadget(member)
    for prefix in ("/load-balancer/v2/lbaas", "/load-balancer/v2.0/lbaas", "/v2.0/lbaas"):
        assert member("GET", f"{prefix}/gadgets/{row['id']}").json["gadget"]["id"] == row["id"]


def test_request_ids(member: Caller, stranger: Any) -> None:
    form = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    seen = set()
    for answer in (
        member("GET", "/v2.0/widgets"),
        member("GET", "/v2.0/nothing"),
        stranger.simulate_get("/v2.0/widgets"),
        stranger.simulate_get("/"),
    ):
        assert form.fullmatch(answer.headers["X-Openstack-Request-Id"])
        seen.add(answer.headers["X-Openstack-Request-Id"])
    assert len(seen) == 4


def test_a_clients_request_id_is_kept_for_the_log(
    member: Caller, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.widgets.refuse = RuntimeError()
    given = "req-11111111-2222-3333-4444-555555555555"
    answer = member("POST", "/v2.0/widgets", {"widget": {"size": 1}}, headers={"X-Openstack-Request-Id": given})
    assert answer.headers["X-Openstack-Request-Id"] != given
    assert given in caplog.text
    caplog.clear()
    forged = "req-x\nINFO all is well"
    member("POST", "/v2.0/widgets", {"widget": {"size": 1}}, headers={"X-Openstack-Request-Id": forged})
    assert "all is well" not in caplog.text


def test_actions(member: Caller, reader: Caller, cloud: Cloud) -> None:
    row = widget(member)
    path = f"/v2.0/widgets/{row['id']}/spin"
    answer = member("PUT", path, {"speed": 3}, query_string="answer=yes&x=1&x=2")
    assert (answer.status_code, answer.json) == (200, {"did": {"id": row["id"]}, "body": {"speed": 3}})
    assert cloud.actions[-1].query == {"answer": "yes", "x": "2"}
    assert cloud.actions[-1].ctx.project_id == "p1"
    answer = member("PUT", path, query_string="answer=no")
    assert (answer.status_code, answer.text) == (200, "")
    assert cloud.actions[-1].body is None
    assert reader("GET", f"/v2.0/widgets/{row['id']}/stats").status_code == 200
    assert member("PUT", path, raw=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    parent = gadget(member)
    answer = member("PUT", f"/load-balancer/v2/lbaas/gadgets/{parent['id']}/parts", {"parts": []})
    assert (answer.status_code, answer.json["did"]) == (202, {"id": parent["id"]})
    assert member("PUT", "/v2.0/widgets/nobody/spin", {}).status_code == 404


def test_the_same_path_and_method_cannot_be_declared_twice(cloud: Cloud) -> None:
    api = cloud.network()
    double = Action(method="GET", path="/widgets/{name}", run=cloud.act, rule="x")
    with pytest.raises(ValueError, match=r"GET /v2\.0/widgets/\{name\} is declared twice"):
        create_app([dataclasses.replace(api, actions=(double,))])
    with pytest.raises(ValueError, match="no API to serve"):
        create_app([])
    with pytest.raises(ValueError, match="holds no version"):
        create_app([dataclasses.replace(api, prefixes=("/network",))])


def test_the_openapi_document(stranger: Any) -> None:
    answer = stranger.simulate_get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]["/v2.0/widgets"]) == {"get", "post"}
    assert set(document["paths"]["/v2.0/widgets/{id}"]) == {"parameters", "get", "put", "delete"}
    assert "/v2.0/widgets/{id}/tags/{tag}" in document["paths"]
    assert set(document["paths"]["/load-balancer/v2/lbaas/gadgets/{parent_id}/parts"]) >= {"get", "post", "put"}
    assert "/load-balancer/v2/lbaas/gadgets/{id}/parts" not in document["paths"]
    schemas = document["components"]["schemas"]
    create, update, shown = (schemas[f"neutron-widget{suffix}"] for suffix in ("-create", "-update", ""))
    assert create["required"] == ["size"]
    assert create["properties"]["mtu"]["default"] == 1500
    assert "size" not in update["properties"]
    assert "secret" not in shown["properties"]
    assert "tenant_id" in shown["properties"]
    assert document["paths"]["/v2.0/widgets"]["post"]["x-policy"] == "create_widget"
