"""svcfabric demo as a newcomer runs it: real processes, real packets, nothing left."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys

import pytest

from svcfabric.cmd.demo import cleanup, product, record
from svcfabric.cmd.demo.load import Target, until_answered
from svcfabric.drivers.linux import netns

DEMO = [sys.executable, "-m", "svcfabric.cmd.main", "demo"]
SMALL = """
networks:
  - name: blue
    subnets: [{name: blue-v4, cidr: 192.168.7.0/26}]
servers:
  - {name: one, network: blue, port: 80}
  - {name: two, network: blue, port: 81}
clients:
  - {name: asker, network: blue}
loadbalancers:
  - name: plain
    subnet: blue-v4
    listeners:
      - {protocol: TCP, port: 8000, pool: {algorithm: LEAST_CONNECTIONS, members: [one, two]}}
  - name: sticky
    subnet: blue-v4
    listeners:
      - {protocol: HTTP, port: 8000, pool: {algorithm: SOURCE_IP, members: [one, two]}}
      - {protocol: HTTP, port: 8001, pool: {members: [two]}}
"""


def demo(work_dir: pathlib.Path, *words: str, timeout: float = 150) -> subprocess.CompletedProcess[str]:
    command = [*DEMO, "--work-dir", str(work_dir), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def the_record(work_dir: pathlib.Path) -> record.Record:
    """What the one demo in there has written down."""
    (path,) = work_dir.glob(f"{record.PREFIX}*/{record.FILE}")
    return record.load(path)


def assert_gone(work_dir: pathlib.Path, made: record.Record) -> None:
    assert not list(work_dir.iterdir())
    assert not list(cleanup.leftovers(made, [f"sf-demo-{made.run}-"]))


def test_all_of_it(tmp_path):
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for step in ("product", "networks", "servers", "load balancer shop", "floating IP", "inside → shop:80"):
        assert f"✓ {step}" in done.stdout
    assert "from then on 0 of" in done.stdout
    assert "✓ add member web4" in done.stdout
    assert "no namespace, process, link, nft table or file is left" in done.stdout
    assert "✗" not in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_topology_of_ones_own(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    done = demo(tmp_path / "work", "--topology", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ load balancer plain" in done.stdout
    assert "✓ asker → sticky:8001" in done.stdout


def test_a_topology_that_is_wrong(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(SMALL.replace("port: 81", "port: 810000"))
    done = demo(tmp_path / "work", "--topology", str(file))
    assert done.returncode == 2
    assert done.stderr == f"svcfabric demo: {file}: servers[1].port: must be 1 to 65535, is 810000\n"
    assert not (tmp_path / "work").exists()


def test_kept_to_play_with_and_removed(tmp_path):
    done = demo(tmp_path, "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    made = the_record(tmp_path)
    asked = [line.split() for line in done.stdout.splitlines() if line.startswith("  ip netns exec ")]
    assert len(asked) == 2
    for _ip, _netns, _exec, namespace, _curl, url in asked:
        address, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        until_answered(Target("kept", namespace, address, int(port)))
    tenant = product.clients(made)[1]
    (network,) = tenant.call("GET", "/v2.0/networks", query={"router:external": "false"})["networks"]
    tenant.create("/v2.0/ports", "port", network_id=network["id"])  # a player's own things go too
    done = demo(tmp_path, "--clean")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all of it went with the product" in done.stdout
    assert_gone(tmp_path, made)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_stopped_half_way(tmp_path, number, code):
    """By Ctrl-C or TERM it cleans up itself; what a killed one leaves, ``--clean`` removes."""
    with subprocess.Popen([*DEMO, "--work-dir", str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("✓ load balancer"):
                made = the_record(tmp_path)
                process.send_signal(number)
                break
        process.stdout.read()
        assert process.wait(60) == code
    if number == signal.SIGKILL:
        assert any(name.startswith(f"sf-demo-{made.run}-") for name in netns.names())
        assert demo(tmp_path, "--clean").returncode == 0
    assert_gone(tmp_path, made)


def test_nothing_to_clean(tmp_path):
    done = demo(tmp_path, "--clean")
    assert done.returncode == 0
    assert "there is no demo to clean up" in done.stdout
