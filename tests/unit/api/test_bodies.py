# ruff: noqa: E501  (tables of exact sentences)
"""Bodies of creates and updates: every refusal exact, defaults, null, bulk."""

from __future__ import annotations

from typing import Any

import pytest

from svcfabric import errors
from tests.unit.api.asking import Caller, gadget, native, neutron, octavia, widget
from tests.unit.api.toy import Cloud

WIDGETS = "/v2.0/widgets"
GADGETS = "/load-balancer/v2/lbaas/gadgets"
LONG = "n" * 256


def test_create_fills_defaults_and_shows_both_names_of_the_project(member: Caller, cloud: Cloud) -> None:
    row = widget(member, name="w")
    assert row["project_id"] == row["tenant_id"] == "p1"
    assert row["created_at"] == "2026-01-02T03:04:05Z"
    assert row["updated_at"] is None
    assert (row["description"], row["mtu"], row["admin_state_up"], row["tags"]) == ("", 1500, True, [])
    assert "secret" not in row
    ((_, bodies),) = cloud.widgets.calls
    assert bodies[0]["secret"] == "s3"
    assert "tenant_id" not in bodies[0]


def test_defaults_are_not_shared_between_rows(member: Caller, cloud: Cloud) -> None:
    widget(member)
    widget(member)
    first, second = cloud.widgets.rows.values()
    first["routes"].append("x")
    assert second["routes"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "Unable to find 'widget' in request body"),
        ({}, "Unable to find 'widget' in request body"),
        ({"gizmo": {}}, "Unable to find 'widget' in request body"),
        ([], "Body contains invalid data"),
        ("widget", "Body contains invalid data"),
        ({"widget": []}, "Object 'widget' contains invalid data"),
        ({"widget": None}, "Object 'widget' contains invalid data"),
        ({"widget": {"size": 1}, "other": 1}, "Unrecognized attribute(s) 'other'"),
        ({"widget": {"size": 1, "bogus": 1, "more": 2}}, "Unrecognized attribute(s) 'bogus, more'"),
        ({"widget": {}}, "Failed to parse request. Required attribute 'size' not specified"),
        ({"widget": {"size": 1, "id": "x"}}, "Attribute 'id' not allowed in POST"),
        ({"widget": {"size": 1, "status": "x"}}, "Attribute 'status' not allowed in POST"),
        ({"widget": {"size": 1, "name": LONG}}, f"Invalid input for name. Reason: '{LONG}' exceeds maximum length of 255."),
        ({"widget": {"size": 1, "name": None}}, "Invalid input for name. Reason: 'None' is not a valid string."),
        ({"widget": {"size": 1, "name": "a\0b"}}, "Invalid input for name. Reason: a string must not contain the NUL character."),
        ({"widget": {"size": 0}}, "Invalid input for size. Reason: '0' is too small - must be at least '1'."),
        ({"widget": {"size": 1, "mtu": "big"}}, "Invalid input for mtu. Reason: 'big' is not an integer."),
        ({"widget": {"size": 1, "admin_state_up": "7"}}, "Invalid input for admin_state_up. Reason: '7' cannot be converted to boolean."),
        ({"widget": {"size": 1, "owner_id": "x"}}, "Invalid input for owner_id. Reason: 'x' is not a valid UUID."),
        ({"widget": {"size": 1, "routes": {"to": 1}}}, "Invalid input for routes. Reason: '{'to': 1}' is not a list."),
        ({"widget": {"size": 1, "routes": [{"to": "10.0.0.0/8"}]}}, "Invalid input for routes. Reason: Required keys not specified: via."),
        ({"widget": {"size": 1, "routes": [{"to": "10.0.0.0/8", "via": "x"}]}}, "Invalid input for routes. Reason: via: 'x' is not a valid IP address."),
        ({"widget": {"size": 1, "project_id": "p1", "tenant_id": "p2"}}, "'project_id' and 'tenant_id' do not match"),
        ({"widget": {"size": 1, "tenant_id": "p2"}}, "Specifying 'project_id' other than the authenticated project in request is not allowed for the current user."),
        ({"widgets": []}, "Resources required"),
        ({"widgets": {}}, "Object 'widgets' contains invalid data"),
        ({"widgets": [1]}, "Object 'widget' contains invalid data"),
        ({"widgets": [{"size": 1}] * 6}, "At most 5 resources may be created in one request"),
    ],
)  # fmt: skip
def test_network_api_refuses_a_create(member: Caller, cloud: Cloud, body: Any, message: str) -> None:
    answer = member("POST", WIDGETS, body)
    assert (answer.status_code, answer.json) == (400, neutron(message))
    assert cloud.widgets.rows == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, 'Missing argument: "gadget"'),
        ([1], "Request must be a JSON dict"),
        ({"gadget": 5}, "Invalid input for field/attribute gadget. Value: '5'. Value not a valid dict"),
        ({"gadget": {"protocol": "TCP"}, "x": 1}, 'Unknown argument: "x"'),
        ({"gadget": {"protocol": "TCP", "bogus": 1}}, "Unknown attribute for argument gadget: bogus"),
        ({"gadget": {"protocol": "TCP", "bogus": 1, "b2": 2}}, "Unknown attributes for argument gadget: bogus, b2"),
        ({"gadget": {"protocol": "TCP", "id": "x"}}, "Unknown attribute for argument gadget: id"),
        ({"gadget": {}}, "Invalid input for field/attribute protocol. Value: 'None'. Mandatory field missing."),
        ({"gadget": {"protocol": "SPX"}}, "Invalid input for field/attribute protocol. Value: 'SPX'. Value should be one of: HTTP, TCP"),
        ({"gadget": {"protocol": None}}, "Invalid input for field/attribute protocol. Value: 'None'. Value should be one of: HTTP, TCP"),
        ({"gadget": {"protocol": "TCP", "name": LONG}}, f"Invalid input for field/attribute name. Value: '{LONG}'. Value should have a maximum character requirement of 255"),
        ({"gadget": {"protocol": "TCP", "connection_limit": -2}}, "Invalid input for field/attribute connection_limit. Value: '-2'. Value should be greater or equal to -1"),
        ({"gadgets": [{"protocol": "TCP"}]}, "Bulk operation not supported"),
    ],
)  # fmt: skip
def test_load_balancer_api_refuses_a_create(member: Caller, cloud: Cloud, body: Any, message: str) -> None:
    answer = member("POST", GADGETS, body)
    assert (answer.status_code, answer.json) == (400, octavia(message))
    assert cloud.gadgets.rows == {}


