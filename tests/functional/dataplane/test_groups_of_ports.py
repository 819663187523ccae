"""Security groups from the API to packets: real servers on two hosts of a running product."""

import time

import pytest

from svcfabric.cmd.client import NETWORK
from tests import cluster

PATIENCE = 10.0  # seconds; it takes a tenth of one, but machines are slow at times


@pytest.fixture(scope="module")
def product(postgresql, rabbitmq):
    with cluster.cloud(postgresql, rabbitmq, workers=1) as product:
        yield product


@pytest.fixture
def tenant(product):
    return product.client("groups")


def group(tenant, *rules):
    made = tenant.create(f"{NETWORK}/security-groups", "security_group", name="g")
    for each in rules:
        rule(tenant, made, **each)
    return made


def rule(tenant, of, **given):
    body = {"security_group_id": of["id"], "direction": "ingress", **given}
    return tenant.create(f"{NETWORK}/security-group-rules", "security_group_rule", **body)


def join(tenant, server, *groups):
    body = {"port": {"security_groups": [one["id"] for one in groups]}}
    tenant.call("PUT", f"{NETWORK}/ports/{server.port}", body)


def in_force(look, wanted):
    """Wait until ``look()`` is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while look() != wanted:
        assert time.monotonic() < deadline, f"not {wanted} after {PATIENCE} s"


def test_members_of_a_group_are_let_in_wherever_they_are(product, tenant):
    one, two = product.hosts
    network = product.network(tenant)
    app, other = group(tenant), group(tenant)
    web = {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80}
    db = group(tenant, {**web, "remote_group_id": app["id"]})
    server = product.server(tenant, network, two, web="db")
    near, far = product.server(tenant, network, two), product.server(tenant, network, one)
    for client, theirs in ((near, other), (far, other), (server, db)):
        join(tenant, client, theirs)

    def answers(client):
        return client.get(f"http://{server.address}/", timeout=0.3)[0] == 200

    in_force(lambda: (answers(near), answers(far)), (False, False))
    for client in (near, far):
        join(tenant, client, app)
        in_force(lambda client=client: answers(client), True)
    join(tenant, near, other)
    in_force(lambda: (answers(near), answers(far)), (False, True))
    lists = tenant.create(f"{NETWORK}/address-groups", "address_group", addresses=[f"{near.address}/32"])
    made = rule(tenant, db, **web, remote_address_group_id=lists["id"])
    in_force(lambda: answers(near), True)
    tenant.call("PUT", f"{NETWORK}/address-groups/{lists['id']}/remove_addresses", {"addresses": lists["addresses"]})
    in_force(lambda: (answers(near), answers(far)), (False, True))
    tenant.delete(f"{NETWORK}/security-group-rules/{made['id']}")
    for port in (near, far):
        tenant.delete(f"{NETWORK}/ports/{port.port}")
