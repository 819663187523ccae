"""Events over a real RabbitMQ: what a reader finds there, and what happens while the broker is away."""

from __future__ import annotations

import contextlib
import datetime
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import kombu
import pytest
from oslo_config import cfg

from svcfabric import conf
from svcfabric.context import Context
from svcfabric.rpc.notifier import Notifier, enabled
from tests.servers import RabbitMQ, free_port, wait_until

CALLER = Context(project_id="p1", user_id="u1", project_name="one", roles=frozenset({"member", "reader"}))
QUEUE = "notifications.info"
RABBIT = {"durable": False, "auto_delete": False}  # what Ceilometer asks for unless told otherwise


def configured(url: str = "", driver: str = "messagingv2", **notifications: Any) -> cfg.ConfigOpts:
    """A configuration with events on."""
    made = conf.load((), ())
    enabled(made)  # registers oslo.messaging's options
    made.set_override("driver", [driver], group="oslo_messaging_notifications")
    if url:
        made.set_override("transport_url", url, group="oslo_messaging_notifications")
    for name, value in {"host": "h1", **notifications}.items():
        made.set_override(name, value, group="notifications")
    return made


@contextlib.contextmanager
def sending(*args: Any, **more: Any) -> Iterator[Notifier]:
    """A notifier that has been started."""
    notifier = Notifier(configured(*args, **more))
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop(timeout=1)


def tell(notifier: Notifier, what: str, service: str = "network", **payload: Any) -> None:
    notifier.publish(CALLER, service, what, json.dumps(payload).encode())


class Reader:
    """Reads a queue as a client without oslo.messaging would."""

    def __init__(self, broker: RabbitMQ) -> None:
        self._connection = kombu.Connection(broker.url.replace("rabbit://", "amqp://"))
        self.channel = self._connection.channel()

    def raw(self) -> Any:
        """The next message that waits, or None."""
        return kombu.Queue(QUEUE, channel=self.channel).get(no_ack=True)

    def read(self, count: int, timeout: float = 15.0) -> list[dict[str, Any]]:
        """That many messages' inner objects."""
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + timeout
        while len(found) < count:
            message = self.raw()
            if message is not None:
                found.append(json.loads(message.decode()["oslo.message"]))
            else:
                assert time.monotonic() < deadline, f"{len(found)} of {count} events"
                time.sleep(0.01)
        return found

    def exchange(self, name: str, **flags: Any) -> None:
        """Raises unless there is a topic exchange of that name with these flags."""
        kombu.Exchange(name, "topic", channel=self.channel, **(flags or RABBIT)).declare()

    def queue(self, **flags: Any) -> None:
        """Raises unless there is a queue with these flags."""
        kombu.Queue(QUEUE, channel=self.channel, no_declare=False, **(flags or RABBIT)).queue_declare()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            kombu.Queue(QUEUE, channel=self._connection.channel()).delete()
        self._connection.release()


@pytest.fixture
def reader(broker: RabbitMQ) -> Iterator[Reader]:
    made = Reader(broker)
    yield made
    made.close()


def test_an_event_is_what_ceilometer_reads(broker: RabbitMQ, reader: Reader) -> None:
    """Nobody has listened before: queue and exchange are there with the first event, which waits for a reader."""
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    with sending(broker.url) as notifier:
        tell(notifier, "network.create.end", network={"id": "n1", "tenant_id": "p1", "project_id": "p1"})
        assert notifier.wait_sent(10)
    reader.exchange("neutron")
    reader.queue()
    message = reader.raw()
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")
    assert message.properties["delivery_mode"] == 2
    assert message.delivery_info["routing_key"] == QUEUE
    assert message.delivery_info["exchange"] == "neutron"
    envelope = message.decode()
    assert envelope["oslo.version"] == "2.0"
    inner = json.loads(envelope["oslo.message"])
    assert inner["publisher_id"] == "network.h1"
    assert inner["event_type"] == "network.create.end"
    assert inner["priority"] == "INFO"
    assert inner["payload"] == {"network": {"id": "n1", "tenant_id": "p1", "project_id": "p1"}}
    uuid.UUID(inner["message_id"])
    assert inner["_unique_id"]
    told = datetime.datetime.strptime(inner["timestamp"], "%Y-%m-%d %H:%M:%S.%f")
    assert before <= told
    context = {key.removeprefix("_context_"): value for key, value in inner.items() if key.startswith("_context_")}
    assert context["project_id"] == context["tenant_id"] == context["project"] == context["tenant"] == "p1"
    assert context["user_id"] == context["user"] == "u1"
    assert context["request_id"] == CALLER.request_id
    assert context["roles"] == ["member", "reader"]
    assert not any("token" in key for key in context)