def test_native_api_refuses_in_its_own_form(admin: Caller) -> None:
    answer = admin("POST", "/v1/things", {"thing": {"name": 5}})
    message = "Invalid input for name. Reason: '5' is not a valid string."
    assert (answer.status_code, answer.json) == (400, native("invalid_input", "Bad Request", message))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"widget": {"size": 2}}, "Cannot update read-only attribute size"),
        ({"widget": {"id": "x"}}, "Cannot update read-only attribute id"),
        ({"widget": {"project_id": "p1"}}, "Cannot update read-only attribute project_id"),
        ({"widget": {"tags": []}}, "Cannot update read-only attribute tags"),
        ({"widget": {"mtu": None}}, "Invalid input for mtu. Reason: 'None' is not an integer."),
        ({"widget": {"what": None}}, "Unrecognized attribute(s) 'what'"),
        ({"widgets": [{}]}, "Unable to find 'widget' in request body"),
    ],
)
def test_network_api_refuses_an_update(member: Caller, body: Any, message: str) -> None:
    row = widget(member)
    answer = member("PUT", f"{WIDGETS}/{row['id']}", body)
    assert (answer.status_code, answer.json) == (400, neutron(message))


def test_update_changes_what_it_names(member: Caller, cloud: Cloud) -> None:
    row = widget(member, name="old", mtu=1400)
    answer = member("PUT", f"{WIDGETS}/{row['id']}", {"widget": {"name": "new"}})
    assert answer.status_code == 200
    assert answer.json["widget"] == {
        **row, "name": "new", "revision_number": 1, "updated_at": "2026-01-02T03:04:05Z"
    }  # fmt: skip
    assert cloud.widgets.calls[-1] == ("update", ({"name": "new"}, None))


