import threading
import time
import uuid

import pytest

from svcfabric import conf
from svcfabric.rpc.transport import Transport
from tests import servers


@pytest.fixture(scope="session")
def broker():
    with servers.rabbitmq() as node:
        yield node


@pytest.fixture
def vhost():
    """A word that keeps a test's messages apart from others' on the same broker."""
    return uuid.uuid4().hex[:12]


@pytest.fixture(params=["inproc", "rabbit"])
def url(request, vhost):
    return f"inproc:///{vhost}" if request.param == "inproc" else request.getfixturevalue("broker").url


@pytest.fixture
def connect():
    """Makes transports, and closes them after the test."""
    made = []

    def make(url, **messaging):
        loaded = conf.load((), ())
        for name, value in messaging.items():
            loaded.set_override(name, value, group="messaging")
        made.append(Transport(url, loaded))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


class Recorder:
    """An endpoint of either kind that remembers what it was told."""

    def __init__(self):
        self.calls = []
        self.answer = {"envelopes": [], "remove": [], "known": [], "complete": True}
        self._changed = threading.Condition()

    def _note(self, name, *arguments):
        with self._changed:
            self.calls.append((name, *arguments))
            self._changed.notify_all()

    def apply(self, envelopes):
        self._note("apply", envelopes)

    def remove(self, instances):
        self._note("remove", instances)

    def heartbeat(self, agent):
        self._note("heartbeat", agent)

    def report(self, host, reports):
        self._note("report", host, reports)

    def observe(self, host, observations):
        self._note("observe", host, observations)

    def resync(self, host, view):
        self._note("resync", host, view)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def wait(self, count=1, timeout=10.0):
        """Wait until that many calls came; returns them."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(self.calls) < count:
                assert self._changed.wait(deadline - time.monotonic()), f"{len(self.calls)} of {count} calls"
            return list(self.calls)


@pytest.fixture
def recorder():
    return Recorder()
