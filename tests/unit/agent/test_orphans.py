import pytest

from svcfabric.agent.orphans import Orphans


@pytest.fixture
def orphans():
    return Orphans(grace=60.0)


def test_removed_after_the_grace_period_and_two_views(orphans):
    assert orphans.judge({"a", "b"}, ["b"], True, 0.0) == []
    assert orphans.judge({"a", "b"}, ["b"], True, 59.0) == []
    assert orphans.judge({"a", "b"}, ["b"], True, 60.0) == ["a"]


def test_one_view_is_not_enough_however_late(orphans):
    assert orphans.judge({"a"}, ["b"], True, 1000.0) == []
    assert Orphans(grace=0.0).judge({"a"}, ["b"], True, 1000.0) == []


def test_a_partial_view_starts_the_count_anew(orphans):
    orphans.judge({"a"}, ["b"], True, 0.0)
    assert orphans.judge({"a"}, ["b"], False, 100.0) == []
    assert orphans.judge({"a"}, ["b"], True, 200.0) == []
    assert orphans.judge({"a"}, ["b"], True, 261.0) == ["a"]


def test_one_that_becomes_known_is_no_suspect_any_more(orphans):
    orphans.judge({"a"}, ["b"], True, 0.0)
    orphans.judge({"a"}, ["a", "b"], True, 50.0)
    assert orphans.judge({"a"}, ["b"], True, 100.0) == []


def test_one_that_goes_by_itself_is_forgotten(orphans):
    orphans.judge({"a"}, ["b"], True, 0.0)
    orphans.judge(set(), ["b"], True, 50.0)
    assert orphans.judge({"a"}, ["b"], True, 100.0) == []


def test_a_server_that_knows_nothing_is_not_believed(orphans, caplog):
    for now in (0.0, 100.0, 200.0):
        assert orphans.judge({"a", "b"}, [], True, now) == []
    assert caplog.text.count("leaving them alone") == 1
