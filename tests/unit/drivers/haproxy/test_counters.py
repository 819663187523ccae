"""Counters go on over processes that start at zero."""

from __future__ import annotations

from svcfabric.drivers.haproxy.counters import Ledger


def rows(listener="a", count=0, current=0):
    row = {"pxname": f"listener-{listener}", "svname": "FRONTEND", "bin": str(count), "bout": str(2 * count)}
    more = {"scur": str(current), "stot": str(count), "ereq": ""}
    return [{**row, **more}, {"pxname": "pool-x", "svname": "BACKEND", "bin": "99"}]


def totals(ledger: Ledger, listener="a") -> tuple[int, int]:
    found = ledger.totals([listener])[listener]
    return found["bytes_in"], found["active_connections"]


def test_a_new_process_adds_to_the_old_ones(tmp_path):
    ledger = Ledger(tmp_path / "counters.json")
    ledger.record(1, rows(count=10, current=3))
    assert totals(ledger) == (10, 3)
    ledger.record(2, rows(count=1, current=1))
    ledger.record(1, rows(count=12, current=2))
    assert totals(ledger) == (13, 3), "both run"
    ledger.close([2])
    assert totals(ledger) == (13, 1)
    ledger.record(2, rows(count=5))
    assert ledger.totals(["a"])["a"] == {
        "bytes_in": 17,
        "bytes_out": 34,
        "active_connections": 0,
        "total_connections": 17,
        "request_errors": 0,
    }


def test_a_new_agent_goes_on(tmp_path):
    ledger = Ledger(tmp_path / "counters.json")
    ledger.record(1, rows(count=10))
    ledger.record(2, rows(count=20, current=1))
    ledger.save()
    again = Ledger(tmp_path / "counters.json")
    again.record(2, rows(count=25))
    again.close([2])
    assert totals(again) == (35, 0)
    again.close([])
    assert totals(again) == (35, 0)


def test_listeners_come_and_go(tmp_path):
    ledger = Ledger(tmp_path / "counters.json")
    ledger.record(1, rows("a", 10))
    ledger.close([])
    assert ledger.totals(["b"])["b"]["bytes_in"] == 0
    assert totals(ledger) == (0, 0), "a was gone in between"


def test_the_file_is_written_only_for_news(tmp_path):
    ledger = Ledger(tmp_path / "counters.json")
    ledger.record(1, rows(count=10))
    ledger.save()
    before = (tmp_path / "counters.json").stat().st_ino
    ledger.save()
    assert (tmp_path / "counters.json").stat().st_ino == before


def test_half_a_file_is_no_obstacle(tmp_path):
    (tmp_path / "counters.json").write_text('{"ended": {"a"')
    assert totals(Ledger(tmp_path / "counters.json")) == (0, 0)