def test_load_balancers_events_have_an_exchange_of_their_own(broker: RabbitMQ, reader: Reader) -> None:
    with sending(broker.url, load_balancer_exchange="lbs", exchange="nets") as notifier:
        tell(notifier, "octavia.loadbalancer.create.end", "load-balancer", loadbalancer_id="l1")
        tell(notifier, "port.create.end", port={})
        assert notifier.wait_sent(10)
    first, second = reader.raw(), reader.raw()
    assert [each.delivery_info["exchange"] for each in (first, second)] == ["lbs", "nets"]
    assert json.loads(first.decode()["oslo.message"])["publisher_id"] == "octavia.h1"


def test_flags_behind_the_url(broker: RabbitMQ, reader: Reader) -> None:
    durable = {"durable": True, "auto_delete": False}
    name = f"e{uuid.uuid4().hex}"
    with sending(f"{broker.url}?amqp_durable_queues=true", exchange=name) as notifier:
        tell(notifier, "network.create.end")
        assert notifier.wait_sent(10)
    reader.exchange(name, **durable)
    reader.queue(**durable)


def test_a_broker_that_is_away_holds_nobody_up(broker: RabbitMQ) -> None:
    with sending(broker.url) as notifier:
        tell(notifier, "n0")
        assert notifier.wait_sent(10)
        broker.kill()
        try:
            began = time.monotonic()
            for number in range(1, 101):
                tell(notifier, f"n{number}")
            assert time.monotonic() - began < 0.1
            assert not notifier.wait_sent(0.5)
        finally:
            broker.start()
        assert notifier.wait_sent(30)
    found = Reader(broker)
    try:  # what the broker had kept in memory when it was killed is lost with it
        types = [each["event_type"] for each in found.read(100)]
        assert types[-100:] == [f"n{number}" for number in range(1, 101)]
    finally:
        found.close()


def test_a_frozen_broker_holds_nobody_up(broker: RabbitMQ, reader: Reader) -> None:
    with sending(broker.url) as notifier:
        tell(notifier, "n0")
        assert notifier.wait_sent(10)
        broker.pause()
        try:
            began = time.monotonic()
            for number in range(1, 11):
                tell(notifier, f"n{number}")
            assert time.monotonic() - began < 0.1
        finally:
            broker.resume()
        assert notifier.wait_sent(30)
    assert [each["event_type"] for each in reader.read(11)] == [f"n{number}" for number in range(11)]


def test_what_is_too_much_is_lost_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    with sending(f"rabbit://guest:guest@127.0.0.1:{free_port()}/", queue_size=10) as notifier:
        for number in range(20):
            tell(notifier, f"n{number}")
            if number == 0:
                wait_until(lambda: not notifier._waiting, 5, "the first one's being sent")
        assert [each.type for each in notifier._waiting] == [f"n{number}" for number in range(1, 11)]
        began = time.monotonic()
    assert time.monotonic() - began < 3
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("svcfabric")]
    assert lines == [
        "1 notifications lost so far: 10 wait for the message broker already",
        "11 notifications were not sent: the message broker did not take them in time",
    ]


def test_off_unless_configured(tmp_path: Any) -> None:
    assert not enabled(conf.load((), ()))
    assert not enabled(configured(driver="noop"))
    assert enabled(configured())


def test_events_without_a_broker_are_refused_at_the_start() -> None:
    with pytest.raises(cfg.Error, match="transport_url"):
        Notifier(configured())
    with pytest.raises(cfg.Error, match="nonsense"):
        Notifier(configured("nonsense://x/"))
