"""Both ends of every message, over the in-process transport and a real RabbitMQ."""

import statistics
import time

import pytest

from svcfabric.rpc import RemoteFailure, Unreachable
from svcfabric.rpc.client import AgentClient, ControllerClient
from svcfabric.rpc.server import serve_agent, serve_controller


@pytest.fixture
def agent(connect, url, vhost, recorder):
    server = serve_agent(connect(url), vhost, recorder)
    assert server.start()
    yield recorder
    server.stop()


@pytest.fixture
def controller(connect, url, vhost, recorder):
    server = serve_controller(connect(url), recorder, name=vhost)
    assert server.start()
    yield recorder
    server.stop()


def test_casts_reach_the_named_agent_in_order(connect, url, vhost, agent):
    client = AgentClient(connect(url))
    for number in range(20):
        client.apply(vhost, [{"n": number}])
    client.apply("somebody else", [{"n": -1}])
    client.remove(vhost, [{"id": "x", "kind": "port", "driver": "noop", "generation": 3}])
    calls = agent.wait(21)
    assert [call[1][0]["n"] for call in calls[:20]] == list(range(20))
    assert calls[20] == ("remove", [{"id": "x", "kind": "port", "driver": "noop", "generation": 3}])


def test_many_envelopes_are_split(connect, url, vhost, agent):
    AgentClient(connect(url, batch_size=200)).apply(vhost, [{"n": n} for n in range(450)])
    calls = agent.wait(3)
    assert [len(call[1]) for call in calls] == [200, 200, 50]
    assert [e["n"] for call in calls for e in call[1]] == list(range(450))


def test_nothing_is_sent_for_nothing(connect, url, vhost, agent):
    client = AgentClient(connect(url))
    client.apply(vhost, [])
    client.remove(vhost, [{"id": "last"}])
    assert agent.wait(1) == [("remove", [{"id": "last"}])]


def test_what_agents_tell_controllers(connect, url, controller):
    client = ControllerClient(connect(url))
    report = {"id": "a", "generation": 2, "ok": True, "code": "", "error": "", "detail": "", "removed": False}
    seen = {"instance_id": "a", "kind": "port", "statuses": {"a": "ONLINE"}, "counters": {"a": {"bytes_in": 2**60}}}
    client.heartbeat({"host": "h"})
    client.report("h", [report])
    client.observe("h", [seen])
    assert sorted(controller.wait(3)) == [
        ("heartbeat", {"host": "h"}),
        ("observe", "h", [seen]),
        ("report", "h", [report]),
    ]


def test_resync_is_answered(connect, url, controller):
    controller.answer = {"envelopes": [{"kind": "port"}], "remove": [], "known": ["a"], "complete": True}
    assert ControllerClient(connect(url)).resync("h", {"a": 7}) == controller.answer
    assert controller.calls == [("resync", "h", {"a": 7})]


def test_a_controller_that_fails_says_so(connect, url, controller):
    controller.answer = RuntimeError("no database")
    with pytest.raises(RemoteFailure, match="no database"):
        ControllerClient(connect(url)).resync("h", {})


def test_nobody_answers(connect, url):
    client = ControllerClient(connect(url, call_timeout=0.3))
    start = time.monotonic()
    with pytest.raises(Unreachable):
        client.resync("h", {})
    assert time.monotonic() - start < 3


def test_a_stopped_server_takes_nothing_more(connect, url, vhost, recorder):
    server = serve_agent(connect(url), vhost, recorder)
    assert server.start()
    client = AgentClient(connect(url))
    client.apply(vhost, [{"n": 1}])
    recorder.wait(1)
    server.stop()
    client.apply(vhost, [{"n": 2}])
    time.sleep(0.2)
    assert len(recorder.calls) == 1
    again = serve_agent(connect(url), vhost, recorder)
    assert again.start()
    assert recorder.wait(2)[1] == ("apply", [{"n": 2}])  # it waited in the queue
    again.stop()


def test_delivery_is_quick(connect, url, vhost, agent):
    client = AgentClient(connect(url))
    took = []
    for number in range(1, 101):
        start = time.perf_counter()
        client.apply(vhost, [{"n": number}])
        agent.wait(number)
        took.append(time.perf_counter() - start)
    limit = 0.001 if url.startswith("inproc") else 0.010
    print(f"{url.split(':')[0]}: median {statistics.median(took) * 1000:.2f} ms")
    assert statistics.median(took) < limit
