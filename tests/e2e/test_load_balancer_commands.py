"""Every ``openstack loadbalancer …`` command of the load balancer's resources, by the stock client."""

from __future__ import annotations

import json
import time

import pytest


class LoadBalancer:
    """Commands about one load balancer, each waited for until it is ACTIVE again.

    ``lb("listener", "create", ...)`` gives what was printed as JSON, ``lb.do("listener", "set", ...)`` nothing.
    The client's own ``--wait`` asks every 5 seconds only.
    """

    def __init__(self, cloud, ident):
        self.cloud, self.id = cloud, ident
        self.settle()

    def __call__(self, *words):
        made = self.cloud("loadbalancer", *words)
        self.settle()
        return made

    def do(self, *words):
        self.cloud.text("loadbalancer", *words)
        self.settle()

    def fails(self, *words):
        return self.cloud.fails("loadbalancer", *words)

    def settle(self):
        deadline = time.monotonic() + 30
        show = ("loadbalancer", "show", self.id, "-c", "provisioning_status")
        while (now := self.cloud(*show)["provisioning_status"]) != "ACTIVE":
            assert time.monotonic() < deadline, f"{self.id} is {now}"
            time.sleep(0.05)

    def delete(self, *options):
        self.cloud.text("loadbalancer", "delete", self.id, *options)
        deadline = time.monotonic() + 30
        while self.id in {row["id"] for row in self.cloud("loadbalancer", "list")}:
            assert time.monotonic() < deadline, f"{self.id} is still there"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def subnet(cloud):
    """A tenant subnet for VIPs and members."""
    name = f"e2e-lb-{time.time_ns():x}"
    network = cloud("network", "create", name)
    yield cloud("subnet", "create", name, "--network", name, "--subnet-range", "10.71.0.0/24")
    cloud.text("network", "delete", network["id"])  # ports of load balancers went with them


@pytest.fixture
def lb(cloud, subnet, name):
    """A load balancer, deleted afterwards with all that is in it."""
    made = LoadBalancer(cloud, cloud("loadbalancer", "create", "--name", name, "--vip-subnet-id", subnet["id"])["id"])
    yield made
    made.settle()
    made.delete("--cascade")


@pytest.fixture
def pool(lb, name):
    """An HTTP listener with a pool; the pool's id."""
    listener = lb("listener", "create", "--name", f"{name}-l", "--protocol", "HTTP", "--protocol-port", "80", lb.id)
    make = ("--name", f"{name}-p", "--listener", listener["id"], "--protocol", "HTTP")
    return lb("pool", "create", *make, "--lb-algorithm", "ROUND_ROBIN")["id"]


def test_loadbalancer(cloud, subnet, name):
    made = cloud(
        "loadbalancer", "create", "--name", name, "--description", "d", "--vip-subnet-id", subnet["id"],
        "--vip-address", "10.71.0.70", "--tag", "t1",
    )  # fmt: skip
    ident = made["id"]
    assert (made["name"], made["description"], made["vip_address"]) == (name, "d", "10.71.0.70")
    assert made["vip_subnet_id"] == subnet["id"] and made["vip_port_id"] and made["admin_state_up"] is True
    assert made["provisioning_status"] in ("PENDING_CREATE", "ACTIVE") and made["tags"] == ["t1"]
    lb = LoadBalancer(cloud, ident)
    assert cloud("port", "show", made["vip_port_id"])["fixed_ips"][0]["ip_address"] == "10.71.0.70"

    for options in (["--name", name], ["--name", name, "--vip-subnet-id", subnet["id"]], ["--tags", "t1"]):
        assert [row["id"] for row in cloud("loadbalancer", "list", *options)] == [ident], options
    assert cloud("loadbalancer", "list", "--name", name, "--disable") == []

    lb.do("set", name, "--name", f"{name}2", "--description", "e", "--disable", "--tag", "t2")
    shown = cloud("loadbalancer", "show", f"{name}2")
    assert (shown["id"], shown["description"], shown["admin_state_up"]) == (ident, "e", False)
    lb.do("set", ident, "--enable")
    lb.do("unset", ident, "--description")
    assert cloud("loadbalancer", "show", ident)["description"] == ""

    stats = cloud("loadbalancer", "stats", "show", ident)
    assert set(stats) == {"active_connections", "bytes_in", "bytes_out", "request_errors", "total_connections"}
    tree = json.loads(cloud.text("loadbalancer", "status", "show", ident))
    assert tree["loadbalancer"]["id"] == ident and tree["loadbalancer"]["provisioning_status"] == "ACTIVE"

    assert "409" in lb.fails("create", "--vip-subnet-id", subnet["id"], "--vip-address", "10.71.0.70")
    lb.delete("--wait")
    assert "Unable to locate" in lb.fails("show", ident)


