"""Who may do what: the five roles, foreign projects, attributes for administrators, the operator's file."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest

from svcfabric.api.app import create_app, policy_for
from svcfabric.api.auth import noauth
from svcfabric.api.policy import Policy
from svcfabric.api.resource import Dialect
from svcfabric.api.rules import default_rules
from svcfabric.context import Context
from tests.unit.api.asking import Caller, gadget, native, neutron, octavia, widget
from tests.unit.api.toy import Cloud

WIDGETS = "/v2.0/widgets"
GADGETS = "/load-balancer/v2/lbaas/gadgets"


def denied(*rules: str) -> dict[str, Any]:
    text = " and ".join(f"rule:{rule}" for rule in rules)
    text = f"({text})" if len(rules) > 1 else text
    return neutron(f"{text} is disallowed by policy", "PolicyNotAuthorized")


# role -> may read, may write its own project's, may do what administrators may
ROLES = {
    "reader": (True, False, False),
    "member": (True, True, False),
    "manager": (True, True, False),
    "admin": (True, True, True),
    "service": (False, False, False),
    "nobody": (False, False, False),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_in_its_own_project(app: Any, member: Caller, role: str) -> None:
    reads, writes, administers = ROLES[role]
    row = widget(member)
    call = Caller(app, "p1", role)
    path = f"{WIDGETS}/{row['id']}"
    good, none = (200, 403) if reads else (403, 403)
    assert call("GET", WIDGETS).status_code == good
    assert call("GET", path).status_code == good
    assert call("GET", f"{path}/stats").status_code == good
    assert call("POST", WIDGETS, {"widget": {"size": 1}}).status_code == (201 if writes else none)
    assert call("PUT", path, {"widget": {"name": "n"}}).status_code == (200 if writes else none)
    assert call("PUT", f"{path}/spin", {}).status_code == (200 if writes else none)
    assert call("PUT", f"{path}/tags/t").status_code == (201 if writes else none)
    assert call("POST", "/v2.0/purge", {}).status_code == (202 if administers else none)
    assert call("POST", "/v1/things", {"thing": {}}).status_code == (201 if administers else none)
    assert call("DELETE", path).status_code == (204 if writes else none)


def test_refusals_in_each_dialect(reader: Caller, member: Caller) -> None:
    row = widget(member)
    assert reader("POST", WIDGETS, {"widget": {"size": 1}}).json == denied("create_widget")
    assert reader("PUT", f"{WIDGETS}/{row['id']}", {"widget": {}}).json == denied("update_widget")
    assert reader("DELETE", f"{WIDGETS}/{row['id']}").json == denied("delete_widget")
    assert reader("PUT", f"{WIDGETS}/{row['id']}/spin", {}).json == denied("spin_widget")
    answer = reader("POST", GADGETS, {"gadget": {"protocol": "TCP"}})
    assert (answer.status_code, answer.json) == (403, octavia("Policy does not allow this request to be performed."))
    answer = reader("POST", "/v1/things", {"thing": {}})
    message = "rule:svcfabric:thing:create is disallowed by policy"
    assert (answer.status_code, answer.json) == (403, native("forbidden", "Forbidden", message))


def test_another_projects_thing_does_not_exist(member: Caller, other: Caller, cloud: Cloud) -> None:
    row = widget(member)
    path = f"{WIDGETS}/{row['id']}"
    absent = neutron(f"Widget {row['id']} could not be found.", "WidgetNotFound")
    for method, where, body in (
        ("GET", path, None),
        ("PUT", path, {"widget": {"name": "mine"}}),
        ("DELETE", path, None),
        ("PUT", f"{path}/spin", {}),
        ("GET", f"{path}/tags", None),
        ("PUT", f"{path}/tags/x", None),
        ("DELETE", f"{path}/tags", None),
    ):
        answer = other(method, where, body)
        assert (answer.status_code, answer.json) == (404, absent), (method, where)
    assert other("GET", WIDGETS).json == {"widgets": []}
    assert cloud.widgets.rows[row["id"]]["name"] == ""
    row = gadget(member)
    answer = other("GET", f"{GADGETS}/{row['id']}")
    assert (answer.status_code, answer.json) == (404, octavia(f"gadget {row['id']} could not be found."))


def test_stock_octavias_answer_for_another_projects_thing(cloud: Cloud) -> None:
    app = create_app(cloud.apis(), authenticate=noauth.factory(), reveal_foreign=[Dialect.OCTAVIA])
    member, other = Caller(app, "p1", "member"), Caller(app, "p2", "member")
    path = f"{GADGETS}/{gadget(member)['id']}"
    message = octavia("Policy does not allow this request to be performed.")
    body = {"gadget": {"name": "n"}}
    for method, where, given in (
        ("GET", path, None),
        ("PUT", path, body),
        ("DELETE", path, None),
        ("PUT", f"{path}/parts", {}),
    ):
        answer = other(method, where, given)
        assert (answer.status_code, answer.json) == (403, message)
    assert other("GET", f"{GADGETS}/nothing").status_code == 404
    assert other("GET", f"{WIDGETS}/{widget(member)['id']}").status_code == 404


def test_a_shared_thing_is_seen_and_not_changed_by_others(member: Caller, admin: Caller, other: Caller) -> None:
    row = widget(admin, project_id="p1", shared=True)
    path = f"{WIDGETS}/{row['id']}"
    assert other("GET", path).json["widget"]["tags"] == []
    assert len(other("GET", WIDGETS).json["widgets"]) == 1
    assert other("GET", f"{path}/stats").status_code == 200
    answer = other("PUT", path, {"widget": {"name": "mine"}})
    assert (answer.status_code, answer.json) == (403, denied("update_widget"))
    assert other("PUT", f"{path}/spin", {}).status_code == 403
    assert other("PUT", f"{path}/tags/x").json == denied("update_widget:tags")
    assert other("DELETE", path).status_code == 403
    assert member("PUT", path, {"widget": {"name": "ours"}}).status_code == 200


def test_attributes_for_administrators(member: Caller, admin: Caller, cloud: Cloud) -> None:
    answer = member("POST", WIDGETS, {"widget": {"size": 1, "shared": True}})
    assert (answer.status_code, answer.json) == (403, denied("create_widget", "create_widget:shared"))
    assert cloud.widgets.rows == {}
    assert widget(member, shared=False)["shared"] is False  # the default needs no right
    row = widget(member)
    answer = member("PUT", f"{WIDGETS}/{row['id']}", {"widget": {"shared": False}})
    assert (answer.status_code, answer.json) == (403, denied("update_widget", "update_widget:shared"))
    assert "provider:kind" not in row
    mine = widget(admin, **{"provider:kind": "vxlan", "project_id": "p1"})
    assert mine["provider:kind"] == "vxlan"
    assert "secret" not in mine
    path = f"{WIDGETS}/{mine['id']}"
    assert "provider:kind" not in member("GET", path).json["widget"]
    assert "provider:kind" in admin("GET", path).json["widget"]
    assert all("provider:kind" not in w for w in member("GET", WIDGETS).json["widgets"])
    assert all("provider:kind" in w for w in admin("GET", WIDGETS).json["widgets"])
    assert member("GET", path, query_string="fields=provider:kind").json == {"widget": {}}
    body = {"widgets": [{"size": 1}, {"size": 1, "shared": True}]}
    assert member("POST", WIDGETS, body).status_code == 403


def test_what_is_kept_from_a_caller_cannot_be_found_out_by_filters(
    member: Caller, other: Caller, admin: Caller
) -> None:
    widget(admin, **{"provider:kind": "vxlan", "project_id": "p1", "shared": True})
    for kind in ("vxlan", "flat"):
        query = f"provider:kind={kind}"
        refusal = neutron("['provider:kind'] is invalid attribute for filtering")
        for call in (member, other):
            answer = call("GET", WIDGETS, query_string=query)
            assert (answer.status_code, answer.json) == (400, refusal)
        assert len(admin("GET", WIDGETS, query_string=query).json["widgets"]) == (kind == "vxlan")


def test_what_is_kept_from_a_caller_cannot_be_found_out_by_sorting(cloud: Cloud, tmp_path: pathlib.Path) -> None:
    policy = operators(cloud, tmp_path / "policy.yaml", '"get_widget:mtu": "rule:admin_or_owner"')
    app = create_app(cloud.apis(), authenticate=noauth.factory(), policy=policy)
    member, admin = Caller(app, "p1", "member"), Caller(app, "root", "admin")
    query = "sort_key=mtu&sort_dir=asc"
    answer = member("GET", WIDGETS, query_string=query)
    assert (answer.status_code, answer.json) == (400, neutron("['mtu'] is invalid attribute for sort_keys"))
    assert admin("GET", WIDGETS, query_string=query).status_code == 200
    assert member("GET", WIDGETS, query_string="sort_key=size&sort_dir=asc&name=x").status_code == 200


def operators(cloud: Cloud, path: pathlib.Path, text: str) -> Policy:
    path.write_text(text)
    return policy_for(cloud.apis(), str(path))


def test_the_operators_file_changes_the_rules(cloud: Cloud, tmp_path: pathlib.Path) -> None:
    policy = operators(
        cloud,
        tmp_path / "policy.yaml",
        """
