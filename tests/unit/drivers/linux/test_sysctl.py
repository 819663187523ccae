"""Neighbour limits are raised, never lowered."""

from svcfabric.drivers.linux import sysctl


def limits(tmp_path, **values):
    for family in ("ipv4", "ipv6"):
        directory = tmp_path / "net" / family / "neigh" / "default"
        directory.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            (directory / name).write_text(f"{value}\n")
    return lambda name: int((tmp_path / "net/ipv4/neigh/default" / name).read_text())


def test_lower_ones_are_raised_and_told(tmp_path):
    read = limits(tmp_path, gc_thresh1=128, gc_thresh2=512, gc_thresh3=1024)
    raised = sysctl.raise_here(tmp_path)
    assert raised is not None
    assert raised["net/ipv4/neigh/default/gc_thresh3"] == (1024, 65536)
    assert len(raised) == 6
    assert [read(name) for name in sysctl.NEIGHBOUR_LIMITS] == [8192, 32768, 65536]
    assert sysctl.raise_here(tmp_path) == {}


def test_higher_ones_stay(tmp_path):
    read = limits(tmp_path, gc_thresh1=100_000, gc_thresh2=200_000, gc_thresh3=300_000)
    assert sysctl.raise_here(tmp_path) == {}
    assert read("gc_thresh1") == 100_000


def test_a_namespace_without_limits_says_so(tmp_path):
    assert sysctl.raise_here(tmp_path) is None