def test_null_resets_in_the_load_balancer_api(member: Caller, cloud: Cloud) -> None:
    row = gadget(member, name="g", connection_limit=5, tags=["a"])
    changes = {"name": None, "connection_limit": None, "admin_state_up": None, "tags": None}
    answer = member("PUT", f"{GADGETS}/{row['id']}", {"gadget": changes})
    assert answer.status_code == 200
    found = answer.json["gadget"]
    assert (found["name"], found["connection_limit"], found["admin_state_up"], found["tags"]) == ("", -1, True, [])
    assert found["updated_at"] == "2026-01-02T03:04:05"
    assert gadget(member, connection_limit=None)["connection_limit"] == -1


def test_null_is_a_value_where_the_declaration_allows_it(member: Caller) -> None:
    row = widget(member, owner_id="11111111-2222-3333-4444-555555555555")
    answer = member("PUT", f"{WIDGETS}/{row['id']}", {"widget": {"owner_id": None}})
    assert answer.json["widget"]["owner_id"] is None


def test_bulk_creates_all_or_none(member: Caller, cloud: Cloud) -> None:
    answer = member("POST", WIDGETS, {"widgets": [{"size": 1, "name": "a"}, {"widget": {"size": 2, "name": "b"}}]})
    assert answer.status_code == 201
    assert [w["name"] for w in answer.json["widgets"]] == ["a", "b"]
    assert all(w["tenant_id"] == "p1" for w in answer.json["widgets"])
    bad = member("POST", WIDGETS, {"widgets": [{"size": 1}, {"size": 1, "name": "refused"}]})
    assert (bad.status_code, bad.json) == (409, neutron("A widget cannot be called refused.", "Conflict"))
    bad = member("POST", WIDGETS, {"widgets": [{"size": 1}, {"size": -1}]})
    assert bad.status_code == 400
    assert len(cloud.widgets.rows) == 2


def test_an_administrator_creates_for_another_project(admin: Caller, member: Caller) -> None:
    assert widget(admin, tenant_id="p1")["project_id"] == "p1"
    assert widget(admin, project_id="p9", tenant_id="p9")["tenant_id"] == "p9"
    answer = member("POST", GADGETS, {"gadget": {"protocol": "TCP", "project_id": "p2"}})
    message = "Policy does not allow this request to be performed."
    assert (answer.status_code, answer.json) == (403, octavia(message))


def test_a_caller_without_a_project_must_name_one(app: Any) -> None:
    from svcfabric.api.auth.identity import CONTEXT
    from svcfabric.context import Context

    system = Context(roles=frozenset({"admin", "member", "reader"}), is_admin=True)

    def unscoped(environ: dict[str, Any], start_response: Any) -> Any:
        environ[CONTEXT] = system
        return bare(environ, start_response)

    from svcfabric.api.app import create_app

    bare = create_app(Cloud().apis())
    call = Caller(unscoped, "")
    answer = call("POST", WIDGETS, {"widget": {"size": 1}})
    assert answer.json == neutron("Running without keystone AuthN requires that project_id is specified")
    answer = call("POST", GADGETS, {"gadget": {"protocol": "TCP"}})
    assert answer.json == octavia("Missing project ID in request where one is required.")
    assert call("POST", WIDGETS, {"widget": {"size": 1, "project_id": "p"}}).status_code == 201


def test_broken_json_and_hostile_shapes(member: Caller) -> None:
    text = {"Content-Type": "application/json"}
    for raw in (b"{", b'{"widget": {"size": 1}} x', b"\xff", b'{"widget": {"name": "\\ud800"}}', b"NaN"):
        answer = member("POST", WIDGETS, raw=raw, headers=text)
        assert (answer.status_code, answer.json) == (400, neutron("Body contains invalid data")), raw
    answer = member("POST", GADGETS, raw=b"{", headers=text)
    assert answer.json == octavia("Request is not in valid JSON format")
    for raw in (b"[" * 17 + b"]" * 17, b'{"a":' * 500 + b"1" + b"}" * 500):
        answer = member("POST", WIDGETS, raw=raw, headers=text)
        assert (answer.status_code, answer.json) == (400, neutron("The request body is nested deeper than 16 levels"))
    answer = member("POST", WIDGETS, raw=b"[" * 30_000 + b"]" * 30_000, headers=text)
    assert answer.status_code == 400
    wide = member("POST", WIDGETS, {"widget": {"size": 1, "routes": [{}] * 100}})
    assert "Required keys" in wide.text


