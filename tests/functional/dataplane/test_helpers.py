"""Conntrack helpers: what a protocol says of addresses in its own words is translated, too."""

import dataclasses
import re

import pytest

from svcfabric.drivers.linux import helpers
from svcfabric.spi.l2l3 import ConntrackHelper
from tests import beds
from tests.functional.dataplane.test_l3 import GATEWAY, build

GOPHER = ConntrackHelper(helper="gopher", protocol="tcp", port=70)
FTP = ConntrackHelper(helper="ftp", protocol="tcp", port=21)


@pytest.fixture(scope="module")
def bed():
    """One bed for all: what a test makes, it takes away."""
    with beds.bed(2) as made:
        yield made


@pytest.fixture(scope="module")
def site(bed):
    return build(bed, bed.external(bed.hosts[0]))


def told_port(bed, site, port=21):
    """What an FTP server outside is told by the server on the far host: (address, port); and who listens there."""
    control, data = beds.Listener(bed.outside, port=port), beds.Listener(site.far.namespace)
    try:
        with beds.connect(site.far.namespace, beds.OUTSIDE, port) as client:
            server, _ = control.accept()
            parts = [*site.far.address.split("."), str(data.port >> 8), str(data.port & 255)]
            client.sendall(b"USER x\r\n")  # the kernel looks at whole lines, and knows where they begin after the first
            assert server.recv(100) == b"USER x\r\n"
            client.sendall(f"PORT {','.join(parts)}\r\n".encode())
            text = server.recv(100).decode()
            found = [int(number) for number in re.findall(r"\d+", text)]
            address, at = ".".join(map(str, found[:4])), found[4] * 256 + found[5]
            answered = False
            if address == GATEWAY:
                with beds.connect(bed.outside, address, at):
                    connection, peer = data.accept()
                    connection.close()
                    answered = peer == beds.OUTSIDE
            server.close()
            return address, answered
    finally:
        control.close()
        data.close()


def test_the_kernel_says_what_it_has():
    assert ("ftp", "tcp") in helpers.offered()
    assert "conntrack-helper:ftp:tcp" in helpers.features()


def test_active_ftp_through_source_nat(bed, site):
    one = bed.hosts[0]
    assert told_port(bed, site) == (site.far.address, False)
    one.apply(dataclasses.replace(site.router, helpers=(FTP,)))
    assert told_port(bed, site) == (GATEWAY, True)
    elsewhere = dataclasses.replace(FTP, port=2121)
    one.apply(dataclasses.replace(site.router, helpers=(elsewhere,)))
    assert told_port(bed, site) == (site.far.address, False)
    assert told_port(bed, site, 2121) == (GATEWAY, True)
    one.apply(site.router)
    assert told_port(bed, site, 2121) == (site.far.address, False)


def test_one_the_kernel_has_not_is_named_and_the_rest_works(bed, site):
    report = bed.hosts[0].try_apply(dataclasses.replace(site.router, helpers=(FTP, GOPHER)))
    assert (report.ok, report.code) == (False, "host.no_helper")
    assert "gopher" in report.error
    assert told_port(bed, site) == (GATEWAY, True)
    bed.hosts[0].apply(site.router)
