"""Metadata: who asks is known by network and address, the question is forwarded and signed, the answer comes back."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from svcfabric.drivers.linux import netns, process
from tests import bedhost, beds, dhcpbeds

SERVER, SECRET = "10.0.0.2", "s3cret"
V4, V6 = "169.254.169.254", "fe80::a9fe:a9fe"


class Backend:
    """Answers what it was asked, as JSON; ``large`` answers ten megabytes in chunks."""

    def __init__(self, namespace: str, port: int = 0) -> None:
        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                seen = {
                    "method": self.command,
                    "path": self.path,
                    "headers": self.headers.items(),
                    "body": self.rfile.read(length).decode(),
                }
                if self.path.endswith("large"):
                    return self._large()
                data = json.dumps(seen).encode()
                self.send_response(404 if self.path.endswith("absent") else 200)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Set-Cookie", "a=1")
                self.send_header("Set-Cookie", "b=2")
                self.end_headers()
                self.wfile.write(data)
                return None

            def _large(self) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for _ in range(100):
                    self.wfile.write(b"%x\r\n" % 100_000 + b"x" * 100_000 + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")

            do_PUT = do_POST = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self._server = netns.run_in(namespace, http.server.ThreadingHTTPServer, ("127.0.0.1", port), Answer)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def one(lone_bed) -> beds.HostProcess:
    netns.rtnl(lone_bed.hosts[0].namespace, lambda ipr: ipr.link("set", ifname="lo", state="up"))
    return lone_bed.hosts[0]


@pytest.fixture
def backend(one) -> Iterator[Backend]:
    made = Backend(one.namespace)
    one(dhcpbeds.settings, {"metadata_url": made.url, "metadata_secret": SECRET})
    yield made
    made.close()


@pytest.fixture
def dhcp(lone_bed):
    with dhcpbeds.dhcp(lone_bed) as made:
        yield made


def give(client: beds.Server, address: str) -> beds.Server:
    """Have a client use its address, and the route DHCP tells."""

    def configure(ipr):
        index = ipr.link_lookup(ifname="eth0")[0]
        ipr.addr("add", index=index, address=address, prefixlen=24)
        ipr.route("add", dst=f"{V4}/32", gateway=SERVER)

    netns.rtnl(client.namespace, configure)
    return client


def ask(client: beds.Server, path: str = "/latest", method: str = "GET", host: str = V4, body=None, **headers: str):
    """(status, headers, body) of one question out of a client's namespace."""

    def question():
        if host == V4:
            connection = http.client.HTTPConnection(host, 80, timeout=5)
        else:
            connection = http.client.HTTPConnection("metadata", 80, timeout=5)
            sock = socket.socket(socket.AF_INET6)
            sock.settimeout(5)
            sock.connect((host, 80, 0, socket.if_nametoindex("eth0")))
            connection.sock = sock
        with contextlib.closing(connection):
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    return netns.run_in(client.namespace, question)


def seen(client: beds.Server, *args, **more) -> dict:
    status, _, data = ask(client, *args, **more)
    assert status == 200, data
    found = json.loads(data)
    return {**found, "headers": {name.lower(): value for name, value in found["headers"]}}


def proxy_of(host: beds.HostProcess) -> int:
    running = process.adopt(f"{host.state_dir}/dhcp/metadata", "metadata")
    return running.pid if running else 0


def test_networks_with_the_same_addresses_are_told_apart(lone_bed, one, backend, dhcp):
    clients = {}
    for name in ("red", "blue"):
        net = lone_bed.network()
        dhcp.serve(net, SERVER)
        client = dhcp.client(net, one, "10.0.0.11", device_id=f"vm-{name}", project_id=f"project-{name}")
        clients[name] = give(client, "10.0.0.11")
    for name, client in clients.items():
        told = seen(client, "/openstack/latest/meta_data.json?x=1")
        headers = told["headers"]
        assert told["path"] == "/openstack/latest/meta_data.json?x=1"
        assert headers["x-instance-id"] == f"vm-{name}"
        assert headers["x-tenant-id"] == headers["x-project-id"] == f"project-{name}"
        assert headers["x-forwarded-for"] == "10.0.0.11"
        wanted = hmac.new(SECRET.encode(), f"vm-{name}".encode(), hashlib.sha256).hexdigest()
        assert headers["x-instance-id-signature"] == wanted
        by_v6 = seen(client, host=V6)["headers"]
        assert by_v6["x-instance-id"] == f"vm-{name}"
        assert by_v6["x-forwarded-for"].startswith("fe80:")


