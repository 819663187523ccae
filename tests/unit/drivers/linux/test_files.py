"""Files swapped by rename."""

import os

import pytest

from svcfabric.drivers.linux import files


def test_swap_replaces_the_whole_file(tmp_path):
    path = tmp_path / "sub" / "file"
    files.swap(path, "one", 0o644)
    assert path.stat().st_mode & 0o777 == 0o644
    with path.open() as before:
        files.swap(path, b"two", fsync=True)
        assert before.read() == "one", "a reader keeps the file it opened"
    assert files.read(path) == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["file"]


def test_a_failed_swap_leaves_the_old_file_and_nothing_beside(tmp_path):
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError):
        files.swap(path, "one")
    assert os.listdir(tmp_path) == ["file"]


def test_reading_what_is_not_there(tmp_path):
    assert files.read(tmp_path / "none") is None
