"""What is no good HTTP, sent to a running API: refused or hung up on, and the same process goes on answering."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from svcfabric.drivers.linux import process
from tests import cluster

BODY = b'{"network": {"name": "evil"}}'
WHO = b"Host: x\r\nX-Project-Id: p\r\nX-Roles: member\r\n"
HEAD = b"POST /v2.0/networks HTTP/1.1\r\n" + WHO + b"Content-Type: application/json\r\n"
REQUESTS = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no version": b"GET /v2.0/networks\r\n\r\n",
    "strange version": b"GET /v2.0/networks HTTP/9.9\r\nHost: x\r\n\r\n",
    "strange method": b"EVIL /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n",
    "long path": b"GET /v2.0/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in path": b"GET /v2.0/networks/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "encoded NUL": b"GET /v2.0/networks/%00%0a%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad UTF-8 in query": b"GET /v2.0/networks?name=%ff%fe&sort_key=%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "long header": HEAD + b"X-Long: " + b"a" * 1_000_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "many headers": HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(5000)) + b"Content-Length: 2\r\n\r\n{}",
    "header folding": HEAD + b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "header without colon": HEAD + b"Evil\r\nContent-Length: 2\r\n\r\n{}",
    "negative length": HEAD + b"Content-Length: -5\r\n\r\n" + BODY,
    "length in words": HEAD + b"Content-Length: five\r\n\r\n" + BODY,
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 29\r\n\r\n" + BODY,
    "enormous length": HEAD + b"Content-Length: 99999999999999\r\n\r\n" + BODY,
    "short body": HEAD + b"Content-Length: 500\r\n\r\n" + BODY,
    "bad chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "unknown coding": HEAD + b"Transfer-Encoding: evil\r\n\r\n" + BODY,
    "bad project": b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\nX-Project-Id: \xff\x01\r\nX-Roles: member\r\n\r\n",
}


@pytest.fixture(scope="module")
def product() -> Iterator[cluster.Product]:
    with cluster.standalone() as made:
        yield made


@pytest.mark.parametrize("what", REQUESTS)
def test_refused(product: cluster.Product, what: str) -> None:
    worker = process.children_of(product.programs["up"].pid)[0]
    status = ask(product.port, REQUESTS[what])
    assert status == 0 or 400 <= status < 500, status
    assert product.client("p").call("GET", "/v2.0/networks") == {"networks": []}
    assert process.children_of(product.programs["up"].pid)[0] == worker


def ask(port: int, request: bytes) -> int:
    """The status of the answer; 0 when the other side hung up without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(request)
            if request is REQUESTS["short body"]:
                connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            return 0
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
