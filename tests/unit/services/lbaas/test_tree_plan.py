from __future__ import annotations

from typing import Any

import pytest

from svcfabric import errors
from svcfabric.services.lbaas import nested, schemas
from svcfabric.services.lbaas.service import tree

POOL = {"name": "p", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}


def plan(listeners: list[dict[str, Any]], pools: list[dict[str, Any]] | None = None) -> tree.Plan:
    bodies = [{"protocol": "HTTP", "protocol_port": 80 + number, **each} for number, each in enumerate(listeners)]
    return tree.plan(
        nested.checked_list(schemas.LISTENER_NODE, bodies, "listeners"),
        nested.checked_list(schemas.POOL_NODE, pools or [], "pools"),
    )


def test_nothing_asked_for():
    assert not plan([])


def test_pools_are_lifted_out_of_listeners_and_named_pools_resolved():
    made = plan([{"default_pool": POOL}, {"default_pool": {"name": "p"}}, {}], [{**POOL, "name": "q"}])
    assert set(made.pools) == {"p", "q"}
    assert [name for _, _, name in made.listeners] == ["p", "p", None]
    assert made.counts() == {"listener": 3, "pool": 2, "member": 0, "healthmonitor": 0}


def test_children_are_counted_for_quota():
    members = [{"address": "10.0.0.1", "protocol_port": port} for port in (1, 2)]
    monitor = {"type": "TCP", "delay": 1, "timeout": 1, "max_retries": 1}
    counts = plan([], [{**POOL, "members": members, "healthmonitor": monitor}]).counts()
    assert counts == {"listener": 0, "pool": 1, "member": 2, "healthmonitor": 1}


@pytest.mark.parametrize(
    "listeners, pools, words",
    [
        (
            [{"default_pool": {**POOL, "name": ""}}],
            [],
            r"Pools must be named .*\(in listeners\[0\]\.default_pool\.name\)",
        ),
        ([], [{**POOL, "name": ""}], r"Pools must be named .*\(in pools\[0\]\.name\)"),
        ([{"default_pool": POOL}], [POOL], r"Pool names must be unique .*\(in listeners\[0\]\.default_pool\.name\)"),
        ([], [POOL, POOL], r"Pool names must be unique .*\(in pools\[1\]\.name\)"),
        ([{"default_pool": {"name": "q"}}], [POOL], r"Pool 'q' was referenced .*\(in listeners\[0\]\.default_pool\)"),
        ([{"default_pool": {**POOL, "protocol": "TCP"}}], [], r"'TCP' is invalid while .*\(in listeners\[0\]"),
    ],
)
def test_trees_that_contradict_themselves(listeners, pools, words):
    with pytest.raises(errors.BadRequest, match=words):
        plan(listeners, pools)


def test_two_listeners_on_one_port():
    with pytest.raises(errors.Conflict, match=r"protocol HTTP and protocol_port 80 \(in listeners\[1\]\.protocol_port"):
        plan([{}, {"protocol": "TCP", "protocol_port": 80}])


def test_a_pool_that_exists_belongs_to_another_load_balancer():
    ident = "0cf03f21-6d93-4d8f-9bd3-0e5b9e8f3f0b"
    with pytest.raises(errors.NotFound, match=rf"Pool {ident} not found\. \(in listeners\[0\]\.default_pool_id\)"):
        plan([{"default_pool_id": ident}])