def test_listener(cloud, lb, name):
    made = lb(
        "listener", "create", "--name", name, "--protocol", "HTTP", "--protocol-port", "8080",
        "--connection-limit", "100", "--insert-headers", "X-Forwarded-For=true", "--timeout-client-data", "30000",
        "--timeout-member-connect", "2000", "--timeout-member-data", "31000", "--timeout-tcp-inspect", "0",
        "--allowed-cidr", "10.71.0.0/24", "--description", "d", "--tag", "t1", lb.id,
    )  # fmt: skip
    ident = made["id"]
    assert (made["protocol"], made["protocol_port"], made["connection_limit"]) == ("HTTP", 8080, 100)
    assert (made["timeout_client_data"], made["timeout_member_connect"]) == (30000, 2000)
    assert "10.71.0.0/24" in made["allowed_cidrs"] and "X-Forwarded-For" in made["insert_headers"]

    assert [row["id"] for row in cloud("loadbalancer", "listener", "list", "--name", name)] == [ident]
    assert [row["id"] for row in cloud("loadbalancer", "listener", "list", "--loadbalancer", lb.id)] == [ident]
    lb.do(
        "listener", "set", ident, "--name", f"{name}2", "--connection-limit", "200", "--disable",
        "--insert-headers", "X-Forwarded-Port=true", "--timeout-client-data", "1000",
    )  # fmt: skip
    shown = cloud("loadbalancer", "listener", "show", f"{name}2")
    assert (shown["connection_limit"], shown["admin_state_up"], shown["timeout_client_data"]) == (200, False, 1000)
    assert "X-Forwarded-Port" in shown["insert_headers"] and "X-Forwarded-For" not in shown["insert_headers"]
    lb.do("listener", "set", ident, "--enable")
    lb.do(
        "listener", "unset", ident, "--connection-limit", "--insert-headers", "--allowed-cidrs",
        "--timeout-client-data", "--name", "--description",
    )  # fmt: skip
    shown = cloud("loadbalancer", "listener", "show", ident)
    assert (shown["connection_limit"], shown["timeout_client_data"], shown["name"]) == (-1, 50000, "")
    assert not shown["insert_headers"] and not shown["allowed_cidrs"]

    assert set(cloud("loadbalancer", "listener", "stats", "show", ident)) >= {"bytes_in", "total_connections"}
    again = lb.fails("listener", "create", "--protocol", "TCP", "--protocol-port", "8080", lb.id)
    assert "Another Listener on this Load Balancer is already using" in again
    lb.do("listener", "delete", ident)
    assert cloud("loadbalancer", "listener", "list", "--loadbalancer", lb.id) == []


