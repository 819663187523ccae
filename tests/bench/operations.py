"""The operations that are measured, against any server that speaks the network and the load-balancer API.

Each function yields after every operation, so that two servers can be measured in turn, under the same conditions.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from tests.bench.wire import Failed, Figure, Wire, measure

POLL = 0.01  # seconds between two looks at a load balancer's status

Measured = Iterator[tuple[str, Figure]]


def network(wire: Wire, clients: int, *, count: int = 150, big: int = 1000, lists: int = 40) -> Measured:
    """Networks, subnets, ports, routers. ``wire`` ends before ``/v2.0``; ``big``: ports of the long list."""
    name = f"bench-{uuid.uuid4().hex[:8]}"

    def post(what: str, body: dict[str, Any]) -> Any:
        return wire.call("POST", f"/v2.0/{what}s", {what.replace("-", "_"): body})[what.replace("-", "_")]

    run = _Runner(clients)
    _no_quota(wire)
    _warm(wire, clients, "/v2.0/networks?limit=1")
    made = yield from run("create_network", list(range(count)), lambda i: post("network", {"name": f"{name}-{i}"}))
    networks = [each["id"] for each in made]
    subnets = yield from run(
        "create_subnet",
        list(enumerate(networks)),
        lambda x: post("subnet", {"network_id": x[1], "ip_version": 4, "cidr": f"10.{x[0] // 250}.{x[0] % 250}.0/24"}),
    )
    ports = yield from run("create_port", networks, lambda n: post("port", {"network_id": n, "name": name}))
    long = _big(wire, name, big)
    path = f"/v2.0/ports?network_id={long}"
    yield from run("show_port", ports * 3, lambda p: wire.call("GET", f"/v2.0/ports/{p['id']}"))
    yield from run(f"list_{big}_ports", list(range(lists)), lambda _i: _rows(wire, path, big))
    yield from run("list_by_mac", ports, lambda p: wire.call("GET", f"/v2.0/ports?mac_address={p['mac_address']}"))
    fields = "fields=id&fields=fixed_ips"
    yield from run("list_two_fields", networks, lambda n: wire.call("GET", f"/v2.0/ports?network_id={n}&{fields}"))
    change = {"port": {"name": f"{name}-u", "description": "changed"}}
    yield from run("update_port", ports, lambda p: wire.call("PUT", f"/v2.0/ports/{p['id']}", change))
    yield from run("delete_port", ports, lambda p: _delete(wire, f"/v2.0/ports/{p['id']}"))
    some = list(range(min(40, len(subnets))))
    made = yield from run("create_router", some, lambda i: post("router", {"name": f"{name}-{i}"}))
    routers = [each["id"] for each in made]
    pairs = [(router, {"subnet_id": subnet["id"]}) for router, subnet in zip(routers, subnets, strict=False)]
    for verb in ("add_router_interface", "remove_router_interface"):
        yield from run(verb, pairs, lambda x, verb=verb: wire.call("PUT", f"/v2.0/routers/{x[0]}/{verb}", x[1]))
    yield from run("delete_router", routers, lambda r: _delete(wire, f"/v2.0/routers/{r}"))
    for row in wire.call("GET", f"{path}&fields=id")["ports"]:
        _delete(wire, f"/v2.0/ports/{row['id']}")
    _delete(wire, f"/v2.0/networks/{long}")
    yield from run("delete_network", networks, lambda n: _delete(wire, f"/v2.0/networks/{n}"))


def load_balancers(wire: Wire, clients: int, subnet: str, *, count: int = 60, reads: int = 200) -> Measured:
    """Load balancers to ACTIVE and gone. ``wire`` ends before ``/v2/lbaas``."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    base = "/v2/lbaas"
    run = _Runner(clients)

    def make(what: str, path: str, body: dict[str, Any], balancer: str = "") -> dict[str, Any]:
        made = wire.call("POST", f"{base}/{path}", {what: body})[what]
        _active(wire, f"{base}/loadbalancers/{balancer or made['id']}")
        return made

    def listener(balancer: str) -> tuple[str, str]:
        body = {"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 80}
        return balancer, make("listener", "listeners", body, balancer)["id"]

    def pool(x: tuple[str, str]) -> tuple[str, str]:
        body = {"listener_id": x[1], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        return x[0], make("pool", "pools", body, x[0])["id"]

    def member(x: tuple[str, str]) -> Any:
        return make("member", f"pools/{x[1]}/members", {"address": "192.0.2.10", "protocol_port": 80}, x[0])

    def create(i: int) -> dict[str, Any]:
        return make("loadbalancer", "loadbalancers", {"name": f"{name}-{i}", "vip_subnet_id": subnet})

    def gone(ident: str) -> None:
        wire.call("DELETE", f"{base}/loadbalancers/{ident}?cascade=true")
        _gone(wire, f"{base}/loadbalancers/{ident}")

    _warm(wire, clients, f"{base}/loadbalancers?limit=1")
    made = [each["id"] for each in (yield from run("create_lb_to_active", list(range(count)), create))]
    listeners = yield from run("create_listener_to_active", made, listener)
    pools = yield from run("create_pool_to_active", listeners, pool)
    yield from run("create_member_to_active", pools, member)
    yield from run("list_lbs", list(range(reads // 4)), lambda _i: wire.call("GET", f"{base}/loadbalancers?limit=200"))
    chosen = [made[i % len(made)] for i in range(reads)] if made else []
    yield from run("show_status_tree", chosen, lambda lb: wire.call("GET", f"{base}/loadbalancers/{lb}/status"))
    yield from run("show_lb", chosen, lambda lb: wire.call("GET", f"{base}/loadbalancers/{lb}"))
    yield from run("delete_lb_cascade_to_gone", made, gone)


class _Runner:
    """``yield from run(label, items, work)`` measures and gives the results of what succeeded."""

    def __init__(self, clients: int) -> None:
        self._clients = clients

    def __call__(self, label: str, items: list[Any], work: Callable[[Any], Any]) -> Any:
        figure, results = measure(self._clients, items, work)
        yield label, figure
        return [each for each in results if each is not None]


def _warm(wire: Wire, clients: int, path: str) -> None:
    """Let every worker check the token and load what it loads late."""
    measure(clients, list(range(10 * clients)), lambda _i: wire.call("GET", path))


def _no_quota(wire: Wire) -> None:
    made = wire.call("POST", "/v2.0/networks", {"network": {"name": "bench-probe"}})["network"]
    _delete(wire, f"/v2.0/networks/{made['id']}")
    limits = dict.fromkeys(("network", "subnet", "port", "router", "floatingip"), -1)
    wire.call("PUT", f"/v2.0/quotas/{made['project_id']}", {"quota": limits})


def _big(wire: Wire, name: str, count: int) -> str:
    """A network with that many ports, made in bulk."""
    long = str(wire.call("POST", "/v2.0/networks", {"network": {"name": f"{name}-big"}})["network"]["id"])
    wire.call("POST", "/v2.0/subnets", {"subnet": {"network_id": long, "ip_version": 4, "cidr": "10.77.0.0/16"}})
    for start in range(0, count, 50):
        bodies = [{"network_id": long, "name": f"{name}-b{start + i}"} for i in range(min(50, count - start))]
        wire.call("POST", "/v2.0/ports", {"ports": bodies})
    return long


def _rows(wire: Wire, path: str, want: int) -> int:
    """A long list, counted without building it: the client must not be what is measured."""
    status, body = wire.ask("GET", path)
    found = body.count(b'"mac_address"')
    if status != 200 or found != want:
        raise Failed(f"GET {path}: {status}, {found} rows of {want}")
    return found


def _delete(wire: Wire, path: str) -> bool:
    wire.call("DELETE", path)
    return True


def _active(wire: Wire, path: str, timeout: float = 120.0) -> None:
    deadline = time.monotonic() + timeout
    while (status := wire.call("GET", path)["loadbalancer"]["provisioning_status"]) != "ACTIVE":
        if status == "ERROR" or time.monotonic() > deadline:
            raise Failed(f"{path} is {status}")
        time.sleep(POLL)


def _gone(wire: Wire, path: str, timeout: float = 120.0) -> None:
    deadline = time.monotonic() + timeout
    while True:
        status, body = wire.ask("GET", path)
        if status == 404 or b'"DELETED"' in body:
            return
        if time.monotonic() > deadline:
            raise Failed(f"{path} is still there")
        time.sleep(POLL)
