"""The ledger: who answered, what failed, when."""

from __future__ import annotations

from svcfabric.cmd.demo.ledger import Ledger, Request

LEDGER = Ledger(
    [
        Request("vip", 1.0, 1.1, "web1"),
        Request("vip", 2.0, 2.3, "web2"),
        Request("fip", 3.0, 3.2, error="ConnectionRefusedError"),
        Request("vip", 4.0, 4.1, "web2"),
    ]
)


def test_counts() -> None:
    assert (LEDGER.sent, LEDGER.ok, LEDGER.failed) == (4, 3, 1)
    assert LEDGER.errors == {"ConnectionRefusedError": 1}
    assert LEDGER.spread == {"web1": 1, "web2": 2}


def test_a_request_belongs_to_the_time_it_was_sent() -> None:
    assert LEDGER.sent_in(2.0, 3.0).sent == 1
    assert LEDGER.sent_in(3.0).failed == 1
    assert LEDGER.sent_in(3.5).failed == 0


def test_one_that_was_under_way_counts_too() -> None:
    assert LEDGER.during(2.1, 3.0).spread == {"web2": 1}
    assert LEDGER.during(2.1, 3.1).failed == 1
    assert LEDGER.during(2.3, 3.0).sent == 0


def test_first_answer_of_a_server() -> None:
    assert LEDGER.first_from("web2") == 2.3
    assert LEDGER.first_from("web3") is None


def test_an_empty_one() -> None:
    assert (Ledger().sent, Ledger().failed, Ledger().spread) == (0, 0, {})