def test_pool(cloud, lb, name):
    made = lb(
        "pool", "create", "--name", name, "--loadbalancer", lb.id, "--protocol", "HTTP", "--description", "d",
        "--lb-algorithm", "LEAST_CONNECTIONS", "--session-persistence", "type=SOURCE_IP", "--tag", "t1",
    )  # fmt: skip
    ident = made["id"]
    assert (made["protocol"], made["lb_algorithm"], made["description"]) == ("HTTP", "LEAST_CONNECTIONS", "d")
    assert "SOURCE_IP" in json.dumps(made["session_persistence"]) and lb.id in json.dumps(made["loadbalancers"])

    assert [row["id"] for row in cloud("loadbalancer", "pool", "list", "--loadbalancer", lb.id)] == [ident]
    lb.do(
        "pool", "set", ident, "--name", f"{name}2", "--lb-algorithm", "SOURCE_IP", "--disable",
        "--description", "e", "--tag", "t2",
    )  # fmt: skip
    shown = cloud("loadbalancer", "pool", "show", f"{name}2")
    assert (shown["lb_algorithm"], shown["admin_state_up"], shown["description"]) == ("SOURCE_IP", False, "e")
    lb.do("pool", "set", ident, "--enable")
    lb.do("pool", "unset", ident, "--session-persistence", "--description")
    shown = cloud("loadbalancer", "pool", "show", ident)
    assert (shown["session_persistence"] or None, shown["description"]) == (None, "")

    port = ("--protocol", "HTTP", "--protocol-port", "81")
    listener = lb("listener", "create", *port, "--default-pool", ident, lb.id)
    assert listener["default_pool_id"] == ident
    assert listener["id"] in json.dumps(cloud("loadbalancer", "pool", "show", ident)["listeners"])
    lb.do("listener", "unset", listener["id"], "--default-pool")
    assert not cloud("loadbalancer", "listener", "show", listener["id"])["default_pool_id"]
    lb.do("pool", "delete", ident)
    assert cloud("loadbalancer", "pool", "list", "--loadbalancer", lb.id) == []


def test_member(cloud, lb, pool, subnet, name):
    made = lb(
        "member", "create", "--name", name, "--address", "10.71.0.10", "--protocol-port", "8080",
        "--weight", "5", "--subnet-id", subnet["id"], "--monitor-address", "10.71.0.11", "--monitor-port", "8081",
        "--enable-backup", "--tag", "t1", pool,
    )  # fmt: skip
    ident = made["id"]
    assert (made["address"], made["protocol_port"], made["weight"]) == ("10.71.0.10", 8080, 5)
    assert (made["monitor_address"], made["monitor_port"], made["backup"]) == ("10.71.0.11", 8081, True)
    assert made["operating_status"] == "NO_MONITOR"

    assert [row["id"] for row in cloud("loadbalancer", "member", "list", pool)] == [ident]
    assert [row["name"] for row in cloud("loadbalancer", "member", "list", pool, "--tags", "t1")] == [name]
    lb.do("member", "set", pool, ident, "--name", f"{name}2", "--weight", "0", "--disable-backup", "--disable")
    shown = cloud("loadbalancer", "member", "show", pool, f"{name}2")
    assert (shown["weight"], shown["backup"], shown["admin_state_up"]) == (0, False, False)
    lb.do("member", "unset", pool, ident, "--monitor-address", "--monitor-port", "--weight")
    shown = cloud("loadbalancer", "member", "show", pool, ident)
    assert (shown["monitor_address"], shown["monitor_port"], shown["weight"]) == (None, None, 1)

    assert "409" in lb.fails("member", "create", "--address", "10.71.0.10", "--protocol-port", "8080", pool)
    lb.do("member", "delete", pool, ident)
    assert cloud("loadbalancer", "member", "list", pool) == []


