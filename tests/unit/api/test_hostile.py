"""Whatever is sent, the answer is in the dialect, and never a fault of ours."""

from __future__ import annotations

from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from svcfabric.api.app import create_app
from svcfabric.api.auth import noauth
from tests.unit.api.asking import Caller
from tests.unit.api.toy import GADGET, WIDGET, Cloud

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=30),
    st.sampled_from(["p1", "p2", "\0", "a" * 300, "10.0.0.0/8", "-1", "1e5", "../../etc"]),
    st.sampled_from(["'; --", "${x}", "\n\rHost: x"]),
)  # fmt: skip
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner))
settings = hypothesis.settings(
    max_examples=150, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)


def bodies(name: str, attributes: Any) -> st.SearchStrategy[Any]:
    keys = st.sampled_from([*(a.name for a in attributes), "tenant_id", "bogus", ""])
    likely = st.fixed_dictionaries({"size": st.just(1), "protocol": st.just("TCP")})
    given = st.dictionaries(keys, values, max_size=6)
    one = st.one_of(given, st.builds(lambda a, b: {**b, **a}, given, likely), values)
    return st.one_of(
        values,
        st.builds(lambda body: {name: body}, one),
        st.builds(lambda items: {f"{name}s": items}, st.lists(one, max_size=7)),
    )


@pytest.fixture(scope="module")
def caller() -> Caller:
    return Caller(create_app(Cloud().apis(), authenticate=noauth.factory()), "p1", "member")


def well(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        body = answer.json
        message = body["NeutronError"]["message"] if "NeutronError" in body else body["faultstring"]
        assert message
        assert len(message) < 5000


def send(caller: Caller, method: str, path: str, body: Any) -> Any:
    try:
        raw = orjson.dumps(body)
    except TypeError:  # integers beyond 64 bits, lone surrogates: as Python's own writer has them
        import json

        raw = json.dumps(body).encode()
    return caller(method, path, raw=raw, headers={"Content-Type": "application/json"})


@settings
@hypothesis.given(body=bodies("widget", WIDGET))
def test_creates(caller: Caller, body: Any) -> None:
    well(send(caller, "POST", "/v2.0/widgets", body))


@settings
@hypothesis.given(body=bodies("gadget", GADGET))
def test_load_balancer_creates(caller: Caller, body: Any) -> None:
    well(send(caller, "POST", "/load-balancer/v2/lbaas/gadgets", body))


@settings
@hypothesis.given(body=bodies("widget", WIDGET))
def test_updates(caller: Caller, body: Any) -> None:
    made = caller("POST", "/v2.0/widgets", {"widget": {"size": 1}}).json["widget"]
    well(send(caller, "PUT", f"/v2.0/widgets/{made['id']}", body))
    well(send(caller, "PUT", f"/v2.0/widgets/{made['id']}/tags", body))


@settings
@hypothesis.given(raw=st.binary(max_size=200))
def test_raw_bodies(caller: Caller, raw: bytes) -> None:
    well(caller("POST", "/v2.0/widgets", raw=raw, headers={"Content-Type": "application/json"}))


NAMES = [*(a.name for a in WIDGET), "tenant_id", "limit", "marker", "page_reverse", "sort_key", "sort_dir", "sort",
         "fields", "tags", "tags-any", "not-tags", "not-tags-any", "bogus"]  # fmt: skip


@settings
@hypothesis.given(
    params=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12) | st.lists(st.text(max_size=5), max_size=3))
)
def test_queries(caller: Caller, params: Any) -> None:
    well(caller("GET", "/v2.0/widgets", params=params))
    well(caller("GET", "/load-balancer/v2/lbaas/gadgets", params=params))


PATHS = st.text(max_size=30).filter(lambda text: "??" not in text)  # which Falcon's client refuses to send


@settings
@hypothesis.given(path=PATHS, header=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_paths_and_headers(caller: Caller, path: str, header: str) -> None:
    headers = {"If-Match": header, "Content-Type": header, "X-Openstack-Request-Id": header}
    well(caller("PUT", f"/v2.0/widgets/{path}", headers=headers, raw=b"{}"))
    well(caller("GET", f"/load-balancer/{path}"))


def test_one_request_does_not_hold_a_hundred_thousand_objects(caller: Caller) -> None:
    routes = [{"to": "10.0.0.0/8", "via": "10.0.0.1"}]
    for count, status in ((19_000, 201), (20_001, 400)):
        answer = send(caller, "POST", "/v2.0/widgets", {"widget": {"size": 1, "routes": routes * count}})
        assert answer.status_code == status
    assert answer.json["NeutronError"]["message"] == "The request body holds more than 20000 objects"
