import threading
import time

import pytest

from svcfabric.agent.reporter import Reporter
from svcfabric.rpc import Unreachable


class Bus:
    def __init__(self):
        self.batches, self.down, self.tries = [], False, 0

    def send(self, reports):
        self.tries += 1
        if self.down:
            raise Unreachable("down")
        self.batches.append(list(reports))

    def wait(self, count=1, timeout=5.0):
        deadline = time.monotonic() + timeout
        while len(self.batches) < count:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        return self.batches


def report(instance_id, generation=1, ok=True):
    return {"id": instance_id, "generation": generation, "ok": ok}


@pytest.fixture
def bus():
    return Bus()


@pytest.fixture
def reporter(bus):
    made = Reporter(bus.send, window=0.02, retry_min=0.01, retry_max=0.05)
    made.start()
    yield made
    made.stop()


def test_what_comes_together_goes_together(bus, reporter):
    for number in range(5):
        reporter.add(report(str(number)))
    assert [each["id"] for each in bus.wait()[0]] == list("01234")


def test_the_last_of_an_instance_is_sent(bus, reporter):
    reporter.add(report("a", 1))
    reporter.add(report("b", 1))
    reporter.add(report("a", 2))
    assert bus.wait()[0] == [report("b", 1), report("a", 2)]


def test_kept_until_taken(bus, reporter):
    bus.down = True
    reporter.add(report("a", 1, ok=False))
    while bus.tries < 3:
        time.sleep(0.005)
    reporter.add(report("a", 2))
    reporter.add(report("b", 1))
    bus.down = False
    sent = [each for batch in bus.wait() for each in batch]
    assert report("a", 2) in sent
    assert report("b", 1) in sent
    assert report("a", 1, ok=False) not in sent[sent.index(report("a", 2)) :]


def test_what_was_sent_shortly_before_is_sent_again(bus, reporter):
    reporter.add(report("a", 1))
    bus.wait(1)
    time.sleep(0.05)
    reporter.recovered()
    assert bus.wait(2)[1] == [report("a", 1)]


def test_recovery_does_not_wait_for_the_next_try(bus):
    reporter = Reporter(bus.send, window=0.0, retry_min=30, retry_max=30)
    bus.down = True
    reporter.start()
    reporter.add(report("a"))
    while not bus.tries:
        time.sleep(0.005)
    bus.down = False
    time.sleep(0.02)
    reporter.recovered()
    bus.wait(1, timeout=2)
    reporter.stop()


def test_an_older_outcome_is_never_sent_after_a_newer(bus):
    """The bus comes back with the very report that replaces one sent before."""
    reporter = Reporter(lambda reports: bus.send(reports) or reporter.recovered(), window=0.0)
    reporter.start()
    reporter.add(report("a", 1, ok=False))
    bus.wait(1)
    time.sleep(0.02)
    reporter.add(report("a", 1, ok=True))
    time.sleep(0.1)
    reporter.stop()
    sent = [each["ok"] for batch in bus.batches for each in batch]
    assert False not in sent[sent.index(True) :]


def test_stop_sends_the_rest_or_gives_up(bus):
    reporter = Reporter(bus.send, window=10.0)
    reporter.start()
    reporter.add(report("a"))
    time.sleep(0.01)
    start = time.monotonic()
    reporter.stop()
    assert bus.batches == [[report("a")]]
    reporter = Reporter(bus.send, window=10.0)
    bus.down = True
    reporter.start()
    reporter.add(report("a"))
    reporter.stop()
    assert time.monotonic() - start < 2
    assert threading.active_count() < 50