def test_members_by_batch(cloud, lb, pool):
    code = f"""
lb, pool = cloud.load_balancer, {pool!r}
def put(members, query=""):
    answer = lb.put(f"/lbaas/pools/{{pool}}/members{{query}}", json={{"members": members}})
    lb.wait_for_load_balancer({lb.id!r}, interval=0.1, wait=30)
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


def test_healthmonitor(cloud, lb, pool, name):
    made = lb(
        "healthmonitor", "create", "--name", name, "--type", "HTTP", "--delay", "5", "--timeout", "3",
        "--max-retries", "2", "--max-retries-down", "4", "--http-method", "HEAD", "--url-path", "/health",
        "--expected-codes", "200-204", "--tag", "t1", pool,
    )  # fmt: skip
    ident = made["id"]
    assert (made["type"], made["delay"], made["timeout"], made["max_retries"]) == ("HTTP", 5, 3, 2)
    assert (made["http_method"], made["url_path"], made["expected_codes"]) == ("HEAD", "/health", "200-204")
    assert cloud("loadbalancer", "pool", "show", pool)["healthmonitor_id"] == ident

    listed = cloud("loadbalancer", "healthmonitor", "list")
    assert [row["name"] for row in listed if row["id"] == ident] == [name]
    change = ("--name", f"{name}2", "--delay", "6", "--url-path", "/h2", "--http-method", "GET", "--disable")
    lb.do("healthmonitor", "set", ident, *change)
    shown = cloud("loadbalancer", "healthmonitor", "show", f"{name}2")
    assert (shown["delay"], shown["url_path"], shown["http_method"], shown["admin_state_up"]) == (
        6,
        "/h2",
        "GET",
        False,
    )
    drop = ("--url-path", "--http-method", "--expected-codes", "--max-retries-down", "--name")
    lb.do("healthmonitor", "unset", ident, *drop)
    shown = cloud("loadbalancer", "healthmonitor", "show", ident)
    assert (shown["url_path"], shown["http_method"], shown["expected_codes"]) == ("/", "GET", "200")
    assert (shown["max_retries_down"], shown["name"]) == (3, "")

    second = ("--type", "TCP", "--delay", "5", "--timeout", "3", "--max-retries", "2", pool)
    assert "409" in lb.fails("healthmonitor", "create", *second)
    lb.do("healthmonitor", "delete", ident)
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
print(json.dumps([answer.status_code, answer.json().get("loadbalancer") or quit(answer.text)]))
"""
    status, made = cloud.sdk(code)
    assert status == 201 and len(made["pools"][0]["members"]) == 2 and made["listeners"][0]["name"] == f"{name}-l"
    lb = LoadBalancer(cloud, made["id"])
    tree = json.loads(cloud.text("loadbalancer", "status", "show", name))["loadbalancer"]
    pool = tree["listeners"][0]["pools"][0]
    assert {member["address"] for member in pool["members"]} == {"10.71.0.30", "10.71.0.31"}
    assert pool["health_monitor"]["type"] == "HTTP"
    assert "400" in lb.fails("delete", made["id"])
    lb.delete("--cascade")
    assert cloud("loadbalancer", "list", "--name", name) == []


def test_providers(cloud):
    assert {row["name"] for row in cloud("loadbalancer", "provider", "list")}


def test_quota(admin, cloud, lb, projects):
    project = cloud("loadbalancer", "show", lb.id)["project_id"]
    assert set(admin("loadbalancer", "quota", "defaults", "show")) >= {"load_balancer", "listener", "pool", "member"}
    if not projects:
        pytest.skip("without Keystone the client cannot say which project")
    admin.text("loadbalancer", "quota", "set", "--listener", "0", project)
    assert admin("loadbalancer", "quota", "show", project)["listener"] == 0
    assert project in {row["project_id"] for row in admin("loadbalancer", "quota", "list")}
    make = ("listener", "create", "--protocol", "HTTP", "--protocol-port", "80", lb.id)
    assert "uota" in lb.fails(*make)
    admin.text("loadbalancer", "quota", "unset", "--listener", project)
    lb(*make)
    admin.text("loadbalancer", "quota", "reset", project)


def test_projects_do_not_meet(lb, other):
    assert other.fails("loadbalancer", "show", lb.id)
    assert lb.id not in {row["id"] for row in other("loadbalancer", "list")}


def test_a_reader_reads(lb, reader):
    assert reader("loadbalancer", "show", lb.id)["id"] == lb.id
    assert "403" in reader.fails("loadbalancer", "set", lb.id, "--description", "x")


def test_real_processes(cloud, lb):
    assert lb.id in cloud.process("loadbalancer", "list")
    assert json.loads(cloud.process("loadbalancer", "show", lb.id, "-f", "json"))["id"] == lb.id
