"""Lists: filters, tag filters, sorting, fields, paging with links both ways."""

from __future__ import annotations

import urllib.parse
from typing import Any

import pytest

from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from svcfabric.api.limits import Limits
from svcfabric.api.resource import Dialect
from tests.unit.api.asking import Caller, gadget, neutron, octavia, widget
from tests.unit.api.toy import Cloud

WIDGETS = "/v2.0/widgets"
GADGETS = "/load-balancer/v2/lbaas/gadgets"


def names(answer: Any, collection: str = "widgets") -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json[collection]]


@pytest.fixture
def five(member: Caller) -> list[dict[str, Any]]:
    return [
        widget(member, name=name, mtu=mtu, description=text, tags=tags)
        for name, mtu, text, tags in (
            ("a", 1500, "one", ["red", "blue"]),
            ("b", 1400, "", ["red"]),
            ("c", 1400, "two", ["blue", "green"]),
            ("d", 1300, "", []),
            ("e", 1300, "one", ["red", "blue", "green"]),
        )
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abcde"),
        ("name=a", "a"),
        ("name=a&name=c", "ac"),
        ("name=a&mtu=1400", ""),
        ("mtu=1400&description=two", "c"),
        ("description=", "bd"),
        ("description=&description=two", "bcd"),
        ("admin_state_up=True", "abcde"),
        ("admin_state_up=false", ""),
        ("owner_id=", "abcde"),
        ("owner_id=no-uuid", ""),
        ("id=no-uuid", ""),
        ("tenant_id=p1", "abcde"),
        ("project_id=p2", ""),
        ("project_id=p1&tenant_id=p2", ""),
        ("tags=red", "abe"),
        ("tags=red,blue", "ae"),
        ("tags=red&tags=green", "e"),
        ("tags-any=green,blue", "ace"),
        ("not-tags=red,blue", "bcd"),
        ("not-tags-any=red,blue", "d"),
        ("tags=red&not-tags=green", "ab"),
        ("sort_key=name&sort_dir=desc", "edcba"),
        ("sort_key=mtu&sort_dir=asc&sort_key=name&sort_dir=desc", "edcba"),
        ("sort_key=mtu&sort_dir=desc&sort_key=name&sort_dir=asc", "abcde"),
        ("limit=0", "abcde"),
        ("page_reverse=banana", "abcde"),
    ],
)
def test_what_a_query_finds(member: Caller, five: Any, query: str, found: str) -> None:
    answer = member("GET", WIDGETS, query_string=query)
    got = "".join(names(answer))
    assert got == found if "sort_key" in query else sorted(got) == sorted(found)
    assert "widgets_links" not in answer.json