def test_body_too_large_or_of_another_type(member: Caller) -> None:
    answer = member("POST", WIDGETS, {"widget": {"size": 1, "name": "x" * 70_000}})
    message = "The request body is larger than 65536 bytes"
    assert (answer.status_code, answer.json) == (413, neutron(message, "HTTPRequestEntityTooLarge"))
    answer = member("POST", GADGETS, raw="a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})
    message = "Unsupported content type 'application/x-www-form-urlencoded', use application/json"
    assert (answer.status_code, answer.json) == (415, octavia(message))
    row = widget(member)
    answer = member("DELETE", f"{WIDGETS}/{row['id']}", {"x": 1})
    assert (answer.status_code, answer.json) == (400, neutron("Request body is not supported in DELETE."))


def test_chunked_bodies_are_read_and_bounded(member: Caller) -> None:
    import io

    chunked = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}

    def send(raw: bytes) -> Any:
        environ = {"wsgi.input": io.BytesIO(raw), "wsgi.input_terminated": True}
        return member("POST", WIDGETS, headers=chunked, extras=environ)

    assert send(b'{"widget": {"size": 1}}').status_code == 201
    assert send(b'{"widget": "' + b"x" * 70_000).status_code == 413
    assert member("POST", WIDGETS, headers=chunked).status_code == 411


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (errors.OverQuota("Quota exceeded for resources: ['widget']."), 409, neutron("Quota exceeded for resources: ['widget'].", "OverQuota")),
        (errors.Conflict("no", neutron_type="IpAddressInUse"), 409, neutron("no", "IpAddressInUse")),
        (errors.NotSupported("cannot"), 400, neutron("cannot", "NotSupported")),
        (errors.ServiceUnavailable("later"), 503, neutron("later", "ServiceUnavailable")),
    ],
)  # fmt: skip
def test_domain_errors_in_the_network_api(
    member: Caller, cloud: Cloud, error: Exception, status: int, body: dict[str, Any]
) -> None:
    cloud.widgets.refuse = error
    answer = member("POST", WIDGETS, {"widget": {"size": 1}})
    assert (answer.status_code, answer.json) == (status, body)
    assert answer.headers.get("Retry-After") == ("1" if status == 503 else None)


@pytest.mark.parametrize(
    ("error", "status", "side"),
    [
        (errors.OverQuota("Quota has been met for resources: Gadget"), 403, "Client"),
        (errors.NotSupported("cannot"), 501, "Server"),
        (errors.Conflict("Gadget is immutable"), 409, "Client"),
        (errors.ServiceUnavailable("later"), 503, "Server"),
    ],
)
def test_domain_errors_in_the_load_balancer_api(
    member: Caller, cloud: Cloud, error: errors.SvcfabricError, status: int, side: str
) -> None:
    cloud.gadgets.refuse = error
    answer = member("POST", GADGETS, {"gadget": {"protocol": "TCP"}})
    assert (answer.status_code, answer.json) == (status, octavia(error.message, side))


def test_an_unexpected_error_is_logged_and_not_told(
    member: Caller, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.widgets.refuse = cloud.gadgets.refuse = RuntimeError("the password is hunter2")
    answer = member("POST", WIDGETS, {"widget": {"size": 1}})
    request_id = answer.headers["X-Openstack-Request-Id"]
    message = "Request Failed: internal server error while processing your request."
    assert answer.status_code == 500
    assert answer.json == neutron(message, "HTTPInternalServerError", f"Request {request_id}")
    assert request_id in caplog.text
    assert "hunter2" in caplog.text
    answer = member("POST", GADGETS, {"gadget": {"protocol": "TCP"}})
    request_id = answer.headers["X-Openstack-Request-Id"]
    assert answer.json == octavia(f"{message} (Request {request_id})", "Server")
