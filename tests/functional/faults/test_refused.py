"""A configuration the daemon refuses: the last good one goes on serving, the tenant reads ERROR and a plain
sentence, the operator the daemon's own words; a good one heals."""

from __future__ import annotations

import time
from typing import Any

from svcfabric.cmd.client import LOAD_BALANCER, Client
from tests import cluster
from tests.balancers import Balancers

BAD = (
    "\n[loadbalancer.haproxy]\nhttp_reuse = sometimes\n"  # goes into the template as it is; HAProxy knows no such word
)


def status_of(client: Client, ident: str, wanted: str) -> str:
    path = f"{LOAD_BALANCER}/loadbalancers/{ident}"
    deadline = time.monotonic() + 20
    status = ""
    while status != wanted and time.monotonic() < deadline:
        status = client.show(path, "loadbalancer")["provisioning_status"]
        time.sleep(0.05)
    return status


def restart(product: cluster.Product, more: str) -> None:
    config = product.hosts[0].config
    config.write_text(config.read_text().replace(BAD, "") + more)
    product.programs["up"].stop()
    product.start()


def test_a_refused_configuration_leaves_the_last_good_one_serving() -> None:
    with cluster.standalone() as product:
        tenant, admin = product.client("tenant-a"), product.client()
        network = product.network(tenant)
        web = product.server(tenant, network, product.hosts[0], web="w1")
        client = product.server(tenant, network, product.hosts[0])
        made = tenant_balancer(product, tenant, network, web)
        balancers = Balancers(product.hosts[0])
        good, pids = balancers.config(made["id"]), balancers.pids()

        restart(product, BAD)
        listener = {"loadbalancer_id": made["id"], "protocol": "HTTP", "protocol_port": 81}
        listener_id = tenant.create(f"{LOAD_BALANCER}/listeners", "listener", **listener)["id"]
        assert status_of(tenant, made["id"], "ERROR") == "ERROR"
        assert client.get(f"http://{made['vip_address']}/") == (200, "w1")
        assert balancers.pids() == pids
        assert balancers.config(made["id"]) == good

        for who, details in ((tenant, False), (admin, True)):
            placement = instance(who, made["id"])["observed"][0]
            assert placement["error"], "a sentence for the tenant"
            assert "http-reuse" not in placement["error"]
            assert ("http-reuse" in placement.get("error_detail", "")) is details, "the daemon's words"

        restart(product, "")
        tenant.call("PUT", f"{LOAD_BALANCER}/listeners/{listener_id}", {"listener": {"name": "again"}})
        assert status_of(tenant, made["id"], "ACTIVE") == "ACTIVE"
        assert client.get(f"http://{made['vip_address']}:81/")[0] == 503, "the listener has no pool"


def tenant_balancer(product: cluster.Product, tenant: Client, network: Any, web: cluster.Server) -> dict[str, Any]:
    made = product.load_balancer(tenant, network, [web.address])
    return product.wait_active(tenant, made["id"])


def instance(client: Client, ident: str) -> dict[str, Any]:
    return client.show(f"/v1/service_instances/{ident}", "service_instance")
