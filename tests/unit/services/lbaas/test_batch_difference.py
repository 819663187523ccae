from __future__ import annotations

from typing import Any

import pytest

from svcfabric import errors
from svcfabric.services.lbaas import nested, schemas
from svcfabric.services.lbaas.service.batch import Difference, difference

THERE: dict[str, Any] = {
    "name": "one",
    "admin_state_up": True,
    "tags": ["t"],
    "weight": 5,
    "backup": False,
    "monitor_address": None,
    "monitor_port": None,
    "subnet_id": None,
}
EXISTING = {("10.0.0.1", 80): {"id": "m1", **THERE}, ("2001:db8::1", 80): {"id": "m2", **THERE}}


def found(*items: dict[str, Any], additive_only: bool = False) -> Difference:
    bodies = [{"protocol_port": 80, **item} for item in items]
    wanted = nested.checked_list(schemas.MEMBER_NODE, bodies, "members")
    return difference(EXISTING, wanted, [frozenset(body) for body in bodies], additive_only)


def test_nothing_differs():
    same = [{"address": "10.0.0.1", "weight": 5}, {"address": "2001:db8::1", "weight": 5}]
    assert found(*same) == Difference([], {}, [])


def test_new_changed_and_gone():
    difference = found({"address": "10.0.0.1", "weight": 6}, {"address": "10.0.0.2"})
    assert [row["address"] for row in difference.new] == ["10.0.0.2"]
    assert difference.changed == {"m1": {"weight": 6}}
    assert difference.gone == ["m2"]


def test_what_is_not_named_stays_only_for_name_and_tags():
    assert found({"address": "10.0.0.1"}, additive_only=True).changed == {"m1": {"weight": 1}}
    renamed = found({"address": "10.0.0.1", "weight": 5, "name": "x", "tags": []}, additive_only=True)
    assert renamed.changed == {"m1": {"name": "x", "tags": []}}


def test_additive_only_keeps_the_others():
    assert found(additive_only=True).gone == []
    assert found().gone == ["m1", "m2"]


def test_an_address_in_another_spelling_is_the_same_member():
    difference = found({"address": "2001:DB8:0::1", "weight": 5}, additive_only=True)
    assert difference == Difference([], {}, [])


def test_one_member_named_twice():
    with pytest.raises(errors.BadRequest, match="updated only once"):
        found({"address": "10.0.0.1"}, {"address": "10.0.0.1"})


def test_a_member_does_not_move_to_another_subnet():
    with pytest.raises(errors.BadRequest, match="subnet_id of member m1 cannot be changed"):
        found({"address": "10.0.0.1", "subnet_id": "0cf03f21-6d93-4d8f-9bd3-0e5b9e8f3f0b"})