@pytest.mark.parametrize(
    ("query", "message", "kind"),
    [
        ("bogus=1", "['bogus'] is invalid attribute for filtering", ""),
        ("bogus=1&name=a&other=2", "['bogus', 'other'] is invalid attribute for filtering", ""),
        ("routes=x", "['routes'] is invalid attribute for filtering", ""),
        ("secret=s3", "['secret'] is invalid attribute for filtering", ""),
        ("mtu=x", "Invalid input for mtu. Reason: 'x' is not an integer.", ""),
        ("admin_state_up=x", "Invalid input for admin_state_up. Reason: 'x' cannot be converted to boolean.", ""),
        ("name=a%00", "Invalid input for name. Reason: a string must not contain the NUL character.", ""),
        ("tags=a%00", "Invalid input for tags. Reason: a string must not contain the NUL character.", ""),
        ("sort_key=name", "The number of sort_keys and sort_dirs must be same", ""),
        ("sort_key=status&sort_dir=asc", "['status'] is invalid attribute for sort_keys", ""),
        (
            "sort_key=name&sort_dir=up",
            "['up'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'",
            "",
        ),
        ("limit=-1", "Bad limit request: Limit must be an integer 0 or greater and not '-1'.", "BadRequest"),
        ("limit=many", "Bad limit request: Limit must be an integer 0 or greater and not 'many'.", "BadRequest"),
        ("limit=1&marker=%00", "Supplied pagination marker '\0' is not valid.", ""),
    ],
)
def test_what_the_network_api_refuses(member: Caller, query: str, message: str, kind: str) -> None:
    answer = member("GET", WIDGETS, query_string=query)
    assert (answer.status_code, answer.json) == (400, neutron(message, kind or "HTTPBadRequest"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("bogus=1", "One or more arguments are either duplicate or invalid: bogus"),
        ("limit=x", "Supplied pagination limit 'x' is not valid."),
        ("sort=protocol", "Supplied sort key 'protocol' is not valid."),
        ("sort=name:up", "Supplied sort direction 'up' is not valid."),
        (
            "connection_limit=x",
            "Invalid input for field/attribute connection_limit. Value: 'x'. Wrong type. Expected an integer, got 'x'",
        ),
    ],
)
def test_what_the_load_balancer_api_refuses(member: Caller, query: str, message: str) -> None:
    answer = member("GET", GADGETS, query_string=query)
    assert (answer.status_code, answer.json) == (400, octavia(message))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sort=name:desc", "dcba"),
        ("sort=protocol_x", None),
        ("sort=description:desc,name", "abdc"),
        ("sort_key=description,name&sort_dir=desc", "abdc"),
        ("sort_key=name", "abcd"),
        ("limit=-1", "abcd"),
        ("limit=infinite", "abcd"),
    ],
)
def test_sorting_in_the_load_balancer_api(cloud: Cloud, query: str, found: str | None) -> None:
    app = create_app(cloud.apis(), authenticate=noauth.factory(), limits=Limits(load_balancer_page=0))
    call = Caller(app, "p1", "member")
    for name, text in (("a", "z"), ("b", "z"), ("c", "a"), ("d", "y")):
        gadget(call, name=name, description=text)
    answer = call("GET", GADGETS, query_string=query)
    if found is None:
        assert answer.status_code == 400
    elif "sort" in query:
        assert "".join(names(answer, "gadgets")) == found
    else:
        assert sorted(names(answer, "gadgets")) == sorted(found)


def test_fields_are_shown_alone(member: Caller, five: Any, cloud: Cloud) -> None:
    answer = member("GET", WIDGETS, query_string="fields=name&fields=tenant_id&fields=nonsense&name=a")
    assert answer.json == {"widgets": [{"name": "a", "tenant_id": "p1"}]}
    assert cloud.widgets.calls[-1][1].fields == {"name", "project_id", "id"}
    answer = member("GET", WIDGETS, query_string="fields=name,mtu&name=b")
    assert answer.json == {"widgets": [{"name": "b", "mtu": 1400}]}
    answer = member("GET", f"{WIDGETS}/{five[0]['id']}", query_string="fields=mtu")
    assert answer.json == {"widget": {"mtu": 1500}}
    answer = member("GET", f"{WIDGETS}/{five[0]['id']}", query_string="fields=secret&fields=name")
    assert answer.json == {"widget": {"name": "a"}}


def link(answer: Any, rel: str, key: str = "widgets_links") -> str | None:
    return next((entry["href"] for entry in answer.json[key] if entry["rel"] == rel), None)


def follow(call: Caller, href: str) -> Any:
    parts = urllib.parse.urlsplit(href)
    assert (parts.scheme, parts.netloc) == ("http", "falconframework.org")
    return call("GET", parts.path, query_string=parts.query)


def test_network_api_pages_forward_and_back(member: Caller, five: Any) -> None:
    answer = member("GET", WIDGETS, query_string="sort_key=name&sort_dir=asc&limit=2&mtu=1500&mtu=1400&mtu=1300")
    pages = [names(answer)]
    while href := link(answer, "next"):
        assert "mtu=1400" in href
        answer = follow(member, href)
        pages.append(names(answer))
    assert pages == [["a", "b"], ["c", "d"], ["e"]]
    back = []
    while len(back) < 9 and (href := link(answer, "previous")):
        answer = follow(member, href)
        back.append(names(answer))
    assert back == [["c", "d"], ["a", "b"], []]
    assert names(follow(member, link(answer, "next") or "")) == ["a", "b"]


def test_network_api_full_last_page_leads_to_an_empty_one_and_back(member: Caller, five: Any) -> None:
    answer = member("GET", WIDGETS, query_string="sort_key=name&sort_dir=asc&limit=5")
    assert names(answer) == list("abcde")
    answer = follow(member, link(answer, "next") or "")
    assert names(answer) == []
    assert link(answer, "next") is None
    answer = follow(member, link(answer, "previous") or "")
    assert names(answer) == list("abcde")


