"""What the backend of metadata is told of who asks."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import struct

import pytest

from svcfabric.drivers.dnsmasq import metadata, neighbour, proxy

CALLER = {"port": "p", "project": "project-1", "device": "vm-1", "mac": "fa:16:3e:00:00:01"}


def test_who_asks_is_ours_to_say():
    given = {
        "Accept": "*/*",
        "Host": "169.254.169.254",
        "Connection": "keep-alive",
        "Transfer-Encoding": "chunked",
        "X-Instance-ID": "vm-2",
        "X_Instance_ID": "vm-3",
        "x-instance-id-signature": "0",
        "X-TENANT-ID": "p2",
        "X-Forwarded-For": "10.9.9.9",
        "X-Forwarded-Proto": "https",
        "X-Metadata-Provider-Signature": "x",
        "Forwarded": "for=1",
        "X-aws-ec2-metadata-token": "t",
    }
    assert proxy.headers_for(given, CALLER, "10.0.0.11", "s") == {
        "Accept": "*/*",
        "X-aws-ec2-metadata-token": "t",
        "X-Forwarded-For": "10.0.0.11",
        "X-Instance-ID": "vm-1",
        "X-Tenant-ID": "project-1",
        "X-Project-ID": "project-1",
        "X-Instance-ID-Signature": hmac.new(b"s", b"vm-1", hashlib.sha256).hexdigest(),
        "Connection": "close",
    }


def test_callers_by_address_and_by_nothing_that_leads_elsewhere(tmp_path):
    (tmp_path / "net" / "callers").mkdir(parents=True)
    (tmp_path / "net" / "callers" / "10.0.0.11").write_text(json.dumps(CALLER))
    (tmp_path / "net" / "callers" / "10.0.0.12").symlink_to("10.0.0.11")
    callers = proxy.Callers(os.open(tmp_path, os.O_RDONLY))
    with socket.socketpair()[0] as netlink:
        network = proxy.Network("net", "k", [], netlink)
        assert callers.find(network, ("10.0.0.11", 1)) == CALLER
        assert callers.find(network, ("10.0.0.12", 1)) is None
        assert callers.find(network, ("10.0.0.13", 1)) is None
        assert callers.find(network, ("../callers/10.0.0.11", 1)) is None


@pytest.mark.parametrize("url", ["", "http://controller:8775", "https://[fd00::1]/base"])
def test_urls_of_backends(url):
    assert metadata.checked_url(url) == url


@pytest.mark.parametrize("url", ["controller:8775", "ftp://x", "http://", "http://x/?a=1"])
def test_what_is_no_backend(url):
    with pytest.raises(ValueError, match="metadata_url"):
        metadata.checked_url(url)


def test_a_backends_paths_begin_with_its_own():
    connection, prefix = proxy.Backend("http://127.0.0.1:8775/base/").connect()
    assert (connection.host, connection.port, prefix) == ("127.0.0.1", 8775, "/base")


def test_a_neighbours_answer():
    attributes = struct.pack("=HH16s", 20, 1, bytes(16)) + struct.pack("=HH6s2x", 10, 2, bytes.fromhex("fa163e000001"))
    body = struct.pack("=BBHiHBB", 10, 0, 0, 2, 2, 0, 1) + attributes
    assert neighbour.answer(struct.pack("=IHHII", 16 + len(body), 28, 0, 0, 0) + body) == "fa:16:3e:00:00:01"
    assert neighbour.answer(struct.pack("=IHHIIi", 20, 2, 0, 0, 0, -2)) is None
