"""What goes wrong becomes a report."""

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from svcfabric.drivers.linux.fault import HostFault, NftRefused, guarded
from svcfabric.spi.driver import Report


class Sick:
    def __init__(self, exc):
        self.exc = exc

    @guarded
    def remove(self, instance_id):
        raise self.exc


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (HostFault("full", detail="no space", retry=False), ("host.fault", "full", "no space", False)),
        (NftRefused("no", detail="Error: syntax", retry=False), ("host.nft_refused", "no", "Error: syntax", False)),
        (ValueError("'x' is no address"), ("host.bad_spec", None, "'x' is no address", False)),
        (OSError(28, "No space left"), ("host.kernel", None, "OSError: [Errno 28] No space left", True)),
    ],
)
def test_faults_become_reports(exc, expected):
    report = Sick(exc).remove("i")
    code, error, detail, retry = expected
    assert (report.instance_id, report.ok, report.code, report.retry) == ("i", False, code, retry)
    assert report.detail == detail
    assert error is None or report.error == error


def test_the_kernels_words_are_kept_for_the_operator():
    report = Sick(NetlinkError(17, "File exists")).remove("i")
    assert report.error == "The host could not apply the change."
    assert report.detail.startswith("netlink: File exists")


def test_a_programming_error_is_not_hidden():
    with pytest.raises(KeyError):
        Sick(KeyError("x")).remove("i")


def test_success_passes():
    class Fine:
        @guarded
        def remove(self, instance_id):
            return Report(instance_id=instance_id)

    assert Fine().remove("i").ok
