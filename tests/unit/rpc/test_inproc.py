import threading
import uuid

import pytest

from svcfabric import conf
from svcfabric.rpc import AGENT_TOPIC, inproc
from svcfabric.rpc.client import AgentClient, batches
from svcfabric.rpc.server import serve_agent
from svcfabric.rpc.transport import Transport


class Endpoint:
    def __init__(self):
        self.got = []
        self.event = threading.Event()

    def apply(self, envelopes):
        self.got.append(envelopes)
        self.event.set()

    def remove(self, instances):
        raise RuntimeError("a bug in an endpoint")


@pytest.fixture
def url():
    return f"inproc:///{uuid.uuid4().hex}"


def transport(url):
    return Transport(url, conf.load((), ()))


def test_the_receiver_has_its_own_copy(url):
    endpoint, envelope = Endpoint(), {"spec": {"vteps": ("10.0.0.1",)}}
    server = serve_agent(transport(url), "h", endpoint)
    server.start()
    AgentClient(transport(url)).apply("h", [envelope])
    assert endpoint.event.wait(5)
    server.stop()
    assert endpoint.got == [[{"spec": {"vteps": ["10.0.0.1"]}}]]  # as it would be off a real wire
    endpoint.got[0][0]["spec"].clear()
    assert envelope == {"spec": {"vteps": ("10.0.0.1",)}}


def test_what_cannot_be_sent_over_a_wire_is_refused_here_too(url):
    with pytest.raises(TypeError):
        AgentClient(transport(url)).apply("h", [{"spec": object()}])


def test_names_keep_transports_apart(url):
    endpoint = Endpoint()
    server = serve_agent(transport(url), "h", endpoint)
    server.start()
    AgentClient(transport(url + "x")).apply("h", [{"n": 1}])
    AgentClient(transport(url)).apply("h", [{"n": 2}])
    assert endpoint.event.wait(5)
    server.stop()
    assert endpoint.got == [[{"n": 2}]]


def test_a_failing_endpoint_does_not_stop_the_server(url):
    endpoint = Endpoint()
    server = serve_agent(transport(url), "h", endpoint)
    server.start()
    client = AgentClient(transport(url))
    client.remove("h", [{"id": "x"}])
    client.apply("h", [{"n": 1}])
    assert endpoint.event.wait(5)
    server.stop()


def test_waiting_messages_are_bounded(url, monkeypatch):
    monkeypatch.setattr(inproc, "WAITING", 3)
    sender, endpoint = transport(url), Endpoint()
    for number in range(5):
        sender.cast(AGENT_TOPIC, "h", "apply", envelopes=[number])
    server = serve_agent(transport(url), "h", endpoint)
    server.start()
    server.stop()
    assert endpoint.got == [[2], [3], [4]]


def test_servers_of_a_topic_take_turns(url):
    ends = [Endpoint(), Endpoint()]
    servers = [serve_agent(transport(url), f"h{n}", end) for n, end in enumerate(ends)]
    for server in servers:
        server.start()
    sender = transport(url)
    for number in range(4):
        sender.cast(AGENT_TOPIC, None, "apply", envelopes=[number])
    for server in servers:
        server.stop()
    assert sorted(len(end.got) for end in ends) == [2, 2]


def test_batches():
    assert list(batches([], 2)) == []
    assert list(batches([{"n": 1}, {"n": 2}, {"n": 3}], 2)) == [[{"n": 1}, {"n": 2}], [{"n": 3}]]
