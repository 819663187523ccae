"""Events of changes: what is told, when, and by whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from svcfabric.api.resource import Event
from svcfabric.context import Context
from tests.unit.api.asking import Caller, gadget, widget
from tests.unit.api.toy import Cloud


class Ear:
    """Keeps what is published: (service, event type, payload), and who asked."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, Any]]] = []
        self.callers: list[Context] = []

    def __call__(self, ctx: Context, service: str, event_type: str, payload: bytes) -> None:
        self.heard.append((service, event_type, json.loads(payload)))
        self.callers.append(ctx)

    def types(self) -> list[str]:
        return [event_type for _service, event_type, _payload in self.heard]

    def last(self) -> dict[str, Any]:
        return self.heard[-1][2]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def member(cloud: Cloud, ear: Ear) -> Caller:
    return Caller(create_app(cloud.apis(), authenticate=noauth.factory(), publish=ear), "p1", "member")


def test_a_life(member: Caller, ear: Ear) -> None:
    made = widget(member, name="w")
    path = f"/v2.0/widgets/{made['id']}"
    changed = member("PUT", path, {"widget": {"name": "v"}}).json["widget"]
    assert member("DELETE", path).status_code == 204
    assert ear.heard == [
        ("network", "widget.create.start", {"widget": {"size": 1, "name": "w"}}),
        ("network", "widget.create.end", {"widget": made}),
        ("network", "widget.update.start", {"widget": {"name": "v"}, "id": made["id"]}),
        ("network", "widget.update.end", {"widget": changed}),
        ("network", "widget.delete.start", {"widget_id": made["id"]}),
        (
            "network",
            "widget.delete.end",
            {"widget": {**changed, "provider:kind": None}, "widget_id": made["id"]},
        ),
    ]
    assert made["tenant_id"] == made["project_id"] == "p1"
    assert {(ctx.project_id, ctx.user_id) for ctx in ear.callers} == {("p1", "u-p1")}


def test_each_of_a_bulk_create_is_told_of(member: Caller, ear: Ear) -> None:
    bodies = [{"size": 1, "name": "a"}, {"size": 2, "name": "b"}]
    made = member("POST", "/v2.0/widgets", {"widgets": bodies}).json["widgets"]
    assert ear.heard == [
        ("network", "widget.create.start", {"widgets": bodies}),
        ("network", "widget.create.end", {"widget": made[0]}),
        ("network", "widget.create.end", {"widget": made[1]}),
    ]


@pytest.mark.parametrize("form", ["one", "many", "wrapped"])
def test_what_no_answer_shows_no_event_shows(member: Caller, ear: Ear, form: str) -> None:
    given = {"size": 1, "secret": "of mine"}
    body = {"one": {"widget": given}, "many": {"widgets": [given]}, "wrapped": {"widgets": [{"widget": given}]}}[form]
    assert member("POST", "/v2.0/widgets", body).status_code == 201
    member("DELETE", f"/v2.0/widgets/{ear.last()['widget']['id']}")
    assert ear.types()[-1] == "widget.delete.end"
    assert "secret" not in json.dumps(ear.heard)


def test_what_fails_has_no_end(member: Caller, ear: Ear) -> None:
    assert member("POST", "/v2.0/widgets", {"widget": {"size": 1, "name": "refused"}}).status_code == 409
    assert ear.types() == ["widget.create.start"]


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/v2.0/widgets", {"widget": {"size": 0}}),
        ("POST", "/v2.0/widgets", {"widget": {"size": 1, "shared": True}}),
        ("PUT", "/v2.0/widgets/none", {"widget": {"name": "v"}}),
        ("DELETE", "/v2.0/widgets/none", None),
        ("GET", "/v2.0/widgets", None),
    ],
)
def test_what_is_refused_or_changes_nothing_is_not_told(
    member: Caller, ear: Ear, method: str, path: str, body: Any
) -> None:
    member(method, path, body)
    assert ear.heard == []


def test_tags(member: Caller, ear: Ear) -> None:
    ident = widget(member)["id"]
    ear.heard.clear()
    path = f"/v2.0/widgets/{ident}/tags"
    member("PUT", path, {"tags": ["a"]})
    member("POST", path, {"tags": ["b", "c"]})
    member("PUT", f"{path}/d")
    member("DELETE", f"{path}/b")
    assert member("DELETE", f"{path}/unheard-of").status_code == 404
    member("DELETE", path)
    about = {"obj_resource": "widgets", "obj_resource_id": ident}
    assert ear.heard == [
        ("network", f"tag.{what}.{when}", {**about, **named})
        for what, named in (
            ("update", {"tags": ["a"]}),
            ("create", {"tags": ["b", "c"]}),
            ("create", {"tags": ["d"]}),
            ("delete", {"tags": ["b"]}),
            ("delete_all", {}),
        )
        for when in ("start", "end")
    ]


def test_load_balancers_tell_of_what_is_done_side_by_side(member: Caller, ear: Ear) -> None:
    made = gadget(member, name="g")
    path = f"/load-balancer/v2/lbaas/gadgets/{made['id']}"
    member("PUT", path, {"gadget": {"name": "h"}})
    member("DELETE", path)
    assert [each[:2] for each in ear.heard] == [
        ("load-balancer", f"octavia.gadget.{what}.end") for what in ("create", "update", "delete")
    ]
    names = [(each["gadget_id"], each["project_id"], each["tenant_id"], each["name"]) for _, _, each in ear.heard]
    assert names == [(made["id"], "p1", "p1", name) for name in "ghh"]
    assert all("id" not in each for _, _, each in ear.heard)


def test_an_action_tells_what_its_declaration_says(cloud: Cloud, ear: Ear) -> None:
    import dataclasses

    network = cloud.network()
    spun = Event(type="widget.spun", payload=lambda request, answer: {"of": request.found["id"], "answer": answer})
    actions = tuple(dataclasses.replace(each, event=spun) for each in network.actions)
    app = create_app([dataclasses.replace(network, actions=actions)], authenticate=noauth.factory(), publish=ear)
    member = Caller(app, "p1", "member")
    ident = widget(member)["id"]
    answer = member("PUT", f"/v2.0/widgets/{ident}/spin", {"fast": True}).json
    assert ear.heard[-1] == ("network", "widget.spun", {"of": ident, "answer": answer})
    member("PUT", "/v2.0/widgets/none/spin", {})
    assert len(ear.heard) == 3