def test_nobody_says_himself_who_he_is(lone_bed, one, backend, dhcp):
    net = lone_bed.network()
    dhcp.serve(net, SERVER)
    client = give(dhcp.client(net, one, "10.0.0.11", device_id="vm-1"), "10.0.0.11")
    forged = {
        "X_Instance_ID": "vm-2",
        "X_Tenant_ID": "p2",
        "X_Forwarded_For": "10.9.9.9",
        "X_Metadata_Provider": "x",
    }
    told = seen(client, **forged)["headers"]
    assert (told["x-instance-id"], told["x-tenant-id"], told["x-forwarded-for"]) == ("vm-1", "p1", "10.0.0.11")
    assert "x-metadata-provider" not in told
    told = seen(client, accept="text/x", **forged)["headers"]
    assert told["accept"] == "text/x"


def test_bodies_statuses_and_long_answers(lone_bed, one, backend, dhcp):
    net = lone_bed.network()
    dhcp.serve(net, SERVER)
    client = give(dhcp.client(net, one, "10.0.0.11"), "10.0.0.11")
    assert seen(client, "/password", "POST", body=b"secret")["body"] == "secret"
    assert seen(client, "/token", "PUT", x_ttl="60")["headers"]["x-ttl"] == "60"
    status, headers, _ = ask(client, "/absent")
    assert status == 404
    assert [value for name, value in headers if name == "Set-Cookie"] == ["a=1", "b=2"]
    status, _, data = ask(client, "/large")
    assert (status, len(data)) == (200, 10_000_000)
    assert ask(client, "/password", "POST", body=b"x" * 70_000)[0] == 413
    assert ask(client, "http://elsewhere/")[0] == 400


def test_who_is_unknown_and_what_is_not_there(lone_bed, one, dhcp):
    net = lone_bed.network()
    dhcp.serve(net, SERVER)
    client = give(dhcp.client(net, one, "10.0.0.11"), "10.0.0.99")
    status, _, data = ask(client)
    assert (status, data) == (404, b"No port of this network has your address.\n")
    netns.rtnl(client.namespace, lambda ipr: ipr.flush_addr(index=ipr.link_lookup(ifname="eth0")[0], family=2))
    give(client, "10.0.0.11")
    status, _, data = ask(client)
    assert (status, data) == (503, b"This host has no metadata service configured.\n")
    one(dhcpbeds.settings, {"metadata_url": "http://127.0.0.1:9/", "metadata_secret": SECRET})
    dhcp.serve(lone_bed.network(), SERVER)  # whatever is applied first starts the process anew
    for spec in [each for each in dhcp.specs if each.leg.segment.network_id == net.id]:
        one.apply(spec)
    status, _, data = ask(client)
    assert (status, data) == (503, b"The metadata service cannot be reached.\n")


def test_it_outlives_the_agent_and_is_mended_when_it_dies(lone_bed, one, backend, dhcp):
    net = lone_bed.network()
    spec = dhcp.serve(net, SERVER)
    client = give(dhcp.client(net, one, "10.0.0.11", device_id="vm-1"), "10.0.0.11")
    pid = proxy_of(one)
    one(bedhost.restart)
    assert seen(client)["headers"]["x-instance-id"] == "vm-1"
    one.apply(spec)
    assert proxy_of(one) == pid
    assert not one.observe("dhcp")[spec.id].drifted
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert "Uid:\t0" not in status, "it has no privileges"
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not one.observe("dhcp")[spec.id].drifted and time.monotonic() < deadline:
        time.sleep(0.01)
    one.apply(spec)
    assert seen(client)["headers"]["x-instance-id"] == "vm-1"
    assert seen(client, host=V6)["headers"]["x-instance-id"] == "vm-1"


def test_it_ends_with_the_last_network(lone_bed, one, backend, dhcp):
    specs = [dhcp.serve(lone_bed.network(), SERVER) for _ in range(2)]
    pid = proxy_of(one)
    one.remove("dhcp", specs[0].id)
    assert proxy_of(one) == pid
    one.remove("dhcp", specs[1].id)
    assert proxy_of(one) == 0
    assert not os.path.exists(f"/proc/{pid}")


def test_one_network_cannot_use_up_anothers_connections(lone_bed, one, backend, dhcp):
    red, blue = lone_bed.network(), lone_bed.network()
    for net in (red, blue):
        dhcp.serve(net, SERVER)
    greedy = give(dhcp.client(red, one, "10.0.0.11"), "10.0.0.11")
    modest = give(dhcp.client(blue, one, "10.0.0.11", device_id="vm-2"), "10.0.0.11")
    idle = [beds.connect(greedy.namespace, V4, 80) for _ in range(80)]
    try:
        assert seen(modest)["headers"]["x-instance-id"] == "vm-2"
    finally:
        for each in idle:
            each.close()
