"""Every ``openstack loadbalancer …`` command of the load balancer's resources, by the stock client."""

from __future__ import annotations

import json
import time

import pytest


def wait(cloud, lb, status="ACTIVE"):
    """Wait until a load balancer has that provisioning status."""
    deadline = time.monotonic() + 30
    while (now := cloud("loadbalancer", "show", lb, "-c", "provisioning_status")["provisioning_status"]) != status:
        assert time.monotonic() < deadline, f"{lb} is {now}"
        time.sleep(0.1)


def gone(cloud, lb):
    """Wait until a load balancer is no more."""
    deadline = time.monotonic() + 30
    while lb in {row["id"] for row in cloud("loadbalancer", "list")}:
        assert time.monotonic() < deadline, f"{lb} is still there"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def subnet(cloud):
    """A tenant subnet for VIPs and members; the network's and the subnet's id."""
    name = f"e2e-lb-{time.time_ns():x}"
    network = cloud("network", "create", name)
    made = cloud("subnet", "create", name, "--network", name, "--subnet-range", "10.71.0.0/24")
    yield made
    for _ in range(50):  # ports of load balancers go with them
        if not cloud("port", "list", "--network", network["id"]):
            break
        time.sleep(0.2)
    cloud.run("network", "delete", network["id"])


@pytest.fixture
def lb(cloud, subnet, name):
    """A load balancer, ACTIVE; deleted afterwards with all that is in it."""
    made = cloud("loadbalancer", "create", "--name", name, "--vip-subnet-id", subnet["id"])
    wait(cloud, made["id"])
    yield made["id"]
    wait(cloud, made["id"])
    cloud.text("loadbalancer", "delete", "--cascade", made["id"])
    gone(cloud, made["id"])


@pytest.fixture
def pool(cloud, lb, name):
    """An HTTP listener with a pool; the pool's id."""
    make_listener = ("--name", f"{name}-l", "--protocol", "HTTP", "--protocol-port", "80", lb)
    listener = cloud("loadbalancer", "listener", "create", *make_listener)
    wait(cloud, lb)
    make_pool = ("--name", f"{name}-p", "--listener", listener["id"], "--protocol", "HTTP")
    made = cloud("loadbalancer", "pool", "create", *make_pool, "--lb-algorithm", "ROUND_ROBIN")
    wait(cloud, lb)
    return made["id"]


def test_loadbalancer(cloud, subnet, name):
    made = cloud(
        "loadbalancer", "create", "--name", name, "--description", "d", "--vip-subnet-id", subnet["id"],
        "--vip-address", "10.71.0.70", "--tag", "t1",
    )  # fmt: skip
    ident = made["id"]
    assert (made["name"], made["description"], made["vip_address"]) == (name, "d", "10.71.0.70")
    assert made["vip_subnet_id"] == subnet["id"] and made["vip_port_id"] and made["admin_state_up"] is True
    assert made["provisioning_status"] in ("PENDING_CREATE", "ACTIVE") and made["tags"] == ["t1"]
    wait(cloud, ident)
    assert cloud("port", "show", made["vip_port_id"])["fixed_ips"][0]["ip_address"] == "10.71.0.70"

    for options in (["--name", name], ["--vip-address", "10.71.0.70"], ["--tags", "t1"]):
        assert [row["id"] for row in cloud("loadbalancer", "list", *options)] == [ident], options
    assert cloud("loadbalancer", "list", "--name", name, "--disable") == []

    cloud.text("loadbalancer", "set", name, "--name", f"{name}2", "--description", "e", "--disable", "--tag", "t2")
    wait(cloud, ident)
    shown = cloud("loadbalancer", "show", f"{name}2")
    assert (shown["id"], shown["description"], shown["admin_state_up"]) == (ident, "e", False)
    cloud.text("loadbalancer", "set", ident, "--enable", "--wait")
    cloud.text("loadbalancer", "unset", ident, "--description", "--wait")
    assert cloud("loadbalancer", "show", ident)["description"] == ""

    stats = cloud("loadbalancer", "stats", "show", ident)
    assert set(stats) == {"active_connections", "bytes_in", "bytes_out", "request_errors", "total_connections"}
    tree = json.loads(cloud.text("loadbalancer", "status", "show", ident))
    assert tree["loadbalancer"]["id"] == ident and tree["loadbalancer"]["provisioning_status"] == "ACTIVE"

    taken = ("loadbalancer", "create", "--vip-subnet-id", subnet["id"], "--vip-address", "10.71.0.70")
    assert "409" in cloud.fails(*taken)
    cloud.text("loadbalancer", "delete", ident, "--wait")
    assert "Unable to locate" in cloud.fails("loadbalancer", "show", ident)


