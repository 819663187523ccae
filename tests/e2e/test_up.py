"""svcfabric up as a newcomer runs it, and the commands that use it."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from svcfabric import conf as conf_module
from svcfabric.cmd import here
from svcfabric.cmd.client import Client, Refused
from svcfabric.drivers.linux import netns
from tests import servers

COMMAND = [sys.executable, "-m", "svcfabric.cmd.main"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=150)


@pytest.fixture
def state_dir() -> Iterator[pathlib.Path]:
    with servers.directory("up") as path:
        yield path


@pytest.fixture
def admin(state_dir) -> Iterator[Client]:
    """A product that runs; all it makes goes in the end."""
    port = servers.free_port()
    log = (state_dir / "up.log").open("wb")
    words = ["up", "--state-dir", str(state_dir), "--port", str(port)]
    process = subprocess.Popen([*COMMAND, *words], stdout=log, stderr=log, start_new_session=True)
    try:
        servers.wait_until(lambda: servers.accepts(port), 60, "svcfabric up")
        yield here.client(configuration(state_dir), None, environment={})
    finally:
        servers.end(process)
        subprocess.run(
            [str(pathlib.Path(sys.executable).with_name("svcfabric-agent")), "purge"],
            env={"OS_DEFAULT__STATE_DIR": str(state_dir), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
            check=True,
            timeout=60,
        )


def configuration(state_dir: pathlib.Path):
    conf = conf_module.load(files=())
    conf.set_override("state_dir", str(state_dir))
    return conf


def agent_alive(client: Client) -> bool:
    try:
        return any(agent["alive"] for agent in client.call("GET", "/v2.0/agents")["agents"])
    except Refused:
        return False


def test_it_makes_users_and_serves_them(admin, state_dir):
    assert admin.call("GET", "/v2.0/networks") == {"networks": []}
    with pytest.raises(Refused, match="401"):
        Client(admin.url).call("GET", "/v2.0/networks")
    tenant = here.client(configuration(state_dir), None, "demo", environment={})
    assert tenant.create("/v2.0/networks", "network", name="n")["project_id"] == "demo"
    assert str(state_dir) in (state_dir / "up.log").read_text()
    admin.wait("an agent", lambda: agent_alive(admin), 30)
    assert int(pathlib.Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3").read_text()) >= 65536


def test_plug_and_unplug(admin, state_dir):
    admin.wait("an agent", lambda: agent_alive(admin), 30)
    network = admin.create("/v2.0/networks", "network", name="n")
    admin.create("/v2.0/subnets", "subnet", network_id=network["id"], cidr="10.6.0.0/24", ip_version=4)
    ports = [admin.create("/v2.0/ports", "port", network_id=network["id"], name=f"plug-{n}") for n in range(2)]
    names = [f"sf-plug-{port['id'][:8]}" for port in ports]
    where = ["--state-dir", str(state_dir)]
    try:
        for port, name in zip(ports, names, strict=True):
            for said in (port["id"], port["name"]):  # the second time nothing changes
                done = run("plug", "--port", said, "--netns", name, *where)
                assert done.returncode == 0, done.stderr
                assert done.stdout == f"eth0 in {name}: {port['fixed_ips'][0]['ip_address']}\n"
        answer = ["curl", "-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", "http://169.254.169.254/"]
        asked = netns.run_in(names[0], subprocess.run, answer, capture_output=True, text=True)
        assert asked.stdout == "503", "metadata is asked where DHCP says it is, and has no backend here"
        ping = ["ping", "-c", "1", "-W", "5", ports[1]["fixed_ips"][0]["ip_address"]]
        assert netns.run_in(names[0], subprocess.run, ping, stdout=subprocess.DEVNULL).returncode == 0
        other = run("plug", "--port", ports[0]["id"], "--netns", names[1], *where)
        assert (other.returncode, "is another interface" in other.stderr) == (1, True)
        twice = run("plug", "--port", ports[0]["id"], "--netns", f"{names[0]}-2", *where)
        assert (twice.returncode, "plugged in already" in twice.stderr) == (1, True)
        assert not netns.exists(f"{names[0]}-2")
        assert netns.run_in(names[0], subprocess.run, ping, stdout=subprocess.DEVNULL).returncode == 0
        assert run("unplug", "--port", ports[1]["id"], "--netns", names[1], *where).returncode == 0
        again = run("unplug", "--port", ports[1]["id"], "--netns", names[1], *where)
        assert (again.returncode, "is not port" in again.stderr) == (1, True)
        assert run("plug", "--port", ports[1]["id"], "--netns", names[1], "--bare", *where).returncode == 0
        shown = ["ip", "-n", names[1], "-4", "-o", "address", "show", "eth0"]
        assert subprocess.run(shown, capture_output=True, check=True).stdout == b""
    finally:
        for name in names:
            netns.delete(name)
    for port, words in (("nonsense", "no ports are called nonsense"), (network["id"], "404")):
        unknown = run("plug", "--port", port, "--netns", names[0], *where)
        assert (unknown.returncode, words in unknown.stderr) == (1, True)
    assert not netns.exists(names[0])
    nowhere = run("plug", "--port", ports[0]["id"], "--netns", "a/b", *where)
    assert (nowhere.returncode, "without / and spaces" in nowhere.stderr) == (2, True)


def test_what_is_plugged_bare_hears_advertisements(admin, state_dir):
    admin.wait("an agent", lambda: agent_alive(admin), 30)
    network = admin.create("/v2.0/networks", "network", name="advertised")
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    body = {"network_id": network["id"], "cidr": "fd00:6::/64", "ip_version": 6, **modes}
    subnet = admin.create("/v2.0/subnets", "subnet", **body)
    router = admin.create("/v2.0/routers", "router", name="advertiser")["id"]
    interface = {"subnet_id": subnet["id"]}
    admin.call("PUT", f"/v2.0/routers/{router}/add_router_interface", interface)
    port = admin.create("/v2.0/ports", "port", network_id=network["id"])
    name = f"sf-plug-{port['id'][:8]}"
    try:
        done = run("plug", "--port", port["id"], "--netns", name, "--bare", "--state-dir", str(state_dir))
        assert done.returncode == 0, done.stderr
        wanted = f"inet6 {port['fixed_ips'][0]['ip_address']}/64"
        shown = ["ip", "-n", name, "-6", "-o", "address", "show", "eth0"]
        made = f"{wanted} by itself"
        servers.wait_until(lambda: wanted in subprocess.run(shown, capture_output=True, text=True).stdout, 15, made)
        route = ["ip", "-n", name, "-6", "route", "show", "default"]
        assert "proto ra" in subprocess.run(route, capture_output=True, text=True, check=True).stdout
    finally:
        netns.delete(name)
    admin.call("DELETE", f"/v2.0/ports/{port['id']}")
    admin.call("PUT", f"/v2.0/routers/{router}/remove_router_interface", interface)
    admin.call("DELETE", f"/v2.0/routers/{router}")
    admin.call("DELETE", f"/v2.0/networks/{network['id']}")


def test_the_demo_uses_it(admin, state_dir, tmp_path):
    admin.wait("an agent", lambda: agent_alive(admin), 30)
    done = run("demo", "--api", admin.url, "--state-dir", str(state_dir), "--work-dir", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ product" not in done.stdout
    assert admin.call("GET", "/v2.0/ports") == {"ports": []}


def test_a_port_that_is_taken(state_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("up", "--state-dir", str(state_dir), "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_one_leaves_the_first_alone(admin, state_dir):
    admin.wait("an agent", lambda: agent_alive(admin), 30)
    before = (state_dir / "clouds.yaml").read_text()
    done = run("up", "--state-dir", str(state_dir), "--port", str(servers.free_port()))
    assert done.returncode == 1
    assert done.stderr.startswith("svcfabric up: Another agent uses")
    assert "Traceback" not in done.stderr
    assert (state_dir / "clouds.yaml").read_text() == before
    assert agent_alive(admin)


def test_a_state_directory_that_cannot_be():
    done = run("up", "--state-dir", "/proc/nowhere", "--port", str(servers.free_port()))
    assert (done.returncode, "/proc/nowhere" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
