"""How patient a sweep is with what lags."""

from svcfabric.fabric.sweep import Patience


def test_what_lags_is_sent_at_once_then_further_and_further_apart():
    patience = Patience(10.0, 60.0)
    sent = [now for now in range(0, 300, 5) if patience.due({"a": 1}, float(now))]
    assert sent == [0, 10, 30, 70, 130, 190, 250]


def test_a_new_generation_is_a_new_beginning():
    patience = Patience(10.0)
    assert patience.due({"a": 1}, 0.0) == ["a"]
    assert patience.due({"a": 1, "b": 1}, 5.0) == ["b"]
    assert patience.due({"a": 2, "b": 1}, 6.0) == ["a"]
    assert patience.due({"a": 2, "b": 1}, 15.0) == ["b"]


def test_what_caught_up_is_forgotten():
    patience = Patience(10.0)
    patience.due({"a": 1}, 0.0)
    assert patience.due({}, 1.0) == []
    assert patience.due({"a": 1}, 2.0) == ["a"]


def test_the_longest_pause_is_never_shorter_than_the_first():
    patience = Patience(100.0, 60.0)
    assert [now for now in range(0, 400, 50) if patience.due({"a": 1}, float(now))] == [0, 100, 200, 300]