def test_listener(cloud, lb, name):
    made = cloud(
        "loadbalancer", "listener", "create", "--name", name, "--protocol", "HTTP", "--protocol-port", "8080",
        "--connection-limit", "100", "--insert-headers", "X-Forwarded-For=true", "--timeout-client-data", "30000",
        "--timeout-member-connect", "2000", "--timeout-member-data", "31000", "--timeout-tcp-inspect", "0",
        "--allowed-cidr", "10.71.0.0/24", "--description", "d", "--tag", "t1", lb, "--wait",
    )  # fmt: skip
    ident = made["id"]
    assert (made["protocol"], made["protocol_port"], made["connection_limit"]) == ("HTTP", 8080, 100)
    assert (made["timeout_client_data"], made["timeout_member_connect"]) == (30000, 2000)
    assert "10.71.0.0/24" in made["allowed_cidrs"] and "X-Forwarded-For" in made["insert_headers"]

    assert [row["id"] for row in cloud("loadbalancer", "listener", "list", "--name", name)] == [ident]
    assert [row["id"] for row in cloud("loadbalancer", "listener", "list", "--loadbalancer", lb)] == [ident]
    cloud.text(
        "loadbalancer", "listener", "set", ident, "--name", f"{name}2", "--connection-limit", "200", "--disable",
        "--insert-headers", "X-Forwarded-Port=true", "--timeout-client-data", "1000", "--wait",
    )  # fmt: skip
    shown = cloud("loadbalancer", "listener", "show", f"{name}2")
    assert (shown["connection_limit"], shown["admin_state_up"], shown["timeout_client_data"]) == (200, False, 1000)
    assert "X-Forwarded-Port" in shown["insert_headers"] and "X-Forwarded-For" not in shown["insert_headers"]
    cloud.text("loadbalancer", "listener", "set", ident, "--enable", "--wait")
    cloud.text(
        "loadbalancer", "listener", "unset", ident, "--connection-limit", "--insert-headers", "--allowed-cidrs",
        "--timeout-client-data", "--name", "--description", "--wait",
    )  # fmt: skip
    shown = cloud("loadbalancer", "listener", "show", ident)
    assert (shown["connection_limit"], shown["timeout_client_data"], shown["name"]) == (-1, 50000, "")
    assert not shown["insert_headers"]

    stats = cloud("loadbalancer", "listener", "stats", "show", ident)
    assert set(stats) >= {"bytes_in", "total_connections"}
    again = ("loadbalancer", "listener", "create", "--protocol", "TCP", "--protocol-port", "8080", lb)
    assert "Another Listener on this Load Balancer is already using" in cloud.fails(*again)
    cloud.text("loadbalancer", "listener", "delete", ident, "--wait")
    assert cloud("loadbalancer", "listener", "list", "--loadbalancer", lb) == []


def test_pool(cloud, lb, name):
    made = cloud(
        "loadbalancer", "pool", "create", "--name", name, "--loadbalancer", lb, "--protocol", "HTTP",
        "--lb-algorithm", "LEAST_CONNECTIONS", "--session-persistence", "type=SOURCE_IP", "--description", "d",
        "--tag", "t1", "--wait",
    )  # fmt: skip
    ident = made["id"]
    assert (made["protocol"], made["lb_algorithm"], made["description"]) == ("HTTP", "LEAST_CONNECTIONS", "d")
    assert "SOURCE_IP" in json.dumps(made["session_persistence"]) and lb in json.dumps(made["loadbalancers"])

    assert [row["id"] for row in cloud("loadbalancer", "pool", "list", "--loadbalancer", lb)] == [ident]
    cloud.text(
        "loadbalancer", "pool", "set", ident, "--name", f"{name}2", "--lb-algorithm", "SOURCE_IP",
        "--disable", "--description", "e", "--tag", "t2", "--wait",
    )  # fmt: skip
    shown = cloud("loadbalancer", "pool", "show", f"{name}2")
    assert (shown["lb_algorithm"], shown["admin_state_up"], shown["description"]) == ("SOURCE_IP", False, "e")
    cloud.text("loadbalancer", "pool", "set", ident, "--enable", "--wait")
    cloud.text("loadbalancer", "pool", "unset", ident, "--session-persistence", "--description", "--wait")
    shown = cloud("loadbalancer", "pool", "show", ident)
    assert (shown["session_persistence"] or None, shown["description"]) == (None, "")

    listener = cloud(
        "loadbalancer", "listener", "create", "--protocol", "HTTP", "--protocol-port", "81",
        "--default-pool", ident, lb, "--wait",
    )  # fmt: skip
    assert listener["default_pool_id"] == ident
    assert listener["id"] in json.dumps(cloud("loadbalancer", "pool", "show", ident)["listeners"])
    cloud.text("loadbalancer", "listener", "unset", listener["id"], "--default-pool", "--wait")
    assert not cloud("loadbalancer", "listener", "show", listener["id"])["default_pool_id"]
    cloud.text("loadbalancer", "pool", "delete", ident, "--wait")
    assert cloud("loadbalancer", "pool", "list", "--loadbalancer", lb) == []


