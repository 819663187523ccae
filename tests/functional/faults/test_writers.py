"""Many writers on one subnet: no address twice, none lost, no request failed for no fault of its own."""

from __future__ import annotations

import collections
import contextlib
import uuid
from collections.abc import Iterator

import pytest

from svcfabric.drivers import registry
from tests import cluster
from tests.bench.wire import Wire, measure

WRITERS, EACH = 8, 1000
QUOTAS = dict.fromkeys(("network", "subnet", "port"), -1)


@contextlib.contextmanager
def product(name: str, request: pytest.FixtureRequest) -> Iterator[cluster.Product]:
    """The product on that database: all in one process on SQLite, else as it is deployed."""
    if name == "sqlite":
        noop = ",".join(f"{kind}.{driver}" for kind, driver in registry.available() if driver == "noop")
        with cluster.standalone(quotas=QUOTAS, agent={"drivers": noop}) as up:
            yield up
        return
    database, broker = request.getfixturevalue(name), request.getfixturevalue("rabbitmq")
    with cluster.cloud(database, broker, hosts=0, quotas=QUOTAS) as deployed:
        yield deployed


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_eight_writers_on_one_subnet(kind: str, request: pytest.FixtureRequest, say) -> None:
    with product(kind, request) as made:
        wire = Wire(made.url, {"X-Project-Id": uuid.uuid4().hex, "X-Roles": "member"})
        network = wire.call("POST", "/v2.0/networks", {"network": {"name": "n"}})["network"]["id"]
        subnet = {"network_id": network, "ip_version": 4, "cidr": "10.1.0.0/16"}
        wire.call("POST", "/v2.0/subnets", {"subnet": subnet})
        body = {"port": {"network_id": network}}

        def create(_number: int) -> tuple[int, bytes]:
            return wire.ask("POST", "/v2.0/ports", body)

        figure, answers = measure(WRITERS, range(WRITERS * EACH), create)
        assert figure.errors == 0, figure.first_error
        statuses = collections.Counter(status for status, _ in answers)
        assert statuses == {201: WRITERS * EACH}, [each for each in answers if each[0] != 201][:3]

        rows = wire.call("GET", f"/v2.0/ports?network_id={network}")["ports"]
        addresses = [fixed["ip_address"] for row in rows for fixed in row["fixed_ips"]]
        assert len(rows) == len(addresses) == WRITERS * EACH
        assert len(set(addresses)) == len(addresses)
        assert len({row["mac_address"] for row in rows}) == len(rows)
        used = Wire(made.url, {}).call("GET", f"/v2.0/network-ip-availabilities/{network}")
        assert used["network_ip_availability"]["used_ips"] == WRITERS * EACH

        # what is given back can be had again, to the last address
        for row in rows[:200]:
            wire.call("DELETE", f"/v2.0/ports/{row['id']}")
        _figure, again = measure(WRITERS, range(200), create)
        assert {status for status, _ in again} == {201}
        rows = wire.call("GET", f"/v2.0/ports?network_id={network}&fields=fixed_ips")["ports"]
        assert len({row["fixed_ips"][0]["ip_address"] for row in rows}) == WRITERS * EACH
        say(
            f"{WRITERS} writers, {EACH} ports each on one subnet, {kind}: {figure.ops:.0f} ports/s, "
            f"p50 {figure.p50:.1f} ms, p99 {figure.p99:.1f} ms; no address twice, none lost, no failure"
        )
