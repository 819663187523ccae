from __future__ import annotations

import pytest

from svcfabric import errors
from svcfabric.services.lbaas import nested, schemas

MEMBER = {"address": "10.0.0.1", "protocol_port": 80}
POOL = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}


def test_defaults_are_filled_in_at_every_level():
    (pool,) = nested.checked_list(schemas.POOL_NODE, [{**POOL, "members": [MEMBER]}], "pools")
    assert pool["admin_state_up"] is True
    assert pool["healthmonitor"] is None
    assert pool["members"][0]["weight"] == 1
    assert pool["members"][0]["backup"] is False
    assert pool["members"][0]["tags"] == []
    assert "project_id" not in pool


def test_null_means_the_default_and_an_absent_list_is_empty():
    (pool,) = nested.checked_list(schemas.POOL_NODE, [{**POOL, "description": None, "members": None}], "pools")
    assert (pool["description"], pool["members"]) == ("", [])
    assert nested.checked_list(schemas.POOL_NODE, None, "pools") == []


def test_a_pool_that_is_only_named_is_a_reference():
    body = {"protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "p"}}
    assert nested.checked(schemas.LISTENER_NODE, body, "listeners[0]")["default_pool"] == {"name": "p"}


def test_the_owner_of_a_child_is_taken_and_ignored():
    row = nested.checked(schemas.MEMBER_NODE, {**MEMBER, "project_id": "x", "tenant_id": "y"}, "members[0]")
    assert not {"project_id", "tenant_id"} & row.keys()


@pytest.mark.parametrize(
    "path, body, words",
    [
        ("pools", "x", "Value not a valid list"),
        ("pools[0]", ["x"], "Value not a valid dict"),
        ("pools[0].protocol", [{"name": "p"}], "Mandatory field missing"),
        ("pools[0].protocol", [{**POOL, "protocol": None}], "Mandatory field missing"),
        ("pools[1].protocol", [POOL, {**POOL, "protocol": "UDP"}], "Value should be one of: HTTP, HTTPS, TCP"),
        ("pools[0].members", [{**POOL, "members": {}}], "Value not a valid list"),
        ("pools[0].members[0].address", [{**POOL, "members": [{"protocol_port": 1}]}], "Mandatory field missing"),
        ("pools[0].members[0].weight", [{**POOL, "members": [{**MEMBER, "weight": 999}]}], "lower or equal to 256"),
        ("pools[0].healthmonitor", [{**POOL, "healthmonitor": []}], "Value not a valid dict"),
        ("pools[0].healthmonitor.delay", [{**POOL, "healthmonitor": {"type": "TCP"}}], "Mandatory field missing"),
        ("pools[0].name", [{**POOL, "name": "a\nb"}], "control characters"),
    ],
)
def test_a_refusal_names_the_path_and_the_rule(path, body, words):
    with pytest.raises(errors.InvalidInput) as caught:
        nested.checked_list(schemas.POOL_NODE, body, "pools")
    assert f"field/attribute {path}. " in caught.value.message
    assert words in caught.value.message


def test_an_unknown_attribute_is_named_with_its_place():
    with pytest.raises(errors.BadRequest, match=r"argument pools\[0\]\.members\[0\]: wieght"):
        nested.checked_list(schemas.POOL_NODE, [{**POOL, "members": [{**MEMBER, "wieght": 1}]}], "pools")
    with pytest.raises(errors.BadRequest, match="pool_id"):
        nested.checked_list(
            schemas.POOL_NODE,
            [{**POOL, "healthmonitor": {"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1, "pool_id": "x"}}],
            "pools",
        )


def test_the_schema_shows_the_tree():
    schema = schemas.LISTENER_NODE.schema()
    pool = schema["properties"]["default_pool"]
    assert pool["properties"]["members"]["items"]["required"] == ["address", "protocol_port"]
    assert "required" not in pool  # a name alone will do
    assert schema["required"] == ["protocol", "protocol_port"]