"create_widget": "role:builder"
"update_widget:name": "rule:context_is_admin"
"get_widget:mtu": "role:auditor"
"get_widget:description": "user_id:%(name)s"
"context_is_admin": "role:root"
""",
    )
    app = create_app(cloud.apis(), authenticate=noauth.factory(), policy=policy)
    builder, member = Caller(app, "p1", "builder", "reader"), Caller(app, "p1", "member")
    root, admin = Caller(app, "other", "root"), Caller(app, "other", "admin")
    row = widget(builder, name="u-p1")
    second = widget(builder, name="x")
    assert "mtu" not in row
    assert "description" in row
    assert "description" not in second
    assert member("POST", WIDGETS, {"widget": {"size": 1}}).json == denied("create_widget")
    path = f"{WIDGETS}/{row['id']}"
    answer = member("PUT", path, {"widget": {"name": "n"}})
    assert answer.json == denied("update_widget", "update_widget:name")
    assert member("PUT", path, {"widget": {"description": "d"}}).status_code == 200
    assert root("PUT", path, {"widget": {"name": "u-p1"}}).status_code == 200
    assert admin("GET", path).status_code == 404
    found = {w["name"]: "description" in w for w in member("GET", WIDGETS).json["widgets"]}
    assert found == {"u-p1": True, "x": False}
    assert "mtu" in Caller(app, "p1", "auditor", "reader")("GET", path).json["widget"]


def test_the_operators_file_is_read_again_and_a_broken_one_is_not(
    cloud: Cloud, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "policy.yaml"
    policy = Policy(default_rules(cloud.apis()), str(file), check_interval=0)
    ctx = Context(project_id="p1", roles=frozenset({"member", "reader"}))
    own = {"project_id": "p1"}
    assert policy.allows(ctx, "create_widget", own)
    file.write_text('"create_widget": "!"\n')
    assert not policy.allows(ctx, "create_widget", own)
    assert policy.generation == 2
    file.write_text("{{{{")
    assert not policy.allows(ctx, "create_widget", own)
    assert "cannot be used" in caplog.text
    file.write_text('["no", "mapping"]')
    assert not policy.allows(ctx, "create_widget", own)
    file.unlink()
    assert not policy.allows(ctx, "create_widget", own)
    assert "is gone" in caplog.text
    file.write_text("{}")
    assert policy.allows(ctx, "create_widget", own)
    file.write_text("[")
    with pytest.raises(ValueError, match=r"policy file .*policy\.yaml"):
        Policy(default_rules(cloud.apis()), str(file))


def test_rules_that_look_at_more_than_role_and_owner_are_not_remembered(tmp_path: pathlib.Path) -> None:
    policy = Policy({"a": "project_id:%(owner)s", "b": "role:%(kind)s", "c": "rule:a or role:x", "d": "not role:x"})
    ctx = Context(project_id="p1", roles=frozenset({"reader"}))
    for rule in ("a", "b", "c"):
        assert policy.looks_at_row(rule)
    assert not policy.looks_at_row("d")
    assert policy.allows(ctx, "a", {"owner": "p1", "project_id": "z"})
    assert not policy.allows(ctx, "a", {"owner": "p2", "project_id": "z"})
    assert policy.allows(ctx, "b", {"kind": "reader"})
    assert policy.allows(ctx, "d", {})
    assert not policy.allows(ctx, "undefined", {"project_id": "p1"})


def test_nobody_owns_what_has_no_project() -> None:
    policy = Policy({"a": "project_id:%(project_id)s"})
    nobody = Context(roles=frozenset({"reader"}))
    for project in (None, "", "None"):
        assert not policy.allows(nobody, "a", {"project_id": project})


def test_an_unknown_default_is_found_at_start(cloud: Cloud) -> None:
    import dataclasses

    api = cloud.network()
    wrong = dataclasses.replace(api.resources[0], rules={"create": "everybody"})
    with pytest.raises(ValueError, match="create_widget: unknown default 'everybody'"):
        policy_for([dataclasses.replace(api, resources=(wrong,))])


def test_a_list_is_no_way_around_the_rule_of_one(cloud: Cloud) -> None:
    import dataclasses

    apis = []
    for api in (cloud.network(), cloud.balancer(), cloud.native()):
        strict = dataclasses.replace(api.resources[0], rules={"get": "admin"})
        apis.append(dataclasses.replace(api, resources=(strict,), actions=()))
    call = Caller(create_app(apis, authenticate=noauth.factory()), "p1", "member")
    for path in (WIDGETS, GADGETS, "/v1/things"):
        assert call("GET", path).status_code == call("GET", f"{path}/x").status_code == 403


def test_names_of_the_rules(cloud: Cloud) -> None:
    rules = default_rules(cloud.apis())
    assert {
        "create_widget", "get_widget", "update_widget", "delete_widget", "create_widget:shared",
        "update_widget:shared", "get_widget:provider:kind", "update_widget:tags", "spin_widget",
        "os_load-balancer_api:gadget:post", "os_load-balancer_api:gadget:get_all",
        "os_load-balancer_api:gadget:get_one", "os_load-balancer_api:gadget:put",
        "os_load-balancer_api:part:delete", "svcfabric:thing:list", "context_is_admin",
    } <= rules.keys()  # fmt: skip


def test_the_file_may_appear_later_and_be_replaced_by_rename(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "policy.yaml"
    policy = Policy({"a": "@"}, str(file), check_interval=0)
    ctx = Context()
    assert policy.allows(ctx, "a", {})
    (tmp_path / "new").write_text('"a": "!"')
    os.replace(tmp_path / "new", file)
    assert not policy.allows(ctx, "a", {})
