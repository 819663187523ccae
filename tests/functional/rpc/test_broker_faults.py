"""A RabbitMQ that is killed, restarted, frozen or absent: nobody is held up, everybody comes back alone."""

import time

from svcfabric.rpc import Unreachable
from svcfabric.rpc.client import AgentClient, ControllerClient
from svcfabric.rpc.server import serve_agent, serve_controller
from tests.servers import free_port, wait_until


def succeeds(action):
    try:
        action()
    except Unreachable:
        return False
    return True


def test_killed_and_restarted(broker, connect, vhost, recorder):
    far, near = connect(broker.url), connect(broker.url)
    agent, controller = serve_agent(far, vhost, recorder), serve_controller(far, recorder, name=vhost)
    assert agent.start()
    assert controller.start()
    to_agent, to_controller = AgentClient(near), ControllerClient(near)
    recovered = []
    near.on_recovery(lambda: recovered.append(time.monotonic()))
    to_agent.apply(vhost, [{"n": 1}])
    to_controller.resync("h", {})
    recorder.wait(2)

    broker.kill()
    try:
        for _ in range(5):
            start = time.monotonic()
            assert not succeeds(lambda: to_agent.apply(vhost, [{"n": 2}]))
            assert time.monotonic() - start < 4
        assert not near.up
        assert not succeeds(lambda: to_controller.resync("h", {}))
    finally:
        broker.start()
    back = time.monotonic()

    def applied():
        return succeeds(lambda: to_agent.apply(vhost, [{"n": 3}])) and ("apply", [{"n": 3}]) in recorder.calls

    wait_until(applied, 15, "a cast to the agent")
    wait_until(lambda: succeeds(lambda: to_controller.resync("h", {"x": 1})), 15, "a call to the controller")
    took = time.monotonic() - back
    print(f"messages both ways {took:.1f} s after the broker took connections again")
    assert took < 8
    assert recovered
    assert ("resync", "h", {"x": 1}) in recorder.calls
    agent.stop()
    controller.stop()


def test_frozen(broker, connect, vhost):
    client = AgentClient(connect(broker.url))
    client.apply(vhost, [{"n": 1}])
    broker.pause()
    try:
        times = []
        for _ in range(20):
            start = time.monotonic()
            assert not succeeds(lambda: client.apply(vhost, [{"n": 2}]))
            times.append(time.monotonic() - start)
        assert max(times) < 4
        assert sorted(times)[15] < 0.1  # most fail at once
    finally:
        broker.resume()
    wait_until(lambda: succeeds(lambda: client.apply(vhost, [{"n": 3}])), 20, "a cast")


def test_absent_at_start(connect, recorder):
    url = f"rabbit://guest:guest@127.0.0.1:{free_port()}/"
    transport = connect(url)
    start = time.monotonic()
    server = serve_agent(transport, "h", recorder)
    assert server.start(wait=0.2) is False
    assert not succeeds(lambda: ControllerClient(transport).resync("h", {}))
    assert not succeeds(lambda: ControllerClient(transport).heartbeat({}))
    server.stop()
    assert time.monotonic() - start < 5


def test_refused(broker, connect, vhost, recorder):
    transport = connect(broker.url.replace("guest:guest", "guest:wrong"))
    server = serve_agent(transport, vhost, recorder)
    assert server.start(wait=0.5) is False
    start = time.monotonic()
    assert not succeeds(lambda: ControllerClient(transport).heartbeat({}))
    assert not succeeds(lambda: ControllerClient(transport).resync("h", {}))
    assert time.monotonic() - start < 6
    server.stop()