def test_member(cloud, lb, pool, subnet, name):
    made = cloud(
        "loadbalancer", "member", "create", "--name", name, "--address", "10.71.0.10", "--protocol-port", "8080",
        "--weight", "5", "--subnet-id", subnet["id"], "--monitor-address", "10.71.0.11", "--monitor-port", "8081",
        "--enable-backup", "--tag", "t1", pool, "--wait",
    )  # fmt: skip
    ident = made["id"]
    assert (made["address"], made["protocol_port"], made["weight"]) == ("10.71.0.10", 8080, 5)
    assert (made["monitor_address"], made["monitor_port"], made["backup"]) == ("10.71.0.11", 8081, True)
    assert made["operating_status"] == "NO_MONITOR"

    assert [row["id"] for row in cloud("loadbalancer", "member", "list", pool)] == [ident]
    assert [row["name"] for row in cloud("loadbalancer", "member", "list", pool, "--tags", "t1")] == [name]
    change = ("--name", f"{name}2", "--weight", "0", "--disable-backup", "--disable", "--wait")
    cloud.text("loadbalancer", "member", "set", pool, ident, *change)
    shown = cloud("loadbalancer", "member", "show", pool, f"{name}2")
    assert (shown["weight"], shown["backup"], shown["admin_state_up"]) == (0, False, False)
    drop = ("--monitor-address", "--monitor-port", "--weight", "--wait")
    cloud.text("loadbalancer", "member", "unset", pool, ident, *drop)
    shown = cloud("loadbalancer", "member", "show", pool, ident)
    assert (shown["monitor_address"], shown["monitor_port"], shown["weight"]) == (None, None, 1)

    again = ("loadbalancer", "member", "create", "--address", "10.71.0.10", "--protocol-port", "8080", pool)
    assert "409" in cloud.fails(*again)
    cloud.text("loadbalancer", "member", "delete", pool, ident)
    wait(cloud, lb)
    assert cloud("loadbalancer", "member", "list", pool) == []


def test_members_by_batch(cloud, lb, pool):
    code = f"""
lb, pool = cloud.load_balancer, {pool!r}
def put(members, query=""):
    answer = lb.put(f"/lbaas/pools/{{pool}}/members{{query}}", json={{"members": members}})
    cloud.load_balancer.wait_for_load_balancer({lb!r}, interval=0.1, wait=30)
    return answer.status_code
a, b, c = ({{"address": f"10.71.0.{{n}}", "protocol_port": 80, "weight": n}} for n in (20, 21, 22))
def here():
    return sorted([m.address, m.weight] for m in lb.members(pool))
codes = [put([a, b])]
first = here()
codes.append(put([b | {{"weight": 7}}, c]))
second = here()
codes.append(put([a], "?additive_only=true"))
print(json.dumps([codes, first, second, here()]))
"""
    codes, first, second, third = cloud.sdk(code)
    assert codes == [202, 202, 202]
    assert first == [["10.71.0.20", 20], ["10.71.0.21", 21]]
    assert second == [["10.71.0.21", 7], ["10.71.0.22", 22]]
    assert third == [["10.71.0.20", 20], ["10.71.0.21", 7], ["10.71.0.22", 22]]


