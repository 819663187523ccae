"""Tags below an item, If-Match."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import pytest

from svcfabric import errors
from svcfabric.api.resource import Row
from svcfabric.context import Context
from tests.unit.api.asking import Caller, neutron, widget
from tests.unit.api.toy import Cloud

WIDGETS = "/v2.0/widgets"


def test_tags_of_an_item(member: Caller) -> None:
    row = widget(member, tags=["b"])
    path = f"{WIDGETS}/{row['id']}/tags"
    assert member("GET", path).json == {"tags": ["b"]}
    answer = member("PUT", f"{path}/a")
    assert (answer.status_code, answer.text) == (201, "")
    assert member("PUT", f"{path}/a").status_code == 201
    assert member("GET", path).json == {"tags": ["b", "a"]}
    assert member("GET", f"{path}/a").status_code == 204
    answer = member("GET", f"{path}/nope")
    assert (answer.status_code, answer.json) == (404, neutron("Tag nope could not be found.", "TagNotFound"))
    assert member("DELETE", f"{path}/b").status_code == 204
    assert member("DELETE", f"{path}/b").json == neutron("Tag b could not be found.", "TagNotFound")
    answer = member("POST", path, {"tags": ["a", "c"]})
    assert (answer.status_code, answer.json) == (201, {"tags": ["a", "c"]})
    answer = member("PUT", path, {"tags": ["x.y", "z"]})
    assert (answer.status_code, answer.json) == (200, {"tags": ["x.y", "z"]})
    assert member("GET", f"{path}/x.y").status_code == 204
    found = member("GET", f"{WIDGETS}/{row['id']}").json["widget"]
    assert found["tags"] == ["x.y", "z"]
    assert found["revision_number"] > row["revision_number"]
    answer = member("DELETE", path)
    assert (answer.status_code, answer.text) == (204, "")
    assert member("GET", path).json == {"tags": []}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "Invalid input for operation: Invalid tags body."),
        ({"tag": []}, "Invalid input for operation: Invalid tags body."),
        ([], "Invalid input for operation: Invalid tags body."),
        ({"tags": "a"}, "Invalid input for operation: tags: 'a' is not a list."),
        ({"tags": [1]}, "Invalid input for operation: tags: '1' is not a valid string."),
        ({"tags": ["a", "a"]}, "Invalid input for operation: tags: Duplicate items in the list: 'a'."),
        ({"tags": ["t" * 256]}, f"Invalid input for operation: tags: '{'t' * 256}' exceeds maximum length of 255."),
    ],
)
def test_bad_tags(member: Caller, body: Any, message: str) -> None:
    row = widget(member)
    answer = member("PUT", f"{WIDGETS}/{row['id']}/tags", body)
    assert (answer.status_code, answer.json) == (400, neutron(message, "InvalidInput"))


def test_at_most_fifty_tags(member: Caller) -> None:
    row = widget(member)
    path = f"{WIDGETS}/{row['id']}/tags"
    message = "Bad widgets request: The number of tags exceed the per-resource limit of 50."
    answer = member("PUT", path, {"tags": [str(i) for i in range(51)]})
    assert (answer.status_code, answer.json) == (400, neutron(message, "BadRequest"))
    assert member("PUT", path, {"tags": [str(i) for i in range(50)]}).status_code == 200
    assert member("PUT", f"{path}/more").json == neutron(message, "BadRequest")


def test_two_clients_tag_at_once(member: Caller, cloud: Cloud) -> None:
    """A change between our reading and our writing is not overwritten."""
    row = widget(member)
    store, update = cloud.widgets, cloud.widgets.update
    interfered = []

    def slow(ctx: Context, ident: str, body: Row, parent: str | None = None, if_match: int | None = None) -> Row:
        if not interfered:
            interfered.append(True)
            update(ctx, ident, {"tags": ["theirs"]})
        return update(ctx, ident, body, parent, if_match)

    store.update = slow  # type: ignore[method-assign]
    assert member("PUT", f"{WIDGETS}/{row['id']}/tags/ours").status_code == 201
    assert member("GET", f"{WIDGETS}/{row['id']}/tags").json == {"tags": ["theirs", "ours"]}


def test_many_clients_tag_at_once(member: Caller) -> None:
    row = widget(member)
    path = f"{WIDGETS}/{row['id']}/tags"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: member("PUT", f"{path}/t{i}").status_code, range(8)))
    tags = member("GET", path).json["tags"]
    assert {f"t{i}" for i, status in enumerate(answers) if status == 201} <= set(tags)


def test_if_match(member: Caller, cloud: Cloud) -> None:
    row = widget(member)
    path = f"{WIDGETS}/{row['id']}"
    body = {"widget": {"name": "n"}}
    answer = member("PUT", path, body, headers={"If-Match": "revision_number=0"})
    assert (answer.status_code, answer.json["widget"]["revision_number"]) == (200, 1)
    answer = member("PUT", path, body, headers={"If-Match": '"revision_number=0"'})
    message = "Constrained to 0, but current revision is 1"
    assert (answer.status_code, answer.json) == (412, neutron(message, "RevisionNumberConstraintFailed"))
    for other in (7, -1):
        answer = member("DELETE", path, headers={"If-Match": f"revision_number={other}"})
        assert answer.status_code == 412
    assert row["id"] in cloud.widgets.rows
    assert member("PUT", path, body, headers={"If-Match": "*"}).status_code == 200
    assert member("DELETE", path, headers={"If-Match": "revision_number=2"}).status_code == 204


@pytest.mark.parametrize("header", ["revision_number=x", "revision_number=", "revision_number=-", "abc", '""', "7"])
def test_bad_if_match(member: Caller, header: str) -> None:
    row = widget(member)
    answer = member("DELETE", f"{WIDGETS}/{row['id']}", headers={"If-Match": header})
    message = "Bad if-match request: Revision number etag must be in the format of revision_number=<int>."
    assert (answer.status_code, answer.json) == (400, neutron(message, "BadRequest"))
    twice = {"If-Match": "revision_number=1, revision_number=2"}
    answer = member("DELETE", f"{WIDGETS}/{row['id']}", headers=twice)
    message = "Bad if-match request: Multiple revision_number etags are not supported."
    assert (answer.status_code, answer.json) == (400, neutron(message, "BadRequest"))


def test_in_use(member: Caller) -> None:
    row = widget(member, name="busy")
    answer = member("DELETE", f"{WIDGETS}/{row['id']}")
    assert (answer.status_code, answer.json) == (409, neutron(f"Widget {row['id']} is in use.", "InUse"))


def test_errors_of_the_store_pass_through_tags(member: Caller, cloud: Cloud) -> None:
    row = widget(member)
    cloud.widgets.refuse = errors.PreconditionFailed("always")
    assert member("PUT", f"{WIDGETS}/{row['id']}/tags/x").status_code == 412
