"""What the processes say to each other: one method per message. All raise ``rpc.Unreachable``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from svcfabric.rpc import AGENT_TOPIC, CONTROLLER_TOPIC, NoReader, RemoteFailure
from svcfabric.rpc.transport import Transport

LOG = logging.getLogger(__name__)

Wire = Mapping[str, Any]


class AgentClient:
    """To the agent on a host. Nothing is answered: the outcome comes as a report, or not when no agent is there."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def apply(self, host: str, envelopes: Sequence[Wire]) -> None:
        """Whole specs, in the form ``spi.codec.encode`` gives; split into messages of ``[messaging] batch_size``."""
        for batch in batches(envelopes, self._transport.batch_size):
            self._cast(host, "apply", envelopes=batch)

    def remove(self, host: str, instances: Sequence[Wire]) -> None:
        """Take instances away: ``{id, kind, driver, generation}`` each."""
        for batch in batches(instances, self._transport.batch_size):
            self._cast(host, "remove", instances=batch)

    def _cast(self, host: str, method: str, **arguments: Any) -> None:
        try:
            self._transport.cast(AGENT_TOPIC, host, method, **arguments)
        except NoReader:  # one agent's absence is no trouble of the bus; the agent asks when it comes
            LOG.info("no agent on %s yet: %s dropped", host, method)


class ControllerClient:
    """To whichever controller is free."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def heartbeat(self, agent: Wire) -> None:
        """A sign of life: host, agent_type, availability_zone, local_ip, physical_networks, drivers, resources,
        started_at.
        """
        self._transport.cast(CONTROLLER_TOPIC, None, "heartbeat", agent=agent)

    def report(self, host: str, reports: Sequence[Wire]) -> None:
        """Outcomes: ``{id, generation, ok, code, error, detail, removed}`` each."""
        for batch in batches(reports, self._transport.batch_size):
            self._transport.cast(CONTROLLER_TOPIC, None, "report", host=host, reports=batch)

    def observe(self, host: str, observations: Sequence[Wire]) -> None:
        """What changed in reality: ``{instance_id, kind, statuses, counters}`` each."""
        for batch in batches(observations, self._transport.batch_size):
            self._transport.cast(CONTROLLER_TOPIC, None, "observe", host=host, observations=batch)

    def resync(self, host: str, view: Mapping[str, int]) -> dict[str, Any]:
        """Compare ``{instance id: applied generation}`` with what should be there.

        Answers ``{"envelopes", "remove", "known", "complete"}``. Raises ``rpc.RemoteFailure`` when the
        controller could not tell.
        """
        answer: dict[str, Any] = self._transport.call(CONTROLLER_TOPIC, None, "resync", host=host, view=dict(view))
        if "failure" in answer:
            raise RemoteFailure(f"The controller could not compare: {answer['failure']}")
        return answer


def batches(items: Sequence[Wire], size: int) -> Iterator[list[Wire]]:
    """Consecutive slices of at most ``size``."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