def test_healthmonitor(cloud, pool, name):
    made = cloud(
        "loadbalancer", "healthmonitor", "create", "--name", name, "--type", "HTTP", "--delay", "5", "--timeout", "3",
        "--max-retries", "2", "--max-retries-down", "4", "--http-method", "HEAD", "--url-path", "/health",
        "--expected-codes", "200-204", "--tag", "t1", pool, "--wait",
    )  # fmt: skip
    ident = made["id"]
    assert (made["type"], made["delay"], made["timeout"], made["max_retries"]) == ("HTTP", 5, 3, 2)
    assert (made["http_method"], made["url_path"], made["expected_codes"]) == ("HEAD", "/health", "200-204")
    assert cloud("loadbalancer", "pool", "show", pool)["healthmonitor_id"] == ident

    assert [row["name"] for row in cloud("loadbalancer", "healthmonitor", "list") if row["id"] == ident] == [name]
    cloud.text(
        "loadbalancer", "healthmonitor", "set", ident, "--name", f"{name}2", "--delay", "6", "--url-path", "/h2",
        "--http-method", "GET", "--disable", "--wait",
    )  # fmt: skip
    shown = cloud("loadbalancer", "healthmonitor", "show", f"{name}2")
    assert (shown["delay"], shown["url_path"], shown["http_method"], shown["admin_state_up"]) == (6, "/h2", "GET", False)
    drop = ("--url-path", "--http-method", "--expected-codes", "--max-retries-down", "--name", "--wait")
    cloud.text("loadbalancer", "healthmonitor", "unset", ident, *drop)
    shown = cloud("loadbalancer", "healthmonitor", "show", ident)
    assert (shown["url_path"], shown["http_method"], shown["expected_codes"]) == ("/", "GET", "200")
    assert (shown["max_retries_down"], shown["name"]) == (3, "")

    second = ("--type", "TCP", "--delay", "5", "--timeout", "3", "--max-retries", "2", pool)
    assert "409" in cloud.fails("loadbalancer", "healthmonitor", "create", *second)
    cloud.text("loadbalancer", "healthmonitor", "delete", ident, "--wait")
    assert ident not in {row["id"] for row in cloud("loadbalancer", "healthmonitor", "list")}


def test_a_tree_in_one_request(cloud, subnet, name):
    tree = {
        "name": name,
        "vip_subnet_id": subnet["id"],
        "listeners": [
            {
                "name": f"{name}-l",
                "protocol": "HTTP",
                "protocol_port": 80,
                "default_pool": {
                    "name": f"{name}-p",
                    "protocol": "HTTP",
                    "lb_algorithm": "ROUND_ROBIN",
                    "healthmonitor": {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2},
                    "members": [{"address": f"10.71.0.{n}", "protocol_port": 80} for n in (30, 31)],
                },
            }
        ],
    }
    code = f"""
answer = cloud.load_balancer.post("/lbaas/loadbalancers", json={{"loadbalancer": {tree!r}}})
body = answer.json().get("loadbalancer") or quit(answer.text)
cloud.load_balancer.wait_for_load_balancer(body["id"], interval=0.1, wait=30)
print(json.dumps([answer.status_code, body]))
"""
    status, made = cloud.sdk(code)
    assert status == 201 and len(made["pools"][0]["members"]) == 2 and made["listeners"][0]["name"] == f"{name}-l"
    tree = json.loads(cloud.text("loadbalancer", "status", "show", name))["loadbalancer"]
    pool = tree["listeners"][0]["pools"][0]
    assert {member["address"] for member in pool["members"]} == {"10.71.0.30", "10.71.0.31"}
    assert pool["health_monitor"]["type"] == "HTTP"
    assert "400" in cloud.fails("loadbalancer", "delete", made["id"])
    cloud.text("loadbalancer", "delete", made["id"], "--cascade", "--wait")
    assert cloud("loadbalancer", "list", "--name", name) == []


def test_providers(cloud):
    assert {row["name"] for row in cloud("loadbalancer", "provider", "list")}


def test_quota(admin, cloud, lb):
    project = cloud("loadbalancer", "show", lb)["project_id"]
    assert set(admin("loadbalancer", "quota", "defaults", "show")) >= {"load_balancer", "listener", "pool", "member"}
    admin.text("loadbalancer", "quota", "set", "--listener", "0", project)
    assert admin("loadbalancer", "quota", "show", project)["listener"] == 0
    assert project in {row["project_id"] for row in admin("loadbalancer", "quota", "list")}
    make = ("loadbalancer", "listener", "create", "--protocol", "HTTP", "--protocol-port", "80", lb)
    assert "uota" in cloud.fails(*make)
    admin.text("loadbalancer", "quota", "unset", "--listener", project)
    admin.text("loadbalancer", "quota", "reset", project)
    cloud.text(*make, "--wait")


def test_projects_do_not_meet(lb, other):
    assert other.fails("loadbalancer", "show", lb)
    assert lb not in {row["id"] for row in other("loadbalancer", "list")}


def test_a_reader_reads(lb, reader):
    assert reader("loadbalancer", "show", lb)["id"] == lb
    assert "403" in reader.fails("loadbalancer", "set", lb, "--description", "x")


def test_real_processes(cloud, lb):
    assert lb in cloud.process("loadbalancer", "list")
    assert json.loads(cloud.process("loadbalancer", "show", lb, "-f", "json"))["id"] == lb