def test_network_api_pages_backwards_from_the_end(member: Caller, five: Any) -> None:
    answer = member("GET", WIDGETS, query_string="sort_key=name&sort_dir=desc&limit=2&page_reverse=True")
    assert names(answer) == ["b", "a"]
    answer = follow(member, link(answer, "previous") or "")
    assert names(answer) == ["d", "c"]
    answer = follow(member, link(answer, "next") or "")
    assert names(answer) == ["b", "a"]


def test_network_api_link_is_exact(member: Caller, five: Any) -> None:
    answer = member("GET", WIDGETS, query_string="limit=1&name=a&fields=name")
    ident = five[0]["id"]
    base = "http://falconframework.org/v2.0/widgets"
    assert answer.json["widgets_links"] == [
        {"rel": "next", "href": f"{base}?limit=1&name=a&fields=name&marker={ident}"},
        {"rel": "previous", "href": f"{base}?limit=1&name=a&fields=name&marker={ident}&page_reverse=True"},
    ]


def test_load_balancer_api_pages_by_itself(member: Caller) -> None:
    """The server's page bound holds without a limit and against a larger one."""
    made = {gadget(member, name=name)["name"] for name in "abcdefg"}
    for query in ("", "limit=100", "limit=0"):
        answer = member("GET", GADGETS, query_string=query)
        seen = [names(answer, "gadgets")]
        assert link(answer, "previous", "gadgets_links") is None
        while href := link(answer, "next", "gadgets_links"):
            answer = follow(member, href)
            seen.append(names(answer, "gadgets"))
        assert [len(page) for page in seen] == [3, 3, 1]
        assert {name for page in seen for name in page} == made
    back = []
    while href := link(answer, "previous", "gadgets_links"):
        answer = follow(member, href)
        back.append(names(answer, "gadgets"))
    assert [page for page in back if page] == [seen[1], seen[0]]


def test_load_balancer_api_link_is_exact(member: Caller) -> None:
    gadget(member, name="a")
    gadget(member, name="b")
    answer = member("GET", GADGETS, query_string="sort=name:asc&limit=1")
    ident = answer.json["gadgets"][0]["id"]
    href = f"http://falconframework.org{GADGETS}?limit=1&sort=name%3Aasc&marker={ident}"
    assert answer.json["gadgets_links"] == [{"rel": "next", "href": href}]


def test_links_follow_the_proxy_or_the_configuration(cloud: Cloud, member: Caller) -> None:
    widget(member)
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cloud.example:8443"}
    answer = member("GET", WIDGETS, query_string="limit=1", headers=proxied)
    assert (link(answer, "next") or "").startswith("https://cloud.example:8443/v2.0/widgets?limit=1&marker=")
    bases = {Dialect.NEUTRON: "https://net.example/api/"}
    app = create_app(cloud.apis(), authenticate=noauth.factory(), base_urls=bases)
    answer = Caller(app, "p1", "member")("GET", WIDGETS, query_string="limit=1")
    assert (link(answer, "next") or "").startswith("https://net.example/api/v2.0/widgets?limit=1&marker=")


def test_nested_collections_know_their_parent(member: Caller, cloud: Cloud) -> None:
    first, second = gadget(member), gadget(member)
    path = f"{GADGETS}/{first['id']}/parts"
    made = member("POST", path, {"part": {"name": "x", "weight": 7}})
    assert made.status_code == 201, made.text
    part = made.json["part"]
    assert names(member("GET", path), "parts") == ["x"]
    assert names(member("GET", f"{GADGETS}/{second['id']}/parts"), "parts") == []
    assert member("GET", f"{path}/{part['id']}").json["part"]["weight"] == 7
    assert member("GET", f"{GADGETS}/{second['id']}/parts/{part['id']}").status_code == 404
    assert member("PUT", f"{path}/{part['id']}", {"part": {"weight": None}}).json["part"]["weight"] == 1
    assert member("DELETE", f"{path}/{part['id']}").status_code == 204
    assert member("POST", f"{GADGETS}/nobody/parts", {"part": {}}).status_code == 404


def test_json_suffix_and_trailing_slash(member: Caller) -> None:
    row = widget(member)
    assert len(names(member("GET", "/v2.0/widgets.json"))) == 1
    assert len(names(member("GET", "/v2.0/widgets/"))) == 1
    assert member("GET", f"/v2.0/widgets/{row['id']}.json").json["widget"]["id"] == row["id"]
