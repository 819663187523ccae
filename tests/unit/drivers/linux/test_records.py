"""Records of instances that survive restarts."""

import pytest

from svcfabric.drivers.linux.fault import HostFault
from svcfabric.drivers.linux.records import Records


def test_what_was_put_is_there_after_a_restart(tmp_path):
    records = Records(tmp_path / "not" / "yet")
    assert records.items() == []
    records.put("a", {"x": 1})
    records.put("b", {"x": 2})
    records.drop("b")
    records.drop("never")
    again = Records(tmp_path / "not" / "yet")
    assert again.items() == [("a", {"x": 1})]
    assert again.get("a") == {"x": 1}
    assert again.get("b") is None


def test_a_file_cut_short_is_passed_over(tmp_path):
    Records(tmp_path).put("good", {"x": 1})
    (tmp_path / "bad.json").write_text('{"x"')
    (tmp_path / "odd.json").write_text("[]")
    assert [each for each, _ in Records(tmp_path).items()] == ["good"]


@pytest.mark.parametrize("instance_id", ["../up", "", "a/b", ".hidden", "x\n"])
def test_an_id_that_cannot_name_a_file_is_refused(tmp_path, instance_id):
    with pytest.raises(HostFault, match="cannot name a file"):
        Records(tmp_path).put(instance_id, {})


def test_the_same_value_is_not_written_again(tmp_path):
    records = Records(tmp_path)
    records.put("a", {"x": 1})
    before = (tmp_path / "a.json").stat().st_ino
    records.put("a", {"x": 1})
    assert (tmp_path / "a.json").stat().st_ino == before
